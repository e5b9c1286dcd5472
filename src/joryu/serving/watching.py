"""`Watch`: predict the new files of a folder as they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.clutter import CLUTTER
from joryu.serving.files import walk
from joryu.serving.inputs import Wanted
from joryu.serving.predictor import Predicted, Predictor
from joryu.serving.written import AnswerFolder

Stamp = dict[str, int]


class Watch:
    """A folder that is polled for new files; answers are written beside the files, or into the folder ``out``.

    A file is read once its size and modification time are the same in two polls. It is not predicted again if its
    answer exists, from the same model and settings and for the file as it is now; so after an interruption the work
    goes on where it stopped. A file that cannot be read is reported once, and again when it has changed.
    ``interval`` is in seconds.

    Raises:
        InputError: the folder does not exist or cannot be written, or ``interval`` is not above 0.
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
        self._answers = AnswerFolder(folder if out is None else out, predictor, top=top)
        self._out = out
        self._seen: dict[Path, Stamp] = {}
        self._done: dict[Path, Stamp] = {}

    def polls(self, rest: Callable[[float], None] = time.sleep) -> Iterator[Iterator[Predicted]]:
        """Poll forever, ``interval`` seconds apart; each item is the result of one `poll`.

        Raises:
            InputError: the folder no longer exists.
        """
        while True:
            yield self.poll()
            rest(self.interval)

    def poll(self) -> Iterator[Predicted]:
        """Predict the files that stopped changing since the last poll; each is written before it is yielded.

        Files that cannot be read are yielded too, with the reason.
        """
        seen: dict[Path, Stamp] = {}
        ready = list[Wanted]()
        for wanted, path in self._files():
            stamp = stamp_of(path)
            if stamp is None:
                continue  # deleted since it was listed
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
            return []  # the file was written to while it was read: try again at the next poll
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
    """A file's size and modification time; ``None`` if it no longer exists."""
    try:
        state = path.stat()
    except OSError:
        return None
    return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
