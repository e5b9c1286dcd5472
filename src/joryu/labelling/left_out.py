"""Files that nobody is asked about, kept beside a project's answers so that a summary can name them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from joryu.durable import durable_file
from joryu.examples.rejected import Rejected

FILE = "left-out.json"


def keep_left_out(folder: Path, rejected: Sequence[Rejected]) -> None:
    """Note what the latest look at the pictures left out, in the project's folder."""
    with durable_file(folder / FILE) as file:
        content = [one._asdict() for one in rejected]
        file.write(json.dumps(content, ensure_ascii=False, indent=2).encode(errors="replace") + b"\n")


def left_out_of(folder: Path) -> list[Rejected]:
    """What was left out, if that was noted; by the file's name alone, as its folder's might tell the answer."""
    try:
        found = json.loads((folder / FILE).read_bytes())
        return [Rejected(PurePosixPath(one["name"]).name, str(one["reason"])) for one in found]
    except (OSError, ValueError, KeyError, TypeError):  # of an earlier Joryu, or damaged: the next start notes it anew
        return []
