"""``joryu audit``: check a store of answers before a student is trained on it, or look at what a teacher is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, reopen

if TYPE_CHECKING:
    from joryu.cli.input_audit import Looking
    from joryu.questions import Question
    from joryu.targets import Audit, Store


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(audit)


def audit(
    targets: Path | None = typer.Argument(None, help="The store to look at."),
    examples: str | None = typer.Option(None, help="The examples, if not those named in the store."),
    split: str | None = typer.Option(None, help="train, test or all, if not the store's (of a teacher: train)."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this, if not to the store's size."),
    temperature: float | None = typer.Option(
        None, help="The temperature you mean to distil at: 4 for classes, 1 for tags, unless said."
    ),
    teachers: list[str] | None = typer.Option(
        None, "--teacher", help="In place of a store: a network, or several, to see what it is shown of --examples."
    ),
    classes: str | None = typer.Option(
        None, help="With --teacher: a,b,c, or a file with a name a line, if it answers about others than the examples'."
    ),
    pictures: int | None = typer.Option(None, min=1, max=64, help="With --teacher: so many examples are shown (8)."),
    out: Path | None = typer.Option(None, help="With --teacher: write a page with pictures, such as seen.html."),
    as_json: bool = JSON,
) -> None:
    """Look at a teacher's answers before training on them; exit code 5 if they teach nothing.

    With --teacher it shows what the teacher is shown before anything is labelled: size, colours, range, normalisation.

    \b
    Example:  joryu audit targets --temperature 4
              joryu audit --examples photographs --teacher onnx:model.onnx --out seen.html
    """
    from joryu.cli.input_audit import Looking, look_through, require_one_form

    looking = Looking(tuple(teachers or ()), examples, split, column, size, classes, pictures, out)
    require_one_form(targets, looking, temperature)
    if targets is None:
        emit(*look_through(looking, as_json))
        return
    _audit_store(targets, looking, temperature, as_json)


def _audit_store(targets: Path, asked: Looking, temperature: float | None, as_json: bool) -> None:
    from joryu.evaluation import defaults_of
    from joryu.targets import Store
    from joryu.targets import audit as look

    store = Store.open(targets)
    store.require_sound()  # first: a damaged key would look like other examples
    looked_at = reopen(store, in_column(asked.examples, asked.column), asked.split, asked.size)
    store.require_about(looked_at)
    words = []
    if is_own_answers(store, asked.examples):
        looked_at = replace(looked_at, labels=None)
        words.append("the labels are the majority of these very answers: accuracy and calibration would say nothing")
    if temperature is None:
        temperature = defaults_of(store.manifest.question).temperature
    found = look(store, looked_at, temperature=temperature)
    emit(found.to_json(), as_json, "\n".join([*_in_words(found, store.manifest.question), *words]))
    if found.fatal:
        raise typer.Exit(5)


def is_own_answers(store: Store, examples: str | None) -> bool:
    """Whether the labels were made from the very answers in the store, so that comparing them would say nothing.

    This is so if people answered and the examples are those of a labelling project.
    """
    teacher, named = store.manifest.teacher.spec or "", examples or store.manifest.examples.spec or ""
    return teacher.startswith("human:") and named.startswith("project:")


def _in_words(found: Audit, question: Question) -> list[str]:
    lines = [f"{found.answered} answers, {found.missing} missing, {found.failures} failures"]
    if found.statistics is not None:
        lines.append(found.statistics.words(found.temperature, question))
    if found.agreement is not None:
        lines.append(found.agreement.words())
    lines += [f"{one.severity}: {one.message}; {one.hint}" for one in found.findings]
    return lines if found.findings else [*lines, "nothing to complain about"]
