"""A *simulated* annotator: a race of drift-diffusion processes, whose true certainty is known.

No person is involved. It checks the pipeline: signals that depend on the annotator's certainty must be found to help,
and signals that do not must not. Results with it are marked as simulated wherever they are shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from joryu.annotations.answer import Answer, Timing
from joryu.annotations.settings import Settings
from joryu.errors import InputError

Floats = npt.NDArray[np.float64]

STEP = 0.01  #: seconds per simulation step
LONGEST = 12.0  #: seconds after which the leading accumulator wins


class Race(NamedTuple):
    """The result of every trial: the winner, the second, the time in seconds, and the certainty."""

    choice: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    seconds: Floats
    certainty: Floats


@dataclass(frozen=True, kw_only=True)
class DriftDiffusion:
    """An annotator that accumulates noisy evidence for every class until one of them has enough.

    Accumulator ``k`` follows ``dx_k = gain · e_k dt + dW_k`` from 0; the first to reach ``threshold`` is the choice (a
    race model: Usher & McClelland 2001 without leak; Ratcliff 1978 for two alternatives). The certainty is an ideal
    observer's, ``lead / sqrt(1 / spread² + t)``, with the winner's lead over the second and a normal prior of drifts:
    the same lead means less the longer it took (Moreno-Bote 2010). It is not part of an answer. An answer has:

    * the choice and the second choice;
    * the response time: that of the race, plus ``non_decision``, plus ``practice``, which halves every 50 trials;
    * a confidence level: the certainty plus noise of ``confidence_noise`` standard deviations, cut at its quantiles;
    * ``attention``, 0 to 100: ``50 - 12 · (rho · z + sqrt(1 - rho²) · noise)`` with ``z`` the standardised certainty;
      its correlation with certainty is ``-rho``, so at ``rho = 0`` it carries no information;
    * a severity, if the settings name the healthy class as nearest to the others: the strength of the evidence of
      disease, plus noise.

    Args:
        gain: evidence per second, per unit of the given evidence.
        threshold: evidence needed for a choice; a higher one is slower and surer.
        rho: correlation of (minus) attention with certainty, 0 to 1.
        non_decision: seconds for seeing and pressing a key.
        spread: standard deviation of the drifts in the observer's prior.
        practice: seconds by which the first trial is slower than the last.
        confidence_noise: in standard deviations of the certainty.
        lapse: the share of trials answered at random.

    >>> settings = Settings(classes=("healthy", "spot"), confidences=("unsure", "sure"))
    >>> evidence = np.array([[3.0, 0.0], [0.0, 3.0]])
    >>> told = DriftDiffusion(rho=1.0).answers(evidence, pictures=["p1", "p2"], settings=settings, seed=0)
    >>> [answer.choice for answer in told], told[0].annotator
    (['healthy', 'spot'], 'simulated-0')

    Raises:
        InputError: ``rho`` or ``lapse`` is outside 0..1.
    """

    gain: float = 2.0
    threshold: float = 2.0
    rho: float = 0.5
    non_decision: float = 0.35
    spread: float = 2.0
    practice: float = 0.6
    confidence_noise: float = 1.0
    lapse: float = 0.01

    def __post_init__(self) -> None:
        for name, value in (("rho", self.rho), ("lapse", self.lapse)):
            if not 0 <= value <= 1:
                raise InputError(f"{name} is not usable", expected="0..1", received=value)

    def race(self, evidence: Floats, generator: np.random.Generator) -> Race:
        """Simulate every trial of ``evidence [n, K]``: real numbers, larger for more likely classes."""
        n, k = evidence.shape
        noise = generator.standard_normal((round(LONGEST / STEP), n, k), dtype=np.float32) * np.float32(STEP**0.5)
        paths = np.cumsum(noise + (self.gain * STEP * evidence).astype(np.float32), axis=0)
        there = (paths >= self.threshold).any(axis=2)
        stopped = np.where(there.any(axis=0), there.argmax(axis=0), len(paths) - 1)
        at_end = paths[stopped, np.arange(n)].astype(np.float64)
        order = np.argsort(-at_end, axis=1)
        best = np.take_along_axis(at_end, order[:, :2], axis=1)
        seconds = (stopped + 1) * STEP
        certainty = (best[:, 0] - best[:, 1]) / np.sqrt(self.spread**-2 + seconds)
        guessed = generator.integers(0, k, n)
        choice = np.where(generator.random(n) < self.lapse, guessed, order[:, 0])
        return Race(choice, np.where(choice == order[:, 0], order[:, 1], order[:, 0]), seconds, certainty)

    def answers(self, evidence: Floats, *, pictures: Sequence[str], settings: Settings, seed: int) -> list[Answer]:
        """The answers of one session of the annotator ``simulated-SEED``: every picture once, in the given order."""
        generator = np.random.default_rng(seed)
        race = self.race(evidence, generator)
        certainty = standardised(race.certainty)
        n = len(certainty)
        attention = 50 - 12 * (self.rho * certainty + (1 - self.rho**2) ** 0.5 * generator.standard_normal(n))
        felt = certainty + self.confidence_noise * generator.standard_normal(n)
        confidences = _levels(felt, settings.confidences)
        severities = _severities(evidence, race.choice, settings, generator)
        slow = self.practice * 0.5 ** (np.arange(n) / 50)
        rt_ms = 1000 * (race.seconds + self.non_decision + slow)
        name = f"simulated-{seed}"
        session = hashlib.blake2b(f"{name} {self}".encode(), digest_size=8).hexdigest()
        return [
            Answer(
                picture=pictures[row],
                annotator=name,
                session=session,
                choice=settings.classes[race.choice[row]],
                second=settings.classes[race.second[row]] if settings.second_choice else None,
                severity=severities[row],
                confidence=confidences[row],
                timing=Timing(rt_ms=float(rt_ms[row]), first_key_ms=float(rt_ms[row]), hidden_ms=0.0, trial=row),
                signals={"attention": float(np.clip(attention[row], 1, 100))},
                at=float(row),
            )
            for row in range(n)
        ]


def standardised(values: Floats) -> Floats:
    """The values scaled to mean 0 and standard deviation 1 (all 0 if they do not vary); of none, none."""
    if not len(values):
        return values
    spread = float(values.std())
    return (values - values.mean()) / spread if spread else np.zeros_like(values)


def _levels(latent: Floats, names: Sequence[str]) -> list[str | None]:
    """A level for each value, so that all levels are equally frequent and increase with the value."""
    if not names:
        return [None] * len(latent)
    rank = latent.argsort().argsort()
    return [names[level] for level in rank * len(names) // len(latent)]


def _severities(
    evidence: Floats,
    choice: npt.NDArray[np.int64],
    settings: Settings,
    generator: np.random.Generator,
) -> list[str | None]:
    """Severities from how far the evidence of the chosen disease is above that of health; healthy ones have none."""
    found: list[str | None] = [None] * len(choice)
    healthy = next(iter(settings.nearest.values()), None)
    if not settings.severities or healthy is None:
        return found
    well = settings.classes.index(healthy)
    excess = evidence[np.arange(len(choice)), choice] - evidence[:, well]
    sick = np.flatnonzero(choice != well)
    latent = standardised(excess[sick]) + 0.5 * generator.standard_normal(len(sick))
    for row, name in zip(sick, _levels(latent, settings.severities), strict=True):
        found[row] = name
    return found
