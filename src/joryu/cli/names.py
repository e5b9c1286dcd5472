"""Read names of classes from an option or a file, and add new ones to a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joryu.annotations import Project


def names_or_file(text: str | None) -> tuple[str, ...]:
    """The names in a file with one name per line, if ``text`` names a file; otherwise those in the text itself.

    Raises:
        InputError: a quotation mark is not closed, or the file is not text in UTF-8.
    """
    from joryu.questions.names import typed_names

    lines = _lines(Path(text)) if text else []
    return tuple(line.strip() for line in lines) if lines else typed_names(text)


def grown(project: Project, named: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of a project, followed by those in ``named`` that are new; so the old ones keep their keys.

    Raises:
        MismatchError: ``named`` lacks one of the old classes.
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
    """The lines of a file; an empty list if there is no such file.

    Raises:
        InputError: the file is not text in UTF-8.
    """
    from joryu.errors import InputError

    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:  # a folder, or names that no file can have
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"{file} is not a list of classes", expected="text in UTF-8, a name a line") from error
        return []
