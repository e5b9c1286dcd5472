"""``joryu label``: ask a teacher about examples, and keep its soft answers in a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from joryu.cli.asking import Asking, ask_teacher, load_for
from joryu.cli.output import COLUMN, EXAMPLES, JSON, emit, talk

if TYPE_CHECKING:
    from joryu.examples import Examples
    from joryu.targets import Store
    from joryu.targets.correctness import Correctness
    from joryu.teachers.labelling import Labelled


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(label)


def label(
    teachers: list[str] = typer.Option(
        ...,
        "--teacher",
        help="Once, or several times for an ensemble:"
        " run:DIR, timm:NAME[@FILE], module:pkg.mod:factory[@FILE], onnx:, tflite:, keras:, torch: or sklearn:FILE,"
        " command:PROGRAM, human:PROJECT, ledger:DIR; paid by the answer: google-vision, http:FILE.",
    ),
    examples: str = typer.Option(..., help=EXAMPLES),
    out: Path = typer.Option(..., help="The store: a folder, made or gone on with."),
    combine: str | None = typer.Option(
        None, help="Of several teachers: soft (the mean), vote, logits or power=U; weighed with ,weights=W1/W2/…"
    ),
    split: str = typer.Option("train", help="train, test or all."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    classes: str | None = typer.Option(
        None, help="a,b,c, or a file with a name a line: what the teacher answers about, in the order it does."
    ),
    views: str | None = typer.Option(None, help="Augmentations the teacher answers about too, such as shift:2,flip."),
    n_views: int = typer.Option(0, min=0, help="How many views of each example, beside the example itself."),
    encoding: str | None = typer.Option(
        None, help="dense, dense:float32, dense:uint8, dense:uint8+zstd, top-32 …; chosen by what is answered."
    ),
    batch_size: int | None = typer.Option(None, min=1, help="Examples the teacher is shown at a time (256)."),
    recheck: bool = typer.Option(
        True, help="Ask one batch of a store that is gone on with again, and refuse if the teacher has changed."
    ),
    precision: str = typer.Option(
        "auto",
        help="What a network computes at: 32-true, bf16-mixed, or bf16 only where a sample is answered the same.",
    ),
    endpoint: str | None = typer.Option(None, help="Paid: the address, if not the API's own."),
    budget: str | None = typer.Option(
        None, help="Paid: the most that the ledger may ever cost, in pictures (500) or money (7.50USD)."
    ),
    ledger: Path | None = typer.Option(None, help="Paid: the folder of the raw answers, if not OUT.ledger."),
    tags: int | None = typer.Option(None, min=1, help="Paid: so many of the most frequent tags (5000)."),
    min_count: int | None = typer.Option(None, min=1, help="Paid: only tags that were returned so often."),
    rate: float | None = typer.Option(None, help="Paid: requests a second (30)."),
    concurrency: int | None = typer.Option(None, min=1, help="Paid: requests in flight at a time (8)."),
    canaries: int | None = typer.Option(
        None, min=0, help="Paid: known pictures asked about again first, to see that the API has not changed (3)."
    ),
    as_json: bool = JSON,
) -> None:
    """Ask a teacher about every example and keep its soft answers; run again to go on where it stopped.

    Answers that nothing can be learned from are kept and warned of (fatal in --json): joryu audit says 5.
    Of an ensemble every member's answer is kept: joryu targets combine takes another rule without asking.
    What a paid teacher answers is kept in a ledger, and never paid for twice; its key comes from the environment.

    \b
    Example:  joryu label --teacher run:teacher --examples mnist --out targets
    Ensemble: joryu label --teacher run:a --teacher run:b --combine power=0.1 --examples mnist --out targets
    """
    from joryu.cli.asking import together
    from joryu.cli.paid import Paying, ask_paid, find_paid
    from joryu.errors import InputError
    from joryu.examples import with_column
    from joryu.examples.views import parse_views
    from joryu.precision import require_wish
    from joryu.questions import Question
    from joryu.remote.spec import is_paid
    from joryu.targets.encoding import Encoding

    teacher = together(teachers, combine)
    paying = Paying(endpoint, budget, ledger, tags, min_count, rate, concurrency, canaries)
    if paying.given and not is_paid(teacher):
        raise InputError(f"{paying.given[0]} is for a teacher that is paid by the answer", received=teacher)
    if is_paid(teacher) and (classes is not None or n_views):
        what = "a paid teacher names its own tags, of the pictures themselves"
        raise InputError(what, hint="leave --classes and --views out")
    paid = find_paid(teacher, paying) if is_paid(teacher) else None
    wished = require_wish(precision)
    kept = None if encoding is None else Encoding.parse(encoding)
    parse_views(views)  # now: a slip in an option must not be told after thousands of pictures were read
    if views and not n_views:
        raise InputError("no view was asked for", received=f"--views {views} alone", hint="say how many with --n-views")
    examples = with_column(examples, column)
    shown = load_for(teacher, examples, split, size)
    names = None if classes is None else names_of_classes(classes)
    shown = shown if names is None else shown.asked(Question.one_of(names))
    order = None if names == shown.classes else names
    stop = None
    if paid is not None:
        teacher, stop = ask_paid(paid, shown, out, paying)
    asking = Asking(
        teacher=teacher, examples=examples, split=split, size=size, views=views, n_views=n_views, order=order,
        encoding=kept, batch_size=batch_size, recheck=recheck, precision=wished,
    )  # fmt: skip
    done, known = ask_teacher(shown, out, asking)
    agreement, fatal = _talk_of_what_was_said(done.store, known)
    summary = {
        "store": str(out),
        "answers": len(done.store) - done.store.manifest.strangers,
        "asked": done.asked,
        "kept": done.kept,
        "no_longer_in_the_set": done.store.manifest.strangers,
        "asked_again": 0 if done.again is None else done.again.asked,
        "failures": len(done.store.failures()),
        "left_out": len(shown.rejected),
        "precision": done.store.manifest.precision,
        "encoding": None if done.store.manifest.encoding is None else str(done.store.manifest.encoding),
        "fatal": fatal,
        "agreement": None if agreement is None else agreement.score,
    }
    emit(summary, as_json, in_words_of(out, done))
    if stop is not None:
        raise stop


def in_words_of(out: Path, done: Labelled) -> str:
    """The result of a labelling in one line: how many answers the store ``out`` has, and how many are new."""
    failures = len(done.store.failures())
    strangers = done.store.manifest.strangers
    words = f"{len(done.store) - strangers} answers in {out}" + (f", {failures} failures" if failures else "")
    if done.store.manifest.precision == "bf16-mixed":
        words += ", computed in bf16"
    if done.asked and not done.kept and (rounding := done.store.manifest.rounding) is not None:
        words += f", one byte each ({rounding})"
    if not done.asked:
        words += ": all there already, nothing new was asked"
    elif done.kept:
        words += f": {done.kept} were there, {done.asked} asked now"
    if strangers:
        words += f"; beside them {strangers} about examples no longer in the set"
    return words if done.again is None else f"{words}; {done.again.asked} asked again are the same"


def _talk_of_what_was_said(store: Store, examples: Examples) -> tuple[Correctness | None, bool]:
    """Warn about answers that would make a training pointless.

    It returns the agreement of the answers with the labels, and whether a training would be refused.
    """
    from joryu.cli.audit import is_own_answers
    from joryu.targets.audit import glance
    from joryu.targets.finding import Severity

    if is_own_answers(store, None):
        examples = replace(examples, labels=None)
    findings, agreement = glance(store, examples)
    # The answers are kept and may have cost money, so this is no failure of labelling: the next command refuses them.
    for one in findings:
        talk(f"warning: {one.message}; {one.hint}")
    fatal = any(one.severity is Severity.FATAL for one in findings)
    if fatal:
        talk("the answers are kept, but joryu audit and joryu distill will refuse them with exit code 5")
    return agreement, fatal


def names_of_classes(classes: str) -> tuple[str, ...]:
    """The names of classes in ``--classes``, or in the file that it names.

    Raises:
        InputError: a name is empty or comes twice, or there are fewer than two.
    """
    from joryu.cli.names import names_or_file
    from joryu.errors import InputError

    names = names_or_file(classes)
    if not all(names) or len(set(names)) < max(2, len(names)):
        expected = "two or more names such as cat,dog"
        raise InputError("--classes is not usable", expected=expected, received=classes or "nothing")
    return names
