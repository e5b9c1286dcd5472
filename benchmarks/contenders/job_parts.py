"""Networks and photographs of `benchmarks.whole_job` in plain PyTorch and torchvision, as anyone would write them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.contenders.job import STUDENT, TEACHER, Array, Job, Network, load_weights
from benchmarks.contenders.torch_parts import Head

WORKERS = 2  #: processes that read photographs


class Shrunk(nn.Module):
    """The student's view of a picture that was read for the teacher."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, pictures: Tensor) -> Tensor:
        return F.interpolate(pictures, size=(self.side, self.side), mode="bilinear", antialias=True)


def network(job: Job, shape: Network) -> nn.Sequential:
    """Normalised pictures to logits."""
    layers: list[nn.Module] = []
    before = len(job.mean)
    for after, pooled in shape.blocks():
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pooled else []
        before = after
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Head(before, len(job.classes)))


def teacher(job: Job) -> nn.Sequential:
    """Frozen."""
    module = network(job, job.teacher)
    fill(module, load_weights(job.place(TEACHER)))
    return module.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def student(job: Job, weights: str = STUDENT) -> nn.Sequential:
    """For pictures that were read for the teacher."""
    module = network(job, job.student)
    fill(module, load_weights(job.place(weights)))
    return nn.Sequential(Shrunk(job.student.side), module.to(memory_format=torch.channels_last))


def tensors(module: nn.Module) -> list[Tensor]:
    """The weights of a network's layers, in the order of `benchmarks.contenders.job.save_weights`."""
    found: list[Tensor] = []
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            found.append(part.weight)
        elif isinstance(part, nn.BatchNorm2d):
            found += [part.weight, part.bias, part.get_buffer("running_mean"), part.get_buffer("running_var")]
        elif isinstance(part, nn.Linear):
            found += [part.weight, part.bias]
    return found


def arrays(module: nn.Module) -> list[Array]:
    return [tensor.detach().float().numpy() for tensor in tensors(module)]


@torch.no_grad()
def fill(module: nn.Module, weights: list[Array]) -> None:
    for tensor, array in zip(tensors(module), weights, strict=True):
        tensor.copy_(torch.from_numpy(array))


def photographs(job: Job, split: str) -> Dataset[tuple[Tensor, int]]:
    """Shorter side to the teacher's, its centre; ``train`` under random flips."""
    from torchvision import datasets, transforms

    side = job.teacher.side
    steps: list[Any] = [transforms.Resize(side), transforms.CenterCrop(side)]
    steps += [transforms.RandomHorizontalFlip()] if split == "train" else []
    steps += [transforms.ToTensor(), transforms.Normalize(job.mean, job.std)]
    found: Dataset[tuple[Tensor, int]] = datasets.ImageFolder(f"{job.photographs}/{split}", transforms.Compose(steps))
    return found


def loader(job: Job, split: str) -> DataLoader[tuple[Tensor, int]]:
    return DataLoader(
        photographs(job, split),
        batch_size=job.batch,
        shuffle=split == "train",
        num_workers=WORKERS,
        persistent_workers=True,
    )


@torch.inference_mode()
def accuracy(job: Job, trained: str) -> dict[str, Any]:
    """Of a finished student, on the test photographs."""
    torch.set_num_threads(job.threads)
    module = student(job, trained).eval()
    right = [module(pictures).argmax(1) == labels for pictures, labels in loader(job, "test")]
    return {"accuracy": float(torch.cat(right).float().mean()), "pictures": len(torch.cat(right))}


@torch.inference_mode()
def answers(job: Job) -> dict[str, Any]:
    """Of both networks as they are at the beginning, about the inputs of the check."""
    given = {name: torch.from_numpy(array) for name, array in job.check().items()}
    return {
        "teacher": teacher(job)(given["teacher_inputs"]).tolist(),
        "student": student(job)[1].eval()(given["student_inputs"]).tolist(),
    }
