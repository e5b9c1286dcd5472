"""Find and check the pictures to show; the page knows them only by an opaque id."""

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
from joryu.examples.rejected import PassingError, Rejected
from joryu.examples.tree import find_files

SHOWN_AS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Formats that every browser shows, and the type they are sent as; never SVG, which can run scripts."""

INDEX = "pictures.index"  #: the file in a project's folder that caches the result of `scan`; it may be deleted
RULES = f"2, Pillow {PIL.__version__}"  #: version of `reason_to_leave_out`; after a change every file is read again

_TOLD = 50  # pictures between two progress calls, which would otherwise take longer than the cached pictures

ID_LENGTH = 32  #: characters of the content's hash that identify a picture in a URL

_ALIKE = {"1", "L", "P", "RGB"}  # modes that browsers show in the same colours as `decode_picture`
_TRIED_AT = 8  # pixels: the whole file is read at any size, but JPEGs are decompressed faster at a small one


class Scan(NamedTuple):
    """The pictures of a folder, and the files that were left out."""

    files: list[PictureFile]
    rejected: list[Rejected]


def scan(root: Path, progress: Callable[[int, int], None] | None = None, index: FileIndex | None = None) -> Scan:
    """Find the pictures below a folder, in any sub-folders, that both a browser and a student can be shown.

    The content decides, not the extension. Every picture is decoded as it will be for a student. Left out, with the
    reason, are pictures that a student could not be shown (truncated, damaged, more than 80 million pixels, …), links
    that lead out of the folder, formats that browsers do not show, and names that are not UTF-8. Files that the
    ``index`` holds and that have not changed are not opened again.

    Raises:
        InputError: the folder does not exist.
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
    """The index of an earlier `scan` from the file ``path``; an empty index if there is none."""
    return FileIndex(RULES) if path is None else FileIndex.load(path, RULES)


def reason_to_leave_out(path: Path) -> str:
    """Why a file is left out; empty if it can be shown both by a browser and to a student.

    It may run in many threads; their starter must hold `strict_pillow`.

    Raises:
        PassingError: it could not be read this time, which says nothing about it.
    """
    try:
        with opened(path) as image:
            if image.format not in SHOWN_AS:
                return f"browsers do not show {image.format}: convert it to PNG or JPEG"
        decode_picture(path, size=_TRIED_AT)
    except PassingError:
        raise
    except InputError as error:
        return str(error)
    return ""


class Gallery:
    """Pictures by opaque id. Nothing from a request is ever used in a path."""

    def __init__(self, root: Path, files: Iterable[PictureFile]) -> None:
        self._root = root.resolve()
        self._paths = {file.key[:ID_LENGTH]: file.path for file in files}

    def __contains__(self, picture_id: str) -> bool:
        return picture_id in self._paths

    def read(self, picture_id: str) -> tuple[bytes, str]:
        """The bytes of a picture and their media type; the content is exactly what `scan` checked.

        They are the file's own bytes if a browser shows them as a student sees the picture. Otherwise they are a PNG
        made by `joryu.examples.decoding.decode_picture`: white behind transparency, the first picture of an animation,
        RGB instead of CMYK.

        Messages do not name the file, because its folder's name may give the answer away.

        Raises:
            InputError: there is no such id, or the file no longer exists, leads out of the folder or has changed.
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
    """The media type of a file that browsers show as students see it; ``None`` for others."""
    with opened(content) as image:
        kind = SHOWN_AS[str(image.format)]
        still = kind == "image/jpeg" or (not getattr(image, "is_animated", False) and upright(image) is image)
        return kind if still and image.mode in _ALIKE and not image.has_transparency_data else None


def _redrawn(content: bytes) -> bytes:
    pixels = decode_picture(content)
    file = io.BytesIO()
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(file, "PNG", compress_level=1)
    return file.getvalue()
