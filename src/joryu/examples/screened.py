"""``screened:FILE``: a set without the examples that a filter file leaves out, as ``joryu screen`` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.examples.examples import Examples

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter: the spec of a set, the folder it was typed in as seen from the file, and who is left out and why.

    ``left_out`` maps ids, as 32 hexadecimal digits, to reasons; of those in ``once`` the first row stays. Ids are
    hashes of content, so the filter holds for the same pictures in another folder, at another size or in another order.
    """

    examples: str
    typed_in: str | None
    left_out: Mapping[str, str]
    once: Mapping[str, str]

    def applied(self, examples: Examples, file: Path) -> Examples:
        """The examples without those that are left out.

        Raises:
            InputError: nothing is left.
        """
        words = np.ascontiguousarray(examples.ids, dtype="<u8")
        kept, seen = list[int](), set[str]()
        for row in range(len(examples)):
            key = words[row].tobytes().hex()
            if key not in self.left_out and (key not in self.once or key not in seen):
                kept.append(row)
            seen.add(key)
        gone = len(examples) - len(kept)
        if not kept:
            raise InputError(f"{file} leaves all of {examples.name} out", expected="at least one example that stays")
        if not gone:
            return examples
        remark = f"{gone:,} of {len(examples):,} examples are left out by {file.name}"
        return replace(examples.select(torch.tensor(kept)), remarks=(*examples.remarks, remark))


def write_filter(path: Path, found: Filter, *, names: Mapping[str, str], settings: Mapping[str, Any]) -> None:
    """Write a filter file; ``names`` has the file of each example that is left out, for whoever reads it.

    Raises:
        JoryuError: the file cannot be written.
    """
    content = {
        "schema": SCHEMA, "examples": found.examples, "typed_in": found.typed_in, "settings": dict(settings),
        "left_out": [{"id": key, "name": names.get(key, ""), "why": why} for key, why in found.left_out.items()],
        "once": [{"id": key, "name": names.get(key, ""), "why": why} for key, why in found.once.items()],
    }  # fmt: skip
    with durable_file(path) as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def read_filter(path: Path) -> Filter:
    """Read a filter file.

    Raises:
        InputError: it is none.
    """
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise InputError(f"{path} is of another version", expected=f"schema {SCHEMA}", received=content["schema"])
        if not isinstance(content["typed_in"], str | None):
            raise TypeError("typed_in is no folder")
        found = Filter(
            examples=str(content["examples"]),
            typed_in=content["typed_in"],
            left_out=_by_id(content["left_out"]),
            once=_by_id(content["once"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no filter", expected="a file that joryu screen wrote", received=_reason(error)
        ) from error
    return found


def _by_id(rows: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found = {bytes.fromhex(row["id"]).hex(): row["why"] for row in rows}  # whoever edits it may write capitals
    if not all(len(key) == 32 for key in found):
        raise ValueError("an id that is not 32 hexadecimal digits")
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"no {error}" if isinstance(error, KeyError) else str(error)[:200]
