"""The question of a table: its target columns, what they ask, and the label of each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from joryu.errors import InputError, did_you_mean
from joryu.examples.layouts import some
from joryu.examples.tabular.cells import is_number, number_text, numbers, plain, says_missing, shown, texts
from joryu.examples.tabular.files import Sheet
from joryu.questions import UNKNOWN, LabelKind, Question, codec

_USUAL: Final = ("target", "label", "class", "y")
SEPARATOR: Final = ";"  #: between the tags in a text
_FEW: Final = 20  #: up to this many different whole numbers are taken as classes
_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1}


class TargetKind(StrEnum):
    """The values of the option ``kind=``."""

    ONE_OF = "one-of"
    NUMBERS = "numbers"
    TAGS = "tags"


def kind_said(options: Mapping[str, str]) -> TargetKind | None:
    """The value of the option ``kind``; ``None`` if it is not given.

    Raises:
        InputError: it is not one of `TargetKind`.
    """
    kind = options.get("kind")
    if kind is not None and kind not in list(TargetKind):
        raise InputError("no kind of target is called so", expected=some(TargetKind), received=repr(kind))
    return None if kind is None else TargetKind(kind)


def with_kind(options: Mapping[str, str]) -> dict[str, Any]:
    """The options of a spec with ``kind`` checked and converted; all others stay text.

    Raises:
        InputError: ``kind`` is not one of `TargetKind`.
    """
    return {**options, "kind": kind_said(options)}


def find_targets(sheet: Sheet, named: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The target columns: those named, else the only one with a usual name of targets; and remarks on the guess.

    Raises:
        InputError: a named column does not exist, or none is named and the target cannot be guessed.
    """
    for name in named:
        if name not in sheet.columns:
            hint = did_you_mean(name, sheet.columns)
            raise InputError(
                f"{sheet.name} has no column {name!r} to ask about", expected=some(sheet.columns), hint=hint
            )
    if named:
        return tuple(named), []
    usual = [name for name in sheet.columns if name.lower() in _USUAL]
    if len(usual) != 1:
        raise InputError(
            f"which column of {sheet.name} is asked about?", expected=f"target=COLUMN, of {some(sheet.columns, 12)}",
            hint=f"try target={(usual or sheet.columns)[-1]}",
        )  # fmt: skip
    return (usual[0],), [f"asks about the column {usual[0]!r}"]


def ask(sheet: Sheet, targets: tuple[str, ...], kind: TargetKind | None) -> tuple[Question, list[str]]:
    """The question of the target columns of this sheet, and remarks on what was guessed.

    * One column of text, or of at most 20 different whole numbers that repeat: classes. Other numbers: numbers.
    * One column of lists of text (Parquet), or text such as ``red;round`` with ``kind=tags``: tags, alphabetically.
    * Several columns: tags if all are 0 and 1, else numbers.

    Raises:
        InputError: the targets do not fit ``kind``, are all missing, or all the same.
    """
    if len(targets) > 1:
        return _several(sheet, targets, kind)
    target = targets[0]
    if listed_tags(sheet, target, kind is TargetKind.TAGS):
        return _listed_question(sheet, target, kind), []
    values = _distinct(sheet, target)
    numeric = all(map(is_number, values))
    if kind in (TargetKind.TAGS, TargetKind.NUMBERS):
        return (Question.tags if kind is TargetKind.TAGS else Question.numbers)(targets), []
    if kind is TargetKind.ONE_OF or not numeric:
        told = _looks_listed(target, values) if kind is None else []
        return Question.one_of(_classes(sheet, target, values)), told
    if _are_classes(values, len(sheet)):
        said = (
            f"{target!r}: {len(values)} different whole numbers are taken as classes; kind=numbers to predict numbers"
        )
        return Question.one_of(_classes(sheet, target, values)), [said]
    return Question.numbers(targets), [f"{target!r} is taken as a number to predict; kind=one-of for classes"]


def listed_tags(sheet: Sheet, target: str, wanted: bool) -> bool:
    """Whether a column holds lists of tags: by its type, or as text if ``wanted`` and it is not 0 and 1."""
    kind = sheet[target].type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return True
    values = _distinct(sheet, target) if wanted else []
    return not (set(map(str.lower, values)) <= set(_TRUTH) or all(map(is_number, values)))


def _looks_listed(target: str, values: list[str]) -> list[str]:
    """A remark if texts such as ``red;round`` are taken as classes although their parts occur in other texts too."""
    parts = [{part.strip() for part in value.split(SEPARATOR)} for value in values]
    alone = Counter(part for found in parts for part in found)
    listed = [value for value, found in zip(values, parts, strict=True) if len(found) > 1]
    if not any(alone[part.strip()] > 1 for value in listed for part in value.split(SEPARATOR)):
        return []
    return [f"{target!r}: {shown(listed[0])} is taken as a class of its own; kind=tags to read it as several tags"]


def _listed_question(sheet: Sheet, target: str, kind: TargetKind | None) -> Question:
    names = sorted({name for said in _lists(sheet, target) for name in said or ()})
    if kind not in (None, TargetKind.TAGS):
        raise InputError(
            f"column {target!r} of {sheet.name} holds lists", expected="kind=tags", received=f"kind={kind}"
        )
    if not names:
        raise InputError(f"column {target!r} of {sheet.name} names no tag at all", hint="name another target=")
    return Question.tags(names)


def _lists(sheet: Sheet, target: str) -> list[list[str] | None]:
    """The tags of each row; ``None`` where they are missing."""
    values = sheet[target]
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        if not (pa.types.is_string(values.type.value_type) or pa.types.is_large_string(values.type.value_type)):
            raise InputError(
                f"column {target!r} of {sheet.name} holds lists of something else than names", expected="lists of text",
                received=values.type,
            )  # fmt: skip
        return [None if said is None else [name for name in said if name] for said in values.to_pylist()]
    return [
        None if said is None else [name.strip() for name in said.split(SEPARATOR) if name.strip()]
        for said in texts(sheet, target)
    ]


