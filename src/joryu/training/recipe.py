"""`Recipe`: every number a training depends on, checked before anything runs."""

from __future__ import annotations

from math import cos, pi
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joryu.errors import InputError

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """How to train: budget, optimiser, schedule, regularisers, precision, seed.

    ``schedule``: ``cosine`` (linear warm-up over ``warmup`` of the steps, then a cosine to ``final_rate`` of the peak),
    ``one-cycle`` (Smith 2018: cosine up over 30 %, cosine down to 1/10,000 of the peak) or ``constant``.
    ``max_norm``: after each step the incoming weights of every unit of a fully connected hidden layer are scaled back
    to this L2 norm if they exceed it (Srebro & Shraibman 2005; Hinton et al. 2012). ``ema``: decay of an exponential
    moving average of the weights, which is then what is validated and saved. ``patience``: stop after this many epochs
    without a better validation loss. ``keep``: ``best`` on validation, or the ``last`` epoch.
    ``precision``: ``auto`` is bf16 where the hardware has it, else float32.

    >>> Recipe(epochs=2, learning_rate=0.1).rate(step=0, steps=100) <= 0.1
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 256
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Fraction = 0.9
    schedule: Literal["cosine", "one-cycle", "constant"] = "cosine"
    warmup: Fraction = 0.02
    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip: Positive | None = None
    max_norm: Positive | None = None
    ema: Fraction | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    keep: Literal["best", "last"] = "best"
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true"] = "auto"
    compile: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @classmethod
    def of(cls, **settings: object) -> Recipe:
        """A recipe from plain settings; what is wrong is said in one line.

        Raises:
            InputError: an unknown name or a value out of range.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise InputError(f"{name} is not usable", expected=first["msg"], received=first["input"]) from error

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of one step of ``steps``."""
        if self.schedule == "constant":
            return self.learning_rate
        warm = max(1, round(steps * (0.3 if self.schedule == "one-cycle" else self.warmup)))
        floor = 1e-4 if self.schedule == "one-cycle" else self.final_rate
        if step < warm:
            if self.schedule == "cosine":
                return self.learning_rate * (step + 1) / warm
            start = 1 / 25
            return self.learning_rate * (start + (1 - start) * (1 - cos(pi * step / warm)) / 2)
        share = (step - warm) / max(1, steps - 1 - warm)
        return self.learning_rate * (floor + (1 - floor) * (1 + cos(pi * min(share, 1.0))) / 2)


def best_precision(device_type: str) -> Literal["32-true", "bf16-mixed"]:
    """bf16 where the hardware multiplies it natively, else float32."""
    import torch  # noqa: PLC0415 - a recipe is read by the command line before torch is needed

    if device_type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device_type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        native = False
    return "bf16-mixed" if native else "32-true"
