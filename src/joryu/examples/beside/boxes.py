"""Boxes, outlines and the like beside pictures, as detectors are taught with: recognised, and not read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from joryu.errors import InputError
from joryu.examples.layouts import visible_folders

_FOLDERS: Final = {"labels", "annotations", "bboxes", "boxes"}
_FILES: Final = (".txt", ".xml", ".json")
_LOOKED_AT: Final = 20


def require_no_boxes(root: Path, places: Sequence[Path], pictures: Sequence[Path]) -> None:
    """Refuse pictures beside files of boxes or outlines, which are not read.

    Raises:
        InputError: a folder beside pictures without labels holds a file about each, as YOLO and Pascal VOC have them.
    """
    known = {path.stem for path in pictures}
    for folder in (one for place in places for one in visible_folders(place) if one.name.lower() in _FOLDERS):
        files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _FILES][:_LOOKED_AT]
        about = [path for path in files if path.stem in known]
        if about or [path for path in files if path.suffix.lower() == ".json" and path.stem.startswith("instances")]:
            raise InputError(
                f"{root} holds boxes or outlines about its pictures, which are not read",
                expected="one class, tags or numbers for each picture",
                received=f"{folder.name}/{(about or files)[0].name}",
            )  # fmt: skip
