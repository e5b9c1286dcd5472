"""The pictures that are shown: found and checked once, then known by an opaque id alone."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from joryu.annotations import PictureFile, picture_key
from joryu.errors import InputError
from joryu.examples import Rejected
from joryu.examples.decoding import PIXEL_LIMIT, readable_formats
from joryu.examples.folder import find_files

SHOWN_AS = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
"""Formats that every browser shows, and the type they are sent as; never SVG, which can run scripts."""

ID_LENGTH = 32  #: characters of the content's hash that name a picture in a URL


class Scan(NamedTuple):
    """The pictures of a folder, and what was left out."""

    files: list[PictureFile]
    rejected: list[Rejected]


def scan(root: Path, progress: Callable[[int, int], None] | None = None) -> Scan:
    """Find the pictures below a folder that a browser can show, whatever sub-folders they are in.

    The content decides, not the extension. Links that lead out of the folder, files that are no picture, pictures with
    more than 80 million pixels, formats that browsers do not show and names that are not UTF-8 are left out by name.

    Raises:
        InputError: no such folder.
    """
    if not root.is_dir():
        raise InputError(f"no folder of pictures at {root}", expected="a folder that exists")
    paths, rejected = find_files(root)
    files = []
    for at, path in enumerate(paths):
        name = path.relative_to(root).as_posix()
        shown = os.fsencode(name).decode(errors="replace")
        reason = _reason_to_leave_out(path) if shown == name else "its name is not valid UTF-8: rename it"
        if reason is None:
            files.append(PictureFile(picture_key(path), name))
        else:
            rejected.append(Rejected(shown, reason))
        if progress is not None:
            progress(at + 1, len(paths))
    return Scan(files, sorted(rejected))


def _reason_to_leave_out(path: Path) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
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
    return None


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
