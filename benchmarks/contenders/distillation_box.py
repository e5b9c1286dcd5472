"""torchdistill: `DistillationBox` with `KDLoss`, configured as in its sample configurations.

Its own example script also logs every step; that is left out. ``pictures``: fed as those configurations feed it, from a
torchvision set with transforms. ``samples`` and ``batches`` as in `online`, which its users would have to write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import torch
from torch.utils.data import BatchSampler, Dataset, RandomSampler, TensorDataset, default_collate

from benchmarks.contenders.torch_parts import Pictures, autocast, device, student, take_scaled, teacher
from benchmarks.contenders.work import Work
from benchmarks.contenders.worker import Contender, Spent, fastest, serve


def configuration(work: Work, *, feed: str, workers: int) -> dict[str, Any]:
    """What a torchdistill user writes as YAML."""
    loading: dict[str, Any] = {"num_workers": workers, "persistent_workers": workers > 0}
    if feed == "batches":
        sampler: dict[str, Any] = {"class_or_func": partial(whole_batches, size=work.batch)}
        loading["batch_size"] = None
    else:
        sampler = {"class_or_func": RandomSampler}
        loading |= {"batch_size": work.batch, "drop_last": True}
    logits = {"module_path": ".", "module_io": "output"}
    kd: dict[str, Any] = {f"{who}_{key}": value for who in ("student", "teacher") for key, value in logits.items()}
    kd |= {"temperature": work.temperature, "alpha": work.hard_weight, "reduction": "batchmean"}
    return {
        "num_epochs": 1,
        "train_data_loader": {"dataset_id": "train", "sampler": sampler, "kwargs": loading},
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "optimizer": {"key": "AdamW", "kwargs": {"lr": work.learning_rate, "weight_decay": 0.0, "fused": True}},
        "criterion": {
            "key": "WeightedSumLoss",
            "kwargs": {"sub_terms": {"kd": {"criterion": {"key": "KDLoss", "kwargs": kd}, "weight": 1.0}}},
        },
    }


def whole_batches(examples: TensorDataset, *, size: int) -> BatchSampler:
    return BatchSampler(RandomSampler(examples), size, drop_last=True)


def build(work: Work, *, feed: str, workers: int) -> Contender:
    from torchdistill.core.distillation import get_distillation_box  # type: ignore[import-not-found]

    torch.set_num_threads(work.threads)
    examples: Dataset[Any] = TensorDataset(*(torch.from_numpy(array) for array in work.pictures()))
    guide, network = teacher(work), student(work)
    if feed == "pictures":
        examples, guide, network = Pictures(work), take_scaled(guide), take_scaled(network)
    box = get_distillation_box(
        guide,
        network,
        {"train": examples},
        configuration(work, feed=feed, workers=workers),
        device=device(),
        device_ids=[],
        distributed=False,
        lr_factor=1,
    )

    def loss_of(batch: torch.Tensor, targets: torch.Tensor, extra: dict[str, Any]) -> torch.Tensor:
        with autocast(work):
            loss: torch.Tensor = box.forward_process(batch.to(device()), targets.to(device()), extra)
        return loss

    def epoch() -> Spent:
        start = Spent.now()
        box.pre_epoch_process(epoch=0)
        total = torch.zeros((), device=device())
        for batch, targets, extra in box.train_data_loader:
            loss = loss_of(batch, targets, extra)
            box.post_forward_process(loss=loss)
            total += loss.detach()
        float(total)
        box.post_epoch_process()
        return Spent.since(start)

    box.pre_epoch_process(epoch=0)
    first = loss_of(*default_collate([examples[row] for row in range(work.batch)]), {})
    facts = {"torchdistill": version("torchdistill"), "torch": torch.__version__, "device": str(device())}
    return Contender(epoch, float(first.detach()), facts)


VARIANTS: dict[str, dict[str, Callable[[Work], Contender]]] = {
    feed: {f"{workers} workers": partial(build, feed=feed, workers=workers) for workers in (0, 2)}
    for feed in ("pictures", "samples", "batches")
}

if __name__ == "__main__":
    serve(partial(fastest, variants=VARIANTS[sys.argv[2]]))
