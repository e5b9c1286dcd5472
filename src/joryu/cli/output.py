"""stdout is data, stderr is talk: how the commands print, and how long work shows its progress."""

from __future__ import annotations

import json
import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from joryu.examples import Examples, Rejected
    from joryu.targets import Store
    from joryu.training import Recipe
    from joryu.training.checkpoint import Progress
    from joryu.training.run import Watch

JSON = typer.Option(False, "--json", help="Print JSON on stdout.")


def emit(data: Any, as_json: bool, text: str) -> None:
    """The result of a command: as JSON for scripts (a number that is not finite is ``null``), as text for people."""
    sys.stdout.write((json.dumps(_plain(data), indent=2, default=str) if as_json else text) + "\n")


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity, and a script in another language would stumble over Python's spelling."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def talk(message: str) -> None:
    """A remark for the person at the terminal."""
    sys.stderr.write(message + "\n")


_typed: list[str] = []


def remember(words: Sequence[str]) -> None:
    """Keep what was typed, for `command_line`."""
    _typed[:] = words


def command_line() -> str:
    """What was typed, for provenance."""
    return shlex.join(["joryu", *_typed])


def talk_of_rejected(rejected: Sequence[Rejected], most: int = 10) -> None:
    """Name the files that were left out, and why."""
    for one in rejected[:most]:
        talk(f"left out {one.name}: {one.reason}")
    if len(rejected) > most:
        talk(f"… and {len(rejected) - most} more were left out")


TEST_SHARE = 0.2  #: of sets without a test split; one number, so that a teacher never sees what judges its student


def share_held_out(examples: str, asked_for: float | None) -> float:
    """The share that neither a teacher nor its student is taught: what was asked for, or what the set calls for."""
    from joryu.examples import has_split

    if asked_for is not None:
        return asked_for
    if has_split(examples, "test"):
        return 0.0
    talk(f"{examples} has no test split: {TEST_SHARE:.0%} of it is held out for the report")
    return TEST_SHARE


FEW_STEPS = 300  #: below this even a small network has hardly begun


def talk_of_few_steps(recipe: Recipe, n: int) -> None:
    """Say so when a small set and a large batch leave hardly any steps to learn in."""
    steps = recipe.epochs * max(1, n // min(recipe.batch_size, n))
    if steps < FEW_STEPS:
        smaller = max(4, n // 8)
        batch = f"--batch-size {smaller} and " if smaller < recipe.batch_size else ""
        talk(f"it had only about {steps} steps: if it learnt too little, try {batch}more --epochs")


def reopen(store: Store, spec: str | None, split: str | None, size: int | None) -> Examples:
    """The examples a store was made for, as its manifest names them unless told otherwise."""
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
    return found.named(store.manifest.classes)


def size_of(store: Store, asked_for: int | None) -> int | None:
    """The size of pictures: what was asked for, or the one that the store's were labelled at."""
    made_at = store.manifest.examples.size
    if asked_for is not None or made_at is None:
        return asked_for
    talk(f"pictures are resized to {made_at}, as they were when {store.path} was labelled")
    return made_at


@contextmanager
def counting(title: str) -> Iterator[Any]:
    """A progress bar: yields ``advance(done, total)``. Redrawn in a terminal, a line a minute elsewhere."""
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


@contextmanager
def watching(title: str) -> Iterator[Watch]:
    """A progress bar over the steps of a training."""
    with counting(title) as advance:

        def watch(progress: Progress, steps: int, epochs: int) -> None:
            note = ""
            if progress.history:
                last = progress.history[-1]
                note = f"loss {last['train_loss']:.4f}"
                if "validation_accuracy" in last:
                    note += f", validation accuracy {last['validation_accuracy']:.4f}"
            advance(progress.epoch * steps + progress.step, epochs * steps, note)

        yield watch
