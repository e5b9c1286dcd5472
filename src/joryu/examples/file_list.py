"""Many files below one folder, kept as text: a `Path` of each would cost more than everything else about it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

from joryu.examples.tree import USUAL, printable


class FileList(Sequence[Path]):
    """Files by their whole paths; ``names`` are seen from the folder ``top``, as they can be printed.

    >>> files = FileList(Path("set"), ["set/cat/1.jpg", "set/cat/notes"])
    >>> files[0] == Path("set/cat/1.jpg"), files.names, files.called_pictures
    (True, ['cat/1.jpg', 'cat/notes'], [0])
    """

    def __init__(self, top: Path, texts: Iterable[str]) -> None:
        self.top = top
        self.texts = list(texts)

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, at: int) -> Path: ...
    @overload
    def __getitem__(self, at: slice) -> FileList: ...
    def __getitem__(self, at: int | slice) -> Path | FileList:
        return FileList(self.top, self.texts[at]) if isinstance(at, slice) else Path(self.texts[at])

    def __iter__(self) -> Iterator[Path]:
        return map(Path, self.texts)

    @cached_property
    def names(self) -> list[str]:
        """What each file is called, seen from the top."""
        top = os.path.join(self.top, "")  # noqa: PTH118 - with the separator behind; below "." not all have it
        names = (text.removeprefix(top) for text in self.texts)
        return [printable(name if os.sep == "/" else name.replace(os.sep, "/")) for name in names]

    @property
    def called_pictures(self) -> list[int]:
        """Which of them have the ending of a picture."""
        return [at for at, text in enumerate(self.texts) if os.path.splitext(text)[1].lower() in USUAL]  # noqa: PTH122

    def pick(self, rows: Iterable[int]) -> FileList:
        """Some of them."""
        return FileList(self.top, [self.texts[row] for row in rows])
