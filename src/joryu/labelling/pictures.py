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
from joryu.examples.decoding import PIXEL_LIMIT, readable_formats, strict_pillow
from joryu.examples.index import FileIndex
from joryu.examples.rejected import Rejected
from joryu.examples.tree import find_files

SHOWN_AS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Formats that every browser shows, and the type they are sent as; never SVG, which can run scripts."""

INDEX = "pictures.index"  #: the file in a project's folder that keeps what `scan` found; it may be deleted
RULES = f"1, Pillow {PIL.__version__}"  #: `reason_to_leave_out`: once it judges otherwise, every file is read again

_TOLD = 50  # pictures between two calls of a progress bar, which else takes longer than the pictures that are known

ID_LENGTH = 32  #: characters of the content's hash that name a picture in a URL


class Scan(NamedTuple):
    """The pictures of a folder, and what was left out."""

    files: list[PictureFile]
    rejected: list[Rejected]


def scan(root: Path, progress: Callable[[int, int], None] | None = None, index: FileIndex | None = None) -> Scan:
    """Find the pictures below a folder that a browser can show, whatever sub-folders they are in.

    The content decides, not the extension. Links that lead out of the folder, files that are no picture, pictures with
    more than 80 million pixels, formats that browsers do not show and names that are not UTF-8 are left out by name.
    What the ``index`` knows and what has not changed since is not opened again.

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
    """Why nobody is asked about a file; empty where a browser can show it. Called under `strict_pillow`."""
    try:
        with Image.open(path, formats=readable_formats()) as image:
            if image.width * image.height > PIXEL_LIMIT:
                return f"too many pixels (at most {PIXEL_LIMIT:,})"
            if image.format not in SHOWN_AS:
                return f"browsers do not show {image.format}: convert it to PNG or JPEG"
            image.verify()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"too many pixels (at most {PIXEL_LIMIT:,})"
    except Exception as error:  # noqa: BLE001 - damaged bytes make Pillow raise nearly anything
        return f"not a usable picture ({type(error).__name__})"
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
        with Image.open(io.BytesIO(content), formats=readable_formats()) as image:
            return content, SHOWN_AS[str(image.format)]
