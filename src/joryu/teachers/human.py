"""`Human`: a teacher that gives people's recorded answers as soft targets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import final

import torch

from joryu.annotations import Answer, PictureFile, Project, Settings
from joryu.annotations.answer import FASTEST_MS
from joryu.annotations.trials import Trials
from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.annotated import require_unchanged
from joryu.examples.originals import KEY_BYTES
from joryu.examples.pictures import Picture, read_pictures
from joryu.questions import Question, difference
from joryu.targets.failures import id_to_hex
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.teachers.interpretation import DEFAULT, Interpretation, read_answers
from joryu.teachers.teacher import Reply, TeacherBatch


@final
class Human:
    """The people of a labelling project as a teacher.

    The teacher is made with the examples that it will be asked about; their ``sources`` are paths below the project's
    pictures. Every example is compared with the file that people were shown, so that no answer goes to another picture
    of the same name. ``reading`` says how answers become distributions. ``fingerprint`` covers the answers, the
    settings and the reading.

    Raises:
        InputError: none of the examples was answered.
        MismatchError: an example is not the picture that people were shown.
    """

    def __init__(self, project: Project, examples: Examples, reading: Interpretation = DEFAULT) -> None:
        answers = project.answers()
        read = read_answers(answers, project.settings, reading)
        self.question = Question.one_of(project.settings.classes)
        self.remarks = _remarks(answers)  #: what a user of the answers should know about them
        self.reading = reading.resolved(Trials.of(answers, project.settings))
        self.fingerprint = _fingerprint(answers, project.settings, self.reading)
        self._read = read
        row_of = {key: row for row, key in enumerate(read.pictures)}
        by_path = {file.path: file for file in project.pictures if file.key in row_of}
        shown = {at: by_path[path] for at, path in enumerate(examples.sources or ()) if path in by_path}
        rows = {at: row_of[file.key] for at, file in shown.items()}
        if not rows:
            raise InputError(
                f"nobody of {project.folder} answered about any of {examples.name}",
                expected=f"pictures below {project.pictures_root}",
                hint=f"try --examples project:{project.folder}",
            )
        require_unchanged(project.pictures_root, shown.values())
        _require_shown(project.pictures_root, examples, shown)
        self.answered = torch.tensor(sorted(rows))  #: the rows of the examples that somebody answered
        self._rows = {examples.ids[at].tobytes(): row for at, row in rows.items()}

    def answer(self, batch: TeacherBatch) -> Reply:
        """People's answers about these pictures: probabilities, and the signals measured while they answered.

        Raises:
            InputError: the batch holds views, which nobody was shown.
        """
        if batch.seeds.any():
            raise InputError("people were shown the pictures themselves, not views of them", hint="leave --views out")
        rows = [self._rows.get(words.tobytes()) for words in batch.ids]
        failures = {at: "nobody answered about this picture" for at, row in enumerate(rows) if row is None}
        known = [row for row in rows if row is not None]
        return Reply(self._said(known) if known else None, failures)

    def _said(self, rows: list[int]) -> SoftTargets:
        read = self._read
        return SoftTargets(
            values=torch.from_numpy(read.probs[rows]).float(),
            space=Space.PROBS,
            question=self.question,
            weight=None if read.weight is None else torch.from_numpy(read.weight[rows]).float(),
            signals=None if read.signals is None else torch.from_numpy(read.signals[rows]).float(),
            signal_names=read.signal_names,
        )


def find_human(spec: str, examples: Examples) -> tuple[Human, Examples]:
    """The teacher of ``PROJECT[,confidence=…,left-over=…,aggregate=…,weight=…]``, and the examples it can answer.

    If the pictures' folders mean something else than people were asked, the question becomes the people's, and the
    folders' names are not used as labels.

    Raises:
        InputError: there is no such project or model, or no example was answered.
    """
    parts = spec.split(",")
    # A comma without key=value after it is part of the folder's name.
    names = next((at for at in range(len(parts), 1, -1) if "=" not in parts[at - 1]), 1)
    project = Project.open(Path(",".join(parts[:names])))
    try:
        human = Human(project, examples, Interpretation.parse(",".join(parts[names:])))
    finally:
        project.close()
    everything = len(human.answered) == len(examples)
    known = (examples if everything else examples.select(human.answered)).asked(human.question)
    if difference(human.question, known.asked_question) is not None:
        known = replace(known, question=human.question, labels=None)
    return human, replace(known, remarks=(*known.remarks, *human.remarks))


_BLOCK = 256  #: pictures compared at a time, so that a large set is not in memory twice


def _require_shown(root: Path, examples: Examples, shown: dict[int, PictureFile]) -> None:
    """Check that the examples are the pictures that people were shown, and not others of the same names.

    Raises:
        MismatchError: an example differs from the file that was shown.
    """
    if examples.keyed_by == "bytes":
        for at, file in shown.items():
            if id_to_hex(examples.ids[at]) != file.key[: 2 * KEY_BYTES]:
                raise _other_picture(file.path, examples, root)
        return
    height, width = examples.inputs.shape[-2:]
    rows = sorted(shown)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        files = [Picture(shown[at].path, root / shown[at].path) for at in block]
        read = read_pictures(files, len(files), size=height if height == width else None)
        same = torch.zeros(len(block), dtype=torch.bool)
        kept = torch.from_numpy(read.kept)
        pixels = torch.from_numpy(read.pixels)
        if pixels.shape[-2:] == (height, width):
            same[kept] = (pixels == examples.inputs[[block[at] for at in read.kept]]).flatten(1).all(dim=1)
        if not same.all():
            path = files[int(same.int().argmin())].name
            raise _other_picture(path, examples, root)


def _remarks(answers: Sequence[Answer]) -> tuple[str, ...]:
    times = [one.timing.visible_ms for one in answers if one.choice is not None]
    if not (early := sum(time is not None and time < FASTEST_MS for time in times)):
        return ()
    return (
        f"{early} of {len(times)} answers came less than {FASTEST_MS:g} ms after the picture, before anybody sees it:"
        " their times count as not measured",
    )


def _other_picture(path: str, examples: Examples, root: Path) -> MismatchError:
    return MismatchError(
        f"{path} of {examples.name} is not the picture that people were shown", expected=f"the pictures in {root}",
        hint="name that folder with --examples, or the project itself with --examples project:PROJECT",
    )  # fmt: skip


def _fingerprint(answers: Sequence[Answer], settings: Settings, reading: Interpretation) -> str:
    said = repr([settings.model_dump(mode="json", exclude={"guidelines"}), asdict(reading), *map(repr, answers)])
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()
