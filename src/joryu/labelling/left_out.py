"""The files that were left out of a labelling project, stored with it so that its summary can list them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from joryu.durable import durable_file
from joryu.examples.rejected import Rejected

FILE = "left-out.json"


def keep_left_out(folder: Path, rejected: Sequence[Rejected]) -> None:
    """Write the files that the latest scan left out into the project's folder."""
    with durable_file(folder / FILE) as file:
        content = [one._asdict() for one in rejected]
        file.write(json.dumps(content, ensure_ascii=False, indent=2).encode(errors="replace") + b"\n")


def left_out_of(folder: Path) -> list[Rejected]:
    """The files that the latest scan left out, without their folders, whose names might give the answer away."""
    try:
        found = json.loads((folder / FILE).read_bytes())
        return [Rejected(PurePosixPath(one["name"]).name, str(one["reason"])) for one in found]
    except (OSError, ValueError, KeyError, TypeError):  # by an older version, or damaged: the next start rewrites it
        return []
