"""Handing a link to the browser: what a program is started with, every user of a machine can read."""

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
    """Open a link in the browser, by a file in a folder that this user alone can read and that leads there.

    Not below a hidden folder or the system's temporary one: browsers in a box of their own do not see those.

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
