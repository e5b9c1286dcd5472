"""Read and write lists of names: separated by commas, and in quotation marks where a name holds a comma itself."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from joryu.errors import InputError


def typed_names(text: str | None) -> tuple[str, ...]:
    """The names in ``a,b,c``; a name with a comma in it stands in quotation marks, as in a CSV file.

    Blanks around a name are left out. ``None`` holds no name.

    >>> typed_names('healthy, "rust, brown"'), typed_names(None)
    (('healthy', 'rust, brown'), ())

    Raises:
        InputError: a quotation mark is not closed, or text follows a closed one.
    """
    try:
        rows = list(csv.reader([text or ""], skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise InputError(
            "these names cannot be told apart",
            expected='names between commas, such as healthy,"rust, brown"',
            received=repr(text),
        ) from error
    return tuple(name.strip() for row in rows for name in row)


def spelt(names: Sequence[str]) -> str:
    r"""Write names as one text that `typed_names` reads again.

    >>> spelt(["healthy", "rust, brown", '5" leaf'])
    'healthy,"rust, brown","5"" leaf"'
    """
    return ",".join('"' + name.replace('"', '""') + '"' if {",", '"'} & set(name) else name for name in names)
