"""`Manifest`: everything about a store but its answers; on disk it is ``manifest.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joryu.durable import durable_file
from joryu.errors import InputError, MismatchError
from joryu.examples.examples import Keyed
from joryu.precision import Answering
from joryu.pydantic_errors import first_fault
from joryu.questions import Asked, Question, difference
from joryu.questions.names import spelt
from joryu.targets.encoding import Encoding, Form
from joryu.targets.first_schema import from_first_schema
from joryu.targets.provenance import joryu_version, machine, now
from joryu.targets.rounding import Rounding

SCHEMA = 2
"""The version of the store's layout; a store of a newer one is refused, one of an older one is read."""

FILE = "manifest.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TeacherRecord(_Record):
    """Who answered: the ``fingerprint`` identifies the teacher, ``spec`` finds it again, ``description`` is for people.

    ``order`` names the classes in the order in which the teacher itself gives them, if it is not the question's.
    ``members`` are those of an ensemble, in the order of the members axis.
    """

    fingerprint: str
    description: str
    spec: str | None = None
    order: tuple[str, ...] | None = None
    members: tuple[TeacherRecord, ...] = ()

    @property
    def specs(self) -> tuple[str, ...]:
        """The specs of all that answered: of an ensemble those of its members; none where they are not known."""
        every = self.members or (self,)
        return tuple(one.spec for one in every if one.spec is not None)


class ExamplesRecord(_Record):
    """The examples that the teacher is asked about; ``count`` is the number of *distinct* ones.

    `load_examples` finds them again by ``spec``, ``split`` and ``size``. ``shape`` is that of one input as the teacher
    is shown it, ``(channels, height, width)`` for pictures. ``licences`` and ``sources`` count the distinct examples of
    each, where somebody has recorded any (`joryu.examples.collected`).
    """

    fingerprint: str
    name: str
    count: int
    spec: str | None = None
    split: str | None = None
    size: int | None = None
    shape: tuple[int, ...] | None = None
    licences: dict[str, int] | None = None
    sources: dict[str, int] | None = None

    def with_origins_of(self, other: ExamplesRecord) -> Self:
        """The same with what is said of licences and sources now, as a list of pictures may be corrected."""
        if other.licences is None:
            return self
        return self.model_copy(update={"licences": other.licences, "sources": other.sources})


class FormerExamples(ExamplesRecord):
    """A former set of a store that has grown since.

    ``brought`` is the number of its examples that the teacher was asked about and no earlier set had. Their ids are in
    a file beside the manifest. ``until`` is the time at which the store grew.
    """

    brought: int
    until: str


class Provenance(_Record):
    """How the store was made: version of Joryu, time (UTC), kind of machine, command line.

    ``typed_in`` is the folder in which the specs were typed, as a path relative to the store.
    """

    joryu: str = Field(default_factory=joryu_version)
    created: str = Field(default_factory=now)
    machine: dict[str, str] = Field(default_factory=machine)
    command: str | None = None
    typed_in: str | None = None


class Cost(_Record):
    """What the answers cost: how often the teacher was asked, the seconds it took, and money in its own currency."""

    requests: int = 0
    seconds: float = 0.0
    money: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            requests=self.requests + other.requests,
            seconds=self.seconds + other.seconds,
            money=self.money + other.money,
        )


