"""`SweepRun`: the folder of one sweep, which one process at a time works in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joryu.durable import remove_leftovers, sole_writer
from joryu.errors import InputError, MismatchError
from joryu.examples.places import typed_in
from joryu.search.record import FILE, ScoreRule, SweepRecord, read_sweep
from joryu.search.space import SearchSpace, typed
from joryu.search.storage import embedded, require_url, without_secrets
from joryu.targets.provenance import joryu_version, machine, now


def _nothing(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class SweepRun:
    """The folder of one sweep, and where its trials are kept.

    Args:
        folder: created if absent. The same sweep in the same folder goes on where it stopped.
        storage: the URL of a database that several machines share; ``None`` is a file in the folder. A shared storage
            needs a folder for each machine.
        command: the command line without secrets, recorded as provenance.
        notes: more for the record, such as where to find the examples and the store again.
        watch: a function to call after every step with the number of the trial and how far it is, in words.
        tell: a function to call with a line about each trial that ends.
    """

    folder: Path
    storage: str | None = None
    command: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    watch: Callable[[int, str], None] = _nothing
    tell: Callable[[str], None] = _nothing

    def __post_init__(self) -> None:
        if self.storage is not None:
            require_url(self.storage)

    @property
    def url(self) -> str:
        """The URL of the storage."""
        return embedded(self.folder) if self.storage is None else self.storage

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder within a ``with`` block.

        Raises:
            InputError: it cannot be written, holds something else, or another process works in it.
        """
        for file, what in (("run.json", "a run"), ("manifest.json", "soft targets")):
            if (self.folder / file).is_file():
                raise InputError(
                    f"{self.folder} holds {what}", expected="a sweep, or a new folder", hint="choose another folder"
                )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with sole_writer(self.folder):
                remove_leftovers(self.folder)
                yield
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise InputError(f"cannot write the folder {self.folder}", received=error.strerror) from error

    def begin(self, request: dict[str, Any], score: ScoreRule, budget: int) -> SweepRecord:
        """The record of the sweep that ``request`` describes: the folder's, or a new one.

        Raises:
            MismatchError: the folder holds another sweep.
        """
        request = json.loads(json.dumps(request))
        if (self.folder / FILE).is_file():
            record = read_sweep(self.folder)
            _require_same(self.folder, record.request, request)
            if record.storage != without_secrets(self.url) and self.storage is not None:
                raise MismatchError(
                    f"{self.folder} holds this sweep in another storage", expected=record.storage,
                    received=without_secrets(self.url), hint="name that one with --storage, or choose another folder",
                )  # fmt: skip
            return record.model_copy(update={"budget": budget})
        return SweepRecord(
            joryu=joryu_version(), machine=machine(), started=now(), command=self.command,
            typed_in=typed_in(self.folder), notes=self.notes,
            storage="embedded" if self.storage is None else without_secrets(self.storage),
            study=f"joryu-{fingerprint(request)}", request=request, score=score, budget=budget,
        )  # fmt: skip


def fingerprint(request: dict[str, Any]) -> str:
    """A hash of what a sweep depends on, by which machines find the same one in a storage."""
    return hashlib.blake2b(json.dumps(request, sort_keys=True).encode(), digest_size=8).hexdigest()


def _require_same(folder: Path, earlier: dict[str, Any], wanted: dict[str, Any]) -> None:
    one, other = dict(_flat(earlier)), dict(_flat(wanted))
    differing = [path for path in {**one, **other} if one.get(path) != other.get(path)]
    if differing:
        raise MismatchError(
            f"{folder} holds another sweep",
            expected=", ".join(f"{_said(path)} {one.get(path, 'nothing')}" for path in differing),
            received=", ".join(f"{_said(path)} {other.get(path, 'nothing')}" for path in differing),
            hint="choose another folder, or delete this one to begin again",
        )  # fmt: skip


def _flat(content: dict[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value by its whole path: the store and the setup both have ``views``."""
    for name, value in content.items():
        if name == "space":
            yield from ((("search", typed(one)), part) for one, part in SearchSpace.of_record(value).parts.items())
        elif isinstance(value, dict):
            yield from _flat(value, *above, name)
        else:
            yield (*above, name), value


def _said(path: tuple[str, ...]) -> str:
    """What differs, in words; settings go by the names that they are typed by."""
    said = path if path[0] in {"search", "targets"} else path[-1:]
    return " ".join(said).replace("_", " ")
