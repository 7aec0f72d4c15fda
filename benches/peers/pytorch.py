"""The benches' tasks in PyTorch, on a card where there is one, with float32 products that are float32's."""

import sys

import torch
import torch.nn.functional as F
from conversation import serve
from torch import nn

threads = int(sys.argv[1])
torch.set_num_threads(threads)
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
torch.backends.cuda.matmul.allow_tf32 = False


def unit(rows, cols):
    return F.normalize(torch.randn(rows, cols, device=DEVICE), dim=1)


def symmetric_cross_entropy(x, y, temperature):
    logits = x @ y.t() / temperature
    labels = torch.arange(len(x), device=DEVICE)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def projector(size):
    d, h, o = size["input"], size["hidden"], size["output"]
    return nn.Sequential(nn.Linear(d, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, o), nn.BatchNorm1d(o)).to(DEVICE)


def train_step(size, _files):
    """FreeBind's projector against one frozen table, Adam."""
    batch = size["batch"]
    items = 2 * batch
    source, target = unit(items, size["input"]), unit(items, size["output"])
    net = projector(size)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step():
        rows = torch.randperm(items, device=DEVICE)[:batch]
        optimizer.zero_grad()
        loss = symmetric_cross_entropy(F.normalize(net(source[rows]), dim=1), target[rows], 0.02)
        loss.backward()
        optimizer.step()
        loss.item()

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


def fuse_step(size, _files):
    """FuseMix: two adapters of residual blocks, mixup, learned temperature, AdamW."""
    batch, widths = size["batch"], (size["image"], size["text"])
    items = 2 * batch
    tables = [unit(items, w) for w in widths]
    adapters = [
        nn.Sequential(*[Block(w) for _ in range(size["blocks"])], nn.LayerNorm(w), nn.Linear(w, size["output"])).to(DEVICE)
        for w in widths
    ]
    temperature = nn.Parameter(torch.tensor(0.07, device=DEVICE))
    parameters = [p for adapter in adapters for p in adapter.parameters()]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2] + [temperature], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)

    def step():
        rows = torch.randperm(items, device=DEVICE)[:batch]
        mix = torch.rand((), device=DEVICE)
        optimizer.zero_grad()
        sides = []
        for table, adapter in zip(tables, adapters):
            first, second = table[rows].chunk(2)
            sides.append(F.normalize(adapter(mix * first + (1 - mix) * second), dim=1))
        loss = symmetric_cross_entropy(*sides, temperature.clamp(0.001, 0.5))
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def aggregate(size, _files, most=2**27):
    """Attention with a table as keys and values, as many queries at once as 2^27 scores (half a gibibyte) allow."""
    bank, queries = unit(size["bank"], size["width"]), unit(size["queries"], size["width"])
    at_once = max(1, most // size["bank"])

    @torch.no_grad()
    def run():
        torch.cat([torch.softmax(q @ bank.t() / 0.01, dim=1) @ bank for q in queries.split(at_once)])

    return run


def project(size, _files):
    """The mean of several projectors' unit rows, one projector after another; PyTorch has no other way."""
    heads = [projector(size).eval() for _ in range(size["heads"])]
    rows = torch.randn(size["rows"], size["input"], device=DEVICE)

    @torch.no_grad()
    def run():
        torch.stack([F.normalize(head(rows), dim=1) for head in heads]).mean(dim=0)

    return run


def matrix(size, _files):
    a, b = (torch.randn(size["side"], size["side"], device=DEVICE) for _ in range(2))

    @torch.no_grad()
    def run():
        a @ b

    return run


TASKS = {
    "train-step": train_step,
    "fuse-step": fuse_step,
    "aggregate": aggregate,
    "project": project,
    "project-apart": project,
    "matrix": matrix,
}
where = torch.cuda.get_device_name() if CUDA else f"{torch.get_num_threads()} threads"
serve(f"PyTorch {torch.__version__}, {where}", TASKS, torch.cuda.synchronize if CUDA else lambda: None)
