"""`LearnedRange`: from where to where the numbers of one place in a network are told apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from joryu.students.int8.arithmetic import fake_quantise, scale_and_zero_point


class LearnedRange(nn.Module):
    """Fake quantisation of one tensor of activations, whose range is measured once and then learned.

    The first batch that is seen in training sets ``low`` and ``high`` to its smallest and largest number and 0. From
    then on ``octaves`` are learned: the ends are ``low · 2^octaves[0]`` and ``high · 2^octaves[1]``. So an end keeps
    its sign, 0 stays exact, and a step changes each by a share of itself, whatever its size (Jain et al. 2020, "Trained
    quantization thresholds", section 3). Until a range is measured, numbers pass as they are.

    ``ceiling`` is the most that can come, as 6 behind a ReLU6: int8 has no other means to cut there than the range.

    >>> place = LearnedRange()
    >>> place(torch.tensor([[-1.0, 0.004, 1.55]]))
    tensor([[-1.0000,  0.0000,  1.5500]], grad_fn=<_FakeQuantiseBackward>)
    >>> place.ends()
    (-1.0, 1.5499999523162842)
    """

    low: Tensor
    high: Tensor
    measured: Tensor

    def __init__(self, ceiling: float | None = None) -> None:
        super().__init__()
        self.ceiling = ceiling
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("measured", torch.zeros((), dtype=torch.bool))
        self.octaves = nn.Parameter(torch.zeros(2))

    def extra_repr(self) -> str:
        return "" if self.ceiling is None else f"ceiling={self.ceiling:g}"

    def forward(self, x: Tensor) -> Tensor:
        if not bool(self.measured):
            if not self.training:
                return x
            self._measure(x.detach())
        return fake_quantise(x, *self.bounds())

    @torch.no_grad()
    def _measure(self, x: Tensor) -> None:
        smallest, largest = torch.aminmax(x)
        self.low.copy_(smallest.clamp(max=0.0))
        self.high.copy_(largest.clamp(min=0.0))
        self.measured.fill_(True)

    def bounds(self) -> tuple[Tensor, Tensor]:
        """Both ends as they are now."""
        low, high = torch.stack([self.low, self.high]).mul(self.octaves.exp2()).unbind()
        return low, high if self.ceiling is None else high.clamp(max=self.ceiling)

    def scale(self) -> Tensor:
        """What one step of the 8-bit number is worth."""
        return scale_and_zero_point(*self.bounds())[0]

    def ends(self) -> tuple[float, float]:
        """Both ends as plain numbers."""
        low, high = self.bounds()
        return low.item(), high.item()

    @torch.no_grad()
    def set(self, low: float, high: float) -> None:
        """Take these ends for good."""
        self.low.fill_(low)
        self.high.fill_(high)
        self.octaves.zero_()
        self.measured.fill_(True)
