"""The whole job in plain PyTorch: a DataLoader, the teacher asked in every step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from benchmarks.contenders.job import TRAINED, Job, save_weights, serve
from benchmarks.contenders.job_parts import accuracy, answers, arrays, loader, student, teacher
from benchmarks.contenders.torch_parts import autocast, distillation_loss

MEASURED_STEPS = 12  #: of which the middle one counts


def check(job: Job) -> dict[str, Any]:
    given = {name: torch.from_numpy(array) for name, array in job.check().items()}
    loss = loss_of(job, student(job).train())(given["teacher_inputs"], given["labels"])
    return answers(job) | {"first_loss": float(loss.detach())}


def train(job: Job) -> dict[str, Any]:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    network = student(job).train()
    of_batch = loss_of(job, network)
    step, schedule = stepping(job, network)
    data = loader(job, "train")
    for _ in range(job.epochs):
        for pictures, labels in data:
            step(of_batch(pictures, labels))
            schedule.step()
    save_weights(job.place(TRAINED), arrays(network))
    return {"torch": torch.__version__}


def loss_of(job: Job, network: torch.nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    guide = teacher(job)

    def of_batch(pictures: Tensor, labels: Tensor) -> Tensor:
        with autocast(job):
            with torch.inference_mode():
                teacher_logits = guide(pictures)
            return distillation_loss(network(pictures), teacher_logits.clone(), labels, job)

    return of_batch


def stepping(job: Job, network: torch.nn.Module) -> tuple[Callable[[Tensor], None], CosineAnnealingLR]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=job.learning_rate, weight_decay=0.0, fused=True)

    def step(loss: Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step, CosineAnnealingLR(optimiser, job.steps)


def measure(job: Job) -> dict[str, Any]:
    """Milliseconds a photograph: the student's step, the teacher's answer, and reading alone."""
    torch.set_num_threads(job.threads)
    network, guide = student(job)[1].train(), teacher(job)
    step, _ = stepping(job, network)
    teacher_inputs = torch.randn(job.batch, len(job.mean), job.teacher.side, job.teacher.side)
    student_inputs = torch.randn(job.batch, len(job.mean), job.student.side, job.student.side)
    labels = torch.arange(job.batch) % len(job.classes)

    def learn() -> None:
        with autocast(job):
            loss = torch.nn.functional.cross_entropy(network(student_inputs), labels)
        step(loss)

    def ask() -> None:
        with torch.inference_mode(), autocast(job):
            guide(teacher_inputs)

    # In turn, so that a slow minute of the machine hurts both alike.
    spent: list[tuple[float, float]] = []
    for _ in range(MEASURED_STEPS):
        start = time.perf_counter()
        learn()
        middle = time.perf_counter()
        ask()
        spent.append((middle - start, time.perf_counter() - middle))
    taught, asked = (sorted(times)[len(times) // 2] for times in zip(*spent, strict=True))
    batches = iter(loader(job, "train"))
    next(batches)  # its workers have started
    start = time.perf_counter()
    reading = sum(len(labels) for _, labels in batches)
    reading_seconds = (time.perf_counter() - start) / reading
    each = {"student": taught / job.batch, "teacher": asked / job.batch, "reading": reading_seconds}
    return {f"{name}_ms": 1000 * seconds for name, seconds in each.items()}


if __name__ == "__main__":
    serve({"check": check, "train": train, "answer": lambda job: accuracy(job, TRAINED), "measure": measure})
