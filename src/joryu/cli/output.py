"""What all commands share: print results on stdout and remarks on stderr, show progress, find and load examples."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from joryu.examples import Examples, Rejected
    from joryu.targets import Store
    from joryu.training import Recipe, Trained
    from joryu.training.checkpoint import TrainingProgress
    from joryu.training.run import Watch

JSON = typer.Option(False, "--json", help="Print JSON on stdout.")
EXAMPLES = (
    "digits, mnist, cifar10 and others (joryu data list), a path, or folder:, parquet:, table:, pairs:, idx:, project: "
    "or screened: before one."
)
COLUMN: Any = typer.Option(
    None, help="Of a Parquet set: the column of pictures, of labels, or both (img,fine_label), where that is not plain."
)


def emit(data: Any, as_json: bool, text: str) -> None:
    """Print the result of a command on stdout: ``data`` as JSON (NaN and infinity become ``null``), or ``text``."""
    sys.stdout.write((json.dumps(_plain(data), indent=2, default=str) if as_json else text) + "\n")


def _plain(value: Any) -> Any:
    """The value without NaN and infinity, which JSON does not have and other languages cannot read."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def talk(message: str) -> None:
    """Print a remark for the person at the terminal, on stderr."""
    sys.stderr.write(message + "\n")


def require_student(spec: str) -> None:
    """Check the spec of a student before examples are read for minutes, and say what is odd about it.

    Raises:
        InputError: it cannot be read, or names no family.
    """
    from joryu.students.architecture import require_architecture

    require_architecture(spec)
    talk_of_student(spec)


def talk_of_student(spec: str) -> None:
    """Say what is odd about a student, such as frozen layers with random weights."""
    from joryu.students.architecture import remarks_on

    for remark in remarks_on(spec):
        talk(f"note: {remark}")


_typed: list[str] = []


def remember(words: Sequence[str]) -> None:
    """Keep the words of the command line for `command_line`."""
    _typed[:] = words


def command_line(hidden: Mapping[str, str] | None = None) -> str:
    """The command line that was typed, for provenance; what ``hidden`` names, such as a password, is replaced."""
    words = list(_typed)
    for secret, shown in (hidden or {}).items():
        words = [word.replace(secret, shown) for word in words]
    return shlex.join(["joryu", *words])


def load_and_tell(spec: str, split: str, size: int | None) -> Examples:
    """Load examples; say on stderr what they are, which files were left out, and why.

    Raises:
        InputError: as `joryu.examples.load_examples`.
    """
    from joryu.examples import load_examples
    from joryu.examples.overview_text import summary_line

    with counting("reading pictures") as advance:
        examples = load_examples(spec, split=split, size=size, progress=advance)
    talk(summary_line(spec, split, examples))
    talk_of_rejected(examples.rejected)
    return examples


def talk_of_rejected(rejected: Sequence[Rejected]) -> None:
    """Name the files that were left out, and why; files that systems and programs leave behind are only counted."""
    from joryu.examples.left_out import left_out_lines

    for line in left_out_lines(rejected):
        talk(f"left out {line}")


TEST_SHARE = 0.2
"""The share held out from sets without a test split. It is the same for teacher and student, so that the teacher never
sees the student's test part."""


def split_labelled(store: Store, examples: str) -> str:
    """The split of ``examples`` that the store was made for, ``train`` if it is not known; others are remarked upon."""
    made_for = store.manifest.examples
    split = made_for.split if made_for.spec == examples and made_for.split else "train"
    if split != "train":
        talk(f"the part that is taught is the one that was labelled: {split}; another: --split")
    return split


def share_held_out(examples: str, asked_for: float | None, split: str = "train") -> float:
    """The share to hold out from teacher and student: what was ``asked_for``, or what the set needs.

    A set with a labelled test split needs none, unless ``split``, which is trained on, is that split itself.
    Otherwise it is `TEST_SHARE`.
    """
    from joryu.examples import has_split, labelled_splits
    from joryu.examples.layouts import ALL, canonical_split

    if asked_for is not None:
        return asked_for
    why = f"{examples} has no test split"
    if has_split(examples, "test"):
        if split == ALL or canonical_split(split) == "test":
            why = f"the test split of {examples} is taught itself"
        else:
            labelled = labelled_splits(examples)
            if "test" in labelled or not labelled:
                return 0.0
            why = f"the test split of {examples} has no labels"
    talk(f"{why}: {TEST_SHARE:.0%} of it is held out for the report")
    return TEST_SHARE


