"""A program that answers about pictures by their means, in a few lines of Python."""

from __future__ import annotations

from pathlib import Path

PROGRAM = """
import json, sys
from PIL import Image, ImageStat

for line in sys.stdin:
    file = line.rstrip("\\n")
    with Image.open(file) as picture:
        grey = picture.convert("L")
    parts = [ImageStat.Stat(grey.crop((0, 2 * k, 8, 2 * k + 2))).mean[0] for k in range(3)]
    print(json.dumps({"file": file, "logits": [SCALE * part / 30 for part in parts]}))
"""


def write_program(path: Path, *, scale: int = 1) -> Path:
    path.write_text(PROGRAM.replace("SCALE", str(scale)))
    return path
