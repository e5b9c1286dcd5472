"""Names of classes that are typed or stand in a file, and those of a project that are new."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joryu.annotations import Project


def names_or_file(text: str | None) -> tuple[str, ...]:
    """The names that were typed, or that stand in a file, one a line.

    Raises:
        InputError: a quotation that does not end, or a file that is no list of names.
    """
    from joryu.questions.names import typed_names

    lines = _lines(Path(text)) if text else []
    return tuple(line.strip() for line in lines) if lines else typed_names(text)


def grown(project: Project, named: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of a project with those that are new, after the old ones, which keep their keys.

    Raises:
        MismatchError: one of the old ones is not named.
    """
    from joryu.annotations import Settings
    from joryu.cli.output import talk
    from joryu.questions.names import spelt

    old = project.settings.classes
    if not set(old) <= set(named):
        project.change(Settings(classes=named))  # refuses
    new = tuple(name for name in named if name not in old)
    if count := len(project.answers()) if new else 0:
        talk(f"new classes, after the others: {spelt(new)}; the {count} answers from before stay as they are")
    return old + new


def _lines(file: Path) -> list[str]:
    """The lines of a file; none where there is no such file."""
    from joryu.errors import InputError

    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:  # a folder, or names that no file can have
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{file} is not a list of classes", expected="text in UTF-8, a name a line") from error
        return []
