"""What every contender is given: the same pictures, labels, weights, batch size, temperature, precision and threads.

numpy alone, so that it can be imported beside any framework.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

CLASSES = 10
MEAN, STD = 0.5, 0.29  #: of inputs scaled to 0..1; every network begins with ``x * SCALE + OFFSET``
SCALE, OFFSET = 1 / (255 * STD), -MEAN / STD

SHAPES = {"mlp": (1, 28, 28), "cnn": (3, 32, 32)}
WIDTHS = {"mlp": (800, 1200), "cnn": (32, 64)}  #: of the student and of the teacher
DEPTHS = {"mlp": 2, "cnn": 6}
PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed"}  #: and what Joryu calls them


@dataclass(frozen=True)
class Work:
    """One epoch of one student: `network` is ``mlp`` (Hinton's MNIST networks) or ``cnn`` (six convolutions)."""

    network: str
    rows: int
    batch: int = 256
    teachers: int = 1
    precision: str = "float32"
    threads: int = 1
    temperature: float = 20.0
    hard_weight: float = 0.1
    learning_rate: float = 1e-3

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return SHAPES[self.network]

    @property
    def steps(self) -> int:
        return self.rows // self.batch

    def width(self, *, teacher: bool) -> int:
        return WIDTHS[self.network][teacher]

    def architecture(self, *, teacher: bool) -> str:
        """As Joryu spells it."""
        return f"{self.network}:{self.width(teacher=teacher)}x{DEPTHS[self.network]}"

    def pictures(self) -> tuple[Bytes, Labels]:
        """uint8 ``[rows, channels, height, width]`` and labels: a prototype per class, under noise.

        A fifth of the labels is wrong. Without that the students soon make no error, and the vanishing gradients make
        numbers so small that processors are slow with them.
        """
        rng = np.random.default_rng(0)
        prototypes = rng.integers(0, 128, (CLASSES, *self.shape), dtype=np.uint8)
        labels = rng.integers(0, CLASSES, self.rows)
        noise = rng.integers(0, 128, (self.rows, *self.shape), dtype=np.uint8)
        wrong = rng.random(self.rows) < 0.2
        return prototypes[labels] + noise, np.where(wrong, rng.integers(0, CLASSES, self.rows), labels)

    def weights(self, *, teacher: bool, member: int = 0) -> list[Array]:
        """He et al. 2015: ``[out, in]`` or ``[out, in, 3, 3]`` of each layer, head last. Biases begin at zero."""
        rng = np.random.default_rng([1, teacher, member])
        return [_he(rng, shape) for shape in self._weight_shapes(self.width(teacher=teacher))]

    def _weight_shapes(self, width: int) -> Iterator[tuple[int, ...]]:
        if self.network == "mlp":
            before = int(np.prod(self.shape))
            for _ in range(DEPTHS["mlp"]):
                yield width, before
                before = width
        else:
            before = self.shape[0]
            for block in range(DEPTHS["cnn"]):
                after = width * 2 ** (block // 2)
                yield after, before, 3, 3
                before = after
        yield CLASSES, before


def _he(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    deviation = np.sqrt(2 / np.prod(shape[1:]))
    return rng.normal(0, deviation, shape).astype(np.float32)
