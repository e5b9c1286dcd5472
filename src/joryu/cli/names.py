"""Names that are typed or stand in a file."""

from __future__ import annotations

from pathlib import Path


def names_or_file(text: str | None) -> tuple[str, ...]:
    """The names that were typed, or that stand in a file, one a line.

    Raises:
        InputError: a quotation that does not end, or a file that is no list of names.
    """
    from joryu.questions.names import typed_names

    lines = _lines(Path(text)) if text else []
    return tuple(line.strip() for line in lines) if lines else typed_names(text)


def _lines(file: Path) -> list[str]:
    """The lines of a file; none where there is no such file."""
    from joryu.errors import InputError

    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:  # a folder, or names that no file can have
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{file} is not a list of classes", expected="text in UTF-8, a name a line") from error
        return []
