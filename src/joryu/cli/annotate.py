"""``joryu annotate``: open the labelling page; summarise, export, import and forget its answers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from joryu.cli.output import JSON, emit, talk, talk_of_rejected
from joryu.cli.project_pictures import (
    attached_in_words,
    looking,
    missing_in_words,
    place_of,
    require_there,
    require_usable,
)

if TYPE_CHECKING:
    from joryu.annotations import PictureFile, Project
    from joryu.annotations.exchange.records import LeftOut

START = "start"


class StartsByDefault(TyperGroup):
    """``joryu annotate FOLDER`` is ``joryu annotate start FOLDER``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments with ``start`` before them, unless they begin with a command or ask for help."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [START, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=StartsByDefault,
    help="Label pictures on a local page; joryu annotate FOLDER is short for joryu annotate start FOLDER.\n\n"
    "\b\nExample:  joryu annotate leaves --classes healthy,scab,rust",
    no_args_is_help=True,
    rich_markup_mode=None,
)

MOST_REMARKS = 8  #: the most remarks about an imported file that are shown; the rest is counted

PROJECT = typer.Option(..., help="The project's folder.")


@app.command()
def start(
    ctx: typer.Context,
    folder: Path | None = typer.Argument(
        None, help="A folder of pictures; sub-folders are looked into and tell nothing."
    ),
    classes: str | None = typer.Option(
        None, help="The answers, such as healthy,scab,rust, or a file with one a line; later, all of them and new ones."
    ),
    severity: str | None = typer.Option(None, help="Also ask how severe, such as mild,moderate,severe."),
    second_choice: bool = typer.Option(False, "--second-choice", help="Also ask what else it could be."),
    confidence: bool = typer.Option(False, "--confidence", help="Also ask how sure the annotator is."),
    confidence_levels: str = typer.Option("unsure,fairly sure,sure", help="The levels of --confidence."),
    nearest: str | None = typer.Option(None, help="Where doubt goes, such as scab=healthy,rust=healthy."),
    without_severity: str | None = typer.Option(
        None, help="Classes of which --severity is not asked; by default those where --nearest ends."
    ),
    guidelines: Path | None = typer.Option(None, help="A text file, one click away on the page."),
    overlap: int = typer.Option(1, min=1, help="How many annotators see each picture."),
    repeats: float = typer.Option(0.08, min=0, max=0.5, help="Share of showings that repeat an earlier picture."),
    annotator: str | None = typer.Option(None, help="A pseudonym; without it the page asks."),
    device: str | None = typer.Option(None, help="Measure meanwhile: one of joryu devices list, such as simulator."),
    hide_signals: bool = typer.Option(
        False, "--hide-signals", help="Show no value of --device beside the picture: seeing it changes it."
    ),
    project: Path | None = typer.Option(None, help="Where the answers go; FOLDER-annotations here by default."),
    pictures: Path | None = typer.Option(
        None, help="Where the pictures of a project lie now, if they were moved or renamed: found by their content."
    ),
    host: str = typer.Option("127.0.0.1", help="Another address than this computer's own needs --token."),
    port: int | None = typer.Option(None, min=0, max=65535, help="8642 or a free one by default."),
    token: str | None = typer.Option(
        None, envvar="JORYU_TOKEN", help="The secret in your own link, when --host is given; invite others on the page."
    ),
    browser: bool = typer.Option(True, help="Open the page in the browser."),
) -> None:
    """Open a page that shows one picture at a time and measures hesitation; start it again to go on.

    \b
    Example:  joryu annotate leaves --classes healthy,scab,rust --severity mild,severe --nearest scab=healthy
    """
    place, root = place_of(folder, pictures, project)
    begun = (place / "project.json").exists()
    if begun and pictures is None:
        require_there(root, place)
    require_usable(place, begun=begun, moved=pictures is not None, asked=classes is not None)
    asked: dict[str, Any] = {
        "classes": _classes(classes),
        "severities": _words(severity),
        "second_choice": second_choice,
        "confidences": _words(confidence_levels) if confidence or _given(ctx, "confidence_levels") else (),
        "nearest": dict(pair.partition("=")[::2] for pair in _words(nearest)),
        "without_severity": _words(without_severity),
        "guidelines": _text(guidelines),
        "overlap": overlap,
        "repeats": repeats,
    }
    page = _page(
        {"host": host, "port": port, "token": token},
        {"annotator": annotator, "device": device, "hide_signals": hide_signals},
    )
    with looking(root, place) as files:
        # A project that is there keeps what is not said anew.
        said = {name: asked[name] for name in asked if _given(ctx, *_OPTIONS[name])}
        opened = (
            _go_on(place, root, files, said, moved=pictures is not None) if begun else _begin(place, root, files, said)
        )
    try:
        page(opened, browser)
    finally:
        count = len(opened.answers())
        talk(f"{count} answers in {place}")
        if count:
            teacher, examples = shlex.quote(f"human:{place}"), shlex.quote(f"project:{place}")
            talk(f"next: joryu label --teacher {teacher} --examples {examples} --out targets")
        opened.close()


