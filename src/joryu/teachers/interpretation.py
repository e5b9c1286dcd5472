"""`Interpretation`: turn people's choices, hesitation and signals into one distribution per picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

import numpy as np

from joryu.annotations import Answer, Settings
from joryu.annotations.dawid_skene import dawid_skene, require_overlap
from joryu.annotations.trials import Floats, Ints, Trials, shuffle_within
from joryu.errors import InputError
from joryu.teachers import confidence, left_over

_RULES: dict[str, confidence.Confidence] = {
    "severity": confidence.severity,
    "attention": confidence.attention,
    "severity*attention": confidence.severity_and_attention,
    "response-time": confidence.response_time,
    "stated": confidence.stated,
}
_REST: dict[str, left_over.LeftOver] = {
    "uniform": left_over.uniform,
    "second-choice": left_over.second_choice,
    "confusion": left_over.confusion,
    "graph": left_over.graph,
}
_SECOND_SHARE = {"second-choice": 1 - left_over.UNIFORM_SHARE}  #: for other models `left_over.SECOND_SHARE`
_CHOICES = {
    "left_over": tuple(_REST),
    "aggregate": ("average", "dawid-skene"),
    "weight": ("even", "answers"),
}
_ROUNDING = 1e-12  #: tolerance for a sureness at which two classes are equally probable
_DIGITS = 10  #: the most digits of ``shuffle``
CONFIDENCES = (*_RULES, "logistic", "constant:E", "shuffled:MODEL", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """How people's answers become soft targets.

    ``confidence``: how sure each answer was (`joryu.teachers.confidence`).

    * ``stated``, ``response-time``, ``severity``, ``attention``, ``severity*attention``: rules.
    * ``logistic``: fitted to how far answers about the same picture agree.
    * ``constant:0.1``: a control, the same for all answers.
    * ``shuffled:MODEL``: a control, the sureness of MODEL shuffled within each session. ``shuffle`` is the seed of the
      order; give every seed of a comparison another one, as a single order may be lucky.
    * ``auto``: ``stated`` if people stated it, else ``response-time`` if it was measured, else ``constant:0.1``.

    ``left_over``: how the rest is distributed (`joryu.teachers.left_over`): ``uniform``, ``second-choice``,
    ``confusion`` (as others disagreed) or ``graph`` (to the settings' nearest class). With each of them a second choice
    gets its share first.

    ``aggregate``: ``average`` over annotators (each one's repeats are averaged first), or ``dawid-skene``, which weighs
    annotators by their errors and needs three annotators and about ten pictures per class. It uses only the choices, so
    it cannot be combined with the models above.

    ``weight``: of a picture: ``even``, or in proportion to its number of ``answers`` (mean 1).

    >>> Interpretation.parse("confidence=constant:0.2,left-over=confusion").left_over
    'confusion'

    Raises:
        InputError: a model is unknown, or would have no effect.
    """

    confidence: str = "auto"
    left_over: str = "uniform"
    aggregate: str = "average"
    weight: str = "even"
    shuffle: int = 0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (given := getattr(self, name)) not in known:
                raise InputError(f"unknown {name.replace('_', '-')}", expected=", ".join(known), received=repr(given))
        model = self.confidence.removeprefix("shuffled:")
        if model.startswith("constant:"):
            _constant(model)
        elif model not in (*_RULES, "logistic", "auto"):
            raise InputError("unknown confidence", expected=", ".join(CONFIDENCES), received=repr(self.confidence))
        if self.aggregate == "dawid-skene" and (self.confidence, self.left_over) != ("auto", "uniform"):
            raise InputError(
                "dawid-skene looks at choices alone", expected="no confidence= and no left-over= beside it",
                received=f"confidence={self.confidence},left-over={self.left_over}", hint="try aggregate=average",
            )  # fmt: skip
        if self.shuffle and not self.confidence.startswith("shuffled:"):
            raise InputError(
                "shuffle= is for a control", expected="confidence=shuffled:MODEL", received=self.confidence
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``confidence=MODEL,left-over=MODEL,aggregate=RULE,weight=RULE,shuffle=N``; every part is optional.

        Raises:
            InputError: a word is unknown or occurs twice.
        """
        words = [part.partition("=")[::2] for part in text.split(",") if part]
        parts = dict(words)
        if len(parts) < len(words):
            raise InputError("the answers can be taken in one way only", expected="each word once", received=text)
        known = {name.replace("_", "-"): name for name in cls.__dataclass_fields__}
        if unknown := [name for name in parts if name not in known]:
            raise InputError("cannot read how to take the answers", expected=", ".join(known), received=unknown[0])
        number = parts.pop("shuffle", "0")
        if not (number.isascii() and number.isdigit() and len(number) < _DIGITS):
            raise InputError("shuffle is not usable", expected="a whole number from 0", received=repr(number))
        return cls(**{known[name]: value for name, value in parts.items()}, shuffle=int(number))

    def resolved(self, trials: Trials) -> Interpretation:
        """The reading with ``auto`` replaced by the model it means for these answers."""
        if self.confidence.removeprefix("shuffled:") != "auto" or self.aggregate == "dawid-skene":
            return self
        measured = {"stated": trials.confidence, "response-time": trials.log_rt}
        found = next((name for name, column in measured.items() if not np.isnan(column).all()), "constant:0.1")
        return Interpretation(**{**asdict(self), "confidence": self.confidence.replace("auto", found)})

    def sureness(self, trials: Trials) -> Floats:
        """The sureness of each answer, the probability of its choice: ``[n]``."""
        model = self.resolved(trials).confidence
        plain = _model(model.removeprefix("shuffled:"), trials)(trials)
        if not model.startswith("shuffled:"):
            return plain
        return plain[shuffle_within(trials.session, np.random.default_rng(self.shuffle))]


DEFAULT = Interpretation()


class Interpreted(NamedTuple):
    """People's answers by picture: ``probs [P, C]``, ``weight [P]``, and the measured ``signals [P, S]`` with names."""

    pictures: tuple[str, ...]
    probs: Floats
    weight: Floats | None
    signals: Floats | None
    signal_names: tuple[str, ...]


def read_answers(answers: Sequence[Answer], settings: Settings, reading: Interpretation = DEFAULT) -> Interpreted:
    """Turn people's answers into one distribution per picture.

    >>> settings = Settings(classes=("healthy", "rust", "rot"))
    >>> answers = [Answer(picture="p", annotator="x", session="s", choice="rust")]
    >>> read_answers(answers, settings, Interpretation(confidence="constant:0.2")).probs.round(2).tolist()
    [[0.1, 0.8, 0.1]]

    Raises:
        InputError: there is no answer, the reading needs a signal that was not measured, a constant is no better than
            chance, or Dawid & Skene's model cannot be identified.
    """
    trials = Trials.of(answers, settings)
    counts = np.bincount(trials.picture).astype(np.float64)
    if reading.aggregate == "dawid-skene":
        require_overlap(trials)
        probs = dawid_skene(trials).posterior
    else:
        probs = _by_picture(trials, _distributions(trials, settings, reading))
    names, columns = measured_signals(trials)
    return Interpreted(
        pictures=trials.pictures,
        probs=probs,
        weight=counts / counts.mean() if reading.weight == "answers" else None,
        signals=_known_means(trials, columns) if names else None,
        signal_names=names,
    )


def _distributions(trials: Trials, settings: Settings, reading: Interpretation) -> Floats:
    """The distribution ``q [n, C]`` of every answer; no class is more probable than the chosen one."""
    rest = _REST[reading.left_over](trials, settings)[trials.choice]
    share = _SECOND_SHARE.get(reading.left_over, left_over.SECOND_SHARE)
    sure, least = reading.sureness(trials), left_over.least_sureness(trials, rest, second_share=share)
    if "constant:" in reading.resolved(trials).confidence and (sure <= least + _ROUNDING).any():
        raise InputError(
            f"this smoothing would make another of {len(trials.classes)} classes as likely as the chosen one",
            expected=f"E below {1 - float(least.max()):.3g} with left-over={reading.left_over}",
            received=f"{1 - float(sure[0]):.6g}",
        )
    # A fitted model may give a lower sureness: then two classes become equally probable, but the choice stays first.
    return left_over.distribute(trials, np.maximum(sure, least), rest, second_share=share)


def measured_signals(trials: Trials) -> tuple[tuple[str, ...], Floats]:
    """The names and standardised values ``[n, S]`` of every answer's signals: response time, and those of devices."""
    columns = {"response_time": trials.hesitation()}
    columns |= {name: trials.standardised(name) for name in sorted(trials.signals)}
    kept = {name: column for name, column in columns.items() if np.nan_to_num(column).any()}
    stacked = np.stack(list(kept.values()), axis=1) if kept else np.zeros((len(trials), 0))
    return tuple(kept), stacked


def _constant(model: str) -> confidence.Confidence:
    try:
        return confidence.constant(float(model.removeprefix("constant:")))
    except ValueError as error:
        raise InputError("cannot read the smoothing", expected="constant:0.1", received=model) from error


def _model(name: str, trials: Trials) -> confidence.Confidence:
    if name.startswith("constant:"):
        return _constant(name)
    if name == "logistic":
        return confidence.fit_logistic(trials, confidence.agreement_among(trials))
    return _RULES[name]


def _by_picture(trials: Trials, q: Floats) -> Floats:
    """Average each annotator's showings of a picture, then the annotators: ``[P, C]``."""
    pair = trials.picture * len(trials.annotators) + trials.annotator
    pairs, index = np.unique(pair, return_inverse=True)
    of_pair = _mean_by(index, q, len(pairs))
    return _mean_by(pairs // len(trials.annotators), of_pair, len(trials.pictures))


def _known_means(trials: Trials, columns: Floats) -> Floats:
    """Means by picture over the measured values; NaN where nothing was measured."""
    known = ~np.isnan(columns)
    counts = np.zeros((len(trials.pictures), columns.shape[1]))
    sums = np.zeros_like(counts)
    np.add.at(counts, trials.picture, known.astype(np.float64))
    np.add.at(sums, trials.picture, np.nan_to_num(columns))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean_by(groups: Ints, values: Floats, n: int) -> Floats:
    sums = np.zeros((n, values.shape[1]))
    np.add.at(sums, groups, values)
    means: Floats = sums / np.bincount(groups, minlength=n)[:, None]
    return means
