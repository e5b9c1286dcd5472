"""`Watch`: a folder whose new files are predicted as they come, for as long as somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.clutter import CLUTTER
from joryu.serving.files import walk
from joryu.serving.predictor import Predicted, Predictor
from joryu.serving.reading import Wanted
from joryu.serving.written import Answers

Stamp = dict[str, int]


class Watch:
    """A folder that is looked through again and again; the answers lie beside its files, or in a folder of their own.

    A file is read once its size and time of writing have not changed between two looks. A file whose answer is there,
    of the same model and settings and of the file as it is now, is not asked about again: interrupted or killed, this
    goes on where it stopped. What cannot be read is named once, and again when the file has changed.

    Raises:
        InputError: no such folder, one that cannot be written, or an interval that is no time.
    """

    def __init__(
        self, predictor: Predictor, folder: Path, *, out: Path | None = None, top: int | None = None,
        interval: float = 2.0,
    ) -> None:  # fmt: skip
        if not 0 < interval < float("inf"):
            raise InputError("is not usable", setting="interval", expected="seconds > 0", received=interval)
        if not folder.is_dir():
            raise InputError(f"{folder} cannot be watched", expected="a folder")
        self.interval = interval
        self._predictor, self._folder = predictor, folder
        self._answers = Answers(folder if out is None else out, predictor, top=top)
        self._out = out
        self._seen: dict[Path, Stamp] = {}
        self._done: dict[Path, Stamp] = {}

    def polls(self, rest: Callable[[float], None] = time.sleep) -> Iterator[Iterator[Predicted]]:
        """What each look finds, with a rest of ``interval`` seconds between two of them; it never ends by itself.

        Raises:
            InputError: the folder has gone.
        """
        while True:
            yield self.poll()
            rest(self.interval)

    def poll(self) -> Iterator[Predicted]:
        """What has come to rest since the last look, each written before it is told; and what cannot be read."""
        seen: dict[Path, Stamp] = {}
        ready = list[Wanted]()
        for wanted, path in self._files():
            stamp = stamp_of(path)
            if stamp is None:
                continue  # gone since it was listed
            seen[path] = stamp
            if self._done.get(path) == stamp:
                continue
            try:
                if self._answers.holds(wanted, stamp):
                    self._done[path] = stamp
                elif self._seen.get(path) == stamp:
                    ready.append(wanted)
            except InputError as error:
                self._done[path] = stamp
                yield Predicted(wanted, None, str(error))
        self._seen = seen
        self._done = {path: stamp for path, stamp in self._done.items() if path in seen}
        for _, group in groupby(self._predictor.predict_each(ready), key=lambda one: one.wanted.source):
            yield from self._taken(list(group))

    def _taken(self, found: list[Predicted]) -> list[Predicted]:
        path = Path(str(found[0].wanted.source))
        before, now = self._seen[path], stamp_of(path)
        if now != before:
            return []  # it was written while it was read: the next looks will tell
        self._done[path] = before
        return found if found[0].answer is None else self._answers.write(found, before)

    def _files(self) -> list[tuple[Wanted, Path]]:
        try:
            found = list(walk(self._folder, without=self._out))
        except FileNotFoundError as error:  # a folder inside may go while it is walked through
            if self._folder.is_dir():
                return []
            raise InputError(f"{self._folder} has gone while it was watched") from error
        files = [(wanted, Path(str(wanted.source))) for wanted in found]
        return [(wanted, path) for wanted, path in files if wanted.reason != CLUTTER and not path.name.startswith(".")]


def stamp_of(path: Path) -> Stamp | None:
    """A file's size and time of writing; ``None`` where it has gone."""
    try:
        state = path.stat()
    except OSError:
        return None
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
