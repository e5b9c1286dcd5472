"""Where this user's cache lies: what is kept there may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """``joryu`` in the folder that ``XDG_CACHE_HOME`` names, or else in ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "joryu"
