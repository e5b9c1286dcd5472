"""Open a link in the browser without other users seeing it: they can read the arguments of every program."""

from __future__ import annotations

import os
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

NAME = "open-the-page.html"


@contextmanager
def opened(link: str, folder: Path) -> Iterator[None]:
    """Open a link in the browser through a small file that redirects to it and that only this user can read.

    The file is not in a hidden or temporary folder, because sandboxed browsers do not see those.

    Raises:
        OSError: the file cannot be written.
    """
    page = folder.resolve() / NAME
    page.unlink(missing_ok=True)
    address = escape(link)
    with os.fdopen(os.open(page, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">'
            f'<meta http-equiv="refresh" content="0; url={address}"><title>Joryu</title>'
            f'<a href="{address}">Open the labelling page</a>\n'
        )
    try:
        webbrowser.open(page.as_uri())
        yield
    finally:
        page.unlink(missing_ok=True)
