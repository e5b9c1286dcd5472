"""A process that decodes pictures for another one: it is told which, and holds nothing from one task to the next.

It imports no PyTorch: some twenty MiB of its own, and ready in a third of a second. It is started by
`joryu.examples.decoders`, and ends when nobody holds the other end of its pipe.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL
from PIL import features

from joryu.examples.decoding import readable_formats, strict_pillow
from joryu.examples.input_pixels import input_pixels
from joryu.examples.original_bytes import KEY_BYTES, Source, Stretch, key_of
from joryu.examples.picture import Picture, Unusable, read_picture
from joryu.examples.picture_entry import look_at
from joryu.examples.picture_record import packed
from joryu.examples.pipe_frames import Inbox, send
from joryu.examples.shared_memory import fill, mapped

_LOOK_ROUND: Final = 2.0  #: seconds between two looks at whether the process it works for is still there


def versions() -> dict[str, str]:
    """What its pictures depend on: where they differ, it is not asked."""
    return {"pillow": PIL.__version__, "jpg": str(features.version("jpg")), "numpy": np.__version__}


def as_json(source: Source) -> str | int | list[str | int]:
    """A source in the head of a message; bytes stand in its payload, and here their number."""
    if isinstance(source, Stretch):
        return [_whole(str(source.path)), source.start, source.length]
    return len(source) if isinstance(source, bytes) else _whole(source)


def _whole(path: str) -> str:
    """A path that means the same in another process, whose working folder may be another by now."""
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH117, PTH118 - of many


def _sources(said: Sequence[Any], payload: memoryview) -> list[Source]:
    found, at = list[Source](), 0
    for one in said:
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, int):
            found.append(bytes(payload[at : at + one]))
            at += one
        else:
            found.append(Stretch(Path(one[0]), one[1], one[2]))
    return found


def _content(source: Source) -> bytes:
    match source:
        case bytes():
            return source
        case Stretch():
            return source.read()
        case str():
            return Path(source).read_bytes()


def _pixels(sources: Sequence[Source], about: dict[str, Any]) -> list[memoryview | None]:
    """The pixels of each picture at a shape, if its bytes have the key that they had."""

    def pixels(source: Source, key: bytes) -> memoryview | None:
        try:
            content = _content(source)
            return input_pixels(content, **shape).pixels.data if key_of(content) == key else None
        except Exception:  # noqa: BLE001 - whoever asked tries again, and says what is wrong
            return None

    shape, keys = about["shape"], bytes.fromhex(about["keys"])
    return [pixels(source, keys[at * KEY_BYTES : (at + 1) * KEY_BYTES]) for at, source in enumerate(sources)]


def _entries(sources: Sequence[Source], about: dict[str, Any]) -> list[memoryview | None]:
    """What a look at each picture finds."""
    looks = look_at([Picture("", source) for source in sources], size=about["size"], channels=about["channels"])
    return [None if isinstance(look, Unusable) else memoryview(look.tobytes()) for look in looks]


def _reads(sources: Sequence[Source], about: dict[str, Any]) -> list[memoryview | None]:
    """Each picture as it is read for a set that is held."""
    reads = [read_picture(Picture("", source), about["size"]) for source in sources]
    return [None if isinstance(read, Unusable) else memoryview(packed(read)) for read in reads]


_WORK: Final[dict[str, Callable[[Sequence[Source], dict[str, Any]], list[memoryview | None]]]] = {
    "pixels": _pixels,
    "entries": _entries,
    "reads": _reads,
}


def _is_asked(parent: int, patience: float) -> bool:
    """Wait for a task; false when none comes, or nobody is there who could give one."""
    rounds = max(1, round(patience / _LOOK_ROUND))
    for _ in range(rounds):
        if select.select([0], [], [], patience / rounds)[0]:
            return True
        if os.getppid() != parent:  # a copy of that process (a fork) may still hold the pipe
            return False
    return False


def _answer(answers: int, failed: list[int], records: list[memoryview], memory: memoryview | None) -> None:
    size = sum(record.nbytes for record in records)
    if memory is not None and size <= len(memory):
        fill(memory, records)
        send(answers, {"failed": failed, "shared": size})
    else:
        send(answers, {"failed": failed, "shared": 0}, records)


def main(parent: int, patience: float, shared: int | None) -> None:
    """Answer tasks until none has come for ``patience`` seconds.

    ``parent`` is the number of the process that asks, ``shared`` a file that both see and that answers lie in.
    """
    memory = None if shared is None else mapped(shared)
    answers = os.dup(1)
    os.dup2(2, 1)  # what anybody prints must not stand between answers
    requests = Inbox(io.FileIO(0, closefd=False))
    readable_formats()
    try:
        send(answers, versions())
        with strict_pillow():
            while _is_asked(parent, patience):
                about, payload = requests.receive()
                records = _WORK[about["work"]](_sources(about["sources"], payload), about)
                failed = [at for at, record in enumerate(records) if record is None]
                _answer(answers, failed, [record for record in records if record is not None], memory)
    except (EOFError, BrokenPipeError):
        return
