"""`Recorded`: a teacher that gives an API's recorded answers as soft targets; it reads a ledger and asks nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final, final

import numpy as np
import torch

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, Ids
from joryu.questions import Question, difference
from joryu.remote.api import Api, Tag
from joryu.remote.ledger import Ledger
from joryu.remote.vocabulary import MOST, Vocabulary
from joryu.targets.coverage import NO_ANSWER
from joryu.targets.manifest import Cost
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.teachers.teacher import Reply, TeacherBatch

FAMILY: Final = "ledger"
_RULE: Final = 1  #: of how tags become soft targets; a change of it changes every fingerprint
_BLOCK: Final = 4096


@final
class Recorded:
    """The answers of a paid API, as they lie in a ledger, about the tags of a vocabulary.

    A tag that was returned has its score. Of one that was not, only a bound is known: the API's floor, or the smallest
    score returned where the list was full (*not returned is not zero*). Answers are top-k rows with empty places, so
    that thousands of tags never become dense. ``fingerprint`` covers how the API was asked and the vocabulary, not how
    much was answered by now: a store grows with its ledger.

    Raises:
        InputError: the ledger's settings describe no API.
    """

    def __init__(self, ledger: Ledger, vocabulary: Vocabulary) -> None:
        self.question = Question.tags(vocabulary.names)
        self.api = Api.from_settings(ledger.settings)
        told = [_RULE, ledger.settings, [entry[:2] for entry in vocabulary.entries]]
        self.fingerprint = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16).hexdigest()
        self._ledger, self._vocabulary = ledger, vocabulary
        self._price = ledger.price / 1000
        self.k = min(self.api.answer.most or vocabulary.longest, len(vocabulary))  #: places in each row

    def answer(self, batch: TeacherBatch) -> Reply:
        """What the API said of these examples.

        Raises:
            InputError: the batch holds views, which the API was not shown.
        """
        if batch.seeds.any():
            raise InputError("the API was shown the pictures themselves, not views of them", hint="leave --views out")
        keys = keys_of(batch.ids)
        raw = self._ledger.raw(keys)
        reasons = {one.example: one.reason for one in self._ledger.failures(keys)} if len(raw) < len(keys) else {}
        failures = {
            at: reasons.get(key, "the API was not asked about it") for at, key in enumerate(keys) if key not in raw
        }
        known = [raw[key] for key in keys if key in raw]
        money = 0.0 if batch.again else self._price * len(known)  # it was paid once, and reading it again is free
        return Reply(self.said(known) if known else None, failures, Cost(requests=1, money=money))

    def said(self, answers: Sequence[bytes]) -> SoftTargets:
        """Raw answers as soft targets: the best ``k`` tags of each, and the bound of all others."""
        values = np.zeros((len(answers), self.k), dtype=np.float32)
        indices = np.full((len(answers), self.k), NO_ANSWER, dtype=np.int64)
        bounds = np.zeros(len(answers), dtype=np.float32)
        for row, raw in enumerate(answers):
            tags, bound = self.api.read(raw)
            best = self._best(tags)
            if len(best) > self.k:
                bound = max(bound, best[self.k - 1][0])
            for place, (score, number) in enumerate(islice(best, self.k)):
                values[row, place], indices[row, place] = score, number
            bounds[row] = bound
        return SoftTargets(
            values=torch.from_numpy(values), indices=torch.from_numpy(indices), bound=torch.from_numpy(bounds),
            space=Space.PROBS, question=self.question,
        )  # fmt: skip

    def _best(self, tags: Sequence[Tag]) -> list[tuple[float, int]]:
        """Scores and numbers of the tags in the vocabulary, highest first; of one that comes twice the higher score."""
        scores: dict[int, float] = {}
        for tag in tags:
            if (number := self._vocabulary.number_of.get(tag.key)) is not None:
                scores[number] = max(tag.score, scores.get(number, 0.0))
        return sorted(((score, number) for number, score in scores.items()), key=lambda one: (-one[0], one[1]))


def keys_of(ids: Ids) -> list[bytes]:
    """Ids of examples as the 16 bytes by which a ledger knows them."""
    words = np.ascontiguousarray(ids, dtype="<u8")
    return [row.tobytes() for row in words]


def find_recorded(spec: str, examples: Examples) -> tuple[Recorded, Examples]:
    """The teacher of ``DIR[,vocabulary=NAME]``, and the examples that the API was asked about.

    Without a name the vocabulary is that of all answers by now. If the examples ask something else than which tags
    there are, their question becomes the ledger's, and their labels are not used.

    Raises:
        InputError: there is no such ledger or vocabulary, or no example was answered.
        MismatchError: the examples are not known by the bytes of their files.
    """
    place, _, name = spec.partition(",vocabulary=")
    ledger = Ledger.read(Path(place))
    if examples.keyed_by != "bytes":
        raise MismatchError(
            f"{examples.name} lies in no files, and the API was sent files",
            expected="pictures of a folder or Parquet set",
        )
    vocabulary = Vocabulary.load(ledger.folder, name) if name else vocabulary_of(ledger)
    teacher = Recorded(ledger, vocabulary)
    known = [at for at, asked in enumerate(_asked(ledger, examples)) if asked]
    if not known:
        raise InputError(
            f"the API was asked about none of {examples.name}", expected=f"pictures of {ledger.n_answers():,} answers",
            hint="joryu label --teacher google-vision asks about them",
        )  # fmt: skip
    answered = examples if len(known) == len(examples) else examples.select(torch.tensor(known))
    answered = answered.asked(teacher.question)
    if difference(teacher.question, answered.asked_question) is not None:
        answered = replace(answered, question=teacher.question, labels=None)
    return teacher, answered


def vocabulary_of(ledger: Ledger, *, most: int | None = MOST, at_least: int = 1) -> Vocabulary:
    """The vocabulary of all answers in a ledger."""
    raw = (raw for _, raw in ledger.every_answer())
    return Vocabulary.of(raw, Api.from_settings(ledger.settings), most=most, at_least=at_least)


def _asked(ledger: Ledger, examples: Examples) -> list[bool]:
    """Of each example whether there is an answer, or a failure that says why not."""
    failed = {failure.example for failure in ledger.failures()}
    found: list[bool] = []
    for start in range(0, len(examples), _BLOCK):
        keys = keys_of(examples.ids[start : start + _BLOCK])
        answered = ledger.answered(keys)
        found += [key in answered or key in failed for key in keys]
    return found
