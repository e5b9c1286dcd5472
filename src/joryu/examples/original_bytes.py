"""The bytes of a picture as they lie in a file, and the key by which they are known. Imports nothing heavy."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

KEY_BYTES: Final = 16  #: of the 32 of a SHA-256: what an id is made of


def key_of(content: bytes) -> bytes:
    """The first 128 bits of the SHA-256 of a file's bytes.

    They are the first half of `joryu.annotations.picture_key`, by which a labelling project knows the same picture.

    >>> key_of(b"a picture").hex()
    '92b2fa58028958317e408bd84ecfa70f'
    """
    return hashlib.sha256(content).digest()[:KEY_BYTES]


class Stretch(NamedTuple):
    """A picture's bytes as a part of a file that holds many."""

    path: Path
    start: int
    length: int

    def read(self) -> bytes:
        """The bytes.

        Raises:
            OSError: they cannot be read any more.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            content = file.read(self.length)
        if len(content) < self.length:
            raise OSError(f"{self.path.name} is cut off")
        return content


Source = str | bytes | Stretch
"""The file of a picture, its bytes, or where they lie in a larger file: what another process can be told."""
