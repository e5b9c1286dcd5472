"""`load_table`: load a table as examples, with its preparation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import torch

from joryu.errors import InputError, did_you_mean
from joryu.examples.examples import Examples, Ids
from joryu.examples.groups import with_groups
from joryu.examples.layouts import canonical_split, find_split, require_unsplit, some, spelt_twice
from joryu.examples.options import listed
from joryu.examples.tabular.bundled import BUNDLED, bundled_sheet
from joryu.examples.tabular.cells import CellKind, column_kind, large_numbers, numbers, require_columns, texts
from joryu.examples.tabular.files import SUFFIXES, Sheet, read_sheet
from joryu.examples.tabular.fitting import fit_preparation
from joryu.examples.tabular.preparation import TablePreparation
from joryu.examples.tabular.target import TargetKind, ask, find_targets, read_labels, with_kind
from joryu.questions import Question

OPTIONS: Final = ("target", "kind", "drop", "categories", "group")


class TableOptions(NamedTuple):
    """``target``, ``drop`` and ``categories``: names of columns, separated by semicolons; ``kind``: of the target;
    ``group``: the column that says which rows belong together, which is no input.
    """

    target: str = ""
    kind: TargetKind | None = None
    drop: str = ""
    categories: str = ""
    group: str = ""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Read the options of a spec.

        Raises:
            InputError: ``kind`` is not one of `TargetKind`.
        """
        return cls(**with_kind(options))


class LoadedTable(NamedTuple):
    """Examples from a table, the preparation of their rows, and the columns of their labels."""

    examples: Examples
    preparation: TablePreparation
    targets: tuple[str, ...]


Splits = dict[str, Callable[[], Sheet]]


def load_table(place: Path | str, split: str = "train", options: TableOptions | None = None) -> LoadedTable:
    """Load a CSV or Parquet file, a folder of files named like splits, or a bundled table by name (`BUNDLED`).

    The preparation, the question and its classes are fitted to ``train``, whichever split is loaded; a table without
    splits is used as a whole. ``inputs`` are float32 ``[n, n_inputs]`` as the preparation gives them. An example's id
    is the hash of the row's values without dropped columns and targets, independent of the order of the columns and of
    what was fitted. A split without target columns is unlabelled. ``remarks`` say what was guessed or left out.

    >>> table = load_table("diabetes")
    >>> table.examples.question.names, table.examples.inputs.shape, table.preparation.inputs[:3]
    (('target',), torch.Size([442, 10]), ('age', 'sex', 'bmi'))

    Raises:
        InputError: there is no such split, file, target or column, a column is not usable, or a class is not among
            the training examples; see `fit_preparation`, `ask` and `read_labels`.
    """
    options = options or TableOptions()
    splits, remarks = _splits(place)
    if set(splits) == {"train"}:
        require_unsplit(place, split)
        split = "train"
    chosen = find_split(place, split, splits)
    reference = splits.get("train")
    sheet = chosen()
    fitted_on = sheet if reference is None or reference is chosen else reference()
    if reference is None:
        remarks.append(f"{place} has no train split: {fitted_on.name} is measured on itself")
    plan = _plan(fitted_on, options)
    found = _examples(sheet, plan, Path(place).stem)
    read_as = () if sheet is fitted_on else sheet.remarks
    every = (*remarks, *fitted_on.remarks, *read_as, *plan.remarks, *found.remarks)
    found = replace(found, remarks=tuple(dict.fromkeys(every)), preparation=plan.preparation)
    if options.group:
        (column,) = _present(sheet, (options.group,), "group")
        found = with_groups(found, texts(sheet, column), f"groups from column {column!r}")
    return LoadedTable(found, plan.preparation, plan.targets)


def table_splits(place: Path | str) -> set[str]:
    """The splits that `load_table` can load."""
    return set(_splits(place)[0])


def labelled_table_splits(place: Path | str, options: TableOptions) -> set[str]:
    """The splits that have at least one of the target columns.

    Raises:
        InputError: as `load_table`, about the targets.
    """
    splits, _ = _splits(place)
    sheets = {split: read() for split, read in splits.items()}
    reference = sheets.get("train") or next(iter(sheets.values()))
    dropped = reference.without(_present(reference, listed(options.drop, reference.columns), "drop"))
    targets, _ = find_targets(dropped, listed(options.target, reference.columns))
    return {split for split, sheet in sheets.items() if any(target in sheet.columns for target in targets)}


class _Plan(NamedTuple):
    """What was found from the sheet of train: kinds of columns, targets, question and preparation."""

    kinds: dict[str, CellKind]
    targets: tuple[str, ...]
    question: Question
    preparation: TablePreparation
    remarks: list[str]


