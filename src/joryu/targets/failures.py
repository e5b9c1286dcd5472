"""The record of failures: which keys a teacher could not answer, why, and how often it was asked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from joryu.errors import InputError
from joryu.examples import Ids
from joryu.targets.index import Seeds
from joryu.targets.provenance import now

FILE = "failures.jsonl"


class Failure(NamedTuple):
    """The last failure of one key: ``id`` is the example's in hexadecimal, ``view`` the view's seed."""

    id: str
    view: int
    reason: str
    attempts: int
    time: str


class FailureLedger:
    """Writes ``failures.jsonl``: one JSON object a line, always appended; the last line about a key counts.

    Raises:
        InputError: a line that is already there cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        mend(folder)
        self._latest = {(f.id, f.view): f for f in read_failures(folder)}

    def append(self, ids: Ids, views: Seeds, reasons: Mapping[int, str]) -> None:
        """Record failures. ``reasons`` holds the reason of each key that failed, by its position in the arrays."""
        lines = []
        for position, reason in reasons.items():
            key = (id_to_hex(ids[position]), int(views[position]))
            before = self._latest.get(key)
            failure = Failure(*key, reason, 1 if before is None else before.attempts + 1, now())
            self._latest[key] = failure
            lines.append(json.dumps(failure._asdict()) + "\n")
        with self._path.open("ab") as file:
            file.write("".join(lines).encode())


def mend(folder: Path) -> None:
    """Delete an unfinished last line, which a killed process left."""
    path = folder / FILE
    if path.is_file():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(path, whole)


def read_failures(folder: Path) -> list[Failure]:
    """The last failure of each key that has any, even if it was answered later. An unfinished last line is ignored.

    Raises:
        InputError: a line cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    content = path.read_bytes()
    latest: dict[tuple[str, int], Failure] = {}
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            failure = Failure(**json.loads(line))
            _require_whole(failure)
        except (ValueError, TypeError) as error:
            shown = line[:80].decode(errors="replace")
            hint = "mend or delete that line: it only tells of a failure, the answers are not in it"
            raise InputError(f"{path} has a line that cannot be read", received=shown, hint=hint) from error
        latest[failure.id, failure.view] = failure
    return list(latest.values())


def _require_whole(failure: Failure) -> None:
    """Check that a line's values are those of a failure.

    Raises:
        ValueError: one is not.
    """
    kinds = tuple(map(type, failure)) == (str, int, str, int, str)
    if not kinds or len(id_from_hex(failure.id)) != 2 or not 0 <= failure.view < 2**64:
        raise ValueError("no key and its failure")


def id_to_hex(example_id: Ids) -> str:
    """One id, uint64 ``[2]``, as 32 hexadecimal digits.

    >>> id_to_hex(np.array([1, 2], dtype=np.uint64))
    '01000000000000000200000000000000'
    """
    return np.ascontiguousarray(example_id, dtype="<u8").tobytes().hex()


def id_from_hex(text: str) -> Ids:
    """The id with these hexadecimal digits: the inverse of `id_to_hex`.

    >>> id_from_hex("01000000000000000200000000000000").tolist()
    [1, 2]

    Raises:
        ValueError: the text is not hexadecimal, or is no whole number of 8-byte words.
    """
    return np.frombuffer(bytes.fromhex(text), dtype="<u8").astype(np.uint64)
