"""The project that imports are about."""

from __future__ import annotations

from pathlib import Path

import pytest
from garden import PICTURES, SETTINGS

from joryu.annotations import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", SETTINGS, tmp_path, PICTURES)
