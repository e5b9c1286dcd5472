"""``joryu audit --teacher``: find a teacher and its examples, and say what it is shown of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from joryu.cli.output import in_column, talk

if TYPE_CHECKING:
    from joryu.examples import Examples
    from joryu.teachers import Teacher
    from joryu.teachers.input_audit import InputAudit


class Looking(NamedTuple):
    """The options of ``joryu audit`` that say what to look at."""

    teachers: tuple[str, ...]
    examples: str | None
    split: str | None
    column: str | None
    size: int | None
    classes: str | None
    pictures: int | None
    out: Path | None


def require_one_form(targets: Path | None, asked: Looking, temperature: float | None) -> None:
    """Check that a store or a teacher is named, not both, and no option of the other.

    Raises:
        InputError: neither, both, or an option that belongs to the other.
    """
    from joryu.errors import InputError

    forms = "a store, or --examples and --teacher"
    if targets is None and not (asked.teachers and asked.examples):
        one = [name for name, given in (("--teacher", asked.teachers), ("--examples", asked.examples)) if given]
        raise InputError("nothing says what to look at", expected=forms, received=f"{one[0]} alone" if one else "none")
    if targets is not None and asked.teachers:
        raise InputError(
            "joryu audit looks at a store or at a teacher", expected=forms, received=f"{targets} and --teacher"
        )
    of_teacher = {"--classes": asked.classes, "--pictures": asked.pictures, "--out": asked.out}
    strange = of_teacher if targets is not None else {"--temperature": temperature}
    for name, given in strange.items():
        if given is not None:
            whose = "for a teacher, not a store" if targets is not None else "for a store, not a teacher"
            raise InputError(f"{name} is {whose}", hint="leave it out")


def look_through(asked: Looking, as_json: bool) -> tuple[dict[str, Any], bool, str]:
    """What `joryu.cli.output.emit` prints; a page is written if one was asked for.

    Raises:
        InputError: the teacher is paid by the answer, or no network; as `joryu.teachers.find_teacher` besides.
    """
    from joryu.cli.asking import load_for, together
    from joryu.cli.label import names_of_classes
    from joryu.errors import InputError
    from joryu.questions import Question
    from joryu.remote.spec import is_paid
    from joryu.report.input_audit_page import write_input_audit
    from joryu.teachers.input_audit import PICTURES, audit_inputs

    if paid := [one for one in asked.teachers if is_paid(one)]:
        raise InputError(
            f"{paid[0]} is paid by the answer, and is sent the files themselves: there is nothing to look at",
            hint=f"joryu label --teacher {paid[0]}, then joryu audit TARGETS",
        )  # fmt: skip
    teacher = together(asked.teachers, "soft" if len(asked.teachers) > 1 else None)  # by which rule is all the same
    loaded = load_for(teacher, str(in_column(asked.examples, asked.column)), asked.split or "train", asked.size)
    names = None if asked.classes is None else names_of_classes(asked.classes)
    shown = loaded if names is None else loaded.asked(Question.one_of(names))
    who, known = _found(teacher, shown, None if names == shown.classes else names)
    seen = audit_inputs(who, known, teacher, loaded=loaded, pictures=asked.pictures or PICTURES)
    content = {"examples": known.name, "teachers": [one.to_json() for one in seen]}
    if asked.out is not None:
        talk(f"look at {write_input_audit(seen, known, asked.out)}")
    elif not as_json:
        talk("to look at the pictures: --out seen.html")
    return content, as_json, "\n".join(line for one in seen for line in _in_words(one))


def _found(teacher: str, shown: Examples, order: tuple[str, ...] | None) -> tuple[Teacher, Examples]:
    """The teacher; one that names other outputs than the examples is asked about its own, as nothing is kept.

    Raises:
        InputError, MismatchError: as `joryu.teachers.find_teacher`.
    """
    from joryu.errors import InputError, MismatchError
    from joryu.teachers import find_teacher

    try:
        return find_teacher(teacher, shown, order=order)
    except MismatchError as error:
        try:
            found = find_teacher(teacher, replace(shown, question=None, labels=None))
        except (InputError, MismatchError):
            raise error from None
    talk("the teacher names other outputs than the examples: it is asked about its own")
    return found


def _in_words(seen: InputAudit) -> list[str]:
    lines = [f"{seen.name} is shown {seen.taken.kind} [B, {', '.join(map(str, seen.taken.shape))}]:"]
    lines[0] += f" {seen.taken.said.words}"
    lines += [
        f"  {one.name}: {one.least:.4g} to {one.most:.4g}, mean {one.mean:.4g}, deviation {one.std:.4g}"
        for one in seen.channels[:_MOST]
    ]
    if len(seen.channels) > _MOST:
        lines.append(f"  … and {len(seen.channels) - _MOST} more")
    for row, said in zip(seen.rows, seen.said, strict=True):
        words = ", ".join(
            f"{name} 0" if 0 <= value <= _NOTHING else f"{name} {value:.3g}" for name, value in said.answers
        )
        lines.append(f"  #{row}: {words}" + ("" if said.label is None else f" (labelled {said.label})"))
    if seen.accuracy is not None:
        lines.append(f"  {seen.accuracy:.1%} of {seen.labelled} labelled examples are answered right")
    return [*lines, *(f"warning: {one}" for one in seen.doubts or ())]


_MOST = 20  #: columns of a table, in lines
_NOTHING = 1e-3  #: up to here a probability is written as 0
