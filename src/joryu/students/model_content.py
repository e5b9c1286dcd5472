"""The bytes of a model's file: refused where they are a pickle, a pointer of Git LFS or a page of the web."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from joryu.errors import InputError

#: what a file begins with that is no model, what that is, and what to try
_NO_MODELS: Final = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "git lfs pull fetches it"),
    (b"<!DOCTYPE", "a page of the web", "download the file itself"),
    (b"<html", "a page of the web", "download the file itself"),
)
_PICKLE: Final = "a pickle, which could run any program when it is read"
_EXPORT: Final = "export the model in its own format where it is trusted"


def model_content(path: Path, kind: str) -> bytes:
    """Read a file that should hold a model of this ``kind``.

    Raises:
        InputError: there is none, it is empty, or it is something well known that is no model; pickles are never read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"no model at {path}", expected=kind, received=error.strerror) from error
    if not content:
        raise InputError(f"{path} cannot be used", expected=kind, received="an empty file")
    if is_pickle(content):
        raise InputError(f"{path} is not read", expected=kind, received=_PICKLE, hint=_EXPORT)
    for start, what, hint in _NO_MODELS:
        if content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(start.lower()):
            raise InputError(f"{path} cannot be used", expected=kind, received=what, hint=hint)
    return content


def is_pickle(content: bytes) -> bool:
    """Whether bytes begin as pickles of protocols 2 to 5 do: ``\\x80`` and the protocol's number.

    >>> import pickle
    >>> is_pickle(pickle.dumps([1])), is_pickle(b"model")
    (True, False)
    """
    return content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def reason_of(error: BaseException) -> str:
    """The first line of what a library complains of."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
