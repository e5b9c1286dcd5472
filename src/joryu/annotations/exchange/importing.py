"""Take answers from a file into a project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from joryu.annotations.answer import Answer, pseudonym
from joryu.annotations.exchange.csv_table import read_csv
from joryu.annotations.exchange.label_studio_reading import read_label_studio
from joryu.annotations.exchange.parquet_table import read_parquet
from joryu.annotations.exchange.pictures import Pictures
from joryu.annotations.exchange.records import SIGNAL, LeftOut, Record, answer_of, record_of
from joryu.annotations.project import Project
from joryu.errors import InputError, MismatchError

IMPORTED = (".json", ".csv", ".parquet")


class Imported(NamedTuple):
    """What came of a file: ``new`` answers, those that were ``known``, those ``older`` than what holds, the rest."""

    new: int
    known: int
    older: int
    left_out: tuple[LeftOut, ...]


def import_answers(project: Project, path: Path | str) -> Imported:
    """Take the answers of a CSV, Parquet or Label Studio JSON file (format *JSON*), all or, on an error, none.

    Pictures are known by their key, or by a path or address that ends like one of the project's. An answer that the
    project has is not taken again, and one to the same showing that was given before what holds now does not replace
    it; so what was exported changes nothing when it comes back, with its signals or without.

    Raises:
        InputError: another format, a file that cannot be read, answers that the project does not ask for, or those of
            somebody new whose name is no pseudonym.
        MismatchError: not one of the file's pictures is in the project.
    """
    place = Path(path).expanduser()
    answers = project.answers()
    people = {answer.annotator for answer in answers}
    left_out: list[LeftOut] = []
    pictures = Pictures(project.pictures, answered=(answer.picture for answer in answers))
    found = []
    try:
        for record in _records(place, project, left_out):
            key = record.values.get("picture") or None
            picture = pictures.find(key if key is None else str(key), record.addresses)
            if picture is None:
                name = next(iter(filter(None, record.addresses)), key or "no name")
                left_out.append(LeftOut(f"{record.where} ({name})", "the project has no such picture, or several"))
            else:
                found.append(_checked(project, record, picture, people))
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror or error}") from error
    if left_out and not found:
        raise MismatchError(
            f"no answer of {place.name} can be taken", expected=f"pictures of {project.pictures_root}",
            received=f"{len(left_out)} others, such as {left_out[0].name}: {left_out[0].reason}",
        )  # fmt: skip
    fresh, known, older = _compare(answers, found)
    new = project.import_answers(fresh)
    return Imported(new, known + len(fresh) - new, older, tuple(left_out))


def _records(path: Path, project: Project, left_out: list[LeftOut]) -> Iterable[Record]:
    ending = path.suffix.lower()
    if ending == ".json":
        return read_label_studio(path, project.settings, left_out)
    if ending == ".csv":
        return read_csv(path)
    if ending == ".parquet":
        return read_parquet(path)
    raise InputError(f"no format is known by the name {path.name}", expected=", ".join(IMPORTED), received=ending)


def _checked(project: Project, record: Record, picture: str, people: set[str]) -> Answer:
    answer = answer_of(record, picture)
    try:
        if answer.annotator not in people:
            pseudonym(answer.annotator)
        project.check(answer)
    except InputError as error:
        raise InputError(f"{record.where}: {error.what}", expected=error.expected, received=error.received) from error
    return answer


def _compare(holding: Iterable[Answer], found: Iterable[Answer]) -> tuple[list[Answer], int, int]:
    """What is new, how many are known already, and how many are older than what holds."""
    holds = {(answer.annotator, answer.picture, answer.showing): answer for answer in holding}
    fresh, known, older = [], 0, 0
    for answer in found:
        place = (answer.annotator, answer.picture, answer.showing)
        held = holds.get(place)
        if held is not None and _same(held, answer):
            known += 1
        elif held is not None and 0 < answer.at < held.at:
            older += 1
        else:
            fresh.append(answer)
            holds[place] = answer  # of two in one file the later holds too, whichever comes first
    return fresh, known, older


def _same(held: Answer, found: Answer) -> bool:
    """Whether the file says nothing that the project does not know; signals may have been left out of it."""
    said, known = record_of(found), record_of(held)
    measured = {name for name in said if name.startswith(SIGNAL)}
    return said == {name: value for name, value in known.items() if name in measured or not name.startswith(SIGNAL)}
