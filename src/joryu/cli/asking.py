"""Ask a teacher about examples that are already loaded, for ``joryu label`` and ``joryu distill --teacher``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joryu.cli.output import command_line, counting, load_and_tell, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joryu.examples import Examples
    from joryu.targets.encoding import Encoding
    from joryu.teachers.labelling import Labelled
    from joryu.teachers.precision import Wish


class Asking(NamedTuple):
    """How to ask a teacher: the options of ``joryu label``, parsed.

    ``order`` names the classes in the order in which the teacher gives them, if it is not the examples'. ``recheck``
    asks a batch of a store again before it is continued.
    """

    teacher: str
    examples: str
    split: str
    size: int | None
    views: str | None = None
    n_views: int = 0
    order: tuple[str, ...] | None = None
    encoding: Encoding | None = None
    batch_size: int | None = None
    recheck: bool = True
    precision: Wish = "auto"


def load_for(teacher: str, examples: str, split: str, size: int | None) -> Examples:
    """`load_and_tell`, but if pictures need a size, the error advises that of the teacher, if it is known.

    Raises:
        SizeNeededError: the pictures differ in size, or are too many for the memory.
    """
    from joryu.examples.pictures import SizeNeededError
    from joryu.teachers.trained import learned_at

    try:
        return load_and_tell(examples, split, size)
    except SizeNeededError as error:
        own = learned_at(teacher) if error.size is not None else None
        if own is None or own[0] != own[1]:
            raise
        hint = f"try --size {own[0]}, at which the teacher learned"
        raise SizeNeededError(error.what, expected=error.expected, received=error.received, hint=hint) from error


def together(teachers: Sequence[str], combine: str | None) -> str:
    """The spec of the one teacher that was named, or of the ensemble of several; without a rule ``soft``.

    Raises:
        InputError: a rule for one teacher alone, or a teacher that is paid by the answer among several.
    """
    from joryu.errors import InputError
    from joryu.remote.spec import is_paid
    from joryu.targets.combination import Combination
    from joryu.targets.ensemble_spec import read_ensemble, write_ensemble

    if len(teachers) == 1:
        if combine is not None:
            raise InputError(
                "--combine is for several teachers", expected="two or more --teacher", received=teachers[0]
            )
        return teachers[0]
    if paid := [teacher for teacher in teachers if is_paid(teacher)]:
        raise InputError(
            f"{paid[0]} is paid by the answer, and no member of an ensemble", expected="teachers that cost nothing",
            hint="label with it alone, then combine the stores with joryu targets combine",
        )  # fmt: skip
    if combine is None:
        talk("several teachers: the mean of their probabilities is taken (--combine soft)")
    spec = write_ensemble(Combination.parse(combine or "soft"), teachers)
    read_ensemble(spec.partition(":")[2])  # a slip must not be told after thousands of pictures were read
    return spec


def ask_teacher(shown: Examples, out: Path, asking: Asking) -> tuple[Labelled, Examples]:
    """Ask a teacher about every example of ``shown`` that has no answer in the store ``out`` yet.

    It returns what was done, and the examples that the teacher can answer about: of a project, those that people
    answered. Progress and remarks go to stderr.

    Raises:
        JoryuError: as `joryu.teachers.find_teacher` and `joryu.teachers.labelling.label_and_count`.
    """
    from joryu.examples.overview_text import plural
    from joryu.examples.views import parse_views
    from joryu.teachers import find_teacher
    from joryu.teachers.labelling import LabelOptions, LabelOrigin, growth_of, label_and_count, would_add_views
    from joryu.teachers.precision import slowness_remark
    from joryu.teachers.spec import describe_inputs

    shown_as = parse_views(asking.views) if asking.views else None
    who, known = find_teacher(asking.teacher, shown, n_views=asking.n_views, order=asking.order)
    if shown.classes and known.classes != shown.classes:
        talk("the teacher was asked another question than the examples' names say: those are not taken for labels")
    if (words := describe_inputs(asking.teacher, known, shown)) is not None:
        talk(words)
    for remark in known.remarks[len(shown.remarks) :]:
        talk(remark)
    if len(known) < len(shown):
        talk(f"nobody answered about {len(shown) - len(known)} of {len(shown)} examples: they are left out")
    if (grown := growth_of(who, known, out)) is not None:
        talk(
            f"the set has changed since {out} was labelled: {plural(grown.new, 'new example')} asked,"
            f" {grown.kept:,} kept, {grown.gone:,} no longer in the set (what was answered about them stays)"
        )
    if would_add_views(out, shown_as, asking.n_views):
        talk(f"{out} gets views it had not: a run begun on it cannot be gone on with; to keep both, give another --out")
    if (slow := slowness_remark(out, asking.precision)) is not None:
        talk(slow)
    origin = LabelOrigin(
        teacher=asking.teacher, order=asking.order, examples=asking.examples, split=asking.split, size=asking.size,
        command=command_line(),
    )  # fmt: skip
    with counting("labelling") as advance:
        options = LabelOptions(
            encoding=asking.encoding, batch_size=asking.batch_size, recheck=asking.recheck, precision=asking.precision,
            progress=advance, origin=origin,
        )  # fmt: skip
        done = label_and_count(who, known, out, views=shown_as, n_views=asking.n_views, options=options)
    return done, known
