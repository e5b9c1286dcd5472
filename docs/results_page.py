"""``docs/results/README.md`` and the tables of the READMEs, from the JSON files of ``docs/results``."""

from __future__ import annotations

import json
import statistics
import textwrap
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from joryu.experiments.overview import Results, compared_table, overview_table, read_results, short_table

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"
WIDTH = 120
BEGIN, END = "<!-- results: written by make docs -->", "<!-- end of results -->"


def results_page() -> str:
    """The tables, and the prose of ``results.md.jinja`` with every number that a JSON file holds taken from there."""
    results = read_results(RESULTS)
    numbers = Numbers(results, _read("benchmarks.json"), _read("whole-job.json"))
    pages = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701 - Markdown
    template = pages.from_string((DOCS / "results.md.jinja").read_text(encoding="utf-8"))
    return _filled(template.render(n=numbers, overview=overview_table(results), compared=compared_table(results)))


def _read(name: str) -> dict[str, Any]:
    """A benchmark's numbers; none where it was not published."""
    path = RESULTS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def front_page(page: str, words: str | None = None) -> str:
    """A README with the table of headlines between its two marks, in the words of another language where it has any."""
    before, begin, rest = (DOCS.parent / page).read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    said = None if words is None else json.loads((DOCS / words).read_text(encoding="utf-8"))
    return f"{before}{begin}\n{short_table(read_results(RESULTS), 'docs/results', said)}\n{end}{after}"


def _filled(text: str) -> str:
    """The paragraphs filled anew, as numbers are longer or shorter than what asks for them; tables are left alone."""
    parts = text.split("\n\n")
    return "\n\n".join(part if part.startswith(("|", "#")) else _paragraph(part) for part in parts) + "\n"


