"""`Recipe`: every number that a training depends on, checked before it starts."""

from __future__ import annotations

from math import cos, pi
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from joryu.errors import InputError, did_you_mean
from joryu.pydantic_errors import first_fault

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """How to train: budget, optimiser, schedule, regularisers, precision, seed.

    * ``optimiser``: ``adamw``, or ``sgd`` with Nesterov ``momentum``, which AdamW does not use.
    * ``weight_decay``: the decoupled decay of AdamW, or the L2 penalty of SGD; biases and norms have none.
    * ``learning_rate``: the peak of the ``schedule``.
    * ``schedule``: ``cosine`` rises linearly over the share ``warmup`` of the steps, then falls as a cosine to
      ``final_rate`` times the peak (Loshchilov & Hutter 2017, eq. 5, without restarts). ``one-cycle`` (Smith 2018)
      rises as a cosine from 1/25 of the peak over 30 % of the steps, then falls as one to 1/10,000 of it. ``constant``
      stays at the peak. The last two use neither ``warmup`` nor ``final_rate``.
    * ``clip``: the largest L2 norm of a step's gradient; a larger one is scaled back.
    * ``max_norm``: after each step the incoming weights of every unit of a fully connected layer are scaled back to
      this L2 norm if they exceed it (Srebro & Shraibman 2005; Hinton et al. 2012).
    * ``ema``: the decay of an exponential moving average of the weights; the average is then validated and saved.
    * ``patience``: stop after this many epochs without a better validation loss.
    * ``keep``: save the weights of the ``best`` epoch by validation loss, or of the ``last`` epoch; without validation
      the last.
    * ``precision``: ``auto`` is bf16 if the hardware multiplies it natively, else float32, unless the environment says
      otherwise (`joryu.training.precision.chosen_precision`).
    * ``compile``: train the student with ``torch.compile``.
    * ``seed``: of the initial weights, of the order and the parts of the examples, and of dropout.

    >>> recipe = Recipe(learning_rate=0.1, warmup=0.02)
    >>> [round(recipe.rate(step, 102), 4) for step in (0, 1, 2, 51, 101)]  # two steps up, then half a cosine
    [0.05, 0.1, 0.1, 0.0508, 0.0]

    Raises:
        InputError: a name is unknown or a value out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
    # Pure bf16 ("bf16-true") is not offered: it would round the input statistics, and the head that must stay float32.
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    compile: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, settings: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(settings)
        except ValidationError as error:
            fault, known = first_fault(error), cls.model_fields
            if fault.is_unknown:
                hint = did_you_mean(fault.name, known)
                raise InputError(f"a recipe has no {fault.name!r}", expected=", ".join(known), hint=hint) from error
            raise InputError(
                fault.complaint, setting=fault.name, expected=fault.expected, received=fault.received
            ) from error

    @classmethod
    def of(cls, **settings: Any) -> Recipe:
        """Make a recipe from settings whose types are not checked before, such as those of a command line.

        Raises:
            InputError: a name is unknown or a value out of range.
        """
        return cls(**settings)

    def steps_per_epoch(self, n: int) -> int:
        """Steps of an epoch that shows ``n`` examples: whole batches alone, or one of all ``n`` if they are no batch.

        >>> Recipe(batch_size=64).steps_per_epoch(150), Recipe(batch_size=64).steps_per_epoch(50)
        (2, 1)
        """
        return n // min(self.batch_size, n)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of step ``step``, from 0, in a training of ``steps`` steps."""
        if self.schedule == "constant":
            return self.learning_rate
        one_cycle = self.schedule == "one-cycle"
        warm = max(1, round(steps * (0.3 if one_cycle else self.warmup)))
        floor = 1e-4 if one_cycle else self.final_rate
        if step < warm:
            if not one_cycle:
                return self.learning_rate * (step + 1) / warm
            start = 1 / 25
            return self.learning_rate * (start + (1 - start) * (1 - cos(pi * step / warm)) / 2)
        share = (step - warm) / max(1, steps - 1 - warm)
        return self.learning_rate * (floor + (1 - floor) * (1 + cos(pi * min(share, 1.0))) / 2)
