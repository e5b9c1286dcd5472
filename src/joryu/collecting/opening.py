"""From the path of a source to what it lists."""

from __future__ import annotations

from pathlib import Path

from joryu.collecting.listing import Listing, ListingOptions
from joryu.collecting.lists import LISTS, address_list
from joryu.collecting.local import picture_folder, picture_table, table_of_pictures
from joryu.errors import InputError


def open_listing(source: Path, options: ListingOptions | None = None) -> Listing:
    """What a folder of pictures, a Parquet file or folder, or a list of addresses (CSV, TSV, text) holds.

    Raises:
        InputError: there is nothing, its kind is not known, or its columns are not plain.
    """
    options = options or ListingOptions()
    if "://" in str(source) or str(source).startswith(("http:/", "https:/")):
        raise InputError(
            "an address is no list", expected="a folder, a Parquet file or a list of addresses", received=source,
            hint="save the list first; a site's own export is the way to its pictures",
        )  # fmt: skip
    if not source.exists():
        raise InputError(
            f"no such file or folder: {source}", expected="a folder, a Parquet file or a list of addresses"
        )
    if (shards := table_of_pictures(source, options)) is not None:
        return picture_table(source, shards, options)
    if source.is_dir():
        return picture_folder(source, options)
    if source.suffix.lower() in LISTS:
        return address_list(source, options)
    raise InputError(
        f"{source} is no list that can be read", expected=f"a folder, or a file that ends with {' or '.join(LISTS)}",
        received=source.suffix or "no ending",
    )  # fmt: skip
