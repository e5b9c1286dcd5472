"""Answers as files: a JSON file for each file, masks as PNG; each appears whole or not at all."""

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
from joryu.serving.predictor import Predicted, Predictor
from joryu.serving.reading import Wanted

_MODEL: Final = "model"  #: the entry by which an answer is told from any other JSON file
_PATH: Final = "path"
_LAID_ON: Final = {"masks": "as large as the picture"}  #: which they once were not: older ones are written anew


class Answers:
    """A folder of answers: ``NAME.json``, and ``NAME.mask.png`` or ``NAME.0-TAG.mask.png``, as the files lay.

    ``NAME`` is the whole name of the file. Where another file of that name has its answer there already, a hash of
    where the file lies is put in. Nothing that is no answer is written over.

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
        """Whether there is an answer of this model, at these settings, to the file as it is stamped.

        Raises:
            InputError: a file that is no answer has its name.
        """
        there = read_answer(self._path(wanted))
        expected = {**self._made_by, **stamp}
        return there is not None and all(there.get(name) == value for name, value in expected.items())

    def write(self, found: Sequence[Predicted], stamp: Mapping[str, int] | None = None) -> list[Predicted]:
        """Write what was said of one file, all its rows; the same with the files of its masks.

        Raises:
            InputError: a file that is no answer has the name.
            JoryuError: the disk is full or broken.
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
        """All that is found, written file by file as it comes; what has no answer is passed on."""
        for _, group in groupby(found, key=lambda one: one.wanted.source):
            rows = list(group)
            yield from rows if rows[0].answer is None else self.write(rows)

    def _path(self, wanted: Wanted) -> Path:
        first = self.folder / f"{wanted.place}{SIDECAR}"
        there, source = read_answer(first), _source(wanted)
        beside = (self.folder / wanted.place).resolve() == source  # wherever the two were moved to together
        if there is None or beside or there.get(_PATH) == printable(str(source)):
            return first
        where = hashlib.blake2b(str(source.parent).encode(errors="surrogateescape"), digest_size=4).hexdigest()
        other = wanted.place.with_name(f"{wanted.place.stem}-{where}{wanted.place.suffix}{SIDECAR}")
        read_answer(self.folder / other)
        return self.folder / other


def read_answer(path: Path) -> dict[str, Any] | None:
    """What an earlier answer says; ``None`` where there is none.

    Raises:
        InputError: the file is something else, which is not to be lost.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict) or not {_MODEL, _PATH} <= content.keys():
        raise InputError(
            f"{path} is no prediction, and is left alone", expected="a file that joryu predict wrote",
            hint="move it away, or name another folder with --out",
        )  # fmt: skip
    return content


def _source(wanted: Wanted) -> Path:
    return Path(str(wanted.source)).resolve()


def _write_masks(beside: Path, masks: Mapping[str, Mask]) -> dict[str, str]:
    """The files of the masks, by the name of what they show: one alone is called after the picture."""
    written = {}
    for at, (name, mask) in enumerate(masks.items()):
        # A tag's name may hold anything: of it only what cannot lead elsewhere or meet another file's name is kept.
        tag = f".{at}-{re.sub(r'[^0-9A-Za-z_-]+', '_', name)[:40]}" if len(masks) > 1 else ""
        path = beside.with_name(f"{beside.name}{tag}{MASK}")
        encoded = BytesIO()
        Image.fromarray(mask).save(encoded, "PNG")
        with durable_file(path) as file:
            file.write(encoded.getvalue())
        written[name] = path.name
    return written