def _splits(place: Path | str) -> tuple[Splits, list[str]]:
    if isinstance(place, str) and place in BUNDLED:
        return {"train": partial(bundled_sheet, place)}, []
    place = Path(place)
    if not place.exists():
        raise InputError(f"no such file or folder: {place}", hint=did_you_mean(str(place), BUNDLED))
    if place.is_file():
        return {canonical_split(place.stem) or "train": partial(read_sheet, place)}, []
    visible = (path for path in place.iterdir() if not path.name.startswith("."))  # macOS puts ._train.csv beside
    files = sorted(path for path in visible if path.suffix.lower() in SUFFIXES and path.is_file())
    named: dict[str, list[Path]] = {}
    for path in files:
        named.setdefault(canonical_split(path.stem) or "", []).append(path)
    others = named.pop("", [])
    for split, paths in named.items():
        if len(paths) > 1:
            raise spelt_twice(place, split, [path.name for path in paths])
    if not named and len(others) == 1:
        return {"train": partial(read_sheet, others[0])}, [f"read {others[0].name}"]
    if not named:
        raise InputError(
            f"{place} holds no table that can be told", expected="one .csv or .parquet file, or train.csv and test.csv",
            received=some(path.name for path in others) or "none", hint="name the file itself",
        )  # fmt: skip
    aside = [f"beside the splits and not read: {some(path.name for path in others)}"] if others else []
    return {split: partial(read_sheet, paths[0]) for split, paths in named.items()}, aside


def _plan(sheet: Sheet, options: TableOptions) -> _Plan:
    drop, categories, group = (_present(sheet, listed(value, sheet.columns), option) for value, option in (
        (options.drop, "drop"), (options.categories, "categories"), (options.group, "group"),
    ))  # fmt: skip
    kept = sheet.without(tuple(dict.fromkeys((*drop, *group))))
    targets, guessed = find_targets(kept, listed(options.target, sheet.columns))
    question, asked = ask(kept, targets, options.kind)
    features = tuple(name for name in kept.columns if name not in targets)
    if not features:
        raise InputError(f"{sheet.name} has no column left to learn from", received=some(sheet.columns))
    kinds = {name: CellKind.CATEGORY if name in categories else column_kind(kept, name) for name in features}
    preparation, left_out = fit_preparation(kept, kinds)
    return _Plan(kinds, targets, question, preparation, [*guessed, *asked, *left_out])


def _present(sheet: Sheet, names: tuple[str, ...], option: str) -> tuple[str, ...]:
    for name in names:
        if name not in sheet.columns:
            raise InputError(
                f"{sheet.name} has no column {name!r} for {option}=", expected=some(sheet.columns),
                hint=did_you_mean(name, sheet.columns),
            )  # fmt: skip
    return names


def _examples(sheet: Sheet, plan: _Plan, name: str) -> Examples:
    require_columns(sheet, tuple(plan.kinds), what="the columns")
    inputs, remarks = plan.preparation.apply(sheet)
    labels = None
    if any(target in sheet.columns for target in plan.targets):
        require_columns(sheet, plan.targets, what="the targets")
        labels, lacking = read_labels(sheet, plan.targets, plan.question)
        remarks += lacking
    else:
        remarks.append(f"{sheet.name} has no {some(plan.targets)}: its rows have no labels")
    found = Examples.of(
        torch.from_numpy(inputs), labels, question=plan.question, name=name,
        sources=[f"{sheet.name}#{at + sheet.first_row}" for at in range(len(sheet))],
    )  # fmt: skip
    ids = row_ids(sheet, plan.kinds)
    return replace(found, ids=ids, pixel_ids=ids, remarks=tuple(remarks))


def row_ids(sheet: Sheet, kinds: Mapping[str, CellKind]) -> Ids:
    """BLAKE2b-128 of each row's column names and values, uint64 ``[n, 2]``, independent of the columns' order.

    Numbers are hashed as float64, so ``4``, ``4.0`` and a 4 in Parquet are the same value; numbers too large to be
    exact are hashed with all their digits. Everything else is hashed as text.
    """
    names = sorted(kinds, key=lambda name: (kinds[name] is not CellKind.NUMBER, name))
    start = hashlib.blake2b("".join(f"{kinds[name]}{len(name)}:{name}" for name in names).encode(), digest_size=16)
    numeric = [name for name in names if kinds[name] is CellKind.NUMBER]
    values = np.zeros((len(sheet), len(numeric)), dtype="<f8")
    words: list[Sequence[str | None]] = []
    for at, name in enumerate(numeric):
        found = numbers(sheet, name)[0] + 0.0  # no -0
        values[:, at] = np.where(np.isnan(found), np.nan, found)  # the same bits for every NaN
        if large := large_numbers(sheet, name, found):
            words.append([f"{name}={large[row]}" if row in large else "" for row in range(len(sheet))])
    words += [texts(sheet, name) for name in names[len(numeric) :]]
    return _digests(start, values, words)


def _digests(start: hashlib.blake2b, values: np.ndarray, words: Sequence[Sequence[str | None]]) -> Ids:
    digests = bytearray()
    rows = zip(*words, strict=True) if words else repeat((), len(values))
    for numeric, row in zip(values, rows, strict=True):
        digest = start.copy()
        digest.update(numeric.tobytes())
        # Each text comes with its length before it, so that different rows never give the same bytes.
        digest.update("".join("-" if word is None else f"{len(word)}:{word}" for word in row if word != "").encode())
        digests += digest.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)
