"""`Ensemble`: several teachers as one, by a rule; every member's answer is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError, Stop
from joryu.examples import Examples
from joryu.examples.inputs import take
from joryu.questions import Question
from joryu.targets.combination import Combination, ensemble_fingerprint
from joryu.targets.ensemble_spec import write_ensemble
from joryu.targets.manifest import Cost, TeacherRecord
from joryu.targets.members import in_order_of, require_same_outputs, stack_members
from joryu.targets.soft_targets import SoftTargets
from joryu.teachers.teacher import Reply, Teacher, TeacherBatch

SHAPE = "{} is shown pictures of another size than {}, and views were made for one size alone"


@final
class Ensemble:
    """Teachers that answer together, whatever each of them is.

    ``combine`` is the rule: ``soft`` (the mean of probabilities, of numbers their mean), ``vote``, ``logits`` or
    ``power=U``, and perhaps ``,weights=W1/W2/…``; see `joryu.targets.pooling` for the formulas. It is not applied here:
    the reply holds every member's own answer, and the rule. Who learns from it softens each member first and then
    combines them (`SoftTargets.combined`), as Hinton, Vinyals & Dean 2015 do. So stored answers can be combined anew
    (`joryu.targets.recombining`), and nobody is asked again.

    Members that name the same outputs in another order are mapped by name; ``question`` is that of the first member,
    or the one given. An example that a member cannot answer is a failure, with the member's name. The cost is the sum.
    ``fingerprint`` covers the members' fingerprints, in order, with rule and weights.

    Args:
        teachers: the members, at least one.
        combine: the rule.
        question: the outputs in the order wanted, if not that of the first member.
        names: what the members are called in messages and in a store's manifest; best their specs.
        shown: for each member the examples as it is to be shown them, where it learned at another size than the batch
            has, else ``None``. They must be the same rows as those asked about.

    >>> from joryu.teachers import Network
    >>> one, two = Network(torch.nn.Flatten(), ["a", "b"]), Network(torch.nn.Flatten(), ["b", "a"])
    >>> both = Ensemble([one, two], combine="soft,weights=3/1")
    >>> batch = TeacherBatch.of(Examples.of(torch.tensor([[2.0, 0.0]]), classes=["a", "b"]))
    >>> said = both.answer(batch).whole(1)
    >>> said.probs().round(decimals=3), said.combined().probs().round(decimals=3)
    (tensor([[[0.8810, 0.1190],
             [0.1190, 0.8810]]]), tensor([[0.6900, 0.3100]]))

    Raises:
        InputError: no member, an unknown rule, weights for another number of members, or a rule that numbers do not
            have.
        MismatchError: the members answer about different outputs.
    """

    def __init__(
        self,
        teachers: Sequence[Teacher],
        combine: Combination | str = "soft",
        *,
        question: Question | None = None,
        names: Sequence[str] = (),
        shown: Sequence[Examples | None] = (),
    ) -> None:
        if not teachers:
            raise InputError("an ensemble needs members", expected="one teacher or more", received="none")
        self.combination = Combination.parse(combine) if isinstance(combine, str) else combine
        self.combination.require_members(len(teachers))
        self.teachers = tuple(teachers)
        self.names = tuple(names) or tuple(f"{type(one).__name__} {at}" for at, one in enumerate(teachers, 1))
        self._named = bool(names)
        self._shown = tuple(shown) or (None,) * len(teachers)
        for what, given in (("names", self.names), ("shown", self._shown)):
            if len(given) != len(teachers):
                raise InputError("is not usable", setting=what, expected=f"{len(teachers)}", received=len(given))
        self.question = (teachers[0].question if question is None else question).answer
        self.combination.require_link(self.question.link)
        for teacher, name in zip(self.teachers, self.names, strict=True):
            require_same_outputs(teacher.question, self.question, name)
        self.fingerprint = ensemble_fingerprint(self.combination, [teacher.fingerprint for teacher in self.teachers])

    def answer(self, batch: TeacherBatch) -> Reply:
        """Every member's answers about the batch, on the members axis.

        Raises:
            JoryuError: a member raised an error, which its name is put before.
        """
        n = len(batch)
        replies: list[Reply] = []
        failures: dict[int, str] = {}
        for at, name in enumerate(self.names):
            reply = self._ask(at, batch)
            replies.append(reply)
            failures = {place: f"{name}: {why}" for place, why in reply.failures.items()} | failures
        places = [list(reply.answered(n)) for reply in replies]
        said = [reply.soft_targets for reply in replies]
        for name, where, answers in zip(self.names, places, said, strict=True):
            if answers is not None:
                lost = {where[row]: f"{name}: the answer is not finite" for row in _not_finite(answers)}
                failures = lost | failures
        common = sorted(set.intersection(*map(set, places)) - set(failures))
        together = self._together(said, places, common) if common else None
        return Reply(
            together,
            failures,
            cost=sum((reply.cost for reply in replies), Cost()),
            rows=common,
            stop=next((reply.stop for reply in replies if reply.stop is not None), None),
            precision=next((reply.precision for reply in replies if reply.precision is not None), None),
        )

    def record(self) -> TeacherRecord:
        """What a store's manifest says of the ensemble and of each member; its spec, if the members have names."""
        described = f"{self.combination} of {', '.join(self.names)}"
        members = tuple(
            TeacherRecord(fingerprint=teacher.fingerprint, description=name, spec=name if self._named else None)
            for teacher, name in zip(self.teachers, self.names, strict=True)
        )
        spec = write_ensemble(self.combination, self.names) if self._named else None
        return TeacherRecord(fingerprint=self.fingerprint, description=described, spec=spec, members=members)

    def each(self, examples: Examples) -> list[tuple[str, Teacher, Examples]]:
        """Every member's name, the member, and the examples as it is shown them."""
        shown = [examples if own is None else own for own in self._shown]
        return list(zip(self.names, self.teachers, shown, strict=True))

    def _ask(self, at: int, batch: TeacherBatch) -> Reply:
        name, started = self.names[at], time.perf_counter()
        try:
            reply = self.teachers[at].answer(self._as_shown(at, batch))
        except (Stop, MissingExtraError):  # these say by themselves what is to be done
            raise
        except JoryuError as error:
            kind = next(one for one in (InputError, MismatchError, JoryuError) if isinstance(error, one))
            raise kind(
                f"{name}: {error.what}", expected=error.expected, received=error.received, hint=error.hint
            ) from error
        except Exception as error:
            raise JoryuError(f"{name} cannot answer", received=f"{type(error).__name__}: {error}") from error
        seconds = reply.cost.seconds or time.perf_counter() - started
        return replace(reply, cost=reply.cost.model_copy(update={"seconds": seconds}))

    def _as_shown(self, at: int, batch: TeacherBatch) -> TeacherBatch:
        """The batch with the inputs of a member that learned at another size."""
        own = self._shown[at]
        if own is None:
            return batch
        if batch.seeds.any():
            raise InputError(SHAPE.format(self.names[at], self.names[0]), hint="leave --views and --n-views out")
        if len(batch.rows) and (batch.rows.max() >= len(own) or not np.array_equal(own.ids[batch.rows], batch.ids)):
            raise MismatchError(
                f"the member {self.names[at]} holds other examples than it is asked about", expected=own.name,
                hint="find the ensemble anew for these examples",
            )  # fmt: skip
        return replace(batch, inputs=take(own.inputs, torch.from_numpy(batch.rows)))

    def _together(
        self, said: Sequence[SoftTargets | None], places: Sequence[Sequence[int]], common: Sequence[int]
    ) -> SoftTargets:
        answers = []
        for name, where, given in zip(self.names, places, said, strict=True):
            if given is None:  # then no place is common
                raise MismatchError(f"the member {name} gave no answers", expected=f"{len(common)}")
            row_of = {place: row for row, place in enumerate(where)}
            every = len(common) == len(where)
            kept = given if every else given.select(torch.tensor([row_of[place] for place in common]))
            answers.append(in_order_of(kept, self.question, name))
        return stack_members(answers, self.combination, self.names)


def _not_finite(answers: SoftTargets) -> list[int]:
    values = answers.values if answers.coverage is None else answers.values.masked_fill(~answers.coverage, 0)
    if bool(torch.isfinite(values.sum())):  # one pass; what is not finite never sums to what is
        return []
    finite: Tensor = values.flatten(1).isfinite().all(1)
    return [int(row) for row in (~finite).nonzero()]
