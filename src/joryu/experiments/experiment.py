"""`Experiment`: one published claim, how it is run over seeds, and the files with its result."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from joryu.errors import InputError
from joryu.evaluation import Summary, summarise
from joryu.experiments.pairs import PairedRow, paired, paired_table
from joryu.precision import Precision
from joryu.report.tables import ResultRow, results_table
from joryu.targets.provenance import joryu_version, machine
from joryu.training import Recipe
from joryu.training.checkpoint import write_json
from joryu.training.run import Run, Watch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Measured = dict[str, Any]
"""What one seed gave: numbers by name (nested numbers, such as curves, are kept but not averaged)."""


HARD_LABELS = "hard labels"  #: what a twin learns unless an experiment says otherwise
ASKED = "asked"  #: in a seed's ``measured.json``: the metrics that the experiment asked for when it was measured


class Size(StrEnum):
    """How large an experiment is run.

    - ``smoke`` takes seconds, and shows only that the experiment runs.
    - ``published`` is the size of the published result.
    - ``full`` is a larger one, which some experiments have: hours of a small machine.
    """

    SMOKE = "smoke"
    PUBLISHED = "published"
    FULL = "full"

    @property
    def shared(self) -> str:
        """The folder that neighbouring experiments of this size share."""
        return "shared" if self is Size.PUBLISHED else f"shared-{self}"


@dataclass(frozen=True)
class Setting:
    """One seed of one experiment: where it works, at which size and precision, and how it shows its progress.

    ``folder`` belongs to this seed alone. ``shared`` is a folder that experiments with neighbouring ``--out`` folders
    have in common, so that a teacher which takes an hour is trained once for all of them. ``smoke`` is a size of
    seconds, which shows only that the experiment runs; ``full`` is larger than what is published.
    """

    seed: int
    smoke: bool
    folder: Path
    shared: Path
    watching: Callable[[str], AbstractContextManager[Watch]]
    command: str = ""
    precision: Precision = "32-true"
    full: bool = False

    @property
    def of_seed(self) -> Self:
        """The same setting, with this seed's part of the shared folder as its folder."""
        return replace(self, folder=self.shared / f"seed-{self.seed}")

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe with this seed and the experiment's precision, whatever the machine would choose."""
        return recipe.model_copy(update={"seed": self.seed, "precision": self.precision})

    @contextmanager
    def running(
        self, name: str, *, begin_with: Path | None = None, notes: dict[str, Any] | None = None
    ) -> Iterator[Run]:
        """Give the run of one network to a ``with`` block, in a folder of its own, and show its progress."""
        with self.watching(f"seed {self.seed}: {name}") as watch:
            yield Run(self.folder / name, command=self.command, watch=watch, begin_with=begin_with, notes=notes or {})


