"""The student card: ``README.md`` of an exported folder, written from what was measured and what the run recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from joryu.evaluation.evaluator import Better
from joryu.examples import Examples
from joryu.export.contents import FLOAT, INT8, LABELS, NEEDS, SCRIPT, STUDENT, named
from joryu.export.graph import output_names, says_spread
from joryu.export.origin import Gain, StudentOrigin
from joryu.export.parity import Parity
from joryu.export.predict_script import input_format_of, templates
from joryu.export.source import Model
from joryu.objectives import HardLabels
from joryu.students import Blueprint

_NONE: Final = "–"
_NAMES_SHOWN: Final = 20
_FEW: Final = 300  #: examples, below which a number of the card is said to rest on few


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a card is written from."""

    plan: Blueprint
    run: Path
    origin: StudentOrigin
    gain: Gain | None
    evaluation_set: Examples
    models: Sequence[Model]
    parities: Mapping[str, Parity]


def card(facts: Facts, runtime: str) -> str:
    """The card as Markdown."""
    plan, first = facts.plan, next(iter(facts.parities.values()))
    taken = input_format_of(plan)
    context: dict[str, Any] = {
        "title": f"A student: {plan.question.count}{' for each pixel' if plan.question.grid else ''}",
        "summary": _summary(facts, runtime),
        "example": taken.example,
        "files": _files(facts, runtime),
        "question": _question(plan),
        "preparation": _preparation(plan),
        "input": {"dtype": named(facts.evaluation_set.inputs.dtype), "shape": list(plan.input_shape)},
        "outputs": _listed([f"`{name}`" for name in output_names(plan)]),
        "origin": _origin(facts.origin, plan),
        "quality": _quality(facts),
        "measure": first.measure,
        "parity": [_row(model, facts.parities[model.name]) for model in facts.models],
        "unit": _unit(plan),
        "size": f"{first.size:.3g}",
        "batches": _listed([str(size) for size in first.batches]),
        "int8": [f"`{model.name}`: {model.said}." for model in facts.models if model.kind == INT8],
        "limits": _limits(facts, runtime),
    }
    return templates().get_template("README.md.j2").render(context)


def _unit(plan: Blueprint) -> str:
    if plan.question.link.has_probs:
        return "logits"
    variances = ", and of the logarithms of their variances" if says_spread(plan) else ""
    return f"the numbers, in their units{variances}"


def _summary(facts: Facts, runtime: str) -> str:
    needs = {"onnx": "onnxruntime", "litert": "ai-edge-litert"}[runtime]
    return (
        f"A network of the architecture `{facts.plan.architecture}`, distilled with Joryu"
        f"{f' from `{facts.origin.teacher}`' if facts.origin.teacher else ''}. This folder is all that it takes to use"
        f" it: Python, {needs}, NumPy{' and Pillow' if input_format_of(facts.plan).template == 'pictures' else ''}."
    )


def _files(facts: Facts, runtime: str) -> list[tuple[str, str]]:
    what = {FLOAT: "the student", INT8: "the student in 8-bit numbers"}
    models = [(model.name, f"{what[model.kind]}, {len(model.content):,} bytes") for model in facts.models]
    return [
        *models,
        (SCRIPT, "asks it"),
        (LABELS, "the names of its outputs, in their order"),
        (STUDENT, "how a file becomes its input, what it answers, versions and the numbers below"),
        (NEEDS, "what `pip` installs to run it"),
    ]


def _question(plan: Blueprint) -> str:
    names = plan.question.names
    more = f" and {len(names) - _NAMES_SHOWN} more, which are in `{LABELS}`" if len(names) > _NAMES_SHOWN else ""
    kind = {"softmax": "One of", "sigmoid": "Each of, or none of,", "identity": "Numbers:"}[plan.question.link.value]
    where = ", for each pixel" if plan.question.grid else ""
    return f"{kind} {', '.join(names[:_NAMES_SHOWN])}{more}{where}."


def _preparation(plan: Blueprint) -> str:
    prepared = plan.preparation
    if prepared is None:
        return "It takes arrays as it was trained on them; nobody recorded how a file becomes one."
    if prepared.kind == "pictures":
        shade = "grey" if prepared.channels == 1 else "colour"
        return (
            "A picture is turned upright (EXIF), laid on white where it is transparent, cut to the largest centred"
            f" part of the shape {prepared.width}×{prepared.height}, resized to that (bicubic) and made {shade}."
        )
    if prepared.kind == "tiles":
        tiles = f"{prepared.width}×{prepared.height}"
        return f"A picture is cut into overlapping tiles of {tiles}, and the answers are joined."
    return f"A row of a table is read by its columns: {_listed([f'`{name}`' for name in prepared.names])}."


