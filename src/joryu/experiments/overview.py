"""Tables of many published results, made of the headline rows of each experiment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from joryu.experiments.catalogue import MODULES, find_experiment
from joryu.experiments.experiment import HARD_LABELS, ClaimRow, Experiment, result_row
from joryu.experiments.pairs import difference
from joryu.report.tables import ResultRow, as_published, markdown_table, with_spread

Results = Mapping[str, Mapping[str, Any]]
"""What was published, by the name of the experiment."""


class HeadlineRow(NamedTuple):
    """A row that stands for its experiment, with its numbers; the ``first`` of several rows names the experiment."""

    experiment: Experiment
    result: Mapping[str, Any]
    row: ClaimRow
    numbers: ResultRow
    first: bool

    @property
    def what(self) -> str:
        """What was measured, with its unit."""
        unit = self.experiment.unit
        return f"{self.row.label} ({unit})" if unit else self.row.label

    @property
    def cells(self) -> list[str]:
        """The published number, ours and the twin's, as text."""
        row = self.numbers
        return [as_published(row), with_spread(row.ours, row), with_spread(row.twin, row)]


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the results that ``joryu experiment run --publish`` wrote into a folder, in the order of the catalogue."""
    files = {name: folder / f"{name}.json" for name in MODULES}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.is_file()}


def headlines(results: Results) -> Iterator[HeadlineRow]:
    """The headline rows of these results; a result of a smaller size may lack some."""
    for name, result in results.items():
        experiment = find_experiment(name)
        rows = {row.metric: row for row in experiment.rows}
        held = [rows[metric] for metric in experiment.headline if metric in result["ours"]]
        yield from (HeadlineRow(experiment, result, row, result_row(row, result), row is held[0]) for row in held)


def overview_table(results: Results) -> str:
    """A table in Markdown with claim, published number, ours, twin's and command of every headline row.

    Its links are for a page beside the JSON files.
    """
    header = ["claim", "what", "published", "ours", "seeds", "twin", "command"]
    rows = []
    for one in headlines(results):
        experiment, seeds = one.experiment, one.result["seeds"]
        published, ours, twin = one.cells
        if one.numbers.twin is not None and experiment.twin != HARD_LABELS:
            twin += f" ({experiment.twin})"
        claim = f"[{experiment.claim}]({experiment.name}.md)"
        again = f"`{command(experiment.name, seeds)}`" if one.first else ""
        rows.append([claim, one.what, published, ours, ", ".join(map(str, seeds)), twin, again])
    return markdown_table(header, rows, left=2)


def short_table(results: Results, folder: str, words: Mapping[str, str] | None = None) -> str:
    """The first headline row of each experiment in a short table in Markdown; its links lead into ``folder``.

    ``words`` holds the words of another language by the English ones.

    Raises:
        KeyError: a word is missing.
    """
    header, rows = ["experiment", "what", "published", "ours", "twin"], []
    for one in headlines(results):
        if one.first:
            name = one.experiment.name
            rows.append([f"[{name}]({folder}/{name}.md)", one.what, *one.cells])
    if words is not None:
        header, rows = [words[title] for title in header], [[name, words[what], *rest] for name, what, *rest in rows]
    return markdown_table(header, rows, left=2)


def compared_table(results: Results) -> str:
    """A table in Markdown of headline metrics compared with their twins and controls, seed by seed."""
    rows = [
        [one.experiment.name, pair.label, *difference(found, pair.digits)]
        for one in headlines(results)
        for pair in one.experiment.pairs
        for found in one.result["paired"]
        if pair.metric == one.row.metric and (pair.metric, pair.against) == (found["metric"], found["against"])
    ]
    return markdown_table(["experiment", "paired over seeds", "difference", "95 % interval"], rows, left=2)


def command(name: str, seeds: Sequence[int]) -> str:
    """The command that measures these seeds of an experiment again.

    >>> command("hinton-mnist", [0, 1, 2])
    'joryu experiment run hinton-mnist --seeds 3'
    >>> command("brain", [0, 4]), command("brain", [4])
    ('joryu experiment run brain --seeds 0,4', 'joryu experiment run brain --seeds 4,')
    """
    counted = list(seeds) == list(range(len(seeds)))
    named = str(len(seeds)) if counted else ",".join(map(str, seeds)) + "," * (len(seeds) == 1)
    return f"joryu experiment run {name} --seeds {named}"
