"""A student under fake quantisation on disk: its float weights by their usual names, and its ranges as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from joryu.durable import durable_file
from joryu.errors import InputError, JoryuError
from joryu.students.int8.network import RANGES, FakeQuantised

FILE = "student-ranges.json"
_FLOAT, _WRAPPED = "1.", "1.network."  # a student is normalisation, network, named outputs


def network_of(student: nn.Sequential) -> FakeQuantised:
    """The network of a student whose blueprint says that it is under fake quantisation."""
    return student[1]  # type: ignore[return-value]


def float_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of a student under fake quantisation as that of its float form, which has no ranges."""
    kept = {name: value for name, value in state.items() if not name.startswith(f"{_WRAPPED}{RANGES}.")}
    return {_renamed(name, _WRAPPED, _FLOAT): value for name, value in kept.items()}


def with_ranges(student: nn.Sequential, float_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A float form's state as one for ``student``, whose own ranges it gets."""
    own = {name: value for name, value in student.state_dict().items() if name.startswith(f"{_WRAPPED}{RANGES}.")}
    return own | {_renamed(name, _FLOAT, _WRAPPED): value for name, value in float_state.items()}


def _renamed(name: str, before: str, after: str) -> str:
    return after + name.removeprefix(before) if name.startswith(before) else name


def save_ranges(folder: Path, student: nn.Sequential) -> None:
    """Write the file, whole or not at all."""
    with durable_file(folder / FILE) as file:
        file.write(json.dumps({"ranges": network_of(student).described_ranges()}, indent=2).encode() + b"\n")


def load_ranges(folder: Path, student: nn.Sequential) -> None:
    """Give a student the ranges that were saved.

    Raises:
        InputError: there is no such file, or it is damaged.
        MismatchError: they are those of another student.
    """
    path = folder / FILE
    try:
        found: Any = json.loads(path.read_text())["ranges"]
        network_of(student).set_ranges(found)
    except OSError as error:
        raise InputError(f"cannot read {path}", received=error.strerror) from error
    except JoryuError as error:
        raise type(error)(
            f"{path}: {error.what}", expected=error.expected, received=error.received, hint=error.hint
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged", expected="the ranges of a student", received=str(error)) from error
