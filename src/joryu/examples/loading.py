"""From a spec such as ``digits``, ``mnist`` or ``folder:pictures`` to examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.annotated import load_annotated
from joryu.examples.digits import load_digits
from joryu.examples.examples import Examples
from joryu.examples.folder import folder_splits, load_folder
from joryu.examples.idx import idx_splits, load_idx
from joryu.examples.known import DIGITS, KNOWN, data_root, find_known, obtain, sniff
from joryu.examples.layouts import canonical_split, did_you_mean, in_order, visible_folders
from joryu.examples.options import split_options
from joryu.examples.pairs import OPTIONS as PAIR_OPTIONS
from joryu.examples.pairs import load_pairs, pair_splits
from joryu.examples.parquet import load_parquet, parquet_splits
from joryu.examples.pictures import Progress
from joryu.examples.tabular import BUNDLED, OPTIONS, LoadedTable, TableOptions, load_table, table_splits
from joryu.examples.tabular.files import SUFFIXES

LAYOUTS = ("idx", "parquet", "folder", "project", "table", "pairs")


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

    ``digits``; ``idx:DIR``, ``parquet:DIR_OR_FILE``, ``folder:DIR``; ``project:DIR``, the answered pictures of a
    labelling project; ``table:FILE_OR_DIR,target=COLUMN`` (see `load_prepared_table`); ``pairs:DIR[,classes=NAME;…]``,
    pictures with masks; a name that `list_data` lists;
    or a path, whose layout is then recognised. A bare name is sought among the known sets, then as a path, then in the
    data root (`joryu.examples.data_root` unless given). ``split`` is ``train``, ``test``, ``validation`` or what the
    set calls its parts; a set without splits answers to ``train`` (or ``all``) alone. ``column`` names the column of
    pictures of a Parquet set, where there are several. With ``size`` the shorter side of each picture is resized to it
    and the centre square cut out.
    ``progress`` is called with (pictures done, in all).

    >>> len(load_examples("digits", split="test"))
    600

    Raises:
        InputError: an unknown spec (near misses are named), a path that is not there, a split that the set does not
            have, or content that its loader refuses.
    """
    if size is not None and size < 1:
        raise InputError("a picture's size is not usable", expected="at least 1 pixel", received=size)
    try:
        layout, place = ("bundled", Path()) if spec == DIGITS.name else _layout(spec, data_root)
        if column is not None and layout != "parquet":
            raise InputError(f"{spec} has no columns", expected="a Parquet set", received=f"column {column!r}")
        if layout == "table":
            if size is not None:
                raise InputError(f"{spec} has no pictures to resize", received=f"size {size}", hint="leave --size out")
            return load_prepared_table(spec, split=split, data_root=data_root).examples
        if layout == "pairs":
            return load_pairs(place, split, size=size, options=_pair_options(spec), progress=progress)
        if layout == "bundled":
            return load_digits(split, size=size)
        if layout == "idx":
            return load_idx(place, split, size=size)
        if layout == "parquet":
            return load_parquet(place, split, size=size, column=column, progress=progress)
        load = {"folder": load_folder, "project": load_annotated}[layout]
        return load(place, split, size=size, progress=progress)
    except OSError as error:  # a folder that may not be listed, a name too long, a disk that fails
        raise InputError(f"{spec} cannot be read: {error.strerror or error}") from error


def load_prepared_table(spec: str, *, split: str = "train", data_root: Path | str | None = None) -> LoadedTable:
    """The examples of ``table:…`` with the preparation that turned its rows into inputs.

    ``table:FILE_OR_DIR[,target=COLUMN;…][,kind=one-of|numbers|tags][,drop=COLUMN;…][,categories=COLUMN;…]``, or the
    name of a bundled table (``iris``, ``wine``, ``breast-cancer``, ``diabetes``). Names may hold commas and spaces.

    >>> load_prepared_table("table:iris").preparation.inputs[0]
    'sepal length (cm)'

    Raises:
        InputError: see `joryu.examples.tabular.load_table`.
    """
    place, options = _table(spec, _default_root() if data_root is None else Path(data_root))
    try:
        return load_table(place, split, options)
    except OSError as error:
        raise InputError(f"{spec} cannot be read: {error.strerror or error}") from error


def _layout(spec: str, root: Path | str | None) -> tuple[str, Path]:
    """As `locate`; a table's place, which may be none on disk, is found with its options."""
    return ("table", Path()) if spec.startswith("table:") else locate(spec, data_root=root)


