"""The ledger of failures: which keys a teacher could not answer, why, and how often it was asked."""

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
    """One key's last failure; ``id`` is the content hash in hexadecimal."""

    id: str
    view: int
    reason: str
    attempts: int
    time: str


class FailureLedger:
    """``failures.jsonl``: appended to, one JSON object a line, the last line about a key counts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        mend(folder)
        self._latest = {(f.id, f.view): f for f in read_failures(folder)}

    def append(self, ids: Ids, views: Seeds, reasons: Mapping[int, str]) -> None:
        """Record the failures of some keys, given by position."""
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
    """Cut off a last line that a killed process left unfinished."""
    path = folder / FILE
    if path.is_file():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(path, whole)


def read_failures(folder: Path) -> list[Failure]:
    """The last failure of each key ever recorded, answered since or not; an unfinished last line is passed over."""
    path = folder / FILE
    if not path.is_file():
        return []
    content = path.read_bytes()
    latest: dict[tuple[str, int], Failure] = {}
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            failure = Failure(**json.loads(line))
            id_from_hex(failure.id)
        except (ValueError, TypeError) as error:
            shown = line[:80].decode(errors="replace")
            hint = "mend or delete that line: it only tells of a failure, the answers are not in it"
            raise InputError(f"{path} has a line that cannot be read", received=shown, hint=hint) from error
        latest[failure.id, failure.view] = failure
    return list(latest.values())


def id_to_hex(example_id: Ids) -> str:
    """The hexadecimal form of one id.

    >>> id_to_hex(np.array([1, 2], dtype=np.uint64))
    '01000000000000000200000000000000'
    """
    return np.ascontiguousarray(example_id, dtype="<u8").tobytes().hex()


def id_from_hex(text: str) -> Ids:
    """The inverse of `id_to_hex`."""
    return np.frombuffer(bytes.fromhex(text), dtype="<u8").astype(np.uint64)
