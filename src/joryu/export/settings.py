"""`ExportSettings`: to which runtime a student is exported, and how its int8 form is made."""

from __future__ import annotations

from dataclasses import dataclass

from joryu.errors import InputError, did_you_mean
from joryu.export.calibrated import LEAST

FORMATS = ("onnx", "litert")
WAYS = ("static", "dynamic")  #: in which int8 is made of a float student


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How a student is exported.

    Args:
        format: ``onnx`` (onnxruntime) or ``litert`` (TensorFlow Lite's successor).
        int8: ``static``: activations and weights, ranges measured on examples, or those that the student learned
            (`joryu.training.quantise`); ``dynamic``: without examples; ``None``: a float model alone.
        calibration: examples whose ranges are measured.
        seed: draws these.
        licences: those that the pictures which student and teacher learned from may have, as patterns
            (`joryu.examples.origin.LicenceRule`); none: nothing is asked.
        most_lost: of the headline measure by int8: more is refused (of an error, a share of it).

    Raises:
        InputError: a value out of range, or an unknown format.
    """

    format: str = "onnx"
    int8: str | None = None
    calibration: int = 256
    seed: int = 0
    most_lost: float = 0.02
    licences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, known in (("format", self.format, FORMATS), ("int8", self.int8, (None, *WAYS))):
            if value not in known:
                raise InputError(
                    "is not known", setting=name, expected=" or ".join(str(one) for one in known if one),
                    received=repr(value), hint=did_you_mean(str(value), [one for one in known if one]),
                )  # fmt: skip
        if self.format == "litert" and self.int8 is not None:  # said before a heavy library is asked for
            raise InputError(
                "int8 is exported to ONNX alone", expected="--format onnx with --int8, or a float student",
                received="--format litert",
            )  # fmt: skip
        if self.calibration < LEAST:
            raise InputError(
                "is not usable", setting="calibration", expected=f"an integer >= {LEAST}", received=self.calibration
            )
        if not 0 <= self.most_lost <= 1:
            raise InputError("is not usable", setting="most_lost", expected="0..1", received=self.most_lost)
