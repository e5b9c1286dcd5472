"""Which columns of a list hold addresses, licences and sources: by their names, and refused where that is not plain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.examples.layouts import some
from joryu.examples.tabular.files import Sheet

_BETWEEN: Final = re.compile(r"[\W_]+")
_ADDRESS: Final = re.compile(r"^\s*https?://", re.IGNORECASE)
_LOOKED_AT: Final = 100  #: values of a column that are looked at to see whether they are addresses
_MOSTLY: Final = 0.9

_URL: Final = (
    *("url", "urls", "imageurl", "imgurl", "pictureurl", "photourl", "photoimageurl", "contenturl", "originalurl"),
    *("fileurl", "downloadurl", "mediaurl", "link", "imagelink", "href", "uri"),
)
_LICENCE: Final = (
    *("licence", "license", "licencename", "licensename", "licenceurl", "licenseurl", "licences", "licenses"),
    *("rights", "copyright", "usageterms"),
)
_SOURCE: Final = (
    *("source", "origin", "provider", "dataset", "collection", "credit", "attribution", "author", "creator", "artist"),
    *("landingurl", "originallandingurl", "foreignlandingurl", "pageurl", "landingpage"),
)
_PLAIN: Final = {"licence", "license", "source"}  #: names that leave no doubt, whatever else there is


class Columns(NamedTuple):
    """The columns of a list; ``None`` where there is none."""

    url: str | None
    licence: str | None
    source: str | None

    def said(self) -> tuple[str, ...]:
        """What was guessed, in words."""
        found = {"addresses": self.url, "licences": self.licence, "sources": self.source}
        return tuple(f"{what} from column {column}" for what, column in found.items() if column is not None)


class WantedColumns(NamedTuple):
    """The columns that somebody has named."""

    url: str | None = None
    licence: str | None = None
    source: str | None = None


def find_columns(sheet: Sheet, wanted: WantedColumns, *, pictures: bool = False) -> Columns:
    """The columns of a list; ``pictures``: it holds the pictures themselves, so that addresses are no need.

    Raises:
        InputError: a column that is not there, several that may be meant, or none with addresses.
    """
    rest = Columns(
        None,
        _named(sheet, wanted.licence) or _called(sheet, _LICENCE, "licence"),
        _named(sheet, wanted.source) or _called(sheet, _SOURCE, "source"),
    )
    return rest._replace(url=_named(sheet, wanted.url) or _addresses(sheet, rest, needed=not pictures))


def _named(sheet: Sheet, column: str | None) -> str | None:
    if column is not None and column not in sheet.columns:
        raise InputError(
            f"{sheet.name} has no column {column!r}", expected=some(sheet.columns),
            hint=did_you_mean(column, sheet.columns),
        )  # fmt: skip
    return column


def _called(sheet: Sheet, names: Sequence[str], what: str) -> str | None:
    """The one column that is called as such columns are."""
    found = [column for column in sheet.columns if _plain(column) in names]
    plain = [column for column in found if _plain(column) in _PLAIN]
    found = plain if len(plain) == 1 else found
    if len(found) > 1:
        raise _ambiguous(sheet, found, what)
    return found[0] if found else None


def _addresses(sheet: Sheet, others: Columns, *, needed: bool) -> str | None:
    taken = (others.licence, others.source)
    called = [column for column in sheet.columns if _plain(column) in _URL and column not in taken]
    found = [column for column in called if holds_addresses(sheet, column)]
    found = found or [column for column in sheet.columns if column not in taken and holds_addresses(sheet, column)]
    if len(found) > 1 and needed:
        raise _ambiguous(sheet, found, "url")
    if not found and needed:
        raise InputError(
            f"no column of {sheet.name} holds addresses", expected="a column of http:// or https:// addresses",
            received=some(sheet.columns), hint="name it with --url-column",
        )  # fmt: skip
    return found[0] if len(found) == 1 else None


def holds_addresses(sheet: Sheet, column: str) -> bool:
    """Whether nearly all of the first values are web addresses."""
    if str(sheet[column].type) != "string":
        return False
    values = [value for value in sheet[column].slice(0, _LOOKED_AT).to_pylist() if value]
    return bool(values) and sum(bool(_ADDRESS.match(value)) for value in values) >= _MOSTLY * len(values)


def _ambiguous(sheet: Sheet, found: Sequence[str], what: str) -> InputError:
    return InputError(
        f"several columns of {sheet.name} may be the {what}", expected="one", received=some(found),
        hint=f"say which: --{what}-column {found[0]}",
    )  # fmt: skip


def _plain(column: str) -> str:
    return _BETWEEN.sub("", column.lower())
