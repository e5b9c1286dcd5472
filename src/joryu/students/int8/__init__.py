"""Students under fake quantisation: they compute in float32 what int8 will, and learn with it."""

from joryu.students.int8.network import FakeQuantised, fake_quantised
from joryu.students.int8.ranges import LearnedRange

__all__ = ["FakeQuantised", "LearnedRange", "fake_quantised"]
