"""Plain PyTorch with the teacher in the loop and a DataLoader.

``samples``: pictures are fetched one by one and stacked, as nearly everyone does it. ``batches``: the loader asks an
in-memory set for whole batches, the fastest a DataLoader can be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from benchmarks.contenders.torch_parts import asked_anew, autocast, device, student
from benchmarks.contenders.work import Work
from benchmarks.contenders.worker import Contender, Spent, fastest, serve


def loader(work: Work, *, batches: bool, workers: int) -> DataLoader[tuple[torch.Tensor, ...]]:
    examples = TensorDataset(*(torch.from_numpy(array) for array in work.pictures()))
    if batches:
        sampler = BatchSampler(RandomSampler(examples), work.batch, drop_last=True)
        return DataLoader(
            examples, sampler=sampler, batch_size=None, num_workers=workers, persistent_workers=workers > 0
        )
    return DataLoader(
        examples,
        batch_size=work.batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def build(work: Work, *, batches: bool, workers: int) -> Contender:
    torch.set_num_threads(work.threads)
    data = loader(work, batches=batches, workers=workers)
    network = student(work).train()
    taught = asked_anew(work, network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=work.learning_rate, weight_decay=0.0, fused=True)

    def loss_of(pictures: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with autocast(work):
            return taught(pictures.to(device()), labels.to(device()))

    def epoch() -> Spent:
        start = Spent.now()
        total = torch.zeros((), device=device())
        for pictures, labels in data:
            loss = loss_of(pictures, labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
        float(total)
        return Spent.since(start)

    first = loss_of(*(torch.from_numpy(array[: work.batch]) for array in work.pictures()))
    return Contender(epoch, float(first.detach()), {"torch": torch.__version__, "device": str(device())})


VARIANTS: dict[str, dict[str, Callable[[Work], Contender]]] = {
    "samples": {f"{workers} workers": partial(build, batches=False, workers=workers) for workers in (0, 2)},
    "batches": {f"{workers} workers": partial(build, batches=True, workers=workers) for workers in (0, 2)},
}

if __name__ == "__main__":
    serve(partial(fastest, variants=VARIANTS[sys.argv[2]]))
