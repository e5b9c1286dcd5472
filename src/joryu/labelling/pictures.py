"""The pictures that are shown: found and checked once, then known by an opaque id alone."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import PIL
from PIL import Image

from joryu.annotations import PictureFile
from joryu.errors import InputError
from joryu.examples.decoding import decode_picture, opened, strict_pillow, upright
from joryu.examples.index import FileIndex
from joryu.examples.rejected import Rejected
from joryu.examples.tree import find_files

SHOWN_AS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Formats that every browser shows, and the type they are sent as; never SVG, which can run scripts."""

INDEX = "pictures.index"  #: the file in a project's folder that keeps what `scan` found; it may be deleted
RULES = f"1, Pillow {PIL.__version__}"  #: `reason_to_leave_out`: once it judges otherwise, every file is read again

_TOLD = 50  # pictures between two calls of a progress bar, which else takes longer than the pictures that are known

ID_LENGTH = 32  #: characters of the content's hash that name a picture in a URL

_ALIKE = {"1", "L", "P", "RGB"}  # modes of which browsers make the colours that `decode_picture` makes
_TRIED_AT = 8  # pixels: all of a file is read at any size, and JPEGs are decompressed the faster the smaller


class Scan(NamedTuple):
    """The pictures of a folder, and what was left out."""

    files: list[PictureFile]
    rejected: list[Rejected]


def scan(root: Path, progress: Callable[[int, int], None] | None = None, index: FileIndex | None = None) -> Scan:
    """Find the pictures below a folder that a browser can show, whatever sub-folders they are in.

    The content decides, not the extension. Every picture is decoded, as a student's will be: whatever a student could
    not be shown (truncated or damaged pictures, more than 80 million pixels, …) is left out by name, and so are links
    that lead out of the folder, formats that browsers do not show and names that are not UTF-8. What the ``index``
    knows and what has not changed since is not opened again.

    Raises:
        InputError: no such folder.
    """
    if not root.is_dir():
        raise InputError(f"no folder of pictures at {root}", expected="a folder that exists")
    paths, rejected = find_files(root)
    names = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        shown = os.fsencode(name).decode(errors="replace")
        if shown == name:
            names.append(name)
        else:
            rejected.append(Rejected(shown, "its name is not valid UTF-8: rename it"))
    files = []
    index = new_index() if index is None else index
    with strict_pillow():
        for at, (name, look) in enumerate(index.look(root, names, reason_to_leave_out)):
            if look.reason:
                rejected.append(Rejected(name, look.reason))
            else:
                files.append(PictureFile(look.key, name))
            if progress is not None and (at + 1 == len(names) or at % _TOLD == 0):
                progress(at + 1, len(names))
    return Scan(files, sorted(rejected))


def new_index(path: Path | None = None) -> FileIndex:
    """What is known of a folder's pictures, from the file where `scan` was told of it before, if there is one."""
    return FileIndex(RULES) if path is None else FileIndex.load(path, RULES)


def reason_to_leave_out(path: Path) -> str:
    """Why nobody is asked about a file; empty where a browser and a student can both be shown it.

    For many threads at once: whoever starts them holds `strict_pillow`.
    """
    try:
        with opened(path) as image:
            if image.format not in SHOWN_AS:
                return f"browsers do not show {image.format}: convert it to PNG or JPEG"
        decode_picture(path, size=_TRIED_AT)
    except InputError as error:
        return str(error)
    return ""


class Gallery:
    """Pictures by opaque id. Nothing that a request says is ever part of a path."""

    def __init__(self, root: Path, files: Iterable[PictureFile]) -> None:
        self._root = root.resolve()
        self._paths = {file.key[:ID_LENGTH]: file.path for file in files}

    def __contains__(self, picture_id: str) -> bool:
        return picture_id in self._paths

    def read(self, picture_id: str) -> tuple[bytes, str]:
        """The bytes of a picture and the type to send them as: exactly what `scan` checked, or nothing.

        They are the file's own where a browser makes of them what a student is shown. Else they are a PNG of what
        `joryu.examples.decoding.decode_picture` makes of the file: white behind what is transparent, whatever the
        page's colour, the first picture of an animation, the colours of CMYK.

        No message names the file, as its folder's name may be the answer.

        Raises:
            InputError: no such id; the file is gone, leads out of the folder or is another one by now.
        """
        name = self._paths.get(picture_id)
        if name is None:
            raise InputError("no such picture")
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise InputError("the file of this picture is gone", hint="skip it")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest()[:ID_LENGTH] != picture_id:
            raise InputError(
                "the file of this picture was replaced",
                hint="skip it, and start joryu annotate again to be asked about the new one",
            )
        kind = _kind_if_alike(content)
        return (_redrawn(content), "image/png") if kind is None else (content, kind)


def _kind_if_alike(content: bytes) -> str | None:
    """As what to send a file that browsers show as students are shown it; ``None`` for others."""
    with opened(content) as image:
        kind = SHOWN_AS[str(image.format)]
        still = kind == "image/jpeg" or (not getattr(image, "is_animated", False) and upright(image) is image)
        return kind if still and image.mode in _ALIKE and not image.has_transparency_data else None


def _redrawn(content: bytes) -> bytes:
    pixels = decode_picture(content)
    file = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(file, "PNG", compress_level=1)
    return file.getvalue()