def _listed_labels(sheet: Sheet, target: str, question: Question, remarks: list[str]) -> Tensor:
    place = {name: at for at, name in enumerate(question.names)}
    labels = torch.zeros(len(sheet), len(place), dtype=torch.int8)
    strange: set[str] = set()
    for at, said in enumerate(_lists(sheet, target)):
        if said is None:
            labels[at] = UNKNOWN
            continue
        strange.update(name for name in said if name not in place)
        labels[at, [place[name] for name in said if name in place]] = 1
    if strange:
        remarks.append(f"tags of {sheet.name} that the training examples do not have are not asked: {some(strange)}")
    return labels


def _several(sheet: Sheet, targets: tuple[str, ...], kind: TargetKind | None) -> tuple[Question, list[str]]:
    if kind is TargetKind.ONE_OF:
        raise InputError(
            "several columns cannot be one class", expected="one target", received=some(targets), hint="try kind=tags"
        )
    if kind is TargetKind.NUMBERS:
        return Question.numbers(targets), []
    if kind is TargetKind.TAGS:
        return Question.tags(targets), []
    if all(set(map(str.lower, _distinct(sheet, target))) <= set(_TRUTH) for target in targets):
        return Question.tags(targets), [f"{some(targets)}: all 0 and 1, taken as tags; kind=numbers for numbers"]
    return Question.numbers(targets), [f"{some(targets)} are taken as numbers to predict"]


def _are_classes(values: list[str], rows: int) -> bool:
    whole = all(value.lstrip("-").isdigit() for value in values)
    return whole and (len(values) <= 2 or len(values) <= min(_FEW, rows // 3))


def _distinct(sheet: Sheet, target: str) -> list[str]:
    """The different values of a target, in numeric order if all are numbers, else in alphabetical order."""
    found = {value for value in texts(sheet, target) if value is not None}
    said = {value for value in found if not says_missing(value)}
    if said and all(map(is_number, said)):
        return sorted({plain(value) for value in said}, key=lambda name: (float(name), name))
    if not found:
        raise InputError(f"column {target!r} of {sheet.name} has no value at all", hint="name another target=")
    return sorted(found)


def _classes(sheet: Sheet, target: str, values: list[str]) -> list[str]:
    if len(values) < 2:
        raise InputError(
            f"column {target!r} of {sheet.name} says the same in every row", expected="two classes or more",
            received=some(map(shown, values)),
        )  # fmt: skip
    if len(values) == len(sheet) > 10:
        raise InputError(
            f"column {target!r} of {sheet.name} has another class in every row",
            received=some(map(shown, values), most=3), hint="name another target=, or kind=numbers",
        )  # fmt: skip
    return values


def read_labels(sheet: Sheet, targets: tuple[str, ...], question: Question) -> tuple[Tensor, list[str]]:
    """The labels of a sheet, as the question's codec keeps them, and a remark on missing ones.

    Raises:
        InputError: the question does not have a class, or a value is not a number or tag; the message names the row.
    """
    remarks: list[str] = []
    read = {LabelKind.CLASS: _class_labels, LabelKind.TAGS: _tag_labels}.get(
        question.labels or LabelKind.CLASS, _number_labels
    )
    labels = read(sheet, targets, question, remarks)
    lacking = int((~codec(question.labels or LabelKind.CLASS).known(labels)).sum())
    remark = f"{lacking:,} of {len(sheet):,} rows of {sheet.name} have no {some(targets)}: they have no label"
    return labels, [*remarks, remark] if lacking else remarks


def _class_labels(sheet: Sheet, targets: tuple[str, ...], question: Question, remarks: list[str]) -> Tensor:
    del remarks
    place = {name: at for at, name in enumerate(question.names)}
    numeric = all(map(is_number, place))
    labels = [UNKNOWN] * len(sheet)
    for at, value in enumerate(texts(sheet, targets[0])):
        if value is None or (numeric and says_missing(value)):
            continue
        name = plain(value) if numeric else value
        if name not in place:
            raise InputError(
                f"{sheet.row(at)} is of a class that the training examples do not have", expected=some(place),
                received=shown(value), hint=did_you_mean(value, place),
            )  # fmt: skip
        labels[at] = place[name]
    return torch.tensor(labels)


def _number_labels(sheet: Sheet, targets: tuple[str, ...], question: Question, remarks: list[str]) -> Tensor:
    del question
    columns = [numbers(sheet, target) for target in targets]
    remarks += [remark for _, said in columns for remark in said]
    return torch.from_numpy(np.stack([values for values, _ in columns], axis=1)).float()


def _tag_labels(sheet: Sheet, targets: tuple[str, ...], question: Question, remarks: list[str]) -> Tensor:
    if question.names != targets:
        return _listed_labels(sheet, targets[0], question, remarks)
    return torch.tensor(list(zip(*(_tags(sheet, target) for target in targets), strict=True)), dtype=torch.int8)


def _tags(sheet: Sheet, target: str) -> list[int]:
    tags = []
    for at, value in enumerate(texts(sheet, target)):
        said = None if value is None or says_missing(value) else value.lower()
        said = number_text(float(said)) if said is not None and is_number(said) else said
        if said is not None and said not in _TRUTH:
            raise InputError(
                f"column {target!r} holds tags, and {sheet.row(at)} something else", expected="0 or 1",
                received=shown(value or ""),
            )  # fmt: skip
        tags.append(UNKNOWN if said is None else _TRUTH[said])
    return tags
