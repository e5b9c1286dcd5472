"""A project about three pictures, and files of Label Studio about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joryu.annotations import PictureFile, Settings

SETTINGS = Settings(classes=("healthy", "rust"), severities=("mild", "severe"))
PICTURES = [PictureFile("k1", "roses/a b.jpg"), PictureFile("k2", "tulips/c.jpg"), PictureFile("k3", "roses/c.jpg")]


def write(tmp_path: Path, *tasks: Any) -> Path:
    path = tmp_path / "project-7.json"
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return path
