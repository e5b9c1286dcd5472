"""Answers as Label Studio's JSON: one task per picture, its answers as ``choices``, the rest in the task's ``meta``.

What Label Studio has a place for is written there: the class, severity, second choice and confidence as ``choices`` of
controls with these names, a skip as ``was_cancelled``, the response time as ``lead_time`` (seconds). The rest
(pseudonym, session, exact times, signals, what was said at the time) is in ``meta``, found again by the annotation's
``id``, which Label Studio hands back as ``import_id``. ``completed_by`` is not written: Label Studio refuses annotators
that it does not know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from joryu.annotations.answer import Answer
from joryu.annotations.exchange.records import record_of
from joryu.annotations.project import PictureFile
from joryu.annotations.settings import Settings

CONTROLS = {"class": "choice", "severity": "severity", "second": "second", "confidence": "confidence"}
"""The name of each control, and the field of an answer it is about."""

STATED = "stated"  #: entry of ``meta`` with the answer as exported; if the annotation differs, it was changed since
META = "joryu"  #: the entry of a task's ``meta`` that Joryu writes
IMAGE = "image"
LOCAL_FILES = "/data/local-files/?d="  #: Label Studio's address of a file below its local-files document root
_TELLS_ELSEWHERE = {"picture", "path", *CONTROLS.values()}


def write_label_studio(
    file: IO[bytes], pictures: Sequence[PictureFile], answers: Sequence[Answer], *, signals: bool
) -> None:
    """Write every picture as a task, including those without an answer, which remain to be done."""
    tasks = list(_tasks(pictures, answers, signals))
    file.write(json.dumps(tasks, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _tasks(pictures: Sequence[PictureFile], answers: Sequence[Answer], signals: bool) -> Iterable[dict[str, Any]]:
    path_of = {picture.key: picture.path for picture in reversed(pictures)}
    about: dict[str, list[tuple[int, Answer]]] = {key: [] for key in sorted(path_of, key=path_of.__getitem__)}
    for order, answer in enumerate(answers):
        about.setdefault(answer.picture, []).append((order, answer))  # a picture that is gone keeps its answers
    for number, (key, found) in enumerate(about.items(), start=1):
        kept = {str(annotation_id(answer)): _kept(answer, order, signals) for order, answer in found}
        yield {
            "id": number,
            "data": {IMAGE: LOCAL_FILES + quote(path_of.get(key, key))},
            "meta": {META: {"picture": key, "answers": kept}},
            "annotations": [_annotation(answer) for _, answer in found],
        }


def annotation_id(answer: Answer) -> int:
    """A unique number for an answer: far above Label Studio's own, and exact in JavaScript (below 2^53)."""
    said = f"{answer.annotator}\0{answer.picture}\0{answer.showing}\0{answer.at!r}"
    return 2**52 + int.from_bytes(hashlib.blake2b(said.encode(), digest_size=6).digest())


def _kept(answer: Answer, order: int, signals: bool) -> dict[str, Any]:
    record = record_of(answer, signals=signals)
    told = {name: value for name, value in record.items() if value is not None and name not in _TELLS_ELSEWHERE}
    return {"order": order, **told, STATED: [getattr(answer, field) for field in CONTROLS.values()]}


def _annotation(answer: Answer) -> dict[str, Any]:
    number = annotation_id(answer)
    result = [
        {
            "id": f"{number:x}-{control}",
            "from_name": control,
            "to_name": IMAGE,
            "type": "choices",
            "origin": "manual",
            "value": {"choices": [value]},
        }
        for control, field in CONTROLS.items()
        if (value := getattr(answer, field)) is not None
    ]
    rt_ms = answer.timing.rt_ms
    return {
        "id": number,
        "result": result,
        "was_cancelled": answer.skipped,
        "ground_truth": False,  # otherwise Label Studio takes imported annotations for the truth
        "lead_time": None if rt_ms is None else rt_ms / 1000,
        "created_at": _date(answer.at),
    }


def _date(at: float) -> str | None:
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError, OSError):  # an imported time outside the calendar
        return None


def labelling_config(settings: Settings) -> str:
    """The labelling interface with which Label Studio asks the project's question.

    >>> print(labelling_config(Settings(classes=("healthy", "black spot"))), end="")
    <View>
      <Image name="image" value="$image"/>
      <Choices name="class" toName="image" choice="single-radio" required="true">
        <Choice value="healthy"/>
        <Choice value="black spot"/>
      </Choices>
    </View>
    """
    asked: Mapping[str, Sequence[str]] = {
        "class": settings.classes,
        "severity": settings.severities,
        "second": settings.classes if settings.second_choice else (),
        "confidence": settings.confidences,
    }
    lines = ["<View>", f'  <Image name="{IMAGE}" value="${IMAGE}"/>']
    for control, names in asked.items():
        if names:
            required = ' required="true"' if control == "class" else ""
            lines.append(f'  <Choices name="{control}" toName="{IMAGE}" choice="single-radio"{required}>')
            lines += [f"    <Choice value={quoteattr(name)}/>" for name in names]
            lines.append("  </Choices>")
    return "\n".join([*lines, "</View>", ""])
