"""What was trained and evaluated, in one sentence for the top of the page."""

from __future__ import annotations

from typing import Any

from joryu.report.wording import plural
from joryu.training.setup import LABELS, NOTED

FEW = 5  #: so many weights are shown one by one


def run_in_words(record: dict[str, Any], *, evaluated_on: str, twin: bool) -> str:
    """The setting of a run in words: the evaluated examples, how many it was trained on, labels, temperature, seed.

    ``record`` is the content of ``run.json``; ``evaluated_on`` names the evaluated examples (`evaluated_in_words`).

    >>> record = {
    ...     "request": {
    ...         "examples": {"n": 900},
    ...         "recipe": {"seed": 0},
    ...         "objective": {"temperature": 4.0},
    ...     },
    ...     "notes": {"lesson": {"labelled": 0.02}},
    ... }
    >>> run_in_words(record, evaluated_on="9 examples", twin=True).replace(chr(160), " ")
    'Judged by 9 examples. Student and twin learned from 900 examples with 2 % of their labels; temperature 4, seed 0.'
    """
    request, setup = record["request"], record["notes"].get(NOTED) or {}
    who = "Student and twin" if twin else "The student"
    if setup.get("int8"):
        who += ", computing as their int8 forms will," if twin else ", computing as its int8 form will,"
    share = setup.get("labelled", 1)
    labels = "with the labels they have" if share == 1 else f"with {percentage(share)} of their labels"
    if record["notes"].get(LABELS) == 0:
        labels = "without a label"
    settings = [
        f"{name.replace('_', ' ')} {value:g}"
        for name in ("temperature", "hard_weight")
        if isinstance(value := request["objective"].get(name), int | float)
    ]
    if factor := request["objective"].get("factor"):  # recorded where it is not the usual one
        settings.append(f"soft part times {factor.replace('^2', '²')}")
    settings += _of_labels(request["objective"])
    settings.append(f"seed {request['recipe']['seed']}")
    taught = plural(request["examples"]["n"], "example")
    return f"Judged by {evaluated_on}. {who} learned from {taught} {labels}; {', '.join(settings)}."


def _of_labels(objective: dict[str, Any]) -> list[str]:
    """How labels were learned, where not in the usual way; a run's objective may have one of its own within."""
    objective = objective.get("main", objective)
    found = [] if "hard_loss" not in objective else [f"labels by {objective['hard_loss'].replace('+', ' + ')}"]
    if weights := objective.get("class_weights"):
        few = len(weights) <= FEW
        shown = ", ".join(f"{weight:.3g}" for weight in weights) if few else f"{min(weights):.3g} to {max(weights):.3g}"
        found.append(f"class weights {shown}")
    return found


def evaluated_in_words(n: int, name: str, *, split: str, held_out: float) -> str:
    """The evaluated examples in words: how many, of which set, and which part of it.

    >>> evaluated_in_words(600, "digits", split="test", held_out=0)
    '600 examples of digits, its test split'
    >>> evaluated_in_words(120, "leaves", split="train", held_out=0.2).replace(chr(160), " ")
    '120 examples of leaves, the 20 % of its train split that were held out'
    """
    part = f"the {percentage(held_out)} of its {split} split that were held out" if held_out else f"its {split} split"
    return f"{plural(n, 'example')} of {name}, {part}"


def percentage(share: float) -> str:
    """A share as a percentage, without trailing zeros.

    >>> percentage(0.05).replace(chr(160), " "), percentage(0.025).replace(chr(160), " ")
    ('5 %', '2.5 %')
    """
    return f"{100 * share:.4g}\u00a0%"
