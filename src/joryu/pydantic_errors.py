"""What pydantic refuses, in the one grammar of all errors here: the first fault of many, in one line."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from joryu.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

_PREFIXES = ("Input should be ", "String should have ", "Value error, ")
_SHORTER = {"greater than or equal to": "at least", "less than or equal to": "at most"}
#: what pydantic says in the words of its own types, by its names for these faults
_SAID: Mapping[str, Callable[[Any], str]] = {
    "too_short": lambda fault: f"at least {fault['ctx']['min_length']}",
    "too_long": lambda fault: f"at most {fault['ctx']['max_length']}",
}
_FOUND: Mapping[str, Callable[[Any], str]] = {"too_long": lambda fault: str(len(fault["input"]))}
_COMPLAINTS = {"missing": "is missing", "extra_forbidden": "is not known"}


class Fault(NamedTuple):
    """One thing that pydantic refused."""

    name: str  #: of the setting, with dots between its parts; empty where the whole is refused
    complaint: str  #: ``is missing``, ``is not known`` or ``is not usable``
    expected: str | None
    received: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether there is no such setting."""
        return self.complaint == _COMPLAINTS["extra_forbidden"]

    def within(self, what: str) -> InputError:
        """The error of a file or of settings in which this stands."""
        where = f"{self.name} {self.complaint}" if self.name else "it is not usable as a whole"
        return InputError(f"{what}: {where}", expected=self.expected, received=self.received)


def first_fault(error: ValidationError) -> Fault:
    """The first thing that was refused.

    >>> from pydantic import BaseModel, Field, ValidationError
    >>> class Box(BaseModel):
    ...     sides: int = Field(ge=1)
    >>> try:
    ...     Box(sides=0)
    ... except ValidationError as error:
    ...     print(first_fault(error).within("box.json cannot be read"))
    box.json cannot be read: sides is not usable (expected at least 1; received 0)
    """
    return fault_of(error.errors()[0])


def fault_of(details: Any, *, below: int = 0) -> Fault:
    """One of pydantic's `ErrorDetails`; its name without the first ``below`` parts."""
    kind, name = details["type"], ".".join(map(str, details["loc"][below:]))
    if kind in _COMPLAINTS:
        return Fault(name, _COMPLAINTS[kind], None, None)
    expected = details["msg"]
    for prefix in _PREFIXES:
        expected = expected.removeprefix(prefix)
    for long, short in _SHORTER.items():
        expected = expected.replace(long, short)
    if kind in _SAID:
        expected = _SAID[kind](details)
    received = _FOUND[kind](details) if kind in _FOUND else _SHORT.repr(details["input"])
    return Fault(name, "is not usable", expected, received)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel = 2
