"""From a spec such as ``digits``, ``mnist`` or ``folder:pictures`` to examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from joryu.errors import InputError
from joryu.examples.annotated import load_annotated
from joryu.examples.beside.grouping import OPTION as GROUP
from joryu.examples.beside.grouping import grouped_by_table
from joryu.examples.class_folders import BESIDE_SPLITS
from joryu.examples.clutter import by_weight
from joryu.examples.digits import load_digits
from joryu.examples.examples import Examples, Rejected
from joryu.examples.folder import folder_splits, labelled_folder_splits, load_folder
from joryu.examples.idx import idx_splits, labelled_idx_splits, load_idx
from joryu.examples.joined import joined
from joryu.examples.layouts import ALL, canonical_split, in_order, some
from joryu.examples.originals import Originals
from joryu.examples.pairs import labelled_pair_splits, load_pairs, pair_splits
from joryu.examples.parquet import labelled_parquet_splits, load_parquet, parquet_splits
from joryu.examples.pictures import Progress, advised_size
from joryu.examples.places import from_here
from joryu.examples.screened import read_filter
from joryu.examples.specs import BUNDLED, OPTIONS, SCREENED, Place, find_place, readable, table_of
from joryu.examples.tabular import LoadedTable, TableOptions, labelled_table_splits, load_table, table_splits

_PICTURE_AXES: Final = 3  #: of one picture: channels, height, width


class _How(NamedTuple):
    """How examples are to be read, beside where they lie."""

    split: str
    size: int | None
    progress: Progress | None


class _Layout(NamedTuple):
    """What a layout can be asked: for a split, for the names of all, and for those with labels.

    ``part``: what may follow the ``#`` of a spec; empty if nothing may. ``at_once``: whether all splits are loaded as
    one, because what is left out of one depends on the others.
    """

    load: Callable[[Place, _How], Examples]
    splits: Callable[[Place], set[str]]
    labelled: Callable[[Place], set[str]]
    part: str = ""
    at_once: bool = False


def _one_set(place: Place) -> set[str]:
    del place
    return {"train"}


_LAYOUTS = {
    BUNDLED: _Layout(
        load=lambda place, how: load_digits(how.split, size=how.size),
        splits=lambda place: {"train", "test"},
        labelled=lambda place: {"train", "test"},
    ),
    "idx": _Layout(
        load=lambda place, how: load_idx(place.path, how.split, part=place.part, size=how.size),
        splits=lambda place: idx_splits(place.path, place.part),
        labelled=lambda place: labelled_idx_splits(place.path, place.part),
        part="one of several sets",
    ),
    "parquet": _Layout(
        load=lambda place, how: load_parquet(
            place.path, how.split, size=how.size, column=place.part, options=place.options, progress=how.progress
        ),
        splits=lambda place: parquet_splits(place.path),
        labelled=lambda place: labelled_parquet_splits(place.path, place.part, place.options),
        part="columns",
    ),
    "folder": _Layout(
        load=lambda place, how: _grouped(
            place,
            load_folder(place.path, how.split, size=how.size, options=place.options, progress=how.progress),
        ),
        splits=lambda place: folder_splits(place.path),
        labelled=lambda place: labelled_folder_splits(place.path, place.options),
    ),
    "pairs": _Layout(
        load=lambda place, how: _grouped(
            place,
            load_pairs(place.path, how.split, size=how.size, options=place.options, progress=how.progress),
        ),
        splits=lambda place: pair_splits(place.path, place.options),
        labelled=lambda place: labelled_pair_splits(place.path, place.options),
    ),
    "table": _Layout(
        load=lambda place, how: _load_table(place, how).examples,
        splits=lambda place: table_splits(table_of(place)),
        labelled=lambda place: labelled_table_splits(table_of(place), TableOptions.of(place.options)),
    ),
    "project": _Layout(
        load=lambda place, how: load_annotated(place.path, how.split, size=how.size, progress=how.progress),
        splits=_one_set,
        labelled=_one_set,
    ),
    SCREENED: _Layout(
        load=lambda place, how: _load_screened(_behind(place), place, how),
        splits=lambda place: set(split_names(_behind(place), data_root=place.root)),
        labelled=lambda place: set(labelled_splits(_behind(place), data_root=place.root)),
        at_once=True,
    ),
}


def load_examples(
    spec: str,
    *,
    split: str = "train",
    size: int | None = None,
    column: str | None = None,
    data_root: Path | str | None = None,
    progress: Progress | None = None,
) -> Examples:
    """The examples a spec names.

    ``digits``; ``idx:DIR``; ``parquet:DIR_OR_FILE[,root=DIR][,kind=numbers]`` (see `load_parquet`);
    ``folder:DIR[,labels=TABLE][,target=COLUMN;…]``, pictures (see `load_folder`); ``project:DIR``, the answered
    pictures of a labelling project; ``table:FILE_OR_DIR,target=COLUMN`` (see `load_prepared_table`);
    ``pairs:DIR[,classes=NAME;…]``, pictures with masks; ``screened:FILE``, another set without what a filter leaves
    out (see `joryu.examples.screened`). ``,group=FILE[#COLUMN]`` (of a table ``,group=COLUMN``) names
    what no split may part. A name that `list_data` lists; or a path, whose layout is then
    recognised. A bare name is sought among the known sets, then as a path, then in the data root
    (`joryu.examples.data_root` unless given).

    ``split`` is ``train``, ``test``, ``validation``, what the set calls its parts, or ``all`` of them; a set without
    splits answers to ``train`` and ``all`` alone. ``column`` names the column of pictures, of labels, or both
    (``img,fine_label``) of a Parquet set that has several. A ``#`` after the spec says the same (``parquet:DIR#img``),
    and which set is meant where one folder holds several (``idx:EMNIST#letters``). With ``size`` the shorter side of
    each picture is resized to it and the centre square cut out. ``progress`` is called with (pictures done, in all).

    >>> len(load_examples("digits", split="test"))
    600

    Raises:
        InputError: an unknown spec (near misses are named), a path that is not there, a split that the set does not
            have, or content that its loader refuses.
    """
    if size is not None and size < 1:
        raise InputError("a picture's size is not usable", expected="at least 1 pixel", received=size)
    place = _with_column(find_place(spec, data_root), spec, column)
    layout = _LAYOUTS[place.layout]
    with readable(spec):
        names = in_order(layout.splits(place)) if split == ALL and not layout.at_once else (split,)
        parts = [layout.load(place, _How(name, size, progress)) for name in names]
    return parts[0] if len(parts) == 1 else _joined(parts, names)


def load_prepared_table(spec: str, *, split: str = "train", data_root: Path | str | None = None) -> LoadedTable:
    """The examples of ``table:…`` with the preparation that turned its rows into inputs.

    ``table:FILE_OR_DIR[,target=COLUMN;…][,kind=one-of|numbers|tags][,drop=COLUMN;…][,categories=COLUMN;…]``, or the
    name of a bundled table (``iris``, ``wine``, ``breast-cancer``, ``diabetes``). Names may hold commas and spaces.

    >>> load_prepared_table("table:iris").preparation.inputs[0]
    'sepal length (cm)'

    Raises:
        InputError: see `joryu.examples.tabular.load_table`.
    """
    place = find_place(spec, data_root)
    if place.layout != "table":
        raise InputError(f"{spec} is no table", expected="table:FILE_OR_DIR", received=place.layout)
    with readable(spec):
        return _load_table(place, _How(split, None, None))


def _behind(place: Place) -> str:
    """The spec of the set that a filter is about, as it is found from here.

    Raises:
        InputError: there is no such set: filters are about one another in a circle.
    """
    passed, spec = [place.path.resolve()], _spec_in(place.path)
    behind = spec
    while behind.partition(":")[0] == SCREENED:
        inner = find_place(behind, place.root).path.resolve()
        if inner in passed:
            raise InputError(
                f"{inner} is a filter of itself", expected="the spec of another set", received=behind,
                hint="let joryu screen write into a folder of its own",
            )  # fmt: skip
        passed.append(inner)
        behind = _spec_in(inner)
    return spec


def _spec_in(file: Path) -> str:
    found = read_filter(file)
    return from_here(found.examples, file.parent, found.typed_in)


def _load_screened(spec: str, place: Place, how: _How) -> Examples:
    whole = load_examples(spec, split=how.split, size=how.size, progress=how.progress, data_root=place.root)
    return read_filter(place.path).applied(whole, place.path)


def _grouped(place: Place, examples: Examples) -> Examples:
    """The examples with the groups that the spec names, if it names any; tiles have those of their pictures."""
    named = place.options.get(GROUP)
    return examples if named is None or examples.groups else grouped_by_table(examples, named, place.path)


def _load_table(place: Place, how: _How) -> LoadedTable:
    if how.size is not None:
        raise InputError(
            f"table:{place.path} has no pictures to resize", received=f"size {how.size}", hint="leave --size out"
        )
    return load_table(table_of(place), how.split, TableOptions.of(place.options))


def split_names(spec: str, *, data_root: Path | str | None = None) -> tuple[str, ...]:
    """The splits of the named examples, found without reading one: train, validation, test, then others by name.

    A set without splits is ``("train",)``.

    >>> split_names("digits")
    ('train', 'test')

    Raises:
        InputError: an unknown spec, or a path that is not there.
    """
    place = _with_column(find_place(spec, data_root), spec, None)
    with readable(spec):
        return in_order(_LAYOUTS[place.layout].splits(place))


def labelled_splits(spec: str, *, column: str | None = None, data_root: Path | str | None = None) -> tuple[str, ...]:
    """Those of `split_names` that have labels, found without decoding a picture; ``column`` as in `load_examples`.

    >>> labelled_splits("digits")
    ('train', 'test')

    Raises:
        InputError: an unknown spec, a path that is not there, or labels that cannot be read.
    """
    place = _with_column(find_place(spec, data_root), spec, column)
    with readable(spec):
        return in_order(_LAYOUTS[place.layout].labelled(place))


def has_split(spec: str, split: str, *, data_root: Path | str | None = None) -> bool:
    """Whether the named examples come with a split of their own, found without reading a single example.

    >>> has_split("digits", "test"), has_split("digits", "validation")
    (True, False)

    Raises:
        InputError: an unknown spec, or a path that is not there.
    """
    return (canonical_split(split) or split) in split_names(spec, data_root=data_root)


def with_column(spec: str, column: str | None, *, data_root: Path | str | None = None) -> str:
    """A spec that says itself which columns of a Parquet set are meant, as a store's or a run's record must.

    Raises:
        InputError: as `load_examples`; the spec names other columns.
    """
    place = find_place(spec, data_root)
    said = _with_column(place, spec, column).part
    if said == place.part:
        return spec
    options = re.search(rf",\s*(?:{'|'.join(OPTIONS['parquet'])})=", spec)
    end = len(spec) if options is None else options.start()
    return f"{spec[:end]}#{column}{spec[end:]}"


def _with_column(place: Place, spec: str, column: str | None) -> Place:
    """The place with the columns that were asked for.

    Raises:
        InputError: columns of a set that has none, or something after the ``#`` of a set that has no parts.
    """
    if column is not None and place.layout != "parquet":
        raise InputError(f"{spec} has no columns", expected="a Parquet set", received=f"column {column!r}")
    if column is not None and place.part not in (None, column):
        raise InputError(f"{spec} names other columns", expected=place.part, received=f"column {column!r}")
    if place.part is not None and not _LAYOUTS[place.layout].part:
        raise InputError(f"{spec} has no parts", expected="nothing after its path", received=f"#{place.part}")
    return place._replace(part=column or place.part)


def _joined(parts: Sequence[Examples], names: Sequence[str]) -> Examples:
    """The splits of a set as one, each source with the name of its split before it.

    Raises:
        InputError: splits whose inputs are not alike (pictures of other sizes), or of other classes.
    """
    first = parts[0]
    for part, name in zip(parts, names, strict=True):
        if part.classes != first.classes:
            raise InputError(
                f"the splits of {first.name} have classes of their own",
                expected=f"{some(first.classes, most=3)} as in {names[0]}",
                received=f"{some(part.classes, most=3)} in {name}",
                hint=f"try --split {names[0]}",
            )
        if part.inputs.shape[1:] != first.inputs.shape[1:] or part.preparation != first.preparation:
            raise _prepared_otherwise(first, part, names[0], name)
    named = list(zip(parts, names, strict=True))
    sources = [f"{name}/{source}" for part, name in named for source in part.sources or ()]
    sizes = [part.sizes for part in parts if part.sizes is not None]
    originals = [part.originals for part in parts if part.originals is not None]
    left_out = [
        one if one.reason == BESIDE_SPLITS else Rejected(f"{name}/{one.name}", one.reason)
        for part, name in named
        for one in part.rejected
    ]
    return replace(
        first,
        inputs=joined([part.inputs for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        pixel_ids=np.concatenate([part.pixel_ids for part in parts]),
        labels=_joined_labels(parts),
        sources=tuple(sources) if all(part.sources is not None for part in parts) else None,
        rejected=tuple(by_weight(left_out)),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
        sizes=np.concatenate(sizes) if len(sizes) == len(parts) else None,
        originals=Originals.joined(originals) if len(originals) == len(parts) else None,
        groups=tuple(group for part in parts for group in part.groups or ()) if first.groups is not None else None,
        origins=tuple(one for part in parts for one in part.origins or ()) if first.origins is not None else None,
    )


def _joined_labels(parts: Sequence[Examples]) -> torch.Tensor | None:
    """The labels of all parts, unknown for a part that has none; ``None`` where no part has any."""
    labelled = next((part for part in parts if part.labels is not None), None)
    if labelled is None or labelled.labels is None:
        return None
    kept, axes = labelled.labels, len(labelled.asked_question.grid)
    sites = tuple(kept.shape[1 : 1 + axes])
    return torch.cat([
        labelled.codec.unknown((len(part), *sites), len(labelled.classes)).to(kept.dtype)
        if part.labels is None
        else part.labels
        for part in parts
    ])  # fmt: skip


def _prepared_otherwise(first: Examples, part: Examples, as_in: str, name: str) -> InputError:
    """The error for two splits whose inputs do not mean the same."""
    shape, other = first.inputs.shape[1:], part.inputs.shape[1:]
    if len(shape) != _PICTURE_AXES:
        return InputError(
            f"the splits of {first.name} are each measured on themselves, as none is called train",
            expected=f"inputs as in {as_in}", received=f"others in {name}", hint=f"try --split {as_in}",
        )  # fmt: skip
    if shape[1:] == other[1:]:
        grey, coloured = (as_in, name) if shape[0] == 1 else (name, as_in)
        return InputError(
            f"the pictures of {first.name} are grey in {grey} and coloured in {coloured}",
            expected="a train split, by which the others go", hint=f"try --split {as_in}",
        )  # fmt: skip
    return InputError(
        "pictures differ in size between splits",
        expected=f"{'×'.join(map(str, shape))} as in {as_in}",
        received=f"{'×'.join(map(str, other))} in {name}",
        hint=f"try --size {advised_size([min(shape[1:])])}",
    )
