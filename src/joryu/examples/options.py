"""Parse options after a place, as in ``table:my, file.csv,target=price``; names may hold commas and spaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from joryu.errors import InputError, did_you_mean
from joryu.examples.layouts import some

_OPTION = re.compile(r"\s*([A-Za-z][A-Za-z_-]*)=")


def split_options(
    text: str, known: Sequence[str], *, is_place: Callable[[str], bool] = lambda text: False
) -> tuple[str, dict[str, str]]:
    """Split ``PLACE,option=value,…`` into the place and the options.

    A comma that is not followed by one of the ``known`` options is part of the place or value before it. ``is_place``
    says whether a place exists; what follows an existing place must be a known option.

    >>> split_options("a, b.csv,target=net, gross,drop=id", ["target", "drop"])
    ('a, b.csv', {'target': 'net, gross', 'drop': 'id'})

    Raises:
        InputError: an option is unknown, occurs twice or is empty.
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
            last, values[name] = name, part.partition("=")[2]
        elif name and not last and is_place(place):
            raise InputError(f"no option is called {name!r}", expected=some(known), hint=did_you_mean(name, known))
        elif last:
            values[last] += f",{part}"
        else:
            place += f",{part}"
    values = {name: value.strip() for name, value in values.items()}
    if empty := [name for name, value in values.items() if not value]:
        raise InputError(f"the option {empty[0]} says nothing", expected=f"{empty[0]}=…", received=text)
    return place, values


def listed(value: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Split ``a;b;c`` into names. A name in ``known`` may contain a semicolon.

    >>> listed("age; sex"), listed("a;b", known=["a;b"])
    (('age', 'sex'), ('a;b',))
    """
    if value in known:
        return (value,)
    return tuple(name.strip() for name in value.split(";") if name.strip())


def one_of(options: Mapping[str, str], name: str, values: Sequence[str]) -> str:
    """The value of an option that may have only a few; empty if it is not given.

    >>> one_of({"order": "rows"}, "order", ["columns", "rows"])
    'rows'

    Raises:
        InputError: it has another value.
    """
    value = options.get(name, "")
    if value and value not in values:
        raise InputError(
            f"the option {name} cannot be {value!r}", expected=" or ".join(f"{name}={one}" for one in values),
            hint=did_you_mean(value, values),
        )  # fmt: skip
    return value
