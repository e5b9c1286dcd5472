"""How far student and teacher agree, in words, for examples without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from joryu.evaluation import Evaluated, Measure
from joryu.report.headline import Headline
from joryu.report.wording import measured, number, percent, plural, quantity


class Alike(NamedTuple):
    """How one measure of agreement is worded: in a page's title, and as a number with its caption."""

    title: Callable[[float, str], str]
    value: Callable[[float], str]
    caption: str


ALIKE: dict[str, Alike] = {
    "same answer as the teacher": Alike(
        lambda value, examples: f"The student gives its teacher’s answer on {percent(value)} of {examples}",
        percent, "of the student’s answers are the teacher’s",
    ),
    "same tags as the teacher": Alike(
        lambda value, examples: f"The student decides {percent(value)} of the tags of {examples} as its teacher does",
        percent, "of the tags are decided as the teacher decides them",
    ),
    "IoU with the teacher": Alike(
        lambda value, examples: f"On {examples} the student’s masks overlap its teacher’s: mean IoU {number(value)}",
        number, "mean IoU of the student’s masks with the teacher’s",
    ),
    "RMSE to the teacher": Alike(
        lambda value, examples: f"The student’s numbers are {quantity(value)} (RMSE) from its teacher’s on {examples}",
        quantity, "RMSE of the student’s numbers to the teacher’s",
    ),
    "standardised RMSE to the teacher": Alike(
        lambda value, examples: f"The student’s numbers are {quantity(value)} standard deviations (RMSE) from its"
        f" teacher’s on {examples}",
        quantity, "standard deviations (RMSE) from the student’s numbers to the teacher’s",
    ),
}  # fmt: skip
"""By the name of the measure."""

_SECOND: dict[str, Callable[[float], str]] = {
    "KL to the teacher": lambda value: f" Mean divergence KL(teacher ‖ student): {value:.4f} nats.",
    "correlation with the teacher": lambda value: f" Correlation with the teacher: {value:.3f}.",
}


def likeness_of(found: Evaluated) -> tuple[Measure, Alike] | None:
    """The evaluation's first measure of agreement with the teacher; ``None`` if it is missing or undefined."""
    return next(((one, ALIKE[one.name]) for one in found.measures if one.name in ALIKE and one.value is not None), None)


def likeness_headline(found: Evaluated) -> Headline:
    """The headline of a page about examples without labels."""
    alike, examples = likeness_of(found), plural(found.n, "example")
    title = f"The student beside its teacher on {examples}"
    if alike is not None and alike[0].value is not None:
        title = alike[1].title(alike[0].value, examples)
    more = "".join(
        _SECOND[one.name](one.value) for one in found.measures if one.name in _SECOND and one.value is not None
    )
    return Headline(
        title,
        "Nobody labelled these examples, so nothing is said about accuracy, and there can be no twin: this is how far"
        f" the student agrees with its teacher.{more}",
        "open",
    )


def likeness_sentence(numbers: Mapping[str, Any]) -> str:
    """The result of `likeness_numbers` as a sentence for a terminal.

    >>> likeness_sentence({"n": 30, "top1": 0.9, "measures": []})
    'no label to judge by: student and teacher agree on 0.9000 of 30 examples'
    """
    n = plural(numbers["n"], "example")
    if "top1" in numbers:
        return f"no label to judge by: student and teacher agree on {numbers['top1']:.4f} of {n}"
    said = ", ".join(f"{one['name']} {measured(one['value'], one['unit'])}" for one in numbers["measures"])
    return f"no label to judge by: {said}, on {n}"


def likeness_numbers(found: Evaluated) -> dict[str, Any]:
    """The measures of agreement as JSON-able numbers. ``top1`` and ``kl`` are kept for readers of older files."""
    values = {measure.name: measure.value for measure in found.measures}
    names = {"top1": "same answer as the teacher", "kl": "KL to the teacher"}
    return found.to_json() | {short: values[name] for short, name in names.items() if name in values}
