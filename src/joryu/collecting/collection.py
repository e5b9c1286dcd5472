"""`Collection`: a folder of pictures, each named by its content, and a line about each that is written before it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from joryu.durable import PARTIAL, durable_file, flush_folder, remove_leftovers, sole_writer
from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples.collected import (
    COPY,
    JOURNAL,
    KEPT,
    LATER,
    MARKER,
    PICTURES,
    Collected,
    Known,
    OriginCounts,
    is_collection,
    origins_of,
    read_journal,
    read_latest,
)

_SCHEMA: Final = 1
_ID: Final = 32  #: letters of an id in hexadecimal


class Found(NamedTuple):
    """What came of one entry: its line, and the bytes of its picture where there is one."""

    record: Collected
    content: bytes = b""


class Collection:
    """A collection that is being written, by one process at a time.

    Everything is written in batches: first the pictures under temporary names, then their lines, flushed to the disk,
    then the pictures take their names. Killed at any point, no picture lies here of which no line says where it
    comes from; a line without its picture counts as an entry that is still to be collected.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._latest = read_latest(folder)
        self._pictures = _pictures_in(folder / PICTURES)

    @classmethod
    @contextmanager
    def writing(cls, folder: Path) -> Iterator[Collection]:
        """Make the folder, or go on with it.

        Raises:
            InputError: there is something else, or another process is writing it.
            MismatchError: a newer Joryu made it.
            JoryuError: it cannot be written.
        """
        _require_ours(folder)
        try:
            (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JoryuError(f"cannot write the folder {folder}", received=error.strerror or str(error)) from error
        with sole_writer(folder):
            if not is_collection(folder):
                with durable_file(folder / MARKER) as file:
                    file.write(json.dumps({"schema_version": _SCHEMA}).encode() + b"\n")
            remove_leftovers(folder)
            for inner in (folder / PICTURES).iterdir():
                if inner.is_dir():
                    remove_leftovers(inner)
            _cut_torn_line(folder / JOURNAL)
            yield cls(folder)

    def known(self, place: str, *, again: bool = False) -> Known | None:
        """What is known of an entry that needs no collecting: its picture is here, or it was refused for good.

        ``again``: those that were refused are still to be collected.
        """
        record = self._latest.get(place)
        if record is None or record.status == LATER or (record.is_here and record.picture not in self._pictures):
            return None
        return record if record.is_here or not again else None

    def add(self, batch: Sequence[Found]) -> list[Collected]:
        """Keep what was found; the lines as they were written: of a picture that is here already, as a copy.

        Raises:
            JoryuError: the disk does not take it; what was kept before stays.
        """
        records, fresh = list[Collected](), dict[str, Path]()
        try:
            for record, content in batch:
                written = record
                if record.is_here and (record.picture in self._pictures or record.picture in fresh):
                    written = record._replace(status=COPY)
                elif record.is_here:
                    fresh[record.picture] = self.folder / record.file
                    _write_aside(self.folder / record.file, content)
                records.append(written)
            self._append(records)
            for path in fresh.values():
                _aside(path).replace(path)
            parents = {path.parent for path in fresh.values()}
            for parent in sorted({*parents, *(parent.parent for parent in parents)}):
                flush_folder(parent)
        except OSError as error:
            raise self._refused(error) from error
        self._pictures.update(fresh)
        self._latest.update((record.place, record.known) for record in records)
        return records

    def _append(self, records: Sequence[Collected]) -> None:
        if not records:
            return
        with (self.folder / JOURNAL).open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(record.line() for record in records)
            file.flush()
            os.fsync(file.fileno())

    def amend(self, changed: Mapping[str, tuple[str, str]]) -> None:
        """Write down another licence and source of entries that are known, by their places.

        Raises:
            JoryuError: the disk does not take it.
        """
        if not changed:
            return
        before = {record.place: record for record in read_journal(self.folder) if record.place in changed}
        amended = [
            record._replace(licence=changed[place][0], source=changed[place][1]) for place, record in before.items()
        ]
        try:
            self._append(amended)
        except OSError as error:
            raise self._refused(error) from error
        self._latest.update((record.place, record.known) for record in amended)

    def holds(self, picture: str) -> bool:
        """Whether a picture is here, by its id in hexadecimal."""
        return picture in self._pictures

    @property
    def latest(self) -> dict[str, Known]:
        """What the last line about each entry says, by its place."""
        return self._latest

    def _refused(self, error: OSError) -> JoryuError:
        return JoryuError(
            f"cannot write into {self.folder}", received=error.strerror or str(error),
            hint="free some space or mend the permissions and run it again: what was collected is kept",
        )  # fmt: skip

    @property
    def strangers(self) -> int:
        """How many pictures lie here that no line speaks of."""
        return len(self._pictures - {record.picture for record in self._latest.values() if record.is_here})

    def counts(self) -> OriginCounts:
        """How many pictures there are of each licence and source."""
        origins = origins_of(record for record in self._latest.values() if record.picture in self._pictures)
        return OriginCounts.counted(origins.values())

    def __len__(self) -> int:
        return len(self._pictures)


def kept(record: Collected, file: str) -> Collected:
    """The line of an entry whose picture is found; ``file`` is seen from the folder of pictures."""
    return record._replace(status=KEPT, file=f"{PICTURES}/{file}")


def _require_ours(folder: Path) -> None:
    if is_collection(folder):
        try:
            schema = int(json.loads((folder / MARKER).read_text(encoding="utf-8"))["schema_version"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / MARKER} is damaged", received=str(error)) from error
        if schema > _SCHEMA:
            raise MismatchError(
                f"{folder} was written by a newer Joryu", expected=f"schema <= {_SCHEMA}", received=f"schema {schema}",
                hint="upgrade with: pip install --upgrade joryu",
            )  # fmt: skip
        return
    begun = {PICTURES, "writer.lock"}  # killed before it was marked
    if folder.is_file() or (folder.is_dir() and any(entry.name not in begun for entry in folder.iterdir())):
        raise InputError(
            f"{folder} is there already and no collection", expected="a new folder, or one that joryu collect made",
            hint="choose another; to take pictures from it, name it as the source",
        )  # fmt: skip


def _pictures_in(folder: Path) -> set[str]:
    """The ids of the pictures that are there, by the names of their files."""
    found = set[str]()
    for inner in os.scandir(folder):
        if inner.is_dir() and len(inner.name) == 2:
            found.update(entry.name[:_ID] for entry in os.scandir(inner.path) if not entry.name.startswith("."))
    return found


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{PARTIAL}")


def _write_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    with _aside(path).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _cut_torn_line(path: Path) -> None:
    """Take away the end of a last line that a kill has cut off."""
    if not path.is_file():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        tail = b""
        while end > 0 and b"\n" not in tail:
            start = max(0, end - 65536)
            file.seek(start)
            tail = file.read(end - start) + tail
            end = start
        whole = end + tail.rfind(b"\n") + 1
        if whole < end + len(tail):
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())
