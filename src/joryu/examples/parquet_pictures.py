"""The pictures of a Parquet column: their bytes, or the files that it names below a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from joryu.errors import InputError
from joryu.examples.beside.matching import leads_away
from joryu.examples.layouts import some
from joryu.examples.original_bytes import Stretch
from joryu.examples.originals import Originals, ParquetPictures, PictureFiles, Shelf
from joryu.examples.parquet_columns import ParquetShard, is_text
from joryu.examples.parquet_copy import Cell, ParquetCopy
from joryu.examples.pictures import Picture
from joryu.examples.tree import link_root, printable
from joryu.examples.typed_paths import is_file

_NULL = "null: no picture at all"


class PictureColumn:
    """A column of pictures in some files; ``files`` are the rows whose picture lies in a file of its own.

    Paths are seen from the folder of the Parquet file, or from that of the set, whichever has the first of them; from
    ``root`` alone where one is given.
    """

    def __init__(self, shards: Sequence[ParquetShard], column: str, folder: Path, root: Path | None = None) -> None:
        self.shards = shards
        self.column = column
        self.files: dict[int, Path] = {}
        self.copy: ParquetCopy | None = None  #: where the cells are read from, if not from the files themselves
        self._lost: list[Path] = []
        around = dict.fromkeys([*(shard.path.parent for shard in shards), folder])
        self._bases = [root] if root is not None else list(around)
        self._base: Path | None = None
        self._real = {base: link_root(base) for base in self._bases}

    def pictures(self, names: Iterable[str]) -> Iterator[Picture]:
        """Every picture under its name.

        Raises:
            InputError: a path that leads out of the folder, or none of the files that the column names is there.
        """
        cells = self.cells() if self.copy is None else self.copy.cells()
        name = iter(names)
        for row, (content, path) in enumerate(cells):
            yield self._picture(next(name), row, content, path)
        if self._lost and not self.files:
            raise InputError(
                f"column {self.column!r} of {self.shards[0].path} names files that are not there",
                expected=f"paths seen from {' or '.join(map(str, self._bases))}",
                received=printable(self._lost[0].name),
                hint=f"name the folder that they are seen from: parquet:{self.shards[0].path},root=FOLDER",
            )  # fmt: skip

    def cells(self) -> Iterator[Cell]:
        """The bytes or the path in each row of the Parquet files."""
        for shard in self.shards:
            for values in shard.column(self.column):
                yield from _cells(values)

    @property
    def remarks(self) -> list[str]:
        """That pictures were read from files, or copied, and where."""
        said = list[str]()
        if self.copy is not None and self.copy.holds_bytes:
            said.append(f"its pictures are copied to {self.copy.stretches.path}, to be read in any order")
        if self.files:
            said.append(f"pictures from the files that column {self.column} names below {self._base}")
        return said

    def unread(self, folder: Path, beside: Sequence[str]) -> list[str]:
        """A remark on the folders beside the Parquet files that none of the pictures was read from."""
        around = {parent for file in self.files.values() for parent in file.parents}
        unread = [f"{name}/" for name in beside if folder / name not in around]
        return [f"beside its files and not read: {some(unread)}"] if unread else []

    def originals(self, kept: npt.NDArray[np.int64]) -> Originals:
        """Where the bytes of the rows that were kept lie."""
        shelf: Shelf = (
            ParquetPictures([one.path for one in self.shards], [one.rows for one in self.shards], self.column)
            if self.copy is None
            else self.copy.stretches
        )
        if not self.files:
            return Originals.on(shelf, kept)
        rows = list(self.files)
        place = {row: at for at, row in enumerate(rows)}
        in_file = np.array([row in place for row in kept.tolist()], dtype=np.int64)
        numbers = np.array([place.get(row, row) for row in kept.tolist()], dtype=np.int64)
        return Originals((shelf, PictureFiles.of(self.files[row] for row in rows)), in_file, numbers)

    def _picture(self, name: str, row: int, content: bytes | Stretch | None, path: str | None) -> Picture:
        if content is not None:
            return Picture(name, content)
        if not path:
            return Picture(name, b"", _NULL)
        file = None if "\x00" in path else self._file(path, name)  # no system has such a name
        if file is None or not is_file(file):
            self._lost.append(Path(path) if file is None else file)
            return Picture(name, b"", f"the file {printable(path)} is not there")
        self.files[row] = file
        return Picture(name, file)

    def _file(self, path: str, name: str) -> Path:
        plain = path.replace("\\", "/")
        base = self._base or next((one for one in self._bases if is_file(one / plain)), self._bases[0])
        file = base / plain
        if leads_away(path) or not file.resolve().is_relative_to(self._real[base]):
            raise InputError(
                f"{name} names a picture outside the folder", expected=f"a path inside {base}",
                received=repr(path), hint="write the paths as they are seen from there",
            )  # fmt: skip
        if is_file(file):
            self._base = base
        return file


def _cells(values: pa.Array) -> Iterator[Cell]:
    """The bytes and the path of each cell."""
    if is_text(values.type):
        yield from ((None, path) for path in values.to_pylist())
        return
    if not pa.types.is_struct(values.type):
        yield from ((content, None) for content in values.to_pylist())
        return
    for cell in values.to_pylist():
        yield (None, None) if cell is None else (cell.get("bytes"), cell.get("path"))
