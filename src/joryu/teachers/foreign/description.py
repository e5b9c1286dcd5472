"""`Description`: what a file of a model does not say of itself, from a small file beside it and from the spec."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joryu.errors import InputError
from joryu.pydantic_errors import first_fault
from joryu.questions import Link
from joryu.teachers.outputs import OUTPUTS, Output

BESIDE: Final = "teacher.toml"  #: beside a model, about every model of its folder; first comes ``FILE.toml``
OPTIONS: Final = ("labels", "output", "tensor", "layout", "range", "mean", "std")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Layout = Literal["NCHW", "NHWC"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSaid(_Part):
    """What the model takes, as far as it is said: ``(pixel / 255 · (high - low) + low - mean) / std``.

    ``range`` is what the pixels 0 to 255 become first, by default 0 to 255; ``mean`` and ``std`` are in its units, one
    number or one a channel. ``height``, ``width`` and ``channels`` are for a model that takes any; ``columns`` names
    those of a table, in its order.
    """

    layout: Layout | None = None
    height: Annotated[int, Field(ge=1)] | None = None
    width: Annotated[int, Field(ge=1)] | None = None
    channels: Literal[1, 3] | None = None
    colours: Literal["RGB", "BGR"] = "RGB"
    range: tuple[Finite, Finite] | None = None
    mean: tuple[Finite, ...] | None = None
    std: tuple[Positive, ...] | None = None
    columns: tuple[str, ...] | None = None


class OutputSaid(_Part):
    """What the model answers: which of its outputs, whether logits or probabilities, by which link, of what names."""

    name: str | None = None
    tensor: str | None = None
    values: Output | None = None
    link: Link | None = None
    names: tuple[str, ...] | None = None

    def place_among(self, outputs: Sequence[str], path: Path | str) -> int:
        """Which of a model's outputs is meant, by its name or its number; a model's only one need not be named.

        Raises:
            InputError: there are several and none was chosen, or there is none of the name.
        """
        if self.name in outputs:
            return list(outputs).index(str(self.name))
        if len(outputs) == 1 and (self.name is None or self.name == self.values):  # what it is was said, not which
            return 0
        if self.name is not None and self.name.isdecimal() and int(self.name) < len(outputs):
            return int(self.name)
        raise InputError(
            f"{path} has {len(outputs)} outputs" if self.name is None else f"{path} has no output {self.name}",
            expected=f"one of {', '.join(outputs)}, or its number", hint="choose one: ,output=NAME",
        )  # fmt: skip


class Description(_Part):
    """What is said of a model: of its input and of its output."""

    input: InputSaid = InputSaid()
    output: OutputSaid = OutputSaid()


class Options(NamedTuple):
    """What stands behind the colon of a spec, together with the file beside the model."""

    path: Path
    labels: Path | None
    said: Description


def options_of(family: str, rest: str, known: Collection[str] = OPTIONS) -> Options:
    """Read ``FILE[,option=…]``, and the description beside the file; what the spec says comes before it.

    >>> options_of("onnx", "net.onnx,range=0..1,mean=0.5,std=0.25,0.25,0.2").said.input.std
    (0.25, 0.25, 0.2)

    Raises:
        InputError: an option that is unknown, said twice or of no such value; a file beside the model that is damaged.
    """
    path, *said = re.split(r",(?=[a-z]+=)", rest)
    pairs = [one.partition("=")[::2] for one in said]
    found = dict(pairs)
    wanted = ", ".join(f"{one}=…" for one in known)
    if len(found) < len(pairs):
        raise InputError(f"{family}:{rest} says an option twice", expected=wanted)
    if unknown := [name for name in found if name not in known]:
        raise InputError(f"{family}: has no such option", expected=wanted, received=f"{unknown[0]}=")
    if not Path(path).name:
        raise InputError(f"{family}:{rest} names no file", expected=f"{family}:FILE", received=path or "nothing")
    labels = Path(found["labels"]) if "labels" in found else None
    return Options(Path(path), labels, _over(described_beside(Path(path)), found))


def described_beside(path: Path) -> Description:
    """The description beside a model: in ``FILE.toml``, or in ``teacher.toml`` of its folder; empty without either.

    Raises:
        InputError: it is no TOML, or says what is not known.
    """
    places = (path.with_name(f"{path.name}.toml"), path.with_name(BESIDE))
    place = next((one for one in places if one.is_file()), None)
    if place is None:
        return Description()
    try:
        return Description.model_validate(tomllib.loads(place.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise first_fault(error).within(str(place)) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {place}", expected="TOML", received=error) from error


def _over(said: Description, found: dict[str, str]) -> Description:
    """The description with what the spec's options say in its place."""
    given: dict[str, Any] = {}
    if "layout" in found:
        given["layout"] = found["layout"]
    if "range" in found:
        given["range"] = tuple(_number("range", one) for one in found["range"].split(".."))
    given |= {
        name: tuple(_number(name, one) for one in found[name].split(",")) for name in ("mean", "std") if name in found
    }
    answers: dict[str, Any] = {} if "tensor" not in found else {"tensor": found["tensor"]}
    if "output" in found:
        answers |= _output(found["output"])
    try:
        return Description(
            input=InputSaid.model_validate({**said.input.model_dump(), **given}),
            output=OutputSaid.model_validate({**said.output.model_dump(), **answers}),
        )
    except ValidationError as error:
        fault = first_fault(error)
        name = fault.name.partition(".")[0]
        raise InputError("is not usable", setting=name, expected=_EXPECTED.get(name, fault.expected),
                         received=found.get(name, fault.received)) from error  # fmt: skip


_EXPECTED: Final = {"range": "LOW..HIGH, such as 0..1", "std": "numbers above 0", "layout": "NCHW or NHWC"}


def _output(said: str) -> dict[str, Any]:
    """``NAME``, ``logits`` or ``probs`` (which also say what the values are), or both: ``NAME:probs``."""
    name, colon, values = said.rpartition(":")
    if colon and values in OUTPUTS:
        return {"name": name, "values": values}
    if not said:
        raise InputError(
            "unknown output of a network", expected=f"{' or '.join(OUTPUTS)}, or an output's name", received="nothing"
        )
    return {"name": said, "values": said if said in OUTPUTS else None}


def output_said(text: str | None) -> OutputSaid:
    """What ``output=`` says in the spec of a network; nothing without it.

    >>> output_said("scores:probs").name, output_said("logits").values, output_said(None).name
    ('scores', 'logits', None)

    Raises:
        InputError: it names nothing.
    """
    return OutputSaid() if text is None else OutputSaid.model_validate(_output(text))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(
            "is not usable", setting=name, expected=_EXPECTED.get(name, "a number"), received=text
        ) from error