def _table(spec: str, root: Path) -> tuple[Path | str, TableOptions]:
    """The place of a table, or the name of a bundled one, and its options."""
    rest = spec.partition(":")[2]
    named, options = split_options(
        rest, OPTIONS, is_place=lambda text: text in BUNDLED or _path(text, root) is not None
    )
    return named if named in BUNDLED else _existing(named, root, also=BUNDLED), TableOptions.of(options)


def _pair_options(spec: str) -> dict[str, str]:
    layout, colon, rest = spec.partition(":")
    return split_options(rest, PAIR_OPTIONS)[1] if colon and layout == "pairs" else {}


def split_names(spec: str, *, data_root: Path | str | None = None) -> tuple[str, ...]:
    """The splits of the named examples, found without reading one: train, validation, test, then others by name.

    A set without splits is ``("train",)``.

    >>> split_names("digits")
    ('train', 'test')

    Raises:
        InputError: an unknown spec, or a path that is not there.
    """
    if spec == DIGITS.name:
        return ("train", "test")
    layout, place = _layout(spec, data_root)
    if layout == "table":
        return in_order(table_splits(_table(spec, _default_root() if data_root is None else Path(data_root))[0]))
    found = {"idx": idx_splits, "parquet": parquet_splits, "folder": folder_splits, "pairs": pair_splits}.get(
        layout, _one_set
    )(place)
    return in_order(found)


def has_split(spec: str, split: str, *, data_root: Path | str | None = None) -> bool:
    """Whether the named examples come with a split of their own, found without reading a single example.

    >>> has_split("digits", "test"), has_split("digits", "validation")
    (True, False)

    Raises:
        InputError: an unknown spec, or a path that is not there.
    """
    return (canonical_split(split) or split) in split_names(spec, data_root=data_root)


def _one_set(place: Path) -> set[str]:
    del place
    return {"train"}


def locate(spec: str, *, data_root: Path | str | None = None) -> tuple[str, Path]:
    """The layout and the place that a spec (other than ``digits`` and the bundled tables) names.

    Raises:
        InputError: there is no such thing, or it has no layout that is known.
    """
    if spec == DIGITS.name:
        raise InputError(f"{spec} {DIGITS.obtain} and lies in no folder of its own")
    root = _default_root() if data_root is None else Path(data_root)
    layout, colon, rest = spec.partition(":")
    if colon and layout == "table":
        table, _ = _table(spec, root)
        if table in BUNDLED:
            raise InputError(f"{table} {DIGITS.obtain} and lies in no folder of its own")
        return layout, Path(table)
    if colon and layout == "pairs":
        named, _ = split_options(rest, PAIR_OPTIONS, is_place=lambda text: _path(text, root) is not None)
        return layout, _existing(named, root)
    if colon and layout in LAYOUTS:
        return layout, _existing(rest, root)
    place = find_known(spec, root) or _path(spec, root)
    if place is None:
        raise _unknown(spec, root)
    found = sniff(place)
    if found is None:
        raise InputError(
            f"{place} has no layout that is known",
            expected="IDX files, Parquet files or class folders of pictures",
            hint=f"try table:{spec},target=COLUMN"
            if place.suffix.lower() in SUFFIXES
            else "try idx:, parquet: or folder: before the path to see what is missing",
        )
    return found, place


def _default_root() -> Path:
    return data_root()


def _path(text: str, root: Path) -> Path | None:
    """An existing path: as it stands, else under the data root."""
    places = (Path(text).expanduser(), root / text) if text else ()
    return next((place for place in places if place.exists()), None)


def _existing(text: str, root: Path, also: Iterable[str] = ()) -> Path:
    place = _path(text, root)
    if place is None:
        parent = Path(text).expanduser().parent
        siblings = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        raise InputError(
            f"no such file or folder: {text or '(empty)'}", hint=did_you_mean(Path(text).name, [*siblings, *also])
        )
    return place


def _unknown(spec: str, root: Path) -> InputError:
    known = next((known for known in KNOWN if known.name == spec), None)
    if known is not None:
        return InputError(f"{spec} is not in {root}", hint=f"set JORYU_DATA, or try: {obtain(known, root)}")
    return InputError(
        f"no examples are known as {spec!r}",
        expected="digits, a name in the data root, a path, idx:DIR, parquet:DIR_OR_FILE, folder:DIR, project:DIR, "
        "table:FILE_OR_DIR or pairs:DIR",
        hint=f"did you mean table:{spec}?" if spec in BUNDLED else did_you_mean(spec.lower(), _near(spec, root)),
    )


def _near(spec: str, root: Path) -> Iterator[str]:
    yield from (known.name for known in KNOWN)
    yield from (folder.name for folder in visible_folders(root)) if root.is_dir() else ()
    rest = spec.partition(":")[2]
    if rest:
        yield from (f"{layout}:{rest}" for layout in LAYOUTS)
