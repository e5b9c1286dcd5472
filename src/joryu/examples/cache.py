"""Where this user's cache lies: what is kept there may be deleted at any time."""

from __future__ import annotations

import os
import re
from pathlib import Path

from joryu.durable import PARTIAL


def user_cache() -> Path:
    """``joryu`` in the folder that ``XDG_CACHE_HOME`` names, or else in ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "joryu"


def own_name(path: Path) -> Path:
    """A name beside ``path`` for what this process is writing, as another may be writing the same.

    What processes have left there that were killed, and may be as large as a set, is deleted.
    """
    for left in path.parent.glob(f"*{path.stem}.*"):
        found = _OF_PROCESS.search(left.name)
        if found is not None and int(found[1]) != os.getpid() and not _runs(int(found[1])):
            left.unlink(missing_ok=True)
    return path.with_name(f"{path.stem}.{os.getpid()}")


_OF_PROCESS = re.compile(rf"\.(\d+)(?:{re.escape(PARTIAL)})?$")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
