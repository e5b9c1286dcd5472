"""`SweepSetup`: what a sweep distils at every point of its space, and by what it compares the points."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.objectives import Distillation
from joryu.search.sampling import PRUNERS, SAMPLERS
from joryu.search.space import HOLE, Choices, Range, SearchSpace, Values, spoken, typed
from joryu.students.architecture import require_architecture
from joryu.targets import Store
from joryu.training import Recipe
from joryu.training.setup import DistillationSetup, default_objective

USUAL = ("temperature=1..20:log", "hard_weight=0..1")  #: what is searched where nothing is named
BY = ("loss", "measure")  #: what points are compared by: the validation loss, or the question's first measure


def usual_space(objective: Distillation) -> SearchSpace:
    """What is searched where nothing is named: temperature and weight of the hard labels; numbers have no temperature.

    >>> list(usual_space(Distillation()).parts)
    ['temperature', 'hard_weight']
    """
    return SearchSpace.parse([part for part in USUAL if objective.link.has_probs or not part.startswith("temperature")])


@dataclass(frozen=True, kw_only=True)
class SweepSetup:
    """What a sweep distils at every point, and how it goes about it.

    Args:
        distillation: the setup of every trial; ``{width}`` in its student is where a searched width goes.
        recipe: the recipe of every trial. Its seed also cuts the parts and seeds the sampler.
        space: what is searched.
        sampler: a name in `joryu.search.sampling.SAMPLERS`.
        pruner: a name in `joryu.search.sampling.PRUNERS`.
        by: ``loss`` compares points by the validation loss (lowest), ``measure`` by the first measure of the question,
            such as accuracy or mean IoU; either of the epoch that a trial keeps.

    Raises:
        InputError: a name is unknown; the student cannot be read, or its width and the space do not go together; a
            twin was asked for.
    """

    distillation: DistillationSetup
    recipe: Recipe
    space: SearchSpace
    sampler: str = "tpe"
    pruner: str = "median"
    by: str = "loss"

    def __post_init__(self) -> None:
        for setting, value, known in (
            ("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS), ("by", self.by, BY),
        ):  # fmt: skip
            if value not in known:
                raise InputError("is unknown", setting=setting, expected=" or ".join(known), received=value)
        student = self.distillation.student
        width = self.space.parts.get("width")
        if HOLE in student and width is None:
            raise InputError(
                f"the student {student} has a width to be searched, and no range for it",
                expected="--search width=4..16",
            )
        if width is not None and HOLE not in student:
            raise InputError(
                "width is searched, and the student does not say where it goes",
                expected=f"a student such as mlp:{HOLE}x2", received=student,
            )  # fmt: skip
        if self.distillation.twin:
            raise InputError(
                "is not for a sweep", setting="twin", hint="train it with the best: joryu distill --best-of"
            )
        ends = [{}] if width is None else [{"width": end} for end in _ends(width)]
        for point in ends:
            require_architecture(with_width(student, point))

    def require_once(self, typed_names: Container[str]) -> None:
        """Check that nothing was typed as a fixed value that is searched: it would never be used.

        Raises:
            InputError: something was.
        """
        for name in self.space.parts:
            if name in typed_names:
                raise InputError(
                    "is searched, so that a value of its own means nothing", setting=name,
                    hint=f"leave it out, or search something else: --search {_others(self.space, name)}",
                )  # fmt: skip

    def about(self, store: Store, examples: Examples) -> SweepSetup:
        """The same setup with the default objective of the store's question, if it has none.

        Raises:
            InputError: the question, the objective or the examples make a searched setting mean nothing.
        """
        distillation = self.distillation.about(store.manifest.question)
        objective = distillation.objective or default_objective(store.manifest.question)
        if "temperature" in self.space.parts:
            if not objective.link.has_probs:
                raise InputError("numbers cannot be softened, so that no temperature can be searched", hint=_LEAVE_OUT)
            if objective.divergence == "logit-mse":
                raise InputError("logit-mse heeds no temperature, so that none can be searched", hint=_LEAVE_OUT)
        if "hard_weight" in self.space.parts and not examples.known.any():
            raise InputError(
                f"no example of {examples.name} has a label, so that hard-weight would change nothing", hint=_LEAVE_OUT
            )
        found = replace(self, distillation=distillation)
        inside = {name: _ends(part)[1] for name, part in self.space.parts.items()}
        for name, part in self.space.parts.items():
            for value in part.values if isinstance(part, Choices) else ():  # an end of a range is never quite tried
                found.applied({**inside, name: value})[0].about(store.manifest.question)
        return found

    def applied(self, values: Values, *, seed: int | None = None) -> tuple[DistillationSetup, Recipe]:
        """The setup and the recipe of one point.

        ``seed`` replaces that of weights and order; the parts stay those of the sweep.
        """
        own = self.recipe.seed
        objective = self.distillation.objective
        changed: dict[str, Any] = {name: values[name] for name in ("temperature", "hard_weight") if name in values}
        if changed:
            objective = replace(objective or Distillation(), **changed)
        distillation = replace(
            self.distillation, student=with_width(self.distillation.student, values), objective=objective,
            split_seed=None if seed in (None, own) else own,
        )  # fmt: skip
        settings = {name: values[name] for name in ("learning_rate",) if name in values}
        return distillation, Recipe.of(
            **{**self.recipe.model_dump(), **settings, "seed": own if seed is None else seed}
        )

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> SweepSetup:
        """The setup that a record describes; `applied` puts a point where what is searched was left out.

        Raises:
            InputError: the record is damaged.
        """
        try:
            setup = dict(record["setup"])
            objective = (
                None
                if setup["objective"] is None
                else Distillation(**{**setup["objective"], **_tuples(setup["objective"])})
            )
            return cls(
                distillation=DistillationSetup(**{**setup, "objective": objective}),
                recipe=Recipe.of(**record["recipe"]), space=SearchSpace.of_record(record["space"]),
                sampler=record["sampler"], pruner=record["pruner"], by=record["by"],
            )  # fmt: skip
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError("the record of a sweep is damaged", received=f"request: {error}") from error

    def describe(self) -> dict[str, Any]:
        """Everything about the setup that a trial depends on, as JSON."""
        setup, recipe = asdict(self.distillation), self.recipe.model_dump(mode="json")
        objective = setup["objective"] or {}
        for name in self.space.parts:
            (recipe if name in recipe else objective).pop(name, None)  # what stood there is never used
        return {
            "setup": setup, "recipe": recipe, "space": self.space.describe(), "sampler": self.sampler,
            "pruner": self.pruner, "by": self.by,
        }  # fmt: skip


_LEAVE_OUT = "leave it out: name what is to be searched with --search"


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON keeps as lists."""
    return {name: tuple(record[name]) for name in ("units", "class_weights") if name in record}


def with_width(student: str, values: Values) -> str:
    """The spec of a student, its hole filled.

    >>> with_width("unet:{width}x4", {"width": 8})
    'unet:8x4'
    """
    return student.replace(HOLE, str(int(values["width"]))) if "width" in values else student


def _others(space: SearchSpace, but: str) -> str:
    others = [f"{typed(name)}={part}" for name, part in space.parts.items() if name != but]
    return " --search ".join(others) or "NAME=LOW..HIGH"


def _ends(part: Any) -> tuple[float, float]:
    return (part.low, part.high) if isinstance(part, Range) else (part.values[0], part.values[-1])


def described_point(values: Mapping[str, float]) -> str:
    """A point in words.

    >>> described_point({"temperature": 3.142, "hard_weight": 0.1})
    'temperature 3.142, hard weight 0.1'
    """
    return ", ".join(f"{spoken(name)} {value:g}" for name, value in values.items())
