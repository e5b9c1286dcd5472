"""Networks and loss in plain PyTorch, as anyone would write them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from benchmarks.contenders.work import CLASSES, DEPTHS, MEAN, OFFSET, SCALE, STD, Work

Loss = Callable[[Tensor, Tensor], Tensor]  #: of pictures and labels


class Settings(Protocol):
    """What precision and loss depend on, of any kind of work."""

    @property
    def precision(self) -> str: ...
    @property
    def temperature(self) -> float: ...
    @property
    def hard_weight(self) -> float: ...


class Scaled(nn.Module):
    """Bytes to about zero mean and unit deviation."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.float() * SCALE + OFFSET


class Head(nn.Linear):
    """The last layer, in float32 for everyone: at T = 20, bf16 logits teach nothing."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.float())


class Ensemble(nn.Module):
    """Members averaged as probabilities at the temperature they will be softened with, given back as logits."""

    def __init__(self, members: list[nn.Module], temperature: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.temperature = temperature

    def forward(self, pictures: Tensor) -> Tensor:
        probs = torch.stack([torch.softmax(member(pictures) / self.temperature, -1) for member in self.members]).mean(0)
        return probs.log() * self.temperature


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def student(work: Work) -> nn.Module:
    """The student with the weights of the work, ready to train."""
    return _network(work, teacher=False).to(device()).to(memory_format=torch.channels_last)


def teacher(work: Work) -> nn.Module:
    """The teacher, frozen: one network, or several averaged."""
    members: list[nn.Module] = [_network(work, teacher=True, member=member) for member in range(work.teachers)]
    module = members[0] if work.teachers == 1 else Ensemble(members, work.temperature)
    return module.to(device()).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def member(work: Work, at: int) -> nn.Module:
    """One of the teachers, by its number."""
    return _network(work, teacher=True, member=at).to(device()).to(memory_format=torch.channels_last)


def fill(module: nn.Module, work: Work, *, teacher: bool, member: int = 0) -> None:
    """Give a network the weights of the work, layer by layer."""
    layers = [part for part in module.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        for layer, weight in zip(layers, work.weights(teacher=teacher, member=member), strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            if layer.bias is not None:
                layer.bias.zero_()


class Pictures(Dataset[tuple[Tensor, int]]):
    """A set as torchvision's are and as most examples use them: a PIL picture, then transforms, for each example."""

    def __init__(self, work: Work) -> None:
        from torchvision import transforms

        pictures, labels = work.pictures()
        self.pictures, self.labels = pictures.transpose(0, 2, 3, 1).squeeze(), labels.tolist()
        normalise = transforms.Normalize((MEAN,) * work.shape[0], (STD,) * work.shape[0])
        self.transform = transforms.Compose([transforms.ToTensor(), normalise])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pictures[index])), self.labels[index]


def take_scaled(network: nn.Module) -> nn.Module:
    """The network for pictures that come as `Pictures` gives them."""
    for part in network.modules():
        if isinstance(part, nn.Sequential) and isinstance(part[0], Scaled):
            part[0] = nn.Identity()
    return network


def autocast(work: Settings) -> Any:
    """The precision of the work."""
    if work.precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device().type, dtype=torch.bfloat16)


def distillation_loss(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, work: Settings) -> Tensor:
    """``(1 - w) T² KL + w CE``."""
    student_log_probs = torch.log_softmax(student_logits / work.temperature, -1)
    teacher_probs = torch.softmax(teacher_logits / work.temperature, -1)
    soft = F.kl_div(student_log_probs, teacher_probs, reduction="batchmean") * work.temperature**2
    return (1 - work.hard_weight) * soft + work.hard_weight * F.cross_entropy(student_logits, labels)


def asked_anew(work: Work, network: nn.Module) -> Loss:
    """The student's loss on what the teacher says, now, of the same pictures."""
    guide = teacher(work)

    def loss_of(pictures: Tensor, labels: Tensor) -> Tensor:
        with torch.inference_mode():
            teacher_logits = guide(pictures)
        return distillation_loss(network(pictures), teacher_logits.clone(), labels, work)

    return loss_of


def _network(work: Work, *, teacher: bool, member: int = 0) -> nn.Sequential:
    width = work.width(teacher=teacher)
    body = _mlp(work, width) if work.network == "mlp" else _cnn(work, width)
    network = nn.Sequential(Scaled(), *body)
    fill(network, work, teacher=teacher, member=member)
    return network


def _mlp(work: Work, width: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Flatten()]
    features = work.shape[0] * work.shape[1] * work.shape[2]
    for _ in range(DEPTHS["mlp"]):
        layers += [nn.Linear(features, width), nn.ReLU()]
        features = width
    return [*layers, Head(features, CLASSES)]


def _cnn(work: Work, width: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    before = work.shape[0]
    for block in range(DEPTHS["cnn"]):
        after = width * 2 ** (block // 2)
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        if block % 2 == 1:
            layers.append(nn.MaxPool2d(2))
        before = after
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Head(before, CLASSES)]
