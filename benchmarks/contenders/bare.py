"""Bare loops on tensors in memory, and nothing else: what everyone's time is measured against.

``student``: the student on hard labels. ``teacher``: the teacher's answers. ``asking``: the student, with the teacher
asked in every step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.contenders.torch_parts import Loss, asked_anew, autocast, device, student, teacher
from benchmarks.contenders.work import Work
from benchmarks.contenders.worker import Contender, Spent, fastest, serve


def build(work: Work, *, at_once: bool, asking: bool = False) -> Contender:
    """``at_once``: shuffle the whole set before the epoch and cut slices, instead of gathering each batch."""
    torch.set_num_threads(work.threads)
    pictures, labels = on_device(work)
    network = student(work).train()
    loss_of = asked_anew(work, network) if asking else labelled(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=work.learning_rate, weight_decay=0.0, fused=True)

    def epoch() -> Spent:
        start = Spent.now()
        order = torch.randperm(work.rows, device=device())
        inputs, targets = (pictures[order], labels[order]) if at_once else (pictures, labels)
        total = torch.zeros((), device=device())
        for at in range(0, work.steps * work.batch, work.batch):
            part = slice(at, at + work.batch) if at_once else order[at : at + work.batch]
            with autocast(work):
                loss = loss_of(inputs[part], targets[part])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
        float(total)  # waits for a GPU
        return Spent.since(start)

    return Contender(epoch, first_loss(work, loss_of) if asking else None, facts())


def labelled(network: torch.nn.Module) -> Loss:
    """The student on hard labels."""
    return lambda pictures, labels: F.cross_entropy(network(pictures), labels)


def first_loss(work: Work, loss_of: Loss) -> float:
    """By which the driver sees that this is the work of the others."""
    with autocast(work):
        return float(loss_of(*(array[: work.batch] for array in on_device(work))).detach())


def answers(work: Work) -> Contender:
    """The teacher alone: as many batches of the same size, and its answers thrown away."""
    torch.set_num_threads(work.threads)
    pictures, _ = on_device(work)
    guide = teacher(work)

    def epoch() -> Spent:
        start = Spent.now()
        with torch.inference_mode(), autocast(work):
            for at in range(0, work.steps * work.batch, work.batch):
                last = guide(pictures[at : at + work.batch])
        float(last.sum())  # waits for a GPU
        return Spent.since(start)

    return Contender(epoch, None, facts())


def on_device(work: Work) -> tuple[Tensor, Tensor]:
    pictures, labels = (torch.from_numpy(array).to(device()) for array in work.pictures())
    return pictures, labels


def facts() -> dict[str, str]:
    return {"torch": torch.__version__, "device": str(device())}


def shuffled(*, asking: bool) -> dict[str, Callable[[Work], Contender]]:
    """Both ways to shuffle."""
    return {
        "gather each batch": partial(build, at_once=False, asking=asking),
        "shuffle once, cut slices": partial(build, at_once=True, asking=asking),
    }


VARIANTS: dict[str, dict[str, Callable[[Work], Contender]]] = {
    "student": shuffled(asking=False),
    "asking": shuffled(asking=True),
    "teacher": {"in order": answers},
}

if __name__ == "__main__":
    serve(partial(fastest, variants=VARIANTS[sys.argv[2]]))
