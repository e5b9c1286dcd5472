"""What the tests of examples share: files that cannot be used."""

from __future__ import annotations

import pytest
from picture_files import bomb, noise, save


@pytest.fixture
def broken() -> dict[str, tuple[bytes, str]]:
    """Files that cannot be used: the bytes, and what the reason must say."""
    jpeg, lossless = save(noise(40, 30), "JPEG"), save(noise(40, 30), "PNG")
    return {
        "text.jpg": (b"these are not pixels\n" * 20, "not a picture"),
        "empty.png": (b"", "empty file"),
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "damaged: .*truncated"),
        "truncated.png": (lossless[: len(lossless) // 2], "damaged: .*truncated"),
        "header only.jpg": (jpeg[:20], "not a picture|damaged"),
        "signature only.png": (lossless[:8], "not a picture|damaged"),
        "bomb.png": (bomb(50_000), "too many pixels.*80,000,000"),
        "small bomb.png": (bomb(9_000), "too many pixels.*received 81,000,000"),
        "middle bomb.png": (bomb(11_000), "too many pixels"),
        "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture"),
        "vector.png": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "not a picture"),
    }
