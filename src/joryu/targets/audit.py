"""`audit`: check before a training whether there is something to learn from a store of soft targets.

Every threshold is at the top of its file, with its reason. Only findings that make training pointless are fatal; the
others are warnings and notes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from joryu.errors import DeadTeacherError
from joryu.examples import Examples, Ids, distinct_rows
from joryu.examples.shown import shown_as
from joryu.questions import LabelKind, difference
from joryu.questions.softening import check_temperature
from joryu.targets.correctness import Correctness
from joryu.targets.examination import ExaminationOptions, Labels, examine
from joryu.targets.finding import Finding, Severity, fatal
from joryu.targets.numbers import NumberStatistics
from joryu.targets.statistics import Statistics, finite_rows
from joryu.targets.store import Store

GLANCE = 10_000
"""The most answers that `glance` looks at, since nobody asked for an audit: it takes a few tenths of a second."""

ENOUGH_ROWS = 100_000
"""The most answers that an audit takes statistics of, spread evenly over the store: they make entropies and accuracies
certain to a thousandth."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit: findings, and the numbers they are based on."""

    findings: tuple[Finding, ...]
    answered: int
    missing: int
    duplicates: int
    failures: int
    temperature: float
    statistics: Statistics | NumberStatistics | None
    agreement: Correctness | None
    teacher_order: tuple[str, ...] | None = None  #: the order to give ``joryu label --classes``, if it was wrong

    @property
    def fatal(self) -> bool:
        """Whether a finding is fatal: there is nothing to learn from this store."""
        return any(finding.severity is Severity.FATAL for finding in self.findings)

    def refuse_if_fatal(self) -> None:
        """Raise an error for the first fatal finding, if there is one.

        Raises:
            DeadTeacherError: there is a fatal finding.
        """
        for finding in self.findings:
            if finding.severity is Severity.FATAL:
                raise DeadTeacherError(finding.message, hint=finding.hint)

    def to_json(self) -> dict[str, Any]:
        """The audit as JSON-able data."""
        return {"fatal": self.fatal, **asdict(self)}


def audit(store: Store, examples: Examples | None = None, *, temperature: float = 1.0) -> Audit:
    """Check the answers about the examples themselves (view 0), and which are missing.

    Args:
        store: the soft targets.
        examples: the examples that they are about. If some have labels, accuracy and calibration are measured on them.
        temperature: the temperature at which a student would be trained.

    >>> import tempfile, torch
    >>> from joryu.teachers import Network
    >>> from joryu.teachers.labelling import label_examples
    >>> examples = Examples.of(torch.randn(64, 4), classes=["cat", "dog"])
    >>> dead = torch.nn.Linear(4, 2)
    >>> _ = torch.nn.init.zeros_(dead.weight)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = audit(label_examples(Network(dead, examples.classes), examples, folder), examples)
    >>> found.findings[0].severity.value, found.findings[0].code
    ('fatal', 'constant')

    Raises:
        InputError: a shard is damaged, or the temperature is not a positive number.
    """
    check_temperature(temperature)
    store.require_sound()
    rows, labels, findings = _rows(store, examples)
    seen = None
    if len(rows):
        finite = finite_rows(store, rows)
        if len(finite) < len(rows):
            findings.append(fatal("not-finite", f"{len(rows) - len(finite)} answers are not finite", "label again"))
        else:
            seen = examine(store, rows, labels, ExaminationOptions(temperature, ENOUGH_ROWS, _look_at(store, examples)))
            findings += seen.findings
    distinct = None if examples is None else examples.ids[distinct_rows(examples.ids)]
    n_examples = store.manifest.examples.count if distinct is None else len(distinct)
    missing = _missing(store, distinct, n_examples)
    findings += _about_bookkeeping(store, missing, n_examples)
    rank = list(Severity)
    return Audit(
        findings=tuple(sorted(findings, key=lambda finding: rank.index(finding.severity))),
        answered=len(store),
        missing=missing,
        duplicates=store.duplicates,
        failures=len(store.failures()),
        temperature=temperature,
        statistics=None if seen is None else seen.statistics,
        agreement=None if seen is None else seen.agreement,
        teacher_order=None if seen is None else seen.teacher_order,
    )


