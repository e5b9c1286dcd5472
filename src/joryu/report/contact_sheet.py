"""`write_contact_sheet`: one self-contained page about a set of examples, with pictures of each class."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from joryu.examples.clutter import CLUTTER
from joryu.examples.examples import UNLABELLED
from joryu.examples.left_out import clutter_in_words
from joryu.examples.overview import Copy, Overview, counts_of, sizes_of
from joryu.examples.overview_text import (
    channels_in_words,
    copies_in_words,
    copy_names,
    plural,
    sizes_in_words,
)
from joryu.report.page import environment, write_page
from joryu.report.pictures import thumbnail_uri

SIDE: Final = 96  #: a picture's longer side, in pixels
PICTURES: Final = 1200  #: pictures on a page, divided among its classes
EACH: Final = (3, 24)  #: the fewest and the most pictures per class
NARROW: Final = 6  #: a class with at most this many pictures takes half the page's width
CLASSES: Final = 400  #: the most classes shown with pictures
COPIES: Final = 60  #: the most copies shown side by side
FILES: Final = 200  #: the most left-out files listed


class ClassSheet(NamedTuple):
    """One class: its examples per split, some of its pictures, and the length of its bar.

    ``share`` is its total as a share of the largest class's. The examples without a label come as a sheet without a
    bar (``share=None``), because there may be many times more of them.
    """

    name: str
    counts: dict[str, int]
    total: int
    share: float | None
    pictures: list[Shot]


class Shot(NamedTuple):
    """A picture (as a data URI) and its name."""

    picture: str
    name: str


class RepeatedPair(NamedTuple):
    """An example and the one that it repeats; ``labels`` are both labels if they differ."""

    one: Shot
    other: Shot
    same_pixels: bool
    labels: tuple[str, str] | None


def write_contact_sheet(overview: Overview, path: Path | str, *, seed: int = 0) -> Path:
    """Write a page about a set of examples to ``path``; returns the path.

    The page shows pictures of each class, drawn at random with ``seed`` from all splits, then the files that were
    left out and the pictures that appear twice, side by side. Like a report it needs no network, runs no script and
    follows the reader's light or dark preference.

    Raises:
        InputError: ``path`` is a folder, or its folder cannot be made.
        JoryuError: the file cannot be written; an earlier page is kept.
    """
    return write_page(render_contact_sheet(overview, seed=seed), path, usual="examples.html")


def render_contact_sheet(overview: Overview, *, seed: int = 0) -> str:
    """The HTML of `write_contact_sheet`."""
    sheets = _sheets(overview, seed)
    rejected = [(split, one) for split, found in overview.rejected.items() for one in found]
    missed = [(split, one) for split, one in rejected if one.reason != CLUTTER]
    context = {
        "overview": overview,
        "title": _title(overview),
        "where": "comes with a library" if overview.place is None else str(overview.place),
        "facts": _facts(overview),
        "warnings": _warnings(overview),
        "sheets": sheets[:CLASSES],
        "more_sheets": sheets[CLASSES:],
        "narrow": NARROW,
        "missed": missed[:FILES],
        "more_missed": len(missed) - FILES,
        "clutter": clutter_in_words(len(rejected) - len(missed)) if len(rejected) > len(missed) else None,
        "copies": copies_in_words(overview),
        "pairs": [_pair(overview, copy) for copy in _telling(overview)[:COPIES]],
        "more_pairs": len(overview.copies) - COPIES,
    }
    return environment().get_template("contact_sheet.html.j2").render(context)


def _title(overview: Overview) -> str:
    n = len(overview.classes)
    return plural(overview.total, "picture") + (f" in {plural(n, 'class')}" if n else " without classes")


def _facts(overview: Overview) -> list[tuple[str, str]]:
    """The numbers at the top of the page, each with its caption."""
    facts = [
        (f"{len(part):,}", f"{'pictures' if overview.unsplit else split}: {sizes_in_words(sizes_of(part))},"
         f" {channels_in_words(part)}")
        for split, part in overview.parts.items()
    ]  # fmt: skip
    unlabelled = sum(counts_of(part)[None] for part in overview.parts.values())
    if unlabelled and overview.classes:
        facts.append((f"{unlabelled:,}", "without a label"))
    left_out = sum(map(len, overview.rejected.values()))
    return [*facts, (f"{left_out:,}", "left out"), (f"{len(overview.copies):,}", "that come twice")]


def _warnings(overview: Overview) -> list[str]:
    """Problems of the set to know of before it is used."""
    said = [f"the {split} split cannot be loaded: {why}" for split, why in overview.unreadable.items()]
    shared = [words for words in copies_in_words(overview) if " too" in words]
    if shared:
        said.append(f"{' and '.join(shared)}: what is taught there cannot judge here")
    if astray := sum(map(overview.in_two_classes, overview.copies)):
        said.append(
            f"{plural(astray, 'picture')} of those that come twice {'is' if astray == 1 else 'are'} in two classes"
        )
    if overview.advised_size is not None:
        said.append(f"pictures differ in size: training will need --size, such as --size {overview.advised_size}")
    return [*said, *overview.remarks]


def _sheets(overview: Overview, seed: int) -> list[ClassSheet]:
    """One sheet per class; the examples without a label come last."""
    counts = {split: counts_of(part) for split, part in overview.parts.items()}
    names: list[str | None] = [*overview.classes]
    if any(found[None] for found in counts.values()):
        names.append(None)
    fewest, most = EACH
    each = max(fewest, min(most, PICTURES // max(1, len(names))))
    largest = max((sum(found[name] for found in counts.values()) for name in overview.classes), default=0)
    sheets = []
    for number, name in enumerate(names):
        found = {split: counts[split][name] for split in counts}
        total = sum(found.values())
        shots = _shots(overview, name, each, seed) if number < CLASSES else []
        if name is None:
            sheets.append(ClassSheet("no label", found, total, None, shots))
        else:
            sheets.append(ClassSheet(name, found, total, total / max(1, largest), shots))
    return sheets


def _shots(overview: Overview, name: str | None, most: int, seed: int) -> list[Shot]:
    """At most ``most`` pictures of a class, drawn from all splits, in the order of the set."""
    places = []
    for split, part in overview.parts.items():
        label = UNLABELLED if name is None else part.classes.index(name) if name in part.classes else None
        rows = [] if label is None else np.flatnonzero(part.labels_or_empty.numpy() == label).tolist()
        places += [(split, row) for row in rows]
    drawn = np.random.default_rng(seed).permutation(len(places))[:most]
    return [_shot(overview, *places[place]) for place in sorted(drawn.tolist())]


def _shot(overview: Overview, split: str, row: int) -> Shot:
    source = overview.source(split, row)
    name = source if overview.unsplit else f"{split} {source}"
    return Shot(thumbnail_uri(overview.parts[split].inputs[row], SIDE), name)


def _telling(overview: Overview) -> list[Copy]:
    """The copies, worst first: those with two labels, those in two splits, then the others."""
    return sorted(overview.copies, key=lambda copy: (not overview.in_two_classes(copy), copy.split == copy.of_split))


def _pair(overview: Overview, copy: Copy) -> RepeatedPair:
    one, other = copy_names(overview, copy)
    pictures = [
        thumbnail_uri(overview.parts[split].inputs[row], SIDE)
        for split, row in ((copy.split, copy.row), (copy.of_split, copy.of_row))
    ]
    labels = (overview.label(copy.split, copy.row), overview.label(copy.of_split, copy.of_row))
    differ = (labels[0] or "", labels[1] or "") if overview.in_two_classes(copy) else None
    return RepeatedPair(Shot(pictures[0], one), Shot(pictures[1], other), copy.same_pixels, differ)