def _origin(origin: StudentOrigin, plan: Blueprint) -> list[str]:
    lines = [f"Teacher: `{origin.teacher}`." if origin.teacher else _without_teacher(origin)]
    if origin.answers is not None:
        took = f"{origin.seconds:,.0f} s" if origin.seconds is not None else "an unknown time"
        money = f" and {origin.money:g} in the teacher's currency" if origin.money else ""
        lines.append(f"Its {origin.answers:,} answers took {took}{money}.")
    if origin.examples:
        lines.append(f"Transfer set: `{origin.examples}`.")
    objective = ", ".join(f"{name} {value}" for name, value in origin.objective.items() if value not in (None, [], {}))
    lines.append(f"Objective: {objective}. Seed {origin.recipe['seed']}.")
    lines.append(f"Trained with Joryu {origin.joryu or 'of an unknown version'}, {origin.finished or 'unfinished'}.")
    return [*lines, *_licences(origin), *_of_int8(plan)]


def _without_teacher(origin: StudentOrigin) -> str:
    if origin.objective.get("name") == HardLabels.name:
        return "It learned from labels alone."
    return "Teacher: unknown. It learned from a teacher's answers; their store is not recorded, or not there any more."


def _licences(origin: StudentOrigin) -> list[str]:
    lines = []
    if origin.licences is None:
        lines.append("Licences of what it learned from: unknown, nobody has recorded any.")
    else:
        lines.append(f"Licences of what it learned from, by examples: {_counted(origin.licences)}.")
    if origin.sources is not None:
        lines.append(f"Their sources: {_counted(origin.sources)}.")
    if origin.taught_under is not None:
        lines.append(f"Licences of what its teacher learned from: {_counted(origin.taught_under)}.")
    lines.append(
        "Weights that were made from a teacher's answers and from pictures may be bound by the licences and terms of"
        " both; look them up before you pass this on."
    )
    return lines


def _counted(names: Mapping[str, int]) -> str:
    """Names that somebody else wrote, so that nothing in them is Markdown."""
    shown = [f"{_code(name)} {n:,}" for name, n in [*names.items()][:_NAMES_SHOWN]]
    left = len(names) - len(shown)
    return ", ".join([*shown, f"and {left} more"] if left else shown)


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def _of_int8(plan: Blueprint) -> list[str]:
    return [] if plan.quantisation is None else ["It learned under fake quantisation: int8 is what it was trained for."]


def _quality(facts: Facts) -> list[str]:
    first = next(iter(facts.parities.values()))
    lines = []
    if first.measure is not None:
        lines.append(
            f"{first.measure} {_short(first.student)} on {first.n:,} examples of `{facts.evaluation_set.name}` that it"
            " did not learn from."
        )
    else:
        lines.append("None of the examples that were held out has a label: how often it is right is not known.")
    if first.n < _FEW:
        lines.append(f"{first.n} examples are few: these numbers are rough.")
    gain = facts.gain
    if gain is None:
        lines.append("There is no twin, trained on labels alone, so what the teacher was worth is not known.")
        return lines
    paired = gain.paired
    # What is compared example by example may be another measure than the headline; of a loss less is better.
    lines.append(
        f"Its twin, the same network on hard labels alone, has {gain.twin.name} {_short(gain.twin.value)}: the gain by"
        f" distillation is {_gain(gain)}, and example by example {paired.difference:+.4f}, with an interval at"
        f" {paired.confidence:.0%} from {paired.difference_low:+.4f} to {paired.difference_high:+.4f}"
        f" ({_clear(paired.difference_low, paired.difference_high)})."
    )
    return lines


def _gain(gain: Gain) -> str:
    if gain.student.value is None or gain.twin.value is None:
        return _NONE
    sign = 1 if gain.student.better is Better.HIGHER else -1
    return f"{sign * (gain.student.value - gain.twin.value) + 0.0:+.4f}"  # nothing gained is +0.0000


def _clear(low: float, high: float) -> str:
    if low > 0:
        return "it is better"
    return "it is worse" if high < 0 else "it may be chance"


def _row(model: Model, found: Parity) -> dict[str, Any]:
    return {
        "name": model.name, "bytes": len(model.content), "n": found.n, "largest": f"{found.largest:.2g}",
        "mean": f"{found.mean:.2g}", "agreement": _short(found.agreement), "exported": _short(found.exported),
        "lost": _NONE if found.lost is None else f"{found.lost:+.4f}",
    }  # fmt: skip


def _limits(facts: Facts, runtime: str) -> list[str]:
    lines = [
        "It says something about every input, also about what it never learned of; a high probability is no proof.",
        "Numbers above were measured on the set named there, and hold for pictures and rows like those.",
    ]
    if facts.plan.question.grid and facts.plan.preparation is not None:
        lines.append("What lies outside the centred part of a picture is not looked at.")
    if facts.evaluation_set.inputs.dtype == torch.uint8 and input_format_of(facts.plan).template == "pictures":
        lines.append("32-bit pictures, and 16-bit ones that would turn black, are refused.")
    if any(model.kind == INT8 for model in facts.models):
        lines.append(
            "int8 on x86 processors without VNNI is asked for exact sums (`session.x64quantprecision`), which makes"
            " it slower there than in float; without it the sums overflow and it answers otherwise."
        )
    if runtime == "litert":
        lines.append("The model takes one example at a time.")
    return lines


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _short(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"
