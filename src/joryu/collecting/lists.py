"""Lists of addresses: CSV, TSV and Parquet with columns, or text with one address a line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from joryu.collecting.columns import find_columns
from joryu.collecting.listing import Listing, ListingOptions
from joryu.errors import InputError
from joryu.examples.tabular.cells import texts
from joryu.examples.tabular.files import Sheet, read_sheet

_TEXT: Final = (".txt", ".lst", ".urls")
_USER: Final = re.compile(r"^([a-zA-Z][\w+.-]*:/*)[^/?#]*@")
LISTS: Final = (".csv", ".tsv", ".parquet", *_TEXT)


def address_list(path: Path, options: ListingOptions) -> Listing:
    """The addresses of a list, with what it says of their licences and sources.

    Raises:
        InputError: it cannot be read, holds no address, or its columns are not plain.
    """
    if path.suffix.lower() in _TEXT:
        return _of_text(path, options)
    sheet = read_sheet(path)
    if any("://" in name for name in sheet.columns):
        raise InputError(
            f"{path} does not name its columns", expected="names in its first line", received=sheet.columns[0],
            hint="write a line of names above, or end a plain list of addresses with .txt",
        )  # fmt: skip
    return listing_of(sheet, options)


def listing_of(sheet: Sheet, options: ListingOptions) -> Listing:
    """The addresses in a table.

    Raises:
        InputError: as `address_list`.
    """
    columns = find_columns(sheet, options.columns)
    if columns.url is None:
        raise InputError(f"no column of {sheet.name} holds addresses", hint="name it with --url-column")
    addresses = [without_password(value.strip()) for value in values_of(sheet, columns.url)]
    rows, repeated, otherwise = _first_of_each(
        addresses, values_of(sheet, columns.licence), values_of(sheet, columns.source)
    )
    if not rows:
        raise InputError(f"no row of {sheet.name} has an address", received=f"column {columns.url}, which is empty")
    remarks = list(columns.said())
    if empty := sum(not address for address in addresses):
        remarks.append(f"{empty:,} rows without an address are left out")
    if otherwise:
        remarks.append(f"{otherwise:,} rows repeat an address and say something else of it: the first one counts")
    licences, sources = values_of(sheet, columns.licence), values_of(sheet, columns.source)
    return Listing(
        name=sheet.name, places=[addresses[at] for at in rows], licences=[licences[at] for at in rows],
        sources=[sources[at] for at in rows], repeated=repeated, remarks=(*sheet.remarks, *remarks),
    )  # fmt: skip


def values_of(sheet: Sheet, column: str | None) -> list[str]:
    """The values of a column as text, empty where there are none."""
    return [""] * len(sheet) if column is None else [value or "" for value in texts(sheet, column)]


def without_password(address: str) -> str:
    """An address as it may be written down; one with a name or password is refused later, by whatever name.

    >>> without_password("https://me:secret@example.com/a@b.jpg")
    'https://(hidden)@example.com/a@b.jpg'
    """
    return _USER.sub(r"\1(hidden)@", address)


def _first_of_each(
    addresses: Sequence[str], licences: Sequence[str], sources: Sequence[str]
) -> tuple[list[int], int, int]:
    """The first row of each address, how many rows repeat one, and how many of these say something else of it."""
    first: dict[str, int] = {}
    repeated = otherwise = 0
    for at, address in enumerate(addresses):
        if not address:
            continue
        known = first.setdefault(address, at)
        if known != at:
            repeated += 1
            otherwise += (licences[known], sources[known]) != (licences[at], sources[at])
    return list(first.values()), repeated, otherwise


def _of_text(path: Path, options: ListingOptions) -> Listing:
    if any(options.columns):
        raise InputError(f"{path} has no columns", expected="a CSV or Parquet file", received="a column's name")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text", received=error.reason, hint="save it as UTF-8") from error
    written = (line.strip() for line in lines)
    addresses = [without_password(line) for line in written if line and not line.startswith("#")]
    places = list(dict.fromkeys(addresses))
    if not places:
        raise InputError(f"{path} holds no address", expected="one a line")
    nothing = [""] * len(places)
    return Listing(
        name=path.name, places=places, licences=nothing, sources=nothing, repeated=len(addresses) - len(places)
    )
