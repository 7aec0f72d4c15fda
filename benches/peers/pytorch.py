"""The benches' tasks in PyTorch. Reads the name of a task from each line and answers with the milliseconds of one run."""

import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(int(sys.argv[1]))


def unit(rows, cols):
    return F.normalize(torch.randn(rows, cols), dim=1)


def symmetric_cross_entropy(x, y, temperature):
    logits = x @ y.t() / temperature
    labels = torch.arange(len(x))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def train_step(items=8192, batch=4096):
    """FreeBind's projector 1024 -> 2048 -> 768 against one frozen table, Adam."""
    source, target = unit(items, 1024), unit(items, 768)
    layers = [nn.Linear(1024, 2048), nn.BatchNorm1d(2048), nn.ReLU(), nn.Linear(2048, 768), nn.BatchNorm1d(768)]
    net = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step():
        rows = torch.randperm(items)[:batch]
        optimizer.zero_grad()
        loss = symmetric_cross_entropy(F.normalize(net(source[rows]), dim=1), target[rows], 0.02)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


class Block(nn.Module):
    """FuseMix's residual block: layer6ai-labs/fusemix, mlp_contrastive_fusion.py."""

    def __init__(self, width, dropout=0.6):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        return x + self.inner(self.norm(x))


def fuse_step(items=16384, batch=8192):
    """FuseMix: two adapters of four blocks to 512, mixup, learned temperature, AdamW."""
    tables = [unit(items, 1536), unit(items, 1024)]
    adapters = [nn.Sequential(*[Block(w) for _ in range(4)], nn.LayerNorm(w), nn.Linear(w, 512)) for w in (1536, 1024)]
    temperature = nn.Parameter(torch.tensor(0.07))
    parameters = [p for adapter in adapters for p in adapter.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2] + [temperature], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)

    def step():
        rows = torch.randperm(items)[:batch]
        mix = torch.rand(())
        optimizer.zero_grad()
        sides = []
        for table, adapter in zip(tables, adapters):
            first, second = table[rows].chunk(2)
            sides.append(F.normalize(adapter(mix * first + (1 - mix) * second), dim=1))
        loss = symmetric_cross_entropy(*sides, temperature.clamp(0.001, 0.5))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def gemm(side=4096):
    a, b = torch.randn(side, side), torch.randn(side, side)
    return lambda: a @ b


TASKS = {"train-step": train_step, "fuse-step": fuse_step, "gemm": gemm}
prepared = {}

for line in sys.stdin:
    name = line.strip()
    if name == "name":
        print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
        continue
    if name not in prepared:
        prepared[name] = TASKS[name]()
    start = time.perf_counter()
    prepared[name]()
    print((time.perf_counter() - start) * 1000, flush=True)
