"""What the tests of decoding processes share: a set of photographs, and waiting for processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from picture_files import noise, save, write_files


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def photographs(root: Path, *, n: int = 40) -> Path:
    files = {f"{'ab'[at % 2]}/{at:02}.jpg": save(noise(20 + at, 50 - at, seed=at), "JPEG") for at in range(n)}
    files["a/grey.png"] = save(noise(24, 24, 1, seed=90), "PNG")
    files["b/half.jpg"] = save(noise(40, 40), "JPEG")[:900]
    files["b/ein Bäumchen.png"] = save(noise(30, 30, seed=91), "PNG")
    return write_files(root, files)