class Manifest(_Record):
    """The description of a store.

    - ``question``, ``teacher``, ``examples``: what was asked, who answered, and about what.
    - ``keys``: what the ids are hashes of (`joryu.examples.Examples.keyed_by`).
    - ``former``: the sets of the store before it grew; ``strangers``: the number of answers about examples that are no
      longer in the set.
    - ``views``: the spec of the augmentations; ``n_views``: how many views of each example are to be labelled, with the
      seeds 1 to ``n_views``, besides the example itself, seed 0.
    - ``batch_size``: how many examples the teacher is shown at once. It is fixed, so that a resumed labelling gives the
      same bits as one that was not interrupted.
    - ``encoding``, ``form``: the layout of the answers; ``None`` before the first answer.
    - ``rounding``: what the encoding changed in the first answers, where it was chosen by that.
    - ``precision``: the precision at which a network computed all answers. It is ``None`` before the first answer, for
      teachers that compute nothing, and in older stores, whose networks computed in float32.
    - ``provenance``, ``cost``, ``updated``: how the store was made, what it cost, and when it was last written.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA
    question: Asked
    teacher: TeacherRecord
    examples: ExamplesRecord
    keys: Keyed = "row"
    former: tuple[FormerExamples, ...] = ()
    strangers: int = Field(default=0, ge=0)
    views: str | None = None
    n_views: int = Field(0, ge=0)
    batch_size: int = Field(ge=1)
    encoding: Encoding | None = None
    form: Form | None = None
    rounding: Rounding | None = None
    precision: Answering | None = None
    provenance: Provenance = Field(default_factory=Provenance)
    cost: Cost = Cost()
    updated: str = Field(default_factory=now)

    @classmethod
    def read(cls, folder: Path | str) -> Manifest:
        """Read the manifest of a store's folder.

        Raises:
            InputError: there is no store, or its manifest cannot be read.
            MismatchError: it was written by a newer Joryu.
        """
        folder = Path(folder)
        path = folder / FILE
        if not path.is_file():
            raise InputError(
                f"no soft targets at {folder}",
                expected=f"a folder with {FILE}",
                received="a folder without it" if folder.is_dir() else "no such folder",
                hint="try joryu label --out with this folder first",
            )
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
            json.dumps(content, ensure_ascii=False).encode()  # no half of a character, which could not be written again
            schema = int(content["schema_version"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not a manifest", received=str(error)) from error
        if schema > SCHEMA:
            raise MismatchError(
                f"{folder} was written by a newer Joryu", expected=f"schema <= {SCHEMA}", received=f"schema {schema}",
                hint="upgrade with: pip install --upgrade joryu",
            )  # fmt: skip
        try:
            return cls.model_validate(from_first_schema(content) if schema == 1 else content)
        except ValidationError as error:
            raise first_fault(error).within(f"{path} is not a usable manifest") from error
        except ValueError as error:
            raise InputError(f"{path} is not a usable manifest", received=str(error)) from error

    def require_shape(self, shape: tuple[int, ...] | None) -> None:
        """Check that the teacher is shown inputs of the stored ``shape``, as it might answer otherwise to another.

        Nothing is checked if either shape is not known.

        Raises:
            MismatchError: the shape is another.
        """
        stored = self.examples.shape
        if stored is not None and shape is not None and stored != shape:
            size = f"try --size {stored[-1]}, or " if len(stored) == 3 and stored[1] == stored[2] else ""
            raise MismatchError(
                "the teacher was shown inputs of another shape", expected=list(stored), received=list(shape),
                hint=f"{size}label into another folder",
            )  # fmt: skip

    def require_sites(self, shape: tuple[int, ...]) -> None:
        """Check that answers about each pixel fit inputs of this shape, ``(channels, height, width)``.

        Answers about whole examples always fit.

        Raises:
            MismatchError: the answers are about pixels of another size.
        """
        if self.form is None or not self.question.grid:
            return
        answered = self.form.shape[bool(self.form.members) : -1]
        if answered != shape[-2:]:
            size = f"try --size {answered[0]}, or " if len(set(answered)) == 1 else ""
            raise MismatchError(
                "the teacher answered about other pixels than the student is shown",
                expected="×".join(map(str, reversed(answered))),
                received="×".join(map(str, reversed(shape[-2:]))),
                hint=f"{size}label into another folder at the student's size",
            )

    @property
    def asked_at(self) -> Answering | None:
        """The precision at which a network must answer to continue this store; ``None`` before the first answer."""
        return self.precision or (None if self.form is None else "32-true")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the question's outputs."""
        return self.question.names

    def write(self, folder: Path | str) -> None:
        """Write ``manifest.json`` into a folder, whole or not at all."""
        with durable_file(Path(folder) / FILE) as file:
            file.write(self.model_dump_json(indent=2).encode() + b"\n")

    def require(
        self,
        *,
        teacher: str | None = None,
        question: Question | None = None,
        examples: str | None = None,
        views: str | None = None,
        encoding: Encoding | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Check the given parts against the manifest; what is ``None`` is not checked.

        Args:
            teacher: the teacher's fingerprint.
            question: what is asked; the kind of label does not matter.
            examples: the fingerprint of the examples.
            views: the spec of the views.
            encoding: how answers are stored.
            batch_size: how many examples the teacher is shown at once.

        Raises:
            MismatchError: a part differs; the message names the first one, with both values and what to try.
        """
        if question is not None and (found := difference(self.question, question)) is not None:
            _refuse("question", *found, self._way_on(question))
        elsewhere = "label into another folder"
        for what, stored, received, hint in (
            (
                "teacher",
                self.teacher.fingerprint,
                teacher,
                f"use the one that answered ({self._who}) with the weights, settings and order of classes it had, or"
                f" {elsewhere}",
            ),
            (
                "examples",
                self.examples.fingerprint,
                examples,
                f"give the examples {self._what} unchanged, or {elsewhere}",
            ),
            ("views", self.views, views, f"use the stored views, or {elsewhere}"),
            ("encoding", self.encoding, encoding, f"leave the encoding out to keep the stored one, or {elsewhere}"),
            ("batch size", self.batch_size, batch_size, f"leave it out to keep the stored one, or {elsewhere}"),
        ):
            if received is not None and stored is not None and received != stored:
                _refuse(what, stored, received, hint)

    def _way_on(self, question: Question) -> str:
        """The hint if another question is asked; people may have been given further classes since."""
        names = self.question.names
        if len(question) > len(names) and question.names[: len(names)] == names:
            added = spelt(question.names[len(names) :])
            return f"{added[:200]} came after them: label into another folder"
        return "ask about the same outputs in the same order"

    @property
    def _who(self) -> str:
        return self.teacher.spec or self.teacher.description

    @property
    def _what(self) -> str:
        return self.examples.spec or self.examples.name


def _refuse(what: str, stored: object, received: object, hint: str) -> None:
    raise MismatchError(
        f"these soft targets were made with {'other' if what.endswith('s') else 'another'} {what}",
        expected=stored,
        received=received,
        hint=hint,
    )


def _refuse_constant(name: str) -> None:
    """NaN and Infinity, which Python's JSON knows, are in no manifest."""
    raise ValueError(f"{name} is no number")
