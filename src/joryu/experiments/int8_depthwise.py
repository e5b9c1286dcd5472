"""`int8-depthwise`: what depthwise students lose and win in 8-bit numbers; see `joryu.experiments.int8`.

Two students of B4's teacher, on leaves of 64 × 64:

* *MobileNetV3*: B4's own (half width), with hard-swish and squeeze-and-excite;
* *MobileNetV4*: the small convolutional one, with ReLUs alone.

Both are depthwise: their time goes into many small layers, and hard-swish and squeeze-and-excite have no 8-bit form in
onnxruntime, so around each of them numbers are turned into float and back. The forms, what judges them and how they are
timed are those of `int8`.

Command: ``JORYU_DATA=... joryu experiment run int8-depthwise --seeds 3``. Smoke size (MobileNetV3 on
scikit-learn's digits): seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from joryu.experiments.experiment import Experiment, Measured, Setting
from joryu.experiments.int8 import draw, measure_all, pairs_of, rows_of

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"phone": "MobileNetV3-small × 0.5, leaves", "relu": "MobileNetV4-small, leaves"}
)
SMOKE: Final = ("phone",)


def measure(setting: Setting) -> Measured:
    """Measure one seed: both students in their three forms."""
    return measure_all(setting, SMOKE if setting.smoke else list(NAMES))


EXPERIMENT = Experiment(
    name="int8-depthwise",
    claim="B4",
    summary="Depthwise students in 8-bit numbers: what they lose and win, after training and by learning under them.",
    data="PlantVillage, six classes of apple and cherry leaves, 64 × 64 (B4's)",
    chance="a seed draws first weights and order of both students; the teacher, its answers and the split are the same "
    "for all",
    rows=rows_of(NAMES),
    measure=measure,
    draw=partial(draw, names=NAMES),
    unit="",
    twin="float",
    pairs=pairs_of(NAMES),
    headline=("relu_after_times",),
)
