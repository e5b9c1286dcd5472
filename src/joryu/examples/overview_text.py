"""An `Overview` as text: one line before a training, several lines for a terminal, or JSON for a script."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from joryu.examples.examples import Examples
from joryu.examples.layouts import ALL
from joryu.examples.left_out import MOST_FILES, left_out_lines
from joryu.examples.loading import split_names
from joryu.examples.overview import PICTURE_AXES, Copy, Overview, counts_of, sizes_of
from joryu.examples.specs import find_place
from joryu.questions import Link

MOST_CLASSES: Final = 40  #: the most classes shown on a terminal
FEW: Final = 3  #: up to this many classes without an example each get a row of their own


def summary_line(spec: str, split: str, examples: Examples) -> str:
    """One line about the examples that were loaded.

    >>> from joryu.examples import load_examples
    >>> summary_line("digits", "train", load_examples("digits"))
    'digits: bundled, train split, 10 classes, 1,197 pictures 1×8×8'
    """
    counts = counts_of(examples)
    unlabelled = counts.pop(None, 0)
    said = [find_place(spec).layout, _which(spec, split)]
    if unlabelled < len(examples):
        present, all_of_them = sum(1 for n in counts.values() if n), plural(len(counts), output_noun(examples))
        said.append(f"{'' if present == len(counts) else f'{present:,} of '}{all_of_them}{_where(examples)}")
    shape = "×".join(map(str, examples.inputs.shape[1:]))
    of = shape if examples.inputs.ndim == PICTURE_AXES else f"of {shape} inputs"
    said.append(f"{plural(len(examples), noun(examples))} {of}")
    if unlabelled:
        said.append("none labelled" if unlabelled == len(examples) else f"{unlabelled:,} without label")
    more = [f"{len(examples.rejected):,} left out"] if examples.rejected else []
    return "; ".join([f"{examples.name}: {', '.join(said)}", *more, *examples.remarks])


def overview_lines(overview: Overview) -> list[str]:
    """The overview as lines for a terminal."""
    where = "comes with a library" if overview.place is None else str(overview.place)
    lines = [f"{overview.name}: {overview.layout}, {where}", *_split_lines(overview), *overview.remarks]
    lines += [f"the {split} split cannot be loaded: {why}" for split, why in overview.unreadable.items()]
    if (advised := overview.advised_size) is not None:
        lines.append(f"pictures differ in size: train, label and distill will need --size, such as --size {advised}")
    lines += ["", *_class_lines(overview)]
    for split, rejected in overview.rejected.items():
        of = "" if overview.unsplit else f" of {split}"
        lines += ["", f"left out{of}: {len(rejected):,}", *_indented(left_out_lines(rejected))]
    return lines + _copy_lines(overview)


def overview_json(overview: Overview) -> dict[str, Any]:
    """The overview as JSON-able data: all classes, all left-out files and all copies."""
    return {
        "spec": overview.spec,
        "name": overview.name,
        "layout": overview.layout,
        "place": None if overview.place is None else str(overview.place),
        "classes": list(overview.classes),
        "splits": {split: _part_json(part) for split, part in overview.parts.items()},
        "unreadable": overview.unreadable,
        "remarks": list(overview.remarks),
        "advised_size": overview.advised_size,
        "compared_at": overview.compared_at,
        "copies": [_copy_json(overview, copy) for copy in overview.copies],
    }


def sizes_in_words(sizes: Counter[tuple[int, int]]) -> str:
    """The sizes of pictures in words: the one size, or the range.

    >>> sizes_in_words(Counter({(8, 8): 3})), sizes_in_words(Counter({(60, 40): 1, (40, 60): 1, (40, 40): 2}))
    ('all 8×8', '3 sizes, 40 to 60 wide and 40 to 60 high')
    """
    if len(sizes) == 1:
        ((width, height),) = sizes
        return f"all {width}×{height}"
    (narrow, wide), (low, high) = ((min(side), max(side)) for side in zip(*sizes, strict=True))
    return f"{len(sizes):,} sizes, {_range(narrow, wide)} wide and {_range(low, high)} high"


def copies_in_words(overview: Overview) -> list[str]:
    """The number of duplicates and where they are, as sentences."""
    places = Counter((copy.split, copy.of_split) for copy in overview.copies)
    said = []
    for (split, of_split), n in places.items():
        who = plural(n, noun(overview.parts[split])) + ("" if overview.unsplit else f" of {split}")
        again = "comes twice" if n == 1 else "come twice"
        there = f"{'is' if n == 1 else 'are'} in {of_split} too"
        said.append(f"{who} {again if split == of_split else there}")
    if inexact := sum(not copy.same_pixels for copy in overview.copies):
        said.append(f"{inexact:,} of these saved anew: {'it looks' if inexact == 1 else 'they look'} the same")
    if astray := sum(map(overview.in_two_classes, overview.copies)):
        said.append(f"{astray:,} of these in two different classes")
    return said


def plural(n: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "class"), plural(1200, "class"), plural(2, "file")
    ('1 class', '1,200 classes', '2 files')
    """
    ending = "" if n == 1 else "es" if noun.endswith("s") else "s"
    return f"{n:,} {noun}{ending}"


