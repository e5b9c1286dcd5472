"""The whole job with torchdistill: `DistillationBox` with `KDLoss`, configured as in its sample configurations.

As there, an ``ImageFolder`` with transforms and a loader with worker processes. Its own script also logs every step and
judges the student after every epoch; that is left out.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import RandomSampler

from benchmarks.contenders.job import TRAINED, Job, save_weights, serve
from benchmarks.contenders.job_parts import WORKERS, accuracy, answers, arrays, photographs, student, teacher
from benchmarks.contenders.torch_parts import autocast


def configuration(job: Job) -> dict[str, Any]:
    """What a torchdistill user writes as YAML."""
    logits = {"module_path": ".", "module_io": "output"}
    kd: dict[str, Any] = {f"{who}_{key}": value for who in ("student", "teacher") for key, value in logits.items()}
    kd |= {"temperature": job.temperature, "alpha": job.hard_weight, "reduction": "batchmean"}
    return {
        "num_epochs": job.epochs,
        "train_data_loader": {
            "dataset_id": "train",
            "sampler": {"class_or_func": RandomSampler},
            "kwargs": {"batch_size": job.batch, "num_workers": WORKERS, "persistent_workers": True},
        },
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "optimizer": {"key": "AdamW", "kwargs": {"lr": job.learning_rate, "weight_decay": 0.0, "fused": True}},
        "scheduler": {"key": "CosineAnnealingLR", "kwargs": {"T_max": job.steps}, "scheduling_step": 1},
        "criterion": {
            "key": "WeightedSumLoss",
            "kwargs": {"sub_terms": {"kd": {"criterion": {"key": "KDLoss", "kwargs": kd}, "weight": 1.0}}},
        },
    }


def boxed(job: Job) -> tuple[Any, torch.nn.Module]:
    """The box, and the student inside."""
    from torchdistill.core.distillation import get_distillation_box  # type: ignore[import-not-found]

    torch.manual_seed(job.seed)
    network = student(job)
    box = get_distillation_box(
        teacher(job),
        network,
        {"train": photographs(job, "train")},
        configuration(job),
        device=torch.device("cpu"),
        device_ids=[],
        distributed=False,
        lr_factor=1,
    )
    return box, network


def loss_of(job: Job, box: Any, batch: Tensor, targets: Tensor, extra: dict[str, Any]) -> Tensor:
    with autocast(job):
        loss: Tensor = box.forward_process(batch, targets, extra)
    return loss


def check(job: Job) -> dict[str, Any]:
    box, _ = boxed(job)
    box.pre_epoch_process(epoch=0)
    given = {name: torch.from_numpy(array) for name, array in job.check().items()}
    loss = loss_of(job, box, given["teacher_inputs"], given["labels"], {})
    return answers(job) | {"first_loss": float(loss.detach())}


def train(job: Job) -> dict[str, Any]:
    torch.set_num_threads(job.threads)
    box, network = boxed(job)
    for epoch in range(job.epochs):
        box.pre_epoch_process(epoch=epoch)
        for batch, targets, extra in box.train_data_loader:
            box.post_forward_process(loss=loss_of(job, box, batch, targets, extra))
        box.post_epoch_process()
    save_weights(job.place(TRAINED), arrays(network))
    return {"torchdistill": version("torchdistill"), "torch": torch.__version__}


if __name__ == "__main__":
    serve({"check": check, "train": train, "answer": lambda job: accuracy(job, TRAINED)})