def warn_of_overlap(spec: str, shown: Examples, *, share: float, seed: int, size: int | None) -> None:
    """Warn before a training if test examples are trained on too (`joryu.training.overlap`)."""
    from joryu.examples import load_examples
    from joryu.training.overlap import warn_before_training

    with counting("comparing with what will judge") as advance:

        def load(split: str) -> Examples:
            return load_examples(spec, split=split, size=size, progress=advance)

        warning = warn_before_training(spec, shown, share=share, seed=seed, load=load)
    if warning is not None:
        talk(f"warning: {warning}")


FEW_STEPS = 300  #: the steps below which even a small network has hardly begun to learn


def talk_of_few_steps(done: Trained, recipe: Recipe) -> None:
    """Advise smaller batches or more epochs if a training had fewer than `FEW_STEPS` steps."""
    from joryu.training.run import read_run, shown_per_epoch

    n = shown_per_epoch(read_run(done.folder)["request"])
    steps = len(done.history) * recipe.steps_per_epoch(n)
    if 0 < steps < FEW_STEPS:
        smaller = max(4, n // 8)
        batch = f"--batch-size {smaller} and " if smaller < recipe.batch_size else ""
        counted = "one step" if steps == 1 else f"{steps:,} steps"
        talk(f"it had only {counted}: if it learnt too little, try {batch}more --epochs")


def reopen(store: Store, spec: str | None, split: str | None, size: int | None) -> Examples:
    """Load the examples that a store was made for; ``spec``, ``split`` and ``size`` replace those in its manifest.

    Raises:
        InputError: nothing says where the examples are, or they cannot be read.
    """
    from joryu.errors import InputError
    from joryu.examples import load_examples
    from joryu.examples.places import require_found

    named = spec or store.examples_spec
    if named is None:
        raise InputError("the store does not say how to find its examples", hint="name them with --examples")
    if spec is None:
        require_found(named, store.path, store.manifest.provenance.typed_in)
    made_for = store.manifest.examples
    found = load_examples(named, split=split or made_for.split or "train", size=size or made_for.size)
    return found.asked(store.manifest.question)


def in_column(examples: str | None, column: str | None) -> str | None:
    """The spec in ``--examples`` with the column in ``--column``.

    Raises:
        InputError: there is a column without examples, or the set has no columns.
    """
    from joryu.errors import InputError
    from joryu.examples import with_column

    if examples is None and column is not None:
        raise InputError("--column says more about --examples", expected="both", received=f"--column {column} alone")
    return examples if examples is None else with_column(examples, column)


def size_of(store: Store, asked_for: int | None) -> int | None:
    """The size of pictures: what was ``asked_for``, or else the size at which the store was labelled."""
    made_at = store.manifest.examples.size
    if asked_for is not None or made_at is None:
        return asked_for
    talk(f"pictures are resized to {made_at}, as they were when {store.path} was labelled")
    return made_at


@contextmanager
def counting(title: str) -> Iterator[Any]:
    """Show progress on stderr within a ``with`` block, by calls of ``advance(done, total, note="")``, which it gives.

    In a terminal it is a bar; elsewhere, a line each minute.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None, note="")
        spoken = time.monotonic()

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal spoken
            bar.update(task, completed=done, total=total, note=note)
            if not console.is_terminal and time.monotonic() - spoken >= 60:
                spoken = time.monotonic()
                talk(f"{title}: {done}/{total} {note}".rstrip())

        yield advance


def _so_far(progress: TrainingProgress) -> str:
    """The loss of the last epoch, and the validation of the best one, whose weights will be kept."""
    if not progress.history:
        return ""
    note = f"loss {progress.history[-1]['train_loss']:.4f}"
    if progress.best_epoch is None:
        return note
    best = progress.history[progress.best_epoch - 1]
    shares = [f"{name.replace('_', ' ')} {best[name]:.4f}, " for name in best if name in SHARES]
    return f"{note}, {''.join(shares)}best epoch {progress.best_epoch}"


SHARES = ("validation_accuracy", "validation_agreement")  #: the measures that the progress bar shows


@contextmanager
def watching(title: str) -> Iterator[Watch]:
    """Show the progress of a training within a ``with`` block, which gives the function for `joryu.training.Run`."""
    with counting(title) as advance:

        def watch(progress: TrainingProgress, steps: int, epochs: int) -> None:
            advance(progress.epoch * steps + progress.step, epochs * steps, _so_far(progress))

        yield watch
