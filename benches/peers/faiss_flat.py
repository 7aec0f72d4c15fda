"""Exact nearest rows with FAISS: a flat index, which keeps its rows in memory as float32."""

import sys

import faiss
import numpy as np
from conversation import serve

threads = int(sys.argv[1])
faiss.omp_set_num_threads(threads)
PIECE = 65536  # rows


def top_k(size, files):
    rows, queries = np.load(files["rows"], mmap_mode="r"), np.load(files["queries"])
    index = faiss.IndexFlatIP(rows.shape[1])
    for start in range(0, len(rows), PIECE):
        index.add(rows[start : start + PIECE].astype(np.float32))

    def run():
        scores, _ = index.search(queries, size["k"])
        return float(scores.sum(dtype=np.float64))

    return run


serve(f"FAISS {faiss.__version__} flat, {threads} threads", {"top-k": top_k})
