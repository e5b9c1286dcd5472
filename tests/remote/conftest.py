"""Real answers of Google's label detection, where ``JORYU_DATA`` has them."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def google_folder() -> Path:
    folder = Path(os.environ.get("JORYU_DATA", "/nonexistent")) / "google_vision"
    if not folder.is_dir():
        pytest.skip("needs google_vision below JORYU_DATA")
    return folder


@pytest.fixture(scope="session")
def google_answers(google_folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes().strip() for path in sorted(google_folder.glob("*.json"))}