def _paragraph(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


class Numbers:
    """What the prose asks for, written as it stands in a sentence."""

    def __init__(self, results: Results, benchmarks: dict[str, Any], job: dict[str, Any] | None = None) -> None:
        self._results, self._benchmarks = results, benchmarks
        self.job = job or {}  #: what `benchmarks.whole_job` published, if it was
        self._parts = benchmarks["epoch"]
        self._epochs = {one["work"]: one for part in self._parts for one in part["results"]}

    def mean(self, name: str, metric: str, digits: int = 1) -> str:
        """The mean over seeds."""
        return f"{self._ours(name, metric)['mean']:,.{digits}f}"

    def spread(self, name: str, metric: str, digits: int = 1) -> str:
        """Mean ± standard deviation over seeds."""
        return f"{self.mean(name, metric, digits)} ± {self._ours(name, metric)['sd']:.{digits}f}"

    def each(self, name: str, metric: str) -> str:
        """Every seed's number: 71, 67 and 75."""
        *most, last = (f"{value:g}" for value in self._ours(name, metric)["values"].values())
        return f"{', '.join(most)} and {last}"

    def published(self, name: str, metric: str) -> str:
        """What the paper says."""
        found = self._results[name]["published"][metric]
        return found if isinstance(found, str) else f"{found:g}"

    def short(self, name: str, metric: str) -> str:
        """By how much ours is above what is published."""
        return f"{self._ours(name, metric)['mean'] - self._results[name]['published'][metric]:.0f}"

    def percent(self, name: str, metric: str, digits: int = 0) -> str:
        """The mean of a share, in percent."""
        return f"{100 * self._ours(name, metric)['mean']:.{digits}f}"

    def fewer(self, name: str, metric: str, against: str, digits: int = 0) -> str:
        """How many fewer the first makes than the second, with its interval: 17 (2 to 31)."""
        pair = self._pair(name, metric, against)
        return f"{-pair['difference']:.{digits}f} ({-pair['high']:.{digits}f} to {-pair['low']:.{digits}f})"

    def difference(self, name: str, metric: str, against: str, digits: int = 3) -> str:
        """The first less the second with its sign, and its interval: -0.003 (-0.010 to +0.004)."""
        pair = self._pair(name, metric, against)
        return f"{pair['difference']:+.{digits}f} ({pair['low']:+.{digits}f} to {pair['high']:+.{digits}f})"

    def beyond(self, name: str, control: str) -> str:
        """In how many comparisons with this control the first was better beyond the interval: 3 of 32."""
        pairs = [one for one in self._results[name]["paired"] if control in one["against"]]
        better = [one["low"] > 0 if one["metric"].endswith("_accuracy") else one["high"] < 0 for one in pairs]
        return f"{sum(better)} of {len(pairs)}"

    def span(self, name: str, metrics: list[str], digits: int = 1) -> str:
        """From the least to the greatest of several means."""
        means = [self._ours(name, metric)["mean"] for metric in metrics]
        return f"{min(means):.{digits}f} to {max(means):.{digits}f}"

    @property
    def repeats(self) -> int:
        """Rounds of an epoch, in which every contender trained once."""
        return max(int(part["repeats"]) for part in self._parts)

    @property
    def rounds(self) -> int:
        """How often ours and the bare student were run side by side."""
        found: int = self._epochs["mlp"]["closely"]["rounds"]
        return found

    def closely(self) -> str:
        """An epoch from the store, in epochs of the bare student."""
        return f"{self._epochs['mlp']['closely']['times_bare']:.2f}"

    def wanted(self, claim: str) -> str:
        """What a benchmark was to reach."""
        found = [one["wanted"] for one in self._epochs["mlp"]["claims"] if claim in one["claim"]]
        return f"{found[0]:g}"

    def times(self, work: str, *contenders: str) -> str:
        """How many times as long as ours these take, from the least to the greatest."""
        found = [one["times_ours"] for one in self._epochs[work]["contenders"] if one["name"] in contenders]
        low, high = f"{min(found):.1f}", f"{max(found):.1f}"
        return low if low == high else f"{low} to {high}"

    def limit(self, what: str, digits: int = 2) -> str:
        """What asking once gained on H1's work, beside what it can gain at the most."""
        return f"{self._epochs['mlp']['limit'][what]:.{digits}f}"

    def limit_remark(self) -> str:
        """What else must be known of that."""
        remark = self._epochs["mlp"]["limit"].get("remark")
        return "" if remark is None else f"; {remark}"

    def job_median(self, contender: str, what: str, digits: int = 1) -> str:
        """A number of the whole job, over its seeds."""
        found = [one[what] for one in self.job["jobs"] if one["name"] == contender]
        return f"{statistics.median(found):,.{digits}f}"

    def job_accuracy(self, contender: str) -> str:
        """How many of the held-out photographs its students know, in percent."""
        found = [100 * one["accuracy"] for one in self.job["jobs"] if one["name"] == contender]
        return f"{statistics.mean(found):.1f}"

    def labelling(self, work: str) -> str:
        """The speed of labelling, in that of the bare teacher."""
        (found,) = (one for one in self._benchmarks["labelling"] if one["work"] == work)
        return f"{found['share_of_bare']:.2f}"

    def store(self, what: str) -> float:
        """What the store does with top-32."""
        found: float = self._benchmarks["store"][0]["results"]["top-32 of 1000"][what]
        return found

    def start(self, command: str) -> str:
        """Milliseconds of a command."""
        (found,) = (one for one in self._benchmarks["command_line"][0]["results"] if one["name"] == command)
        return f"{1000 * found['median_seconds']:.0f}"

    def _ours(self, name: str, metric: str) -> dict[str, Any]:
        found: dict[str, Any] = self._results[name]["ours"][metric]
        return found

    def _pair(self, name: str, metric: str, against: str) -> dict[str, Any]:
        pairs: list[dict[str, Any]] = self._results[name]["paired"]
        (found,) = (one for one in pairs if one["metric"] == metric and one["against"] == against)
        return found
