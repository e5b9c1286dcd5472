"""Write a project's answers to a file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from joryu.annotations.exchange.csv_table import write_csv
from joryu.annotations.exchange.label_studio import labelling_config, write_label_studio
from joryu.annotations.exchange.parquet_table import write_parquet
from joryu.annotations.exchange.records import COLUMNS, SIGNAL, Value, record_of
from joryu.annotations.project import EXPORTS, Project
from joryu.durable import durable_file
from joryu.errors import InputError

EXPORTED = {
    ".json": "Label Studio's JSON",
    ".csv": "CSV",
    ".parquet": "Parquet",
    ".xml": "a labelling interface for Label Studio (no answers)",
}
"""What each ending of a file means."""


class ExportedAnswers(NamedTuple):
    """The file that was written, and how many answers it holds."""

    path: Path
    answers: int


def export_answers(
    project: Project, path: Path | str, *, anywhere: bool = False, signals: bool = True
) -> ExportedAnswers:
    """Write the project's answers in the format of the file's extension (`EXPORTED`).

    The path is relative to the project's ``exports`` folder and must stay inside it, unless ``anywhere`` is true. The
    mean signals of each answer are included unless ``signals`` is ``False``; recordings of devices never are. A file of
    the same name is replaced. Only this user can read the file.

    >>> import tempfile
    >>> from joryu.annotations import Answer, PictureFile, Settings
    >>> from joryu.annotations.exchange import import_answers
    >>> answer = Answer(picture="ab12", annotator="a1", session="s1", choice="healthy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     project = Project.create(
    ...         Path(folder), Settings(classes=("healthy", "black spot")), Path(), [PictureFile("ab12", "1.jpg")]
    ...     )
    ...     _ = project.record(answer, key="k1")
    ...     written = export_answers(project, "roses.csv")
    ...     again = import_answers(project, written.path)
    ...     project.close()
    >>> written.answers, again.new, again.known
    (1, 0, 1)

    Raises:
        InputError: the extension has no format, or the path leads out of the folder.
        JoryuError: the file cannot be written.
    """
    name = Path(path)
    ending = name.suffix.lower()
    if ending not in EXPORTED:
        raise InputError(f"no format is known by the name {name.name}", expected=", ".join(EXPORTED), received=ending)
    place = _named(name) if anywhere else _below_exports(project, name)
    answers, pictures = project.answers(), project.pictures
    with durable_file(place, private=True) as file:  # people's answers, and means of what was measured
        if ending == ".xml":
            file.write(labelling_config(project.settings).encode())
            return ExportedAnswers(place, 0)
        if ending == ".json":
            write_label_studio(file, pictures, answers, signals=signals)
            return ExportedAnswers(place, len(answers))
        path_of = {picture.key: picture.path for picture in reversed(pictures)}
        rows = [record_of(answer, path=path_of.get(answer.picture, ""), signals=signals) for answer in answers]
        write = write_csv if ending == ".csv" else write_parquet
        write(file, rows, _columns(rows))
    return ExportedAnswers(place, len(answers))


def _columns(rows: list[dict[str, Value]]) -> list[str]:
    measured = sorted({name for row in rows for name in row if name.startswith(SIGNAL)})
    return [*COLUMNS, *measured]


def _named(path: Path) -> Path:
    place = path.expanduser()
    if not place.parent.is_dir():
        raise InputError(f"no folder {place.parent} to write into")
    return place


def _below_exports(project: Project, name: Path) -> Path:
    exports = project.folder.resolve() / EXPORTS
    exports.mkdir(mode=0o700, exist_ok=True)
    place = exports / name
    if exports.resolve() != exports or not place.parent.resolve().is_relative_to(exports):
        raise InputError(
            f"{name} is outside the project's {EXPORTS} folder",
            expected="a name such as answers.csv",
            received=str(name),
            hint="add --anywhere (anywhere=True) to write elsewhere",
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