@dataclass(frozen=True, kw_only=True)
class ClaimRow:
    """One row of an experiment's table: the published number, the metric beside it, and the metric of its twin."""

    label: str
    metric: str
    twin: str | None = None
    published: float | str | None = None
    digits: int = 1


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A published claim, and the functions that measure and draw it.

    - ``measure`` runs one seed; ``draw`` makes the figure from the measurements of all seeds.
    - ``rows`` are the rows of the table, ``unit`` their unit. ``twin`` says what the twin learns; it heads the last
      column.
    - ``pairs`` are conditions to compare seed by seed, in a second table with intervals.
    - ``chance`` says what each seed draws anew and what is the same for all seeds. Every interval is conditional on the
      latter.
    - ``precision`` is part of the recipe, because what was chosen at one precision need not be the best at another.
    - ``headline`` holds the metrics of the rows that stand for the experiment in a table of many experiments.
    - ``full`` says what the larger size is, where there is one.
    - ``moved`` says which numbers were published earlier and are different now, and why.
    """

    name: str
    claim: str
    summary: str
    data: str
    chance: str
    rows: Sequence[ClaimRow]
    measure: Callable[[Setting], Measured]
    draw: Callable[[Sequence[Measured]], Figure]
    unit: str = "test errors"
    twin: str = HARD_LABELS
    pairs: Sequence[PairedRow] = ()
    precision: Precision = "32-true"
    headline: Sequence[str] = ()
    moved: str = ""
    full: str = ""

    @property
    def metrics(self) -> set[str]:
        """The names of all metrics that the tables show; a smaller size may lack some."""
        asked = {row.metric for row in self.rows} | {row.twin for row in self.rows if row.twin is not None}
        return asked | {name for pair in self.pairs for name in (pair.metric, pair.against)}


class Folders(NamedTuple):
    """``out``: the folder in which an experiment works; ``published``: where its result is written too, by its name."""

    out: Path
    published: Path | None = None


def run_experiment(
    experiment: Experiment,
    seeds: Sequence[int],
    *,
    place: Folders,
    size: Size,
    watching: Callable[[str], AbstractContextManager[Watch]],
    command: str = "",
) -> dict[str, Any]:
    """Measure every seed, then write ``result.json``, ``table.md`` and ``figure.svg`` into ``place.out``.

    With ``place.published`` the same three are written there under the experiment's name.

    A seed that was measured before is read from its folder; one that was interrupted resumes. ``watching`` shows the
    progress of a training under a title, as `joryu.cli.output.watching` does. The result is that of ``result.json``.

    Raises:
        InputError: no seed was asked for, or a larger size of an experiment that has none.
    """
    if not seeds:
        raise InputError("an experiment needs a seed", expected="--seeds 3, or --seeds 0,4", received="none")
    if size is Size.FULL and not experiment.full:
        raise InputError(f"{experiment.name} has no larger size", received="--full", hint="leave --full out")
    out, measured = place.out, []
    for seed in seeds:
        setting = Setting(
            seed=seed,
            smoke=size is Size.SMOKE,
            full=size is Size.FULL,
            folder=out / f"seed-{seed}",
            shared=out.parent / size.shared,
            watching=watching,
            command=command,
            precision=experiment.precision,
        )
        measured.append(_one_seed(experiment, setting))
    result = gather(experiment, seeds, measured) | {"command": command, "smoke": size is Size.SMOKE}
    if size is Size.FULL:
        result["full"] = True
    write(experiment, result, measured, out)
    if place.published is not None:
        publish(experiment, result, measured, place.published)
    return result


def parse_seeds(text: str) -> list[int]:
    """Parse seeds: ``3`` means 0, 1 and 2; ``0,4`` means these two; ``4,`` means this one.

    Raises:
        InputError: anything else, or a seed that is named twice, which would count as two without any spread.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts) or ("," not in text and int(parts[0]) == 0):
        raise InputError("cannot read the seeds", expected="how many (3), or which (0,4)", received=repr(text))
    seeds = [int(part) for part in parts] if "," in text else list(range(int(parts[0])))
    if len(set(seeds)) < len(seeds):
        raise InputError("a seed is named twice", expected="each seed once", received=repr(text))
    return seeds


def _one_seed(experiment: Experiment, setting: Setting) -> Measured:
    path = setting.folder / "measured.json"
    wanted = experiment.metrics
    if path.is_file():
        earlier = _measured_before(path)
        if wanted <= set(earlier.pop(ASKED, wanted)):
            return earlier
        # An earlier version asked less of this seed; what was trained then is only judged again.
    setting.folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    measured = experiment.measure(setting)
    measured["seconds"] = round(measured.get("seconds", time.monotonic() - start), 1)
    write_json(path, measured | {ASKED: sorted(wanted)})
    return measured


def _measured_before(path: Path) -> Measured:
    try:
        found: Measured = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"cannot read {path}", received=str(error), hint="delete it: what was trained is only judged again"
        ) from error
    return found


