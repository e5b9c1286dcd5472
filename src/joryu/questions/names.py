"""Names as they are typed: between commas, and in quotation marks where a name has a comma of its own."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from joryu.errors import InputError


def typed_names(text: str | None) -> tuple[str, ...]:
    """The names of ``a,b,c``; one with a comma in it stands in quotation marks, as in a table.

    >>> typed_names('healthy, "rust, brown"'), typed_names(None)
    (('healthy', 'rust, brown'), ())

    Raises:
        InputError: a quotation that does not end.
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
    r"""Names so that `typed_names` reads them again.

    >>> spelt(["healthy", "rust, brown", '5" leaf'])
    'healthy,"rust, brown","5"" leaf"'
    """
    return ",".join('"' + name.replace('"', '""') + '"' if {",", '"'} & set(name) else name for name in names)