def glance(store: Store, examples: Examples) -> tuple[list[Finding], Correctness | None]:
    """A quick audit of answers that have just been made: fatal findings, and their agreement with the labels.

    At most `GLANCE` rows are checked, and missing answers are not counted. Only fatal findings are returned, and that
    sigmoids were taken for logits. The agreement is ``None`` without labels.
    """
    rows, labels, _ = _rows(store, examples)
    if not len(rows):
        return [], None
    seen = examine(store, rows, labels, ExaminationOptions(1.0, GLANCE, _look_at(store, examples)))
    fatal = [one for one in seen.findings if one.severity is Severity.FATAL or one.code == "sigmoids-as-logits"]
    return fatal, seen.agreement


def _look_at(store: Store, examples: Examples | None) -> str:
    """What to do about a teacher that seems to see nothing, by the family of its spec."""
    shown = "pictures as they are read, values 0 to 255" if examples is None else shown_as(examples.inputs)
    family = (store.manifest.teacher.spec or "").partition(":")[0]
    return {
        "run": "look at how far that run learned (joryu evaluate)",
        "human": "look at who answered, and how far they agree",
        "timm": "look at its weights",
    }.get(family, f"look at its weights and its input normalisation (it is shown {shown}, and must scale them itself)")


def _rows(store: Store, examples: Examples | None) -> tuple[Tensor, Labels | None, list[Finding]]:
    """The rows of the examples themselves, their labels, and what was noticed while looking for them."""
    if examples is None:
        every = torch.arange(store.n_rows)
        if not len(every):
            return every, None, []
        _, seeds = store.keys(every)
        first = torch.ones(store.n_rows, dtype=torch.bool)
        first[torch.from_numpy(store.index.redundant)] = False
        return every[first & torch.from_numpy(seeds == 0)], None, []
    distinct = distinct_rows(examples.ids)
    found = store.find(examples.ids[distinct], 0)
    answered = found >= 0
    findings = []
    if len(distinct) < len(examples):
        copies = f"{len(examples) - len(distinct)} of {len(examples)} examples are copies of others"
        findings.append(Finding("copies", Severity.NOTE, copies, "they share one answer; remove them if unintended"))
    labels = None if examples.labels is None else examples.labels[torch.from_numpy(distinct)][answered]
    if labels is None or examples.question is None:
        return found[answered], None, findings
    if difference(store.manifest.question, examples.question) is not None:
        other = "the examples' labels answer another question than the teacher; they were not compared"
        findings.append(Finding("other-classes", Severity.WARNING, other, "name the same outputs in the same order"))
        return found[answered], None, findings
    compared = _compared(examples, labels)
    if compared is None:
        message = "graded labels of pixels are not compared with the answers"
        findings.append(Finding("not-compared", Severity.NOTE, message, "train a student and judge by its evaluation"))
    return found[answered], compared, findings


def _compared(examples: Examples, labels: Tensor) -> Labels | None:
    """The labels as answers are compared with them: of graded ones the best class; ``None`` where nobody carries it."""
    if examples.asked_question.labels is not LabelKind.DISTRIBUTION:
        return Labels(labels, examples.codec.known(labels))
    return None if examples.asked_question.grid else Labels(examples.codec.strata(labels), examples.codec.known(labels))


def _missing(store: Store, distinct: Ids | None, n_examples: int) -> int:
    seeds = range(store.manifest.n_views + 1)
    if distinct is None:
        return max(0, n_examples * len(seeds) - (len(store) - store.manifest.strangers))
    return sum(int(store.missing(distinct, seed).sum()) for seed in seeds)


def _about_bookkeeping(store: Store, missing: int, n_examples: int) -> Iterator[Finding]:
    expected = n_examples * (store.manifest.n_views + 1)
    if missing == expected:
        message = f"none of {n_examples} examples has an answer"  # and nothing can override that
        yield Finding("no-answers", Severity.FATAL, message, "run joryu label with these examples")
    elif missing:
        message = f"{missing} of {expected} examples and views have no answer"
        yield Finding("missing", Severity.WARNING, message, "run joryu label again: only they are asked")
    if failures := store.failures():
        reason, times = Counter(failure.reason for failure in failures).most_common(1)[0]
        message = f"the teacher failed on {len(failures)}; most often ({times}): {reason}"
        yield Finding("failures", Severity.WARNING, message, f"see failures.jsonl in {store.path}")
    if store.duplicates:
        message = f"{store.duplicates} rows repeat the key of an earlier row and are never read"
        yield Finding("duplicates", Severity.NOTE, message, "harmless; joryu label drops them when it merges shards")
