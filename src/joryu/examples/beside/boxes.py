"""Recognise the annotations of object detection (boxes, outlines) beside pictures, which Joryu does not read."""

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
    """Refuse pictures with files of boxes or outlines beside them, because these are not read.

    Raises:
        InputError: a folder beside unlabelled pictures holds a file about each, as in YOLO's and Pascal VOC's layouts.
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
