"""The limit: the bare student on hard labels, its data in memory as tensors, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F

from benchmarks.contenders.torch_parts import autocast, device, student
from benchmarks.contenders.work import Work
from benchmarks.contenders.worker import Contender, Spent, fastest, serve


def build(work: Work, *, at_once: bool) -> Contender:
    """``at_once``: shuffle the whole set before the epoch and cut slices, instead of gathering each batch."""
    torch.set_num_threads(work.threads)
    pictures, labels = (torch.from_numpy(array).to(device()) for array in work.pictures())
    network = student(work).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=work.learning_rate, weight_decay=0.0, fused=True)

    def epoch() -> Spent:
        start = Spent.now()
        order = torch.randperm(work.rows, device=device())
        inputs, targets = (pictures[order], labels[order]) if at_once else (pictures, labels)
        total = torch.zeros((), device=device())
        for at in range(0, work.steps * work.batch, work.batch):
            part = slice(at, at + work.batch) if at_once else order[at : at + work.batch]
            with autocast(work):
                loss = F.cross_entropy(network(inputs[part]), targets[part])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
        float(total)  # waits for a GPU
        return Spent.since(start)

    return Contender(epoch, None, {"torch": torch.__version__, "device": str(device())})


VARIANTS: dict[str, Callable[[Work], Contender]] = {
    "gather each batch": partial(build, at_once=False),
    "shuffle once, cut slices": partial(build, at_once=True),
}

if __name__ == "__main__":
    serve(partial(fastest, variants=VARIANTS))
