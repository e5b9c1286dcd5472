"""Examples from a labelling project: the answered pictures, with the most frequent answer as the hard label."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch

from joryu.annotations.dawid_skene import vote_shares
from joryu.annotations.project import PictureFile, Project, picture_key
from joryu.annotations.trials import Trials
from joryu.errors import InputError, MismatchError
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import require_unsplit
from joryu.examples.originals import Originals, PictureFiles
from joryu.examples.picture_examples import examples_of
from joryu.examples.pictures import Picture, Progress, read_pictures
from joryu.questions import Question


def load_annotated(
    folder: Path, split: str = "train", *, size: int | None = None, progress: Progress | None = None
) -> Examples:
    """Load every picture of a labelling project that has at least one answer; the classes are the project's.

    The label is the class with the most answers (repeated questions count); a tie goes to the tied class that was
    answered first. A twin trained on these labels thus has the same people's answers without their hesitation.
    ``sources`` are the pictures' paths; ids are the first half of the project's own keys. Pictures whose file no
    longer exists are in ``rejected``. ``size`` is as in `joryu.examples.load_examples`.

    Raises:
        InputError: the folder holds no project, nobody answered, or the pictures cannot be used together.
        MismatchError: a file has changed since it was answered.
    """
    require_unsplit(folder, split)
    project = Project.open(folder)
    try:
        trials = Trials.of(project.answers(), project.settings)
        files, gone = answered_files(project, trials)
    finally:
        project.close()
    if not files:
        raise InputError(
            f"none of the answered pictures is in {project.pictures_root} any more",
            hint=f"if they were moved, try joryu annotate attach FOLDER --project {folder}",
        )
    require_unchanged(project.pictures_root, files)
    paths = [project.pictures_root / file.path for file in files]
    pictures = (Picture(file.path, path) for file, path in zip(files, paths, strict=True))
    read = read_pictures(pictures, len(files), size=size, place=project.pictures_root, progress=progress)
    kept = [files[row] for row in read.kept.tolist()]
    choice = dict(zip(trials.pictures, majority(trials), strict=True))
    examples = examples_of(
        read,
        Originals.on(PictureFiles.of(paths), read.kept),
        labels=torch.tensor([choice[file.key] for file in kept]),
        question=Question.one_of(project.settings.classes),
        name=folder.resolve().name,
        sources=[file.path for file in kept],
    )
    return replace(examples, rejected=tuple(sorted([*gone, *read.rejected])))


def require_unchanged(root: Path, files: Iterable[PictureFile]) -> None:
    """Check that the files are still the pictures that were answered, by their hashes.

    Raises:
        MismatchError: a file no longer exists, or its content has changed.
    """
    for file in files:
        try:
            found = picture_key(root / file.path)
        except OSError as error:
            raise MismatchError(
                f"{file.path}, which people answered about, cannot be read any more", expected=f"a file in {root}",
                received=error.strerror,
            ) from error  # fmt: skip
        if found != file.key:
            raise MismatchError(
                f"{file.path} is another picture than the one that was answered",
                expected=f"SHA-256 {file.key[:12]}…",
                received=f"{found[:12]}…",
                hint="put the old file back, or run joryu annotate on the folder again to ask about the new one",
            )


def answered_files(project: Project, trials: Trials) -> tuple[list[PictureFile], list[Rejected]]:
    """The files of the answered pictures, sorted by path, and those that no longer exist."""
    wanted = set(trials.pictures)
    answered = [file for file in project.pictures if file.key in wanted]
    files = [file for file in answered if (project.pictures_root / file.path).is_file()]
    there = set(files)
    gone = [Rejected(file.path, "the file is gone") for file in answered if file not in there]
    return files, gone


def majority(trials: Trials) -> list[int]:
    """The number of the most frequent class for each picture; of tied classes the one that was answered first."""
    shares = vote_shares(trials)
    tied = shares == shares.max(axis=1, keepdims=True)
    found = [-1] * len(trials.pictures)
    for picture, choice in zip(trials.picture.tolist(), trials.choice.tolist(), strict=True):
        if found[picture] < 0 and tied[picture, choice]:
            found[picture] = choice
    return found
