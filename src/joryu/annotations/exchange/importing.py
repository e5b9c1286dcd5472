"""Import answers from a file into a project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from joryu.annotations.answer import pseudonym
from joryu.annotations.exchange.comparing import FoundAnswer, Replaced, compare
from joryu.annotations.exchange.csv_table import has_columns, read_csv, read_rows
from joryu.annotations.exchange.label_studio_reading import answers_of, read_label_studio
from joryu.annotations.exchange.label_studio_rows import ROW, task_of
from joryu.annotations.exchange.parquet_table import read_parquet
from joryu.annotations.exchange.pictures import PicturesByName
from joryu.annotations.exchange.records import LeftOut, Record, answer_of, reason_of
from joryu.annotations.project import Project
from joryu.errors import InputError, JoryuError, MismatchError

IMPORTED = (".json", ".csv", ".tsv", ".parquet")
NO_PICTURE = "the project has no such picture, or several"


class Imported(NamedTuple):
    """The result of an import: the numbers of answers that were ``new``, ``known``, or ``older`` than the valid ones.

    ``left_out`` are records that could not be imported. ``remarks`` are about answers that were, for example if a file
    holds two for the same showing.
    """

    new: int
    known: int
    older: int
    left_out: tuple[LeftOut, ...]
    remarks: tuple[LeftOut, ...] = ()


def import_answers(project: Project, path: Path | str, *, left_out: list[LeftOut] | None = None) -> Imported:
    """Import the answers of a CSV, TSV, Parquet or Label Studio file (*JSON*, *JSON-MIN*, *CSV* or *TSV*).

    Pictures are found by their key, or by a path or address that ends like one of the project's. Answers that the
    project has already are not imported again, and of several states of an answer the latest counts, in any order of
    imports (`joryu.annotations.exchange.comparing`); so importing an export changes nothing. Records that cannot be
    answers of this project are left out and reported; all others are imported in one transaction. ``left_out`` is a
    list to which left-out records are added, also if the file is refused.

    Raises:
        InputError: the format is not known, the file cannot be read, or nothing in it can be imported.
        MismatchError: none of the file's pictures is in the project.
    """
    place = Path(path).expanduser()
    answers = project.answers()
    people = {answer.annotator for answer in answers}
    left_out = [] if left_out is None else left_out
    remarks: list[LeftOut] = []
    pictures = PicturesByName(project.pictures, answered=(answer.picture for answer in answers))
    found = []
    try:
        for record in _records(place, project, left_out):
            key = record.values.get("picture") or None
            picture = pictures.find(key if key is None else str(key), record.addresses)
            if picture is None:
                name = next(iter(filter(None, record.addresses)), key or "no name")
                left_out.append(LeftOut(f"{record.where} ({name})", NO_PICTURE))
                continue
            try:
                answer = answer_of(record, picture, remarks)
                if answer.annotator not in people:
                    pseudonym(answer.annotator)
                project.check(answer)
            except InputError as error:
                left_out.append(LeftOut(record.where, reason_of(error, record.where)))
                continue
            replaces = None if record.changed_from is None else Replaced(*record.changed_from)
            found.append(FoundAnswer(where=record.where, answer=answer, replaces=replaces))
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror or error}") from error
    if left_out and not found:
        raise _nothing(place, project, left_out)
    done = compare(project.held(), answers, found)
    new = project.import_answers(done.fresh)
    return Imported(new, done.known + len(done.fresh) - new, done.older, tuple(left_out), (*remarks, *done.remarks))


def _records(path: Path, project: Project, left_out: list[LeftOut]) -> Iterable[Record]:
    ending = path.suffix.lower()
    if ending == ".json":
        return read_label_studio(path, project.settings, left_out)
    if ending in (".csv", ".tsv"):
        names, rows = read_rows(path, left_out)
        if ROW in names and not has_columns(names):  # what is chosen by is often called choice there too
            return answers_of([task_of(row.values) for row in rows], project.settings, left_out)
        return read_csv(path, names, rows)
    if ending == ".parquet":
        return read_parquet(path)
    raise InputError(f"no format is known by the name {path.name}", expected=", ".join(IMPORTED), received=ending)


def _nothing(path: Path, project: Project, left_out: list[LeftOut]) -> JoryuError:
    """The error for a file from which nothing can be imported."""
    what, first = f"no answer of {path.name} can be taken", left_out[0]
    received = f"{len(left_out)} others, such as {first.name}: {first.reason}"
    if all(one.reason == NO_PICTURE for one in left_out):
        return MismatchError(what, expected=f"pictures of {project.pictures_root}", received=received)
    return InputError(what, received=received.replace(" others", " left out", 1))