_OPTIONS: dict[str, tuple[str, ...]] = {
    "classes": ("classes",),
    "severities": ("severity",),
    "second_choice": ("second_choice",),
    "confidences": ("confidence", "confidence_levels"),
    "nearest": ("nearest",),
    "without_severity": ("without_severity",),
    "guidelines": ("guidelines",),
    "overlap": ("overlap",),
    "repeats": ("repeats",),
}
"""For each field of the settings, the options that set it."""


def _given(ctx: typer.Context, *options: str) -> bool:
    """Whether one of the options was given, and not left at its default."""
    sources = [ctx.get_parameter_source(option) for option in options]
    return any(source is not None and source.name != "DEFAULT" for source in sources)


def _begin(place: Path, folder: Path, files: list[PictureFile], asked: dict[str, Any]) -> Project:
    from joryu.annotations import Project, Settings

    return Project.create(place, Settings(**asked), folder, files)


def _go_on(place: Path, folder: Path, files: list[PictureFile], asked: dict[str, Any], *, moved: bool) -> Project:
    from joryu.annotations import Project, Settings
    from joryu.cli.names import grown
    from joryu.errors import MismatchError

    project = Project.open(place)
    if not moved and project.pictures_root != folder.expanduser().resolve():
        raise MismatchError(
            f"{place} is about other pictures", expected=project.pictures_root, received=folder.resolve(),
            hint=f"if they are the same ones in another place, try --pictures {shlex.quote(str(folder))}; "
            "else choose another --project",
        )  # fmt: skip
    if "classes" in asked:
        asked |= {"classes": grown(project, asked["classes"])}
    if moved:
        taken = project.attach(folder, files)
        talk(attached_in_words(taken))
    else:
        taken = project.set_pictures(files)
    for line in missing_in_words(taken):
        talk(line)
    if asked:
        project.change(Settings(**{**project.settings.model_dump(), **asked}))
    return project


def _page(place: dict[str, Any], labeller: dict[str, Any]) -> Callable[[Project, bool], None]:
    """The function that serves a project. The arguments are checked at once, before the project is created."""
    from joryu.errors import MissingExtraError

    try:
        from joryu.labelling.serve import Address, Labeller, check, serve
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "labelling", "the labelling page") from error
    at, who = Address(**place), Labeller(**labeller)
    check(who)

    def start_page(project: Project, browse: bool) -> None:
        serve(project, place=at, labeller=who, browse=browse, say=talk)

    return start_page


def _classes(text: str | None) -> tuple[str, ...]:
    from joryu.cli.names import names_or_file

    return tuple(filter(None, names_or_file(text)))


def _words(text: str | None) -> tuple[str, ...]:
    from joryu.questions.names import typed_names

    return tuple(filter(None, typed_names(text)))


def _text(path: Path | None) -> str:
    from joryu.errors import InputError

    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the guidelines {path}", received=str(error)) from error


@app.command()
def attach(
    folder: Path = typer.Argument(..., metavar="FOLDER", help="Where the pictures lie now."),
    project: Path = PROJECT,
    as_json: bool = JSON,
) -> None:
    """Tell a project where its pictures lie now, without a page; they are found by their content.

    \b
    Example:  joryu annotate attach /media/disk/leaves --project leaves-annotations
    """
    from joryu.annotations import Project

    opened = Project.open(project)
    try:
        with looking(folder, project) as files:
            taken = opened.attach(folder, files)
    finally:
        opened.close()
    emit(taken._asdict(), as_json, attached_in_words(taken))
    for line in missing_in_words(taken):
        talk(line)


@app.command()
def summary(project: Path = PROJECT, as_json: bool = JSON) -> None:
    """Counts, agreement, people's speed and consistency.

    \b
    Example:  joryu annotate summary --project leaves-annotations
    """
    from joryu.annotations import Project
    from joryu.examples.left_out import left_out_lines
    from joryu.labelling.left_out import left_out_of
    from joryu.labelling.project_summary import summarise_project

    opened = Project.open(project)
    found = summarise_project(opened)
    opened.close()
    alpha = found["agreement"]["krippendorff"]
    lines = [
        f"{found['answered']} of {found['pictures']} pictures answered: {found['answers']} answers, {found['skips']} "
        f"skips, {found['repeats']} repeats; alpha {'unknown' if alpha is None else f'{alpha:z.2f}'}"
    ]
    for one in found["annotators"]:
        speed = "" if one["median_rt_ms"] is None else f", median {one['median_rt_ms'] / 1000:.2f} s"
        same = (
            "" if one["consistent"] is None else f", the same on {one['consistent']:.0%} of {one['repeated']} repeats"
        )
        lines.append(f"{one['name']}: {one['answers']} answers{speed}{same}")
    lines += [f"left out {line}" for line in left_out_lines(left_out_of(project))]
    emit(found, as_json, "\n".join(lines))


