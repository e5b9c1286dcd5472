"""`Settings`: what a labelling project asks its annotators."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from joryu.errors import InputError, did_you_mean
from joryu.pydantic_errors import first_fault

MOST_CLASSES = 1000  #: the most classes (with more classes than keys the page has a search)
Name = Annotated[str, Field(min_length=1, max_length=80)]


class Settings(BaseModel):
    """What is asked about every picture.

    * ``classes``: the possible answers, in the order of their keys.
    * ``severities``: names from least to most severe; empty if not asked.
    * ``second_choice``: whether a second class may be given.
    * ``confidences``: names from least to most sure; empty if not asked.
    * ``guidelines``: plain text that the page shows on request.
    * ``repeats``: the share of showings that repeat an earlier picture, to measure self-consistency.
    * ``overlap``: how many annotators should see each picture.
    * ``nearest``: for a class, the class that gets the probability left over by a mild or uncertain answer, for example
      ``{"black rot": "healthy"}``; see `joryu.teachers.left_over.graph`.
    * ``without_severity``: classes without a severity; ``None`` means the classes that ``nearest`` ends at.
    * ``seed``: of the order of the pictures.

    >>> Settings(classes=("healthy", "black spot"), severities=("mild", "severe")).severity_share("severe")
    1.0

    Raises:
        InputError: there are fewer than two classes, a name repeats or is unknown, or a share is out of range.
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
        """The classes without a severity.

        >>> Settings(classes=("healthy", "scab"), severities=("mild", "severe"), nearest={"scab": "healthy"}).well
        ('healthy',)
        """
        if self.without_severity is not None:
            return self.without_severity
        return tuple(sorted(set(self.nearest.values()) - set(self.nearest)))

    def severity_share(self, severity: str) -> float:
        """A severity as a number in (0, 1]: ``(rank + 1) / K``, with the rank counted from 0 and ``K`` severities."""
        return (self._rank(self.severities, severity) + 1) / len(self.severities)

    def confidence_share(self, confidence: str) -> float:
        """A confidence level as a number in (0, 1]: ``(rank + 1) / K``, with the rank counted from 0."""
        return (self._rank(self.confidences, confidence) + 1) / len(self.confidences)

    @staticmethod
    def _rank(names: tuple[str, ...], name: str) -> int:
        if name not in names:
            raise InputError("this level is not asked for", expected=", ".join(names) or "none", received=repr(name))
        return names.index(name)
