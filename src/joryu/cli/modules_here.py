"""``module:net:factory`` finds ``net.py`` where the command is typed; a folder of anything else hides no library."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class Here(MetaPathFinder):
    """Finds modules in the present folder; it is asked last, so that it hides nothing installed.

    To Python any folder is a package, even one without code: a folder ``tensorflow`` that holds models would make
    libraries believe that TensorFlow is installed. So a folder counts only if it holds Python.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of this name in the present folder; ``None`` if there is none, or it is within a package."""
        if path is not None:
            return None
        found = PathFinder.find_spec(fullname, [""], target)
        if found is None or found.origin is not None:
            return found
        return found if _holds_python(Path(fullname).resolve()) else None


@cache
def _holds_python(folder: Path) -> bool:
    """Looked for once: a folder of data may hold a million files, and libraries ask for a name again and again."""
    return any(folder.rglob("*.py"))


def find_modules_here() -> None:
    """Let modules of the present folder be imported, whichever that is at the time."""
    if not any(isinstance(one, Here) for one in sys.meta_path):
        sys.meta_path.append(Here())
