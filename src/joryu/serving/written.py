"""Write answers to files: a JSON file per predicted file, masks as PNG; each file appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from PIL import Image

from joryu.durable import durable_file
from joryu.errors import InputError, JoryuError
from joryu.examples.tree import printable
from joryu.serving.answers import Mask
from joryu.serving.files import MASK, SIDECAR
from joryu.serving.inputs import Wanted
from joryu.serving.predictor import Predicted, Predictor

_MODEL: Final = "model"  #: the entry that distinguishes an answer from any other JSON file
_PATH: Final = "path"
_LAID_ON: Final = {"masks": "as large as the picture"}  #: older versions wrote smaller masks: those are written anew


class AnswerFolder:
    """A folder of answers: ``NAME.json``, and ``NAME.mask.png`` or ``NAME.0-TAG.mask.png``.

    ``NAME`` is the whole name of the predicted file; subfolders are kept. If another file of the same name has its
    answer there already, a hash of the file's path is added. A file that is not an answer is never overwritten.

    Raises:
        InputError: the folder cannot be written.
    """

    def __init__(self, folder: Path, predictor: Predictor, *, top: int | None = None) -> None:
        self.folder, self._top = folder, top
        settings = {"top": top, "threshold": predictor.threshold} | (_LAID_ON if predictor.question.grid else {})
        if predictor.precision != "32-true":  # at which all older answers were computed
            settings["precision"] = predictor.precision
        self._made_by = {_MODEL: predictor.fingerprint, "settings": settings}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with durable_file(folder / ".writable"):
                pass
            (folder / ".writable").unlink()
        except (OSError, JoryuError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.received
            raise InputError(f"{folder} cannot be written", expected="a folder", received=reason) from error

    def holds(self, wanted: Wanted, stamp: Mapping[str, int]) -> bool:
        """Whether an answer exists from this model and settings, for the file with this ``stamp`` (size and time).

        Raises:
            InputError: a file that is not an answer has its name.
        """
        there = read_answer(self._path(wanted))
        expected = {**self._made_by, **stamp}
        return there is not None and all(there.get(name) == value for name, value in expected.items())

    def write(self, found: Sequence[Predicted], stamp: Mapping[str, int] | None = None) -> list[Predicted]:
        """Write the predictions for one file (all rows of a table); returns them with the files of their masks.

        Raises:
            InputError: a file that is not an answer has the name.
            JoryuError: the file cannot be written.
        """
        wanted = found[0].wanted
        path = self._path(wanted)
        path.parent.mkdir(parents=True, exist_ok=True)
        masks = _write_masks(path.with_suffix(""), {} if found[0].answer is None else found[0].answer.masks())
        said = [replace(one, masks=masks).to_json(self._top) for one in found]
        answer = said[0] if found[0].row is None else {"file": found[0].name, "rows": said}
        content = {**answer, **self._made_by, _PATH: printable(str(_source(wanted))), **(stamp or {})}
        with durable_file(path) as file:
            file.write(json.dumps(content, indent=2).encode() + b"\n")
        return [replace(one, masks={name: str(path.parent / mask) for name, mask in masks.items()}) for one in found]

    def written(self, found: Iterable[Predicted]) -> Iterator[Predicted]:
        """Write the predictions file by file as they arrive, and pass them on; those without an answer only pass."""
        for _, group in groupby(found, key=lambda one: one.wanted.source):
            rows = list(group)
            yield from rows if rows[0].answer is None else self.write(rows)

    def _path(self, wanted: Wanted) -> Path:
        first = self.folder / f"{wanted.place}{SIDECAR}"
        there, source = read_answer(first), _source(wanted)
        beside = (self.folder / wanted.place).resolve() == source  # then both may be moved together
        if there is None or beside or there.get(_PATH) == printable(str(source)):
            return first
        where = hashlib.blake2b(str(source.parent).encode(errors="surrogateescape"), digest_size=4).hexdigest()
        other = wanted.place.with_name(f"{wanted.place.stem}-{where}{wanted.place.suffix}{SIDECAR}")
        read_answer(self.folder / other)
        return self.folder / other


def read_answer(path: Path) -> dict[str, Any] | None:
    """The content of an earlier answer; ``None`` if there is none.

    Raises:
        InputError: the file is something else, which must not be overwritten, or no file can have this name.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, IsADirectoryError):
        content = None
    except OSError as error:  # a name too long with the ending, a file where a folder should be
        raise InputError(
            f"no answer can be kept as {path}", received=error.strerror,
            hint="give the file another name, or name another folder with --out",
        ) from error  # fmt: skip
    if not isinstance(content, dict) or not {_MODEL, _PATH} <= content.keys():
        raise InputError(
            f"{path} is no prediction, and is left alone", expected="a file that joryu predict wrote",
            hint="move it away, or name another folder with --out",
        )  # fmt: skip
    return content


def _source(wanted: Wanted) -> Path:
    return Path(str(wanted.source)).resolve()


def _write_masks(beside: Path, masks: Mapping[str, Mask]) -> dict[str, str]:
    """Write the masks; returns their files by what they show. A single mask is named after the picture alone."""
    written = {}
    for at, (name, mask) in enumerate(masks.items()):
        # A tag may contain any character: only those are kept that are safe in a file's name.
        tag = f".{at}-{re.sub(r'[^0-9A-Za-z_-]+', '_', name)[:40]}" if len(masks) > 1 else ""
        path = beside.with_name(f"{beside.name}{tag}{MASK}")
        encoded = BytesIO()
        Image.fromarray(mask).save(encoded, "PNG")
        with durable_file(path) as file:
            file.write(encoded.getvalue())
        written[name] = path.name
    return written
