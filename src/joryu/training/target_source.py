"""`TargetSource`: where the soft targets of a training come from, and in which views its examples are shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol, Self, final

import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import ViewBatch, Views, parse_views, require_same_views
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store
from joryu.teachers.teacher import Teacher, TeacherBatch

ITSELF = parse_views(None)  #: no views: every example is shown as it is


class Shown(NamedTuple):
    """The inputs that a student sees of some rows, and the seed of each one's view, int64 ``[B]``."""

    batch: ViewBatch
    seeds: Tensor


class TargetSource(Protocol):
    """Gives the soft targets of the inputs that a student is shown. A *turn* shows every example once."""

    def require_fit(self, examples: Examples) -> None:
        """Check that these examples can be learned from this source.

        Raises:
            InputError: the source has nothing to learn from, or cannot be used with its views.
            MismatchError: the source is about another question, size or set.
        """
        ...

    def require_answers(self, examples: Examples, turns: int) -> None:
        """Look up every answer that ``turns`` turns will need, so that a missing one is not found after hours.

        With 0 turns only the answers about the examples themselves are needed, as for validation.

        Raises:
            InputError: an answer is missing.
        """
        ...

    def view_seed(self, turn: int) -> int:
        """The seed of the view in which a turn shows every example; turns are counted over all epochs, from 0."""
        ...

    def show(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Shown:
        """Make the views ``seeds`` of the examples ``rows``, both int64 ``[B]``; seed 0 is the example itself."""
        ...

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets | None:
        """The soft targets of what was shown; ``None`` if there are labels alone."""
        ...

    def for_validation(self, validation: Examples) -> tuple[Examples, TargetSource] | None:
        """The validation examples that can be evaluated, and the source of the answers to evaluate them by.

        It is asked if not all of them have labels. ``None`` means that none can be evaluated.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Everything about this source that the result depends on, for JSON; a resumed run must have the same."""
        ...


@final
@dataclass(frozen=True)
class LabelsAlone:
    """No teacher: the student learns from hard labels. Every turn shows another view, if there are views.

    Raises:
        InputError: (by `require_fit`) the examples have no labels.
    """

    views: Views = ITSELF

    def require_fit(self, examples: Examples) -> None:
        if examples.labels is None:
            raise InputError("there is nothing to learn from", expected="soft targets, labels or both")

    def require_answers(self, examples: Examples, turns: int) -> None:
        del examples, turns

    def view_seed(self, turn: int) -> int:
        return 0 if self.views.spec == ITSELF.spec else turn + 1

    def show(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Shown:
        return Shown(self.views.apply(examples, rows, seeds), seeds)

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets | None:
        del examples, rows, shown
        return None

    def for_validation(self, validation: Examples) -> tuple[Examples, TargetSource] | None:
        return (validation.labelled(), LabelsAlone()) if bool(validation.known.any()) else None

    def describe(self) -> dict[str, Any]:
        return {"targets": None, "views": None if self.views.spec == ITSELF.spec else self.views.spec}


@final
@dataclass(frozen=True)
class Replayed:
    """A store, replayed view by view: turn ``t`` shows view ``1 + t mod n`` of the ``n`` views in the store.

    So every input is one that the teacher was really shown. A store without views shows the examples themselves, view
    0.

    ``whole`` is for views that blend examples (mixup): the whole set that the teacher was shown. The examples to train
    on are a part of it, but their partners may be any of it, so they are looked up there. If a partner is held out for
    validation or test, the blend is not shown: it may consist of the partner almost entirely, and its answer would
    tell the student about a held-out example. The example itself is shown in its place, with its own answer and label.

    Raises:
        MismatchError: (by `require_fit`) the store is about another question or, for answers about each pixel, about
            another size; its views are in pixels of another size; or they blend examples, and neither ``whole`` nor the
            examples are the set that the teacher was shown.
    """

    store: Store
    whole: Examples | None = None
    _seen: list[tuple[Examples, _Whole]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def n_views(self) -> int:
        """How many views of each example the store holds, the example itself not counted."""
        return self.store.manifest.n_views

    @cached_property
    def views(self) -> Views:
        """The views that the teacher was shown."""
        return parse_views(self.store.manifest.views if self.n_views else None)

    def require_fit(self, examples: Examples) -> None:
        manifest = self.store.manifest
        manifest.require(question=examples.question)
        manifest.require_sites(tuple(examples.inputs.shape[1:]))
        require_same_views(self.views, manifest.examples.shape, examples.inputs.shape[1:])
        shown = examples if self.whole is None else self.whole
        if self.views.blends and manifest.examples.fingerprint != shown.fingerprint:
            raise MismatchError(
                "these views blend examples of the set that the teacher was shown, which is another",
                expected=f"the {manifest.examples.count} examples {manifest.examples.name}",
                received=f"{len(shown)} examples, or part of them",
                hint="give the very examples that were labelled, or label views without mixup",
            )

    def require_answers(self, examples: Examples, turns: int) -> None:
        itself = {0} if self.whole is not None or not turns else set()  # stands in for some blends
        seeds = sorted({self.view_seed(turn) for turn in range(min(turns, self.n_views or 1))} | itself)
        # A store with as many answers as it has keys is whole: one view tells whether these examples are in it.
        # One that kept answers about examples that left the set may hold as many and lack some of these.
        keys = self.store.manifest.examples.count * (self.n_views + 1)
        complete = len(self.store) == keys and not self.store.manifest.strangers
        for seed in seeds[:1] if complete else seeds:
            self.store.rows(examples.ids, seed)

    def view_seed(self, turn: int) -> int:
        return 1 + turn % self.n_views if self.n_views else 0

    def show(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Shown:
        if self.whole is None or not self.views.blends:
            return Shown(self.views.apply(examples, rows, seeds), seeds)
        whole = self._whole(examples)
        seeds = whole.seeds(self.views, rows, seeds)
        return Shown(self.views.apply(whole.examples, whole.places[rows], seeds), seeds)

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets | None:
        return self.store.gather(self.store.rows(examples.ids[rows.numpy()], shown.seeds.numpy()))

    def for_validation(self, validation: Examples) -> tuple[Examples, TargetSource] | None:
        if self.views.blends and self.whole is None:  # their partners are not known
            return LabelsAlone().for_validation(validation)
        return validation, self

    def describe(self) -> dict[str, Any]:
        return {"targets": described(self.store), "views": self.views.spec if self.n_views else None}

    def _whole(self, examples: Examples) -> _Whole:
        """The whole set and where ``examples`` stand in it; cached for the last set, because every batch needs it."""
        if self.whole is None:
            raise InputError("there is no whole set to find partners in")
        if not (self._seen and self._seen[0][0] is examples):
            self._seen[:] = [(examples, _Whole.of(self.whole, examples))]
        return self._seen[0][1]


@final
@dataclass(frozen=True)
class CarriedOver:
    """A store whose answer about an example is used for all views of it, as hard labels are.

    It is for people and paid teachers, who were asked about the examples alone. Every turn shows another view.

    Raises:
        InputError: (by `require_fit`) the views blend examples, the store has views of its own, or its answers are
            about each pixel, which would not move with the picture.
        MismatchError: (by `require_fit`) the store is about another question.
    """

    store: Store
    views: Views

    def require_fit(self, examples: Examples) -> None:
        self.store.manifest.require(question=examples.question)
        if self.store.manifest.question.grid and self.views.spec != ITSELF.spec:
            raise InputError(
                "answers about each pixel cannot be carried over to views, which move the picture from under them",
                expected="views that the teacher was asked about", received=self.views.spec,
                hint=f"label with --views {self.views.spec} --n-views 4, or leave --views out",
            )  # fmt: skip
        self.store.manifest.require_sites(tuple(examples.inputs.shape[1:]))
        stored = self.store.manifest.n_views
        if stored or self.views.blends:
            raise InputError(
                "answers about the examples cannot be carried over to these views",
                expected="a store without views, and views of one example each",
                received=f"{stored} stored views" if stored else self.views.spec,
                hint="train on the stored views, or leave mixup out",
            )

    def require_answers(self, examples: Examples, turns: int) -> None:
        del turns
        self.store.rows(examples.ids, 0)

    def view_seed(self, turn: int) -> int:
        return turn + 1

    def show(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Shown:
        return Shown(self.views.apply(examples, rows, seeds), seeds)

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets | None:
        del shown
        return self.store.gather(self.store.rows(examples.ids[rows.numpy()], 0))

    def for_validation(self, validation: Examples) -> tuple[Examples, TargetSource] | None:
        return validation, Replayed(self.store)

    def describe(self) -> dict[str, Any]:
        return {"targets": described(self.store), "views": self.views.spec, "carry_over": True}


@final
@dataclass(frozen=True)
class Live:
    """A teacher that is asked about every input when it is shown: online distillation, without a store.

    Every turn shows another view, if there are views. The teacher is asked in every epoch; for a store it is asked
    once.

    Raises:
        MismatchError: (by `require_fit`) the teacher answers another question than the examples ask.
    """

    teacher: Teacher
    views: Views = ITSELF

    def require_fit(self, examples: Examples) -> None:
        if examples.question is not None:
            self.teacher.question.require(examples.question, mine="teacher", others="examples")

    def require_answers(self, examples: Examples, turns: int) -> None:
        del examples, turns

    def view_seed(self, turn: int) -> int:
        return 0 if self.views.spec == ITSELF.spec else turn + 1

    def show(self, examples: Examples, rows: Tensor, seeds: Tensor) -> Shown:
        return Shown(self.views.apply(examples, rows, seeds), seeds)

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets | None:
        batch = TeacherBatch.of(examples, rows, seeds=shown.seeds, inputs=shown.batch.inputs)
        return self.teacher.answer(batch).whole(len(batch))

    def for_validation(self, validation: Examples) -> tuple[Examples, TargetSource] | None:
        return validation, replace(self, views=ITSELF)

    def describe(self) -> dict[str, Any]:
        live = {"live": self.teacher.fingerprint}
        return {"targets": live, "views": None if self.views.spec == ITSELF.spec else self.views.spec}


def described(store: Store) -> dict[str, Any]:
    """Everything about a store that the result of a training depends on, for JSON."""
    manifest = store.manifest
    return {
        "teacher": manifest.teacher.fingerprint,
        "examples": manifest.examples.fingerprint,
        "views": manifest.n_views,
        # How rows are packed changes nothing of what they say.
        "encoding": manifest.encoding and manifest.encoding.model_dump(mode="json", exclude={"compression"}),
    }


class _Whole(NamedTuple):
    """The whole set that mixup draws partners from; only the examples trained on keep their labels."""

    examples: Examples
    places: Tensor  #: the row in the whole set of each example trained on, int64 ``[n]``
    taught: Tensor  #: which of its rows are trained on, bool

    @classmethod
    def of(cls, whole: Examples, part: Examples) -> Self:
        """Find the examples of ``part``, which are trained on, in the ``whole`` set.

        Raises:
            MismatchError: an example of the part is not in the whole set.
        """
        row_of = {words.tobytes(): row for row, words in enumerate(whole.ids)}
        found = [row_of.get(words.tobytes(), -1) for words in part.ids]
        if -1 in found:
            raise MismatchError(
                "some examples are not in the set that the teacher was shown", expected="a part of that set",
                received=f"{found.count(-1)} others", hint="give the very examples that were labelled",
            )  # fmt: skip
        places = torch.tensor(found)
        # Copies of an example count as one, because it must not matter which of them is chosen as a partner.
        known = {words.tobytes(): row for row, words in enumerate(part.ids)}
        rows = torch.tensor([known.get(words.tobytes(), -1) for words in whole.ids])
        taught = rows >= 0
        labels = None
        if part.labels is not None:
            labels = part.codec.hide(part.labels[rows.clamp_min(0)], ~taught)
        return cls(replace(whole, labels=labels), places, taught)

    def seeds(self, views: Views, rows: Tensor, seeds: Tensor) -> Tensor:
        """The view seeds for some of the part's rows: 0 (the example itself) if the partner is not trained on."""
        return seeds.where(self.taught[views.partners(self.examples, self.places[rows], seeds)], 0)
