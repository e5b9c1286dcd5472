"""Single annotators, and what many other people said about the same pictures: CIFAR-10S and CIFAR-10H."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from joryu.annotations import Settings
from joryu.annotations.simulated import DriftDiffusion
from joryu.annotations.trials import NONE, Floats, Ints, Trials
from joryu.errors import InputError
from joryu.examples import Examples, data_root, load_examples

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class AskedPeople(NamedTuple):
    """Trials of single annotators about ``P`` pictures, and what a population said about all ``n`` examples.

    ``rows [P]`` holds the row of each picture of the trials among ``examples``; ``people [n, C]`` the distribution of
    the population's answers about every example.
    """

    trials: Trials
    examples: Examples
    rows: Ints
    people: Floats

    @property
    def people_of_trials(self) -> Floats:
        """The population's distribution about each trial's picture, ``[n_trials, C]``."""
        return self.people[self.rows[self.trials.picture]]

    @property
    def agreement(self) -> Floats:
        """The share of the population that agrees with each trial's answer, ``[n_trials]``."""
        shares: Floats = self.people_of_trials[np.arange(len(self.trials)), self.trials.choice]
        return shares


def cifar_people(root: Path | None = None) -> AskedPeople:
    """Read CIFAR-10S and CIFAR-10H.

    CIFAR-10S (Collins et al. 2022) has 6,224 trials of 248 annotators about 1,000 test pictures of CIFAR-10. In
    CIFAR-10H (Peterson et al. 2019) about 51 people answered about each of its test pictures.

    The response time of a trial is that of the whole form, in milliseconds. The stated confidence is the probability,
    1 to 99 %, that the annotator gave the likeliest class. Repeated trials and one trial without a probability are left
    out.

    Raises:
        InputError: the data are not there.
    """
    place = (root or data_root()) / "cifar10_human"
    files = {"trials": place / "cifar10s" / "raw_human_data.csv", "people": place / "cifar10h" / "cifar10h-probs.npy"}
    for path in files.values():
        if not path.is_file():
            raise InputError(
                f"{path.name} is not in {path.parent}",
                hint="set JORYU_DATA; CIFAR-10S and CIFAR-10H are at github.com/cambridge-mlg/cifar-10s and "
                "github.com/jcpeterson/cifar-10h",
            )
    people = np.load(files["people"], allow_pickle=False).astype(np.float64)
    with files["trials"].open(encoding="utf-8", newline="") as file:
        told = [_trial(row) for row in csv.DictReader(file) if row["task"] == "spec_conf"]
    trials, rows = _columns([one for one in told if one is not None])
    return AskedPeople(trials, load_examples("cifar10", split="test"), rows, people)


class _Told(NamedTuple):
    picture: int
    annotator: str
    order: int
    choice: int
    second: int
    probability: float
    rt_ms: float


def _trial(row: dict[str, str]) -> _Told | None:
    form = json.loads(row["response"])
    try:
        probability = float(form["prob"])
    except ValueError:
        return None
    first = form["classSelect"].removeprefix("mostProb").lower()
    second = form.get("classSelect2", "").removeprefix("secondProb").lower()
    return _Told(
        picture=int(float(row["img_id"])),
        annotator=row["subject"],
        order=int(row["trial_index"]),
        choice=CLASSES.index(first),
        second=CLASSES.index(second) if second in CLASSES else NONE,
        probability=min(max(probability, 1.0), 99.0) / 100,
        rt_ms=float(row["rt"]),
    )


def _columns(told: list[_Told]) -> tuple[Trials, Ints]:
    told = sorted(told, key=lambda one: (one.annotator, one.order))  # the position counts in the order of answering
    rows, picture = np.unique([one.picture for one in told], return_inverse=True)
    names, annotator = np.unique([one.annotator for one in told], return_inverse=True)
    starts = np.searchsorted(annotator, np.arange(len(names)))
    n = len(told)
    missing = np.full(n, np.nan)
    trials = Trials(
        classes=CLASSES,
        pictures=tuple(map(str, rows.tolist())),
        annotators=tuple(names.tolist()),
        sessions=tuple(names.tolist()),
        picture=picture,
        annotator=annotator,
        session=annotator,
        choice=np.array([one.choice for one in told]),
        second=np.array([one.second for one in told]),
        position=np.arange(n) - starts[annotator],
        severity=missing,
        confidence=np.array([one.probability for one in told]),
        log_rt=np.log([one.rt_ms for one in told]),
        n_changes=missing,
        signals={},
    )
    return trials, rows


def simulated_people(seed: int = 0) -> AskedPeople:
    """The smoke size: digits, *simulated* annotators, and a population that answers by the distance to class means."""
    examples = load_examples("digits")
    flat = examples.inputs[:].flatten(1).double().numpy() / 255
    labels = examples.labels_or_empty.numpy()
    means = np.stack([flat[labels == digit].mean(0) for digit in range(10)])
    distance = ((flat[:, None] - means) ** 2).sum(-1)
    doubt = (distance - distance.min(1, keepdims=True)) / 2
    people = np.exp(-doubt)
    people /= people.sum(1, keepdims=True)
    evidence = 1.5 - np.minimum(doubt, 3.0)
    generator = np.random.default_rng(seed)
    settings = Settings(
        classes=examples.classes, second_choice=True, confidences=tuple(f"{level}0 %" for level in range(1, 10))
    )
    chosen = generator.choice(len(examples), 150, replace=False)
    answers = []
    for annotator in range(10):
        part = generator.choice(chosen, 60, replace=False)
        names = [str(row) for row in part]
        answers += DriftDiffusion().answers(evidence[part], pictures=names, settings=settings, seed=annotator)
    trials = Trials.of(answers, settings)
    return AskedPeople(trials, examples, np.array([int(name) for name in trials.pictures]), people)
