"""Labelling throughput, store included, against the bare teacher's forward: ``python -m benchmarks.labelling``.

The bare teacher answers the same inputs in batches of the same size, at the precision that ours finds right, and its
answers are thrown away. Ours makes the grid, asks, encodes, writes shards to disk, flushes them, merges them and opens
the store.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import interleave, paired_ratio, print_json, print_ratios
from joryu.allocator import keep_freed_memory
from joryu.examples import Examples
from joryu.precision import Answering
from joryu.targets import Encoding
from joryu.teachers.labelling import BATCH_SIZE, LabelOptions, label_examples
from joryu.teachers.network import Network
from joryu.teachers.precision import Wish


class Scaled(nn.Module):
    """Bytes to the unit interval."""

    def forward(self, pictures: Tensor) -> Tensor:
        return pictures.float().div_(255)


def mlp(classes: int) -> nn.Module:
    """Hinton's MNIST teacher: 784-1200-1200-C."""
    layers = [nn.Linear(784, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, classes)]
    return nn.Sequential(Scaled(), nn.Flatten(), *layers)


def cnn(classes: int) -> nn.Module:
    """A small convolutional teacher of 32 x 32 pictures."""
    layers: list[nn.Module] = [Scaled()]
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, classes))


def resnet18(classes: int) -> nn.Module:
    """ResNet-18 (He et al. 2016), as timm has it."""
    import timm

    return nn.Sequential(Scaled(), timm.create_model("resnet18", num_classes=classes))


WORKS: dict[str, tuple[Callable[[int], nn.Module], tuple[int, ...], int, int, str]] = {
    "mlp": (mlp, (1, 28, 28), 10, 60_000, "dense"),
    "cnn-top32": (cnn, (3, 32, 32), 1000, 8_192, "top-32"),
    "resnet18-160-top32": (resnet18, (3, 160, 160), 1000, 1_024, "top-32"),
}


def measure(work: str, repeats: int, *, rows: int | None, precision: Wish, as_json: bool) -> None:
    """Time one work and print it."""
    keep_freed_memory()  # as ``joryu label`` does; for the bare teacher too
    build, shape, n_classes, n, encoding = WORKS[work]
    n = rows or n
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (n, *shape), dtype=torch.uint8)
    examples = Examples.of(pictures, classes=[str(i) for i in range(n_classes)])
    teacher = Network(build(n_classes), examples.classes)

    options = LabelOptions(encoding=Encoding.parse(encoding), precision=precision)

    def ours() -> Answering:
        with tempfile.TemporaryDirectory() as folder:
            return label_examples(teacher, examples, Path(folder), options=options).manifest.asked_at or "32-true"

    asked = ours()  # at which precision the bare teacher is to answer too, where nobody names one

    def bare() -> None:
        for start in range(0, n, BATCH_SIZE):
            teacher.label(examples.inputs[start : start + BATCH_SIZE], asked)

    timings = interleave({"bare teacher": bare, f"label_examples ({encoding})": ours}, repeats=repeats)
    if as_json:
        ratio = paired_ratio(timings[1], timings[0])
        print_json(
            work=work, rows=n, precision=asked, share_of_bare=ratio, seconds={t.name: t.seconds for t in timings}
        )
    else:
        print(f"{work}: {n:,} examples, {n_classes} classes, batches of {BATCH_SIZE}, {asked}")
        print_ratios(timings, reference="bare teacher", work=n, unit="examples")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=[*WORKS, "all"], default="all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, help="how many examples; by default what the work is usually done with")
    parser.add_argument("--precision", choices=["auto", "32-true", "bf16-mixed"], default="auto", help="of both")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for work in WORKS if arguments.work == "all" else [arguments.work]:
        measure(work, arguments.repeats, rows=arguments.rows, precision=arguments.precision, as_json=arguments.json)


if __name__ == "__main__":
    main()
