"""A small labelling project with real picture files, for the tests that need one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from joryu.annotations import Answer, PictureFile, Project, Settings, Timing, picture_key

SETTINGS = Settings(classes=("dark", "grey", "bright"), confidences=("low", "high"), second_choice=True)


def paint(root: Path, n: int = 24, side: int = 8) -> list[PictureFile]:
    """Pictures of three brightnesses in two folders that say nothing about them."""
    generator = np.random.default_rng(0)
    files = []
    for at in range(n):
        path = root / ("one" if at < n // 2 else "two") / f"{at:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        low = (20, 100, 180)[at % 3]
        Image.fromarray(generator.integers(low, low + 60, (side, side), dtype=np.uint8)).save(path)
        files.append(PictureFile(picture_key(path), path.relative_to(root).as_posix()))
    return files


def ask(project: Project, files: list[PictureFile], annotators: tuple[str, ...] = ("ann", "bob")) -> None:
    """Everybody answers everything, rightly but for bob's every seventh, with a time and a confidence."""
    for who in annotators:
        for at, file in enumerate(files):
            wrong = who == "bob" and at % 7 == 3
            right, other = SETTINGS.classes[at % 3], SETTINGS.classes[(at + 1) % 3]
            project.record(
                Answer(
                    picture=file.key,
                    annotator=who,
                    session=f"s-{who}",
                    choice=other if wrong else right,
                    second=right if wrong else None,
                    confidence="low" if wrong else "high",
                    timing=Timing(rt_ms=900.0 + 11 * at + 800 * wrong, trial=at),
                    signals={"attention": 70.0 if wrong else 40.0 + at} if at % 5 else {},
                ),
                key=f"{who}-{at}",
            )


def make_project(folder: Path, n: int = 24) -> tuple[Project, list[PictureFile]]:
    """A project with answers about its pictures."""
    files = paint(folder / "pictures", n)
    project = Project.create(folder / "project", SETTINGS, folder / "pictures", files)
    ask(project, files)
    return project, files