def noun(examples: Examples) -> str:
    """The noun for one example: picture, row, …"""
    return "picture" if examples.inputs.ndim == PICTURE_AXES else "row"


def output_noun(examples: Examples) -> str:
    """The noun for an output of the set's question.

    >>> from joryu.examples import load_examples
    >>> output_noun(load_examples("digits")), output_noun(load_examples("table:diabetes"))
    ('class', 'number')
    """
    link = Link.SOFTMAX if examples.question is None else examples.question.link
    return {Link.SOFTMAX: "class", Link.SIGMOID: "tag", Link.IDENTITY: "number"}[link]


def _where(examples: Examples) -> str:
    return " for each pixel" if examples.question is not None and examples.question.grid else ""


def channels_in_words(examples: Examples) -> str:
    """``grey`` or ``colour``, as the pictures were read."""
    return "grey" if examples.inputs.shape[1] == 1 else "colour"


def _shape_in_words(part: Examples) -> str:
    """Sizes and channels of pictures; of rows, how many inputs."""
    if part.inputs.ndim != PICTURE_AXES:
        return plural(part.inputs[0].numel(), "input")
    return f"{sizes_in_words(sizes_of(part))}, {channels_in_words(part)}"


def _which(spec: str, split: str) -> str:
    if split_names(spec) == ("train",):
        return "no splits"
    return "all splits" if split == ALL else f"{split} split"


def _split_lines(overview: Overview) -> list[str]:
    return [
        f"{'no splits' if overview.unsplit else split}: {plural(len(part), noun(part))}, {_shape_in_words(part)}"
        for split, part in overview.parts.items()
    ]


def _class_lines(overview: Overview) -> list[str]:
    """A table of the classes, with a column for each split."""
    counts = {split: counts_of(part) for split, part in overview.parts.items()}
    names: list[str | None] = list(overview.classes)
    empty = {name for name in names if not any(found[name] for found in counts.values())}
    empty = empty if len(empty) > FEW else set()
    kept = [name for name in names if name not in empty]
    shown = kept[:MOST_CLASSES] + ([None] if any(None in found for found in counts.values()) else [])
    first_part = next(iter(overview.parts.values()))
    many = f"{noun(first_part)}s"
    head = plural(len(names), output_noun(first_part)) if names else "no classes"
    first = [head, *("(no label)" if name is None else _cut(name) for name in shown)]
    columns = [first]
    for split, found in counts.items():
        columns.append(
            [
                many if overview.unsplit else split,
                *(f"{found[name]:,}" if found[name] else "–" for name in shown),
            ]
        )
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in zip(*columns, strict=True)
    ]
    lines += [f"… and {len(empty):,} classes without a {noun(first_part)}"] if empty else []
    hidden = len(kept) - MOST_CLASSES
    return [*lines, f"… and {hidden:,} more classes (--json has them all)"] if hidden > 0 else lines


def _copy_lines(overview: Overview) -> list[str]:
    if not overview.copies:
        return ["", "no copy was found"]
    lines = ["", *copies_in_words(overview)]
    lines += _indented(_copy_in_words(overview, copy) for copy in overview.copies[:MOST_FILES])
    hidden = len(overview.copies) - MOST_FILES
    return [*lines, f"  … and {hidden:,} more (--json has them all)"] if hidden > 0 else lines


def _copy_in_words(overview: Overview, copy: Copy) -> str:
    one, other = copy_names(overview, copy)
    said = f"{one} {'is' if copy.same_pixels else 'looks like'} {other}"
    if not overview.in_two_classes(copy):
        return said
    label, of_label = overview.label(copy.split, copy.row), overview.label(copy.of_split, copy.of_row)
    return f"{said}, but is called {label}, not {of_label}"


def copy_names(overview: Overview, copy: Copy) -> tuple[str, str]:
    """The names of an example and of the one that it repeats, with their splits if there are several."""
    one, other = overview.source(copy.split, copy.row), overview.source(copy.of_split, copy.of_row)
    return (one, other) if overview.unsplit else (f"{copy.split} {one}", f"{copy.of_split} {other}")


def _part_json(part: Examples) -> dict[str, Any]:
    counts = counts_of(part)
    return {
        "examples": len(part),
        "classes": {name: counts[name] for name in part.classes},
        "unlabelled": counts[None],
        "channels": part.inputs.shape[1] if part.inputs.ndim == PICTURE_AXES else None,
        "sizes": [{"width": w, "height": h, "examples": n} for (w, h), n in sorted(sizes_of(part).items())],
        "left_out": [one._asdict() for one in part.rejected],
    }


def _copy_json(overview: Overview, copy: Copy) -> dict[str, Any]:
    return {
        "split": copy.split,
        "source": overview.source(copy.split, copy.row),
        "label": overview.label(copy.split, copy.row),
        "of_split": copy.of_split,
        "of_source": overview.source(copy.of_split, copy.of_row),
        "of_label": overview.label(copy.of_split, copy.of_row),
        "same_pixels": copy.same_pixels,
    }


def _cut(name: str, most: int = 40) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
