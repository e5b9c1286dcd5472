"""Read the values of a column as numbers or as text, and decide which of the two a column holds."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from joryu.errors import InputError
from joryu.examples.layouts import some
from joryu.examples.tabular.files import DECIMAL_COMMA, PLAIN_NUMBER, Sheet

Numbers = npt.NDArray[np.float64]

_MISSING = {"na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "?", "-"}
_WHOLE = re.compile(r"[+-]?\d+")
_NUMBER, _COMMA = re.compile(PLAIN_NUMBER), re.compile(DECIMAL_COMMA)
_CODE = re.compile(r"^0\d+$")  # 01234 is a code: as a number it would lose its leading zero
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}([T ].*)?$|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}( .*)?$|^\d{1,2}:\d{2}(:\d{2})?$")
#: a number with a decimal comma, thousands separators, a currency or a percent sign: 12,5 and 1.234,5 and $3 and 5%
_LIKE_A_NUMBER = re.compile(r"^[+-]?[$€£¥]?\s?\d[\d.,' ]*([eE][+-]?\d+)?\s?[%$€£¥]?$")
_MOST = float(np.finfo(np.float32).max)
_EXACT = 2.0**53  #: above this a float64 cannot hold every whole number
_LONG = 40
_MOST_DIGITS = 400  #: no float is so long, and Python refuses to read many more


class CellKind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    CATEGORY = "category"


def is_number(text: str) -> bool:
    """Whether a text is a plain number, as ``12``, ``-3.5`` or ``1e-3``, and not a code such as ``01234``."""
    return bool(_NUMBER.match(text)) and not _CODE.match(text)


def says_missing(text: str) -> bool:
    """Whether a text in a column of numbers is one of the usual marks for a missing value."""
    return text.lower() in _MISSING


def number_text(value: float | int) -> str:
    """A number as text; ``5``, ``5.0`` and ``5e0`` in a file give the same text.

    >>> number_text(5.0), number_text(0.1), number_text(-0.0)
    ('5', '0.1', '0')
    """
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def plain(text: str) -> str:
    """A text that is a number as `number_text` writes it; any other text unchanged.

    >>> plain("1.0"), plain("01"), plain("one")
    ('1', '01', 'one')
    """
    if not is_number(text) or len(text) > _MOST_DIGITS:
        return text
    return number_text(int(text) if _WHOLE.fullmatch(text) else float(text))


def shown(text: str) -> str:
    """A value as text for a message: quoted, and shortened if it is long."""
    return repr(text if len(text) <= _LONG else text[:_LONG] + "…")


def texts(sheet: Sheet, column: str) -> list[str | None]:
    """The values of a column as text, ``None`` where missing; numbers as `number_text` writes them."""
    values = sheet[column]
    if pa.types.is_boolean(values.type):
        return [None if value is None else str(value).lower() for value in values.to_pylist()]
    if pa.types.is_string(values.type):
        return [value or None for value in values.to_pylist()]
    if pa.types.is_integer(values.type):
        return [None if value is None else str(value) for value in values.to_pylist()]
    return [None if math.isnan(value) else number_text(value) for value in numbers(sheet, column)[0].tolist()]


def large_numbers(sheet: Sheet, column: str, values: Numbers) -> dict[int, str]:
    """The rows whose numbers are too large to be exact as float64, with their digits as in the file."""
    rows = np.flatnonzero(np.abs(values) >= _EXACT).tolist()
    found = sheet[column]
    return {at: _all_digits(str(found[at].as_py()).strip()) for at in rows}


def _all_digits(word: str) -> str:
    """A large number without the zeros behind its point; one with an exponent is what a float makes of it."""
    text = str(int(float(word))) if "e" in word.lower() else format(Decimal(word), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers(sheet: Sheet, column: str) -> tuple[Numbers, list[str]]:
    """The values of a column as numbers, NaN where missing, and a remark on each mark that was read as missing.

    Raises:
        InputError: a value is not a number; the message names its row.
    """
    values = sheet[column]
    kind = values.type
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    ):
        typed = values.cast(pa.int8()) if pa.types.is_boolean(kind) else values
        found = typed.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
        _require_size(sheet, column, found)
        return found, []
    if not pa.types.is_string(kind):
        raise InputError(f"column {column!r} of {sheet.name} holds no numbers", received=kind)
    return _parsed_at_once(sheet, column) or _parsed(sheet, column, values.to_pylist())


def _parsed_at_once(sheet: Sheet, column: str) -> tuple[Numbers, list[str]] | None:
    """A fast path, 20 times quicker, for columns of plain numbers; ``None`` if each value must be parsed by itself."""
    if not _all_numbers(sheet[column]):
        return None
    try:
        found = sheet[column].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except pa.ArrowInvalid:  # it does not read +5
        return None
    _require_size(sheet, column, found)
    return found, []


def _all_numbers(values: pa.ChunkedArray) -> bool:
    plain_ones = pc.match_substring_regex(values, PLAIN_NUMBER)
    codes = pc.match_substring_regex(values, _CODE.pattern)
    return bool(pc.all(pc.and_not(plain_ones, codes)).as_py())  # nulls are ignored


def _parsed(sheet: Sheet, column: str, values: list[str | None]) -> tuple[Numbers, list[str]]:
    found = np.full(len(values), np.nan)
    said: dict[str, int] = {}
    for at, value in enumerate(values):
        text = (value or "").strip()
        if is_number(text):
            found[at] = float(text)
        elif text and not says_missing(text):
            raise _no_number(sheet, column, at, text)
        elif text:
            said.setdefault(text, at)
    _require_size(sheet, column, found)
    remarks = [f"column {column!r}: {text!r} in {sheet.row(at)} is taken as missing" for text, at in said.items()]
    return found, remarks


def _require_size(sheet: Sheet, column: str, found: Numbers) -> None:
    """Refuse numbers that do not fit into float32, the type of inputs and labels.

    Raises:
        InputError: a number is too large.
    """
    large = np.abs(found) > _MOST  # False for NaN
    if large.any():
        at = int(large.argmax())
        raise InputError(
            f"a number in column {column!r} is too large, in {sheet.row(at)}", expected=f"at most {_MOST:.1e}",
            received=f"{found[at]:g}", hint=f"mend it, or try drop={column}",
        )  # fmt: skip


def _no_number(sheet: Sheet, column: str, at: int, text: str) -> InputError:
    hint = "write decimal points" if _COMMA.match(text) else None
    return InputError(
        f"column {column!r} holds numbers, and {sheet.row(at)} something else", received=shown(text), hint=hint
    )


def column_kind(sheet: Sheet, column: str) -> CellKind:
    """Whether a column holds numbers or categories (text, true and false). In a CSV file the values decide.

    Raises:
        InputError: it holds dates, lists or the like, or numbers mixed with text (categories or mistakes).
    """
    kind = sheet[column].type
    if pa.types.is_temporal(kind):
        raise _dates(sheet, column, str(kind))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return CellKind.NUMBER
    if pa.types.is_boolean(kind):
        return CellKind.CATEGORY
    if not pa.types.is_string(kind):
        raise InputError(
            f"column {column!r} of {sheet.name} cannot be read", expected="numbers, text, or true and false",
            received=kind, hint=f"try drop={column}",
        )  # fmt: skip
    if (not sheet.typed or sheet[column].null_count == len(sheet)) and _all_numbers(sheet[column]):
        return CellKind.NUMBER
    words = [word for word in pc.unique(sheet[column].drop_null()).to_pylist() if word]
    if words and all(_DATE.match(word) for word in words):
        raise _dates(sheet, column, shown(words[0]))
    return CellKind.CATEGORY if sheet.typed else _kind_of_words(sheet, column, words)


def _kind_of_words(sheet: Sheet, column: str, words: list[str]) -> CellKind:
    said = [word for word in words if not says_missing(word)]
    plain = [word for word in said if is_number(word)]
    if len(plain) == len(said):
        return CellKind.NUMBER
    other = next(word for word in said if not is_number(word))
    odd = [word for word in said if not is_number(word) and not _CODE.match(word)]
    if odd and all(_LIKE_A_NUMBER.match(word) for word in said):
        raise InputError(
            f"column {column!r} of {sheet.name} may hold numbers, which are not plainly written",
            expected="numbers as 1234.5",
            received=shown(odd[0]),
            hint=f"write them so, or try categories={column} or drop={column}",
        )
    if 2 * len(plain) >= len(said):
        at = sheet[column].to_pylist().index(other)
        raise InputError(
            f"column {column!r} holds numbers and text", received=f"{shown(other)} in {sheet.row(at)}",
            hint=f"mend it, or try categories={column} or drop={column}",
        )  # fmt: skip
    return CellKind.CATEGORY


def _dates(sheet: Sheet, column: str, received: str) -> InputError:
    return InputError(
        f"column {column!r} of {sheet.name} holds dates or times, which no student can be shown as they are",
        received=received, hint=f"try drop={column}, or a column of numbers made from it",
    )  # fmt: skip


def require_columns(sheet: Sheet, wanted: tuple[str, ...], *, what: str) -> None:
    """Check that a table has the columns ``wanted``; ``what`` is their name in the message.

    Raises:
        InputError: a column is missing.
    """
    lacking = [name for name in wanted if name not in sheet.columns]
    if lacking:
        raise InputError(
            f"{sheet.name} lacks {what} {some(lacking)}", expected=some(wanted), received=some(sheet.columns)
        )