@app.command()
def forget(
    annotator: str = typer.Argument(..., help="The pseudonym."),
    project: Path = PROJECT,
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    as_json: bool = JSON,
) -> None:
    """Delete everything an annotator ever said or was measured saying; it cannot be undone.

    \b
    Example:  joryu annotate forget ann --project leaves-annotations
    """
    from joryu.annotations import Project

    opened = Project.open(project)
    try:
        count = len(opened.answers(annotator=annotator))
        # Of a name that nobody has it is told without asking.
        if not yes and opened.events.sessions(annotator):
            question = f"Delete {count} answers of {annotator} and everything measured meanwhile?"
            try:
                sure = typer.confirm(question, err=True)
            except typer.Abort:
                talk("nothing was deleted; --yes does not ask")
                raise
            if not sure:
                talk("nothing was deleted")
                raise typer.Exit(1)
        gone = opened.forget(annotator)
    finally:
        opened.close()
    text = f"forgot {annotator}: {gone.events} answers, {gone.signal_files} recordings, {gone.exports} exports deleted"
    emit(gone._asdict(), as_json, text)
    talk(
        "what was made of these answers elsewhere (exports with --anywhere, soft targets, students) is yours to delete"
    )


@app.command("export")
def export_command(
    path: str = typer.Argument(..., help="A name ending in .json (Label Studio), .csv, .parquet or .xml (its labels)."),
    project: Path = PROJECT,
    anywhere: bool = typer.Option(False, "--anywhere", help="Take PATH as it is, not below the project's exports."),
    signals: bool = typer.Option(True, help="Send means of signals along; recordings never leave."),
    as_json: bool = JSON,
) -> None:
    """Write the answers for another tool.

    \b
    Example:  joryu annotate export answers.csv --project leaves-annotations
    """
    from joryu.annotations import Project
    from joryu.annotations.exchange import export_answers

    opened = Project.open(project)
    try:
        done = export_answers(opened, path, anywhere=anywhere, signals=signals)
    finally:
        opened.close()
    what = "Label Studio's labels" if done.path.suffix.lower() == ".xml" else f"{done.answers} answers"
    emit({"path": str(done.path), "answers": done.answers}, as_json, f"{what} in {done.path}")


@app.command("import")
def import_command(
    path: Path = typer.Argument(..., help="Label Studio's .json, .csv or .tsv; a table .csv, .tsv or .parquet."),
    project: Path = PROJECT,
    as_json: bool = JSON,
) -> None:
    """Take answers from another tool; again adds nothing, and of each answer the latest state holds.

    What cannot be an answer of this project is left out and named; --json lists all of it.

    \b
    Example:  joryu annotate import tasks.json --project leaves-annotations
    """
    from joryu.annotations import Project
    from joryu.annotations.exchange import import_answers
    from joryu.errors import JoryuError
    from joryu.examples import Rejected

    left_out: list[LeftOut] = []
    opened = Project.open(project)
    try:
        done = import_answers(opened, path, left_out=left_out)
    except JoryuError:
        if left_out and as_json:
            emit({"new": 0, "left_out": len(left_out), "what_was_left_out": _listed(left_out)}, as_json, "")
        raise
    finally:
        opened.close()
    talk_of_rejected([Rejected(one.name, one.reason) for one in done.left_out])
    for one in done.remarks[:MOST_REMARKS]:
        talk(f"note: {one.name}: {one.reason}")
    if len(done.remarks) > MOST_REMARKS:
        talk(f"note: … and {len(done.remarks) - MOST_REMARKS:,} more; --json lists them")
    found: dict[str, Any] = {"new": done.new, "known": done.known, "older": done.older, "left_out": len(done.left_out)}
    found |= {"what_was_left_out": _listed(done.left_out), "notes": _listed(done.remarks)}
    new = f"{done.new} new {'answer' if done.new == 1 else 'answers'}"
    text = f"{new}, {done.known} known before, {done.older} older than what holds"
    emit(found, as_json, f"{text}, {len(done.left_out)} left out")


def _listed(remarks: Iterable[LeftOut]) -> list[dict[str, str]]:
    return [{"where": one.name, "reason": one.reason} for one in remarks]
