"""`Settings`: what a labelling project asks its annotators, checked before anybody is shown a picture."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from joryu.errors import InputError, did_you_mean
from joryu.pydantic_errors import first_fault

MOST_CLASSES = 1000  #: the page searches among more than it has keys for; one soft target holds a number for each
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Settings(BaseModel):
    """What is asked of every picture.

    ``classes``: the answers, in the order of their keys. ``severities``: from least to most; empty when not asked.
    ``second_choice``: whether a second class may be given. ``confidences``: names from least to most sure; empty when
    not asked. ``guidelines``: plain text one click away. ``repeats``: the share of showings that repeat an earlier
    picture, for self-consistency. ``overlap``: how many annotators should see each picture. ``nearest``: for a class,
    where the mass goes that a mild or uncertain answer leaves over, such as ``{"black rot": "healthy"}``.
    ``without_severity``: classes of which no severity is asked; ``None``: those that ``nearest`` leads to and not
    further. ``seed``: of the order of the pictures.

    >>> Settings(classes=("healthy", "black spot"), severities=("mild", "severe")).severity_share("severe")
    1.0

    Raises:
        InputError: no two classes, names that repeat or are unknown, a share out of range; in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    classes: tuple[Name, ...] = Field(min_length=2, max_length=MOST_CLASSES)
    severities: tuple[Name, ...] = Field(default=(), max_length=9)
    second_choice: bool = False
    confidences: tuple[Name, ...] = Field(default=(), max_length=9)
    guidelines: Annotated[str, Field(max_length=20_000)] = ""
    repeats: Annotated[float, Field(ge=0, le=0.5)] = 0.08
    overlap: Annotated[int, Field(ge=1, le=1000)] = 1
    nearest: dict[Name, Name] = Field(default_factory=dict)
    without_severity: tuple[Name, ...] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, settings: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(settings)
        except ValidationError as error:
            fault, known = first_fault(error), cls.model_fields
            if fault.is_unknown:
                hint = did_you_mean(fault.name, known)
                raise InputError(f"settings have no {fault.name!r}", expected=", ".join(known), hint=hint) from error
            raise InputError(
                f"{fault.name or 'settings'} {fault.complaint}", expected=fault.expected, received=fault.received
            ) from error
        made._check_names()
        return made

    def _check_names(self) -> None:
        for what, names in (("classes", self.classes), ("severities", self.severities), ("levels", self.confidences)):
            if len(set(names)) < len(names):
                raise InputError(f"two {what} have the same name", received=", ".join(names))
        unknown = sorted((set(self.nearest) | set(self.nearest.values())) - set(self.classes))
        if unknown:
            raise InputError("nearest names no class", expected=", ".join(self.classes), received=", ".join(unknown))
        if own := sorted(name for name, other in self.nearest.items() if name == other):
            raise InputError("nearest leads from a class to itself", expected="another class", received=", ".join(own))
        if unknown := sorted(set(self.without_severity or ()) - set(self.classes)):
            raise InputError(
                "without_severity names no class", expected=", ".join(self.classes), received=", ".join(unknown)
            )

    @property
    def well(self) -> tuple[str, ...]:
        """The classes of which no severity is asked.

        >>> Settings(classes=("healthy", "scab"), severities=("mild", "severe"), nearest={"scab": "healthy"}).well
        ('healthy',)
        """
        if self.without_severity is not None:
            return self.without_severity
        return tuple(sorted(set(self.nearest.values()) - set(self.nearest)))

    def severity_share(self, severity: str) -> float:
        """Where a severity stands between nothing (0) and the most severe (1): ``(rank + 1) / K``."""
        return (self._rank(self.severities, severity) + 1) / len(self.severities)

    def confidence_share(self, confidence: str) -> float:
        """Where a confidence level stands between nothing (0) and the surest (1): ``(rank + 1) / K``."""
        return (self._rank(self.confidences, confidence) + 1) / len(self.confidences)

    @staticmethod
    def _rank(names: tuple[str, ...], name: str) -> int:
        if name not in names:
            raise InputError("this level is not asked for", expected=", ".join(names) or "none", received=repr(name))
        return names.index(name)