def gather(experiment: Experiment, seeds: Sequence[int], measured: Sequence[Measured]) -> dict[str, Any]:
    """Collect the measurements of all seeds.

    ``published`` holds the published number of each metric; ``ours`` its mean, its standard deviation (division by
    ``n - 1``) and the value of each seed. Some metrics may be measured by some seeds only.

    Raises:
        InputError: a metric is no finite number.
    """
    ours = {}
    for name in dict.fromkeys(key for one in measured for key, value in one.items() if isinstance(value, int | float)):
        values = {str(seed): one[name] for seed, one in zip(seeds, measured, strict=True) if name in one}
        if name != "seconds":
            for seed, value in values.items():
                if not math.isfinite(value):
                    raise InputError(
                        f"{experiment.name} measured what is no number", expected="a finite number for each metric",
                        received=f"{name} {value} of seed {seed}", hint="see what was trained, or leave the seed out",
                    )  # fmt: skip
            found = summarise(list(values.values()))
            ours[name] = {"mean": found.mean, "sd": found.sd, "values": dict(zip(values, found.values, strict=True))}
    return {
        "experiment": experiment.name,
        "claim": experiment.claim,
        "data": experiment.data,
        "chance": experiment.chance,
        "precision": experiment.precision,
        "published": {row.metric: row.published for row in experiment.rows if row.published is not None},
        "ours": ours,
        **({"paired": paired(experiment.pairs, ours)} if experiment.pairs else {}),
        "details": {
            str(seed): {k: v for k, v in one.items() if not isinstance(v, int | float)}
            for seed, one in zip(seeds, measured, strict=True)
        },
        "seeds": list(seeds),
        "seconds": round(sum(one["seconds"] for one in measured), 1),
        "joryu": joryu_version(),
        "machine": machine(),
    }


def table(experiment: Experiment, result: Mapping[str, Any]) -> str:
    """The table of a result in Markdown: what, published, ours, twin."""

    rows = [result_row(row, result) for row in experiment.rows if row.metric in result["ours"]]
    return results_table(rows, first=experiment.unit, twin=f"twin ({experiment.twin})") + "\n"


def result_row(row: ClaimRow, result: Mapping[str, Any]) -> ResultRow:
    """A row of the table, filled in with the numbers of a result."""

    def summary(metric: str | None) -> Summary | None:
        entry = result["ours"].get(metric)
        return None if entry is None else summarise(list(entry["values"].values()))

    return ResultRow(
        name=row.label,
        published=row.published,
        ours=summary(row.metric),
        twin=summary(row.twin),
        digits=row.digits,
    )


def write(experiment: Experiment, result: dict[str, Any], measured: Sequence[Measured], out: Path) -> None:
    """Write ``result.json``, ``table.md`` (which shows the figure) and ``figure.svg`` into ``out``."""
    _write_as(experiment, result, measured, (out / "result.json", out / "table.md", out / "figure.svg"))


def publish(experiment: Experiment, result: dict[str, Any], measured: Sequence[Measured], folder: Path) -> None:
    """Write the same three files into ``folder`` under the experiment's name, as ``docs/results`` has them."""
    json_file, page_file, figure_file = (folder / f"{experiment.name}{ending}" for ending in (".json", ".md", ".svg"))
    _write_as(experiment, result, measured, (json_file, page_file, figure_file))


def _write_as(
    experiment: Experiment, result: dict[str, Any], measured: Sequence[Measured], files: tuple[Path, Path, Path]
) -> None:
    from joryu.report.figures import save_figure

    json_file, page_file, figure_file = files
    json_file.parent.mkdir(parents=True, exist_ok=True)
    write_json(json_file, result)
    save_figure(experiment.draw(measured), figure_file)
    page_file.write_text(page(experiment, result, figure_file.name), encoding="utf-8")


def page(experiment: Experiment, result: Mapping[str, Any], figure: str) -> str:
    """The page of a result in Markdown: claim, table, figure, and the command and machine that made it."""
    machine = result["machine"]
    compared = paired_table(experiment.pairs, result["paired"]) + "\n" if experiment.pairs else ""
    note = "Smoke size: these numbers say nothing about the claim. " if result["smoke"] else ""
    if result.get("full"):
        note = f"Larger size: {experiment.full}. "
    moved = f"What moved: {experiment.moved}\n\n" if experiment.moved and not result["smoke"] else ""
    return (
        f"# {experiment.name} ({experiment.claim})\n\n{experiment.summary}\n\n{table(experiment, result)}\n{compared}"
        f"![{experiment.name}]({figure})\n\n{moved}"
        f"{note}Data: {result['data']}. Seeds: {', '.join(map(str, result['seeds']))}; {result['chance']}. "
        f"Precision: {result['precision']}. {result['seconds']:.0f} s on {machine['cpu']}, "
        f"{machine['threads']} threads, accelerator: {machine['accelerator']}.\n\n```\n{result['command']}\n```\n"
    )
