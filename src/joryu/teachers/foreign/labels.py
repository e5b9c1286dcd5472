"""What a model's outputs are called: in a file that is named, in the model, or beside it."""

from __future__ import annotations

from collections import Counter

from joryu.errors import InputError
from joryu.teachers.foreign.description import Options


def names_of(options: Options, own: tuple[str, ...] | None, n_outputs: int | None) -> tuple[str, ...] | None:
    """The names of ``labels=``, of the description, of the model's ``own``, or of a ``*labels*.txt`` beside it.

    A file that only lies beside the model counts if it has a name for each output.

    Raises:
        InputError: the file that is named cannot be read.
    """
    if options.labels is not None:
        try:
            return distinct_names(options.labels.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the labels {options.labels}", received=error) from error
    if options.said.output.names is not None or own is not None:
        return options.said.output.names or own
    for path in sorted(options.path.parent.glob("*labels*.txt")):
        names = distinct_names(path.read_text(encoding="utf-8-sig", errors="replace"))
        if len(names) == n_outputs:
            return names
    return None


def distinct_names(text: str) -> tuple[str, ...]:
    """The lines as names; those that come more than once (ImageNet's two cranes) with the number of their line.

    >>> distinct_names("crane\\nbee\\ncrane\\n")
    ('crane (0)', 'bee', 'crane (2)')
    """
    lines = [line.strip() for line in text.rstrip().splitlines()]
    often = Counter(lines)
    return tuple(line if often[line] == 1 else f"{line} ({at})" for at, line in enumerate(lines))
