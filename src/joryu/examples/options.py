"""Options behind a place, as in ``table:my, file.csv,target=price``: commas and spaces in names are left alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from joryu.errors import InputError, did_you_mean
from joryu.examples.layouts import some

_OPTION = re.compile(r"\s*([A-Za-z][A-Za-z_-]*)=")


def split_options(
    text: str, known: Sequence[str], *, is_place: Callable[[str], bool] = lambda text: False
) -> tuple[str, dict[str, str]]:
    """The place and the options of ``PLACE,option=value,…``.

    A comma that none of the ``known`` options follows belongs to what stands before it, be that the place or a value.
    ``is_place`` tells a place that is there from one that is not: what follows it must be an option that is known.

    >>> split_options("a, b.csv,target=net, gross,drop=id", ["target", "drop"])
    ('a, b.csv', {'target': 'net, gross', 'drop': 'id'})

    Raises:
        InputError: an option that is not known, comes twice or says nothing.
    """
    place, *rest = text.split(",")
    values: dict[str, str] = {}
    last = ""
    for part in rest:
        match = _OPTION.match(part)
        name = match[1] if match else ""
        if name in known:
            if name in values:
                raise InputError(f"the option {name} comes twice", received=text)
            last, values[name] = name, part.partition("=")[2].strip()
        elif name and not last and is_place(place):
            raise InputError(f"no option is called {name!r}", expected=some(known), hint=did_you_mean(name, known))
        elif last:
            values[last] += f",{part}"
        else:
            place += f",{part}"
    if empty := [name for name, value in values.items() if not value]:
        raise InputError(f"the option {empty[0]} says nothing", expected=f"{empty[0]}=…", received=text)
    return place, values


def listed(value: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in ``a;b;c``; a name that is known as it stands may hold a semicolon.

    >>> listed("age; sex"), listed("a;b", known=["a;b"])
    (('age', 'sex'), ('a;b',))
    """
    if value in known:
        return (value,)
    return tuple(name.strip() for name in value.split(";") if name.strip())
