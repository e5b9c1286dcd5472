"""`screen`: look through a set and a teacher's answers for what spoils a student: copies, and sources that tag alike.

A source is where a picture comes from: what a table says, its group, or else its folder. If nearly all pictures of one
source have a tag that is rare elsewhere, the tag may come from the source (a watermark, a backdrop, a failed download)
and not from what the pictures show, and a student learns the source.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.beside.grouping import groups_in_table
from joryu.examples.repeats import Repeats, find_copies
from joryu.questions import Link
from joryu.targets.failures import id_to_hex
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store

_PART = 1024  #: rows gathered at a time
_HELD = 0.5  #: the probability above which a tag holds
_CHANCE = 0.01  #: of a single false alarm in a set whose sources do not differ


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSettings:
    """What counts as suspicious.

    Args:
        constant: the least share of a source's pictures that have the tag.
        lift: how many times more often the tag is there than elsewhere.
        least: pictures that a source must have to be judged.

    Raises:
        InputError: one is out of range.
    """

    constant: float = 0.8
    lift: float = 3.0
    least: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.constant <= 1:
            raise InputError("is not usable", setting="constant", expected="a share above 0", received=self.constant)
        if not self.lift >= 1:
            raise InputError("is not usable", setting="lift", expected=">= 1", received=self.lift)
        if self.least < 2:
            raise InputError("is not usable", setting="least", expected=">= 2", received=self.least)


class SourceTag(NamedTuple):
    """How often a tag is answered in one source, and elsewhere; both shares."""

    tag: str
    share: float
    elsewhere: float


@dataclass(frozen=True, slots=True)
class SourceScreen:
    """One source: how many of its pictures were answered, its commonest tags, and those that are suspicious."""

    name: str
    n: int
    common: tuple[SourceTag, ...]
    constant: tuple[SourceTag, ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """What was found: the sources, the copies, and why each row that is left out is."""

    n: int
    answered: int
    sources: tuple[SourceScreen, ...]
    copies: Repeats
    left_out: dict[int, str]
    settings: ScreenSettings

    @property
    def suspicious(self) -> tuple[SourceScreen, ...]:
        """The sources with a constant tag."""
        return tuple(source for source in self.sources if source.constant)

    def to_json(self) -> dict[str, Any]:
        """Everything but the rows."""
        return {
            "examples": self.n, "answered": self.answered, "copies": len(self.copies.same),
            "near_duplicates": len(self.copies.alike), "left_out": len(self.left_out),
            "settings": asdict(self.settings),
            "sources": [
                {"name": one.name, "n": one.n, "common": [tag._asdict() for tag in one.common],
                 "constant": [tag._asdict() for tag in one.constant]}
                for one in self.sources
            ],
        }  # fmt: skip


def screen(
    store: Store, examples: Examples, sources: Sequence[str], settings: ScreenSettings | None = None
) -> Screening:
    """Look for copies among the examples, and for ``sources`` (one for each) whose tags are suspiciously constant.

    A source is suspicious if a tag holds (more than one half; of classes the most probable) for at least ``constant``
    of its answered pictures, ``lift`` times as often as elsewhere, and more often than chance explains: the binomial
    tail at the share elsewhere is below 0.01 divided by the number of pairs of source and tag (Bonferroni). All of a
    suspicious source is left out, and of copies all but the first that stays.

    Raises:
        InputError: the question has neither tags nor classes, or nothing is answered.
        MismatchError: the store is about other examples.
    """
    settings = settings or ScreenSettings()
    question = store.manifest.question
    if not question.link.has_probs or question.grid:
        raise InputError("only tags and classes can be screened", expected="a store of either", received=str(question))
    store.require_about(examples)
    names, of_row = np.unique(np.array(sources, dtype=str), return_inverse=True)
    answered = ~store.missing(examples.ids, 0).numpy()
    rows = np.flatnonzero(answered)
    if not len(rows):
        raise InputError(f"nothing of {examples.name} is answered in {store.path}", expected="joryu label first")
    counts = np.zeros((len(names), len(question)), dtype=np.int64)
    for start in range(0, len(rows), _PART):
        part = rows[start : start + _PART]
        found = store.gather(store.rows(examples.ids[part], 0))
        at, tag = _held(found)
        np.add.at(counts, (of_row[part][at.numpy()], tag.numpy()), 1)
    sizes = np.bincount(of_row[answered], minlength=len(names))
    screens = _screens([str(name) for name in names], counts, sizes, question.names, settings)
    bad = {at: screens[at] for at in range(len(names)) if screens[at].constant}
    left_out = {
        row: f"{bad[source].constant[0].tag} on {bad[source].constant[0].share:.0%} of {bad[source].name}"
        for row, source in enumerate(of_row.tolist())
        if source in bad
    }
    left_out |= _same_files(examples, left_out)
    copies = find_copies(examples)
    left_out |= _later_copies(examples, copies, left_out)
    order = sorted(range(len(names)), key=lambda at: (not screens[at].constant, -int(sizes[at])))
    return Screening(
        len(examples), len(rows), tuple(screens[at] for at in order), copies, dict(sorted(left_out.items())), settings
    )


def sources_of(examples: Examples, by: str | None = None) -> list[str]:
    """The source of each example: by a table ``FILE[#COLUMN]``, by the groups that the set names, or by its folder.

    Of a collection it is the source that was written down: its folders only keep each of them small. The table names
    pictures by path or file name in one column; those it does not mention have the source "".

    Raises:
        InputError: nothing says where examples come from, the folders are the classes, or the table cannot be read.
    """
    hint = "name them with --by FILE#COLUMN"
    if by is not None:
        if examples.originals is None:
            raise InputError(f"{examples.name} has no picture files for {by} to name", expected="pictures in files")
        paths = [Path(examples.originals.name(row)) for row in range(len(examples))]
        around = Path(os.path.commonpath([path.parent for path in paths]))
        return [group or "" for group in groups_in_table(paths, str(Path.cwd() / Path(by).expanduser()), around).groups]
    if examples.groups is not None:
        return ["" if group is None else str(group) for group in examples.groups]
    if examples.origins is not None:
        return [origin.source for origin in examples.origins]
    if examples.sources is None:
        raise InputError(f"nothing says where the examples of {examples.name} come from", hint=hint)
    folders = [str(PurePosixPath(name).parent) for name in examples.sources]
    classes = set(zip(folders, examples.strata.tolist(), strict=True))
    if examples.labels is not None and len(classes) == len(set(folders)) > 1 and len(examples.classes) > 1:
        raise InputError(
            f"the folders of {examples.name} are its classes, so their tags are constant by right",
            expected="a table or groups that say where pictures come from", hint=hint,
        )  # fmt: skip
    return folders


class LeftOutIds(NamedTuple):
    """Ids (hexadecimal) to reasons: of those that are left out whole, of those that stay once; and to file names."""

    left_out: dict[str, str]
    once: dict[str, str]
    names: dict[str, str]


def left_out_ids(examples: Examples, found: Screening) -> LeftOutIds:
    """What is left out, by id. A row may go while another with the same id, the very same file, stays."""
    keys = [id_to_hex(words) for words in examples.ids]
    staying = {key for row, key in enumerate(keys) if row not in found.left_out}
    whole, once = dict[str, str](), dict[str, str]()
    for row, why in found.left_out.items():
        (once if keys[row] in staying else whole).setdefault(keys[row], why)
    names = examples.sources
    return LeftOutIds(whole, once, {keys[row]: names[row] for row in found.left_out} if names is not None else {})


def _held(found: SoftTargets) -> tuple[Tensor, Tensor]:
    """The pairs of row and output that hold, as two int64 tensors."""
    if found.link is Link.SOFTMAX:
        probs = found.combined(1.0).probs(1.0)
        return torch.arange(len(found)), probs.argmax(-1)
    if found.indices is not None and not found.members:  # 5,000 tags are never spread out
        probs = found.values if found.space.value == "probs" else found.link.probs(found.values)
        at, place = ((probs > _HELD) & (found.indices >= 0)).nonzero(as_tuple=True)
        return at, found.indices[at, place]
    dense = found.combined(1.0).dense()
    held = dense.probs(1.0) > _HELD
    held = held if dense.coverage is None else held & dense.coverage
    at, tag = held.nonzero(as_tuple=True)
    return at, tag


def _screens(
    names: Sequence[str], counts: np.ndarray[Any, Any], sizes: np.ndarray[Any, Any], tags: Sequence[str],
    settings: ScreenSettings,
) -> list[SourceScreen]:  # fmt: skip
    totals, n = counts.sum(0), int(sizes.sum())
    found = []
    for at, name in enumerate(names):
        size, here = int(sizes[at]), counts[at]
        share = here / max(size, 1)
        elsewhere = (totals - here) / max(n - size, 1)
        common = [int(tag) for tag in np.argsort(-here, kind="stable")[:5] if here[tag]]
        suspect = (share >= settings.constant) & (share >= settings.lift * elsewhere)
        constant = list[int]()
        if size >= settings.least and n > size and suspect.any():
            # Never quite 0 elsewhere: that nobody had it yet is no proof that nobody can.
            chance = (totals - here + 0.5) / (n - size + 1)
            tail = binom.sf(here[suspect] - 1, size, chance[suspect])
            unlikely = np.flatnonzero(suspect)[tail < _CHANCE / (len(names) * len(tags))]
            constant = sorted(map(int, unlikely), key=lambda tag: -float(share[tag]))
        tables = [[SourceTag(tags[tag], float(share[tag]), float(elsewhere[tag])) for tag in one] for one in
                (common, constant)]  # fmt: skip
        found.append(SourceScreen(name, size, tuple(tables[0]), tuple(tables[1])))
    return found


def _same_files(examples: Examples, gone: dict[int, str]) -> dict[int, str]:
    """Rows elsewhere with the id of one that goes: the same file, which goes too."""
    first = {examples.ids[row].tobytes(): row for row in reversed(gone)}
    found = [(row, first.get(words.tobytes())) for row, words in enumerate(examples.ids) if row not in gone]
    return {row: f"the same file as one that goes: {gone[of]}" for row, of in found if of is not None}


def _later_copies(examples: Examples, copies: Repeats, gone: dict[int, str]) -> dict[int, str]:
    """Copies whose original stays; where the original goes, its first copy stays in its place."""
    stays = dict[int, int]()  #: an original that goes, to the copy that stays for it
    left_out = dict[int, str]()
    pairs = [*zip(copies.same.tolist(), copies.same_as.tolist(), strict=True)]
    pairs += zip(copies.alike.tolist(), copies.alike_as.tolist(), strict=True)
    for row, original in sorted(pairs):
        if row in gone:
            continue
        keeper = original if original not in gone and original not in left_out else stays.setdefault(original, row)
        if keeper != row:
            name = f"#{keeper}" if examples.sources is None else examples.sources[keeper]
            left_out[row] = f"a copy of {name}"
    return left_out
