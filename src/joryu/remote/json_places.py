"""Places in JSON: a value by its path, and the exact text of each element of a list."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\r\n]*")


@lru_cache(maxsize=1024)  # a description has a few paths, and asks for them at every tag of every answer
def parts_of(path: str) -> tuple[str, ...]:
    """The steps of a path such as ``result.labels``; none of an empty one."""
    return tuple(path.split(".")) if path else ()


def value_at(content: Any, path: str) -> Any:
    """The value at a path of names and numbers with dots between; ``None`` where there is none.

    >>> value_at({"outputs": [{"data": {"tags": ["a"]}}]}, "outputs.0.data.tags")
    ['a']
    """
    for part in parts_of(path):
        if isinstance(content, dict):
            content = content.get(part)
        elif isinstance(content, list) and part.isdecimal() and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def pieces_of_list(text: str, path: str) -> list[tuple[str, Any]]:
    """Each element of the list at ``path`` of a JSON ``text``: letter for letter as it stands there, and its value.

    >>> pieces_of_list('{"n": 1, "responses": [{"a":  1.50}, {}]}', "responses")
    [('{"a":  1.50}', {'a': 1.5}), ('{}', {})]

    Raises:
        ValueError: it is not JSON, or there is no list.
    """
    end = _after(text, 0)[1]
    if _skip(text, end) != len(text):
        raise ValueError("something follows the JSON")
    at = _skip(text, 0)
    for name in parts_of(path):
        at = _step(text, at, name)
    if text[at] != "[":
        raise ValueError(f"no list at {path or 'the top'}")
    found, at = [], _skip(text, at + 1)
    while text[at] != "]":
        value, end = _after(text, at)
        found.append((text[at:end], value))
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def _after(text: str, at: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, _skip(text, at))


def _step(text: str, at: int, name: str) -> int:
    """Where the value of a name, or of a number in a list, begins; the text is known to be JSON."""
    opening = text[at]
    if opening not in "{[":
        raise ValueError(f"no {name}")
    at, count = _skip(text, at + 1), 0
    while text[at] not in "}]":
        key = str(count)
        if opening == "{":
            key, at = _after(text, at)
            at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        _, at = _after(text, at)
        at, count = _skip(text, at), count + 1
        at = _skip(text, at + 1) if text[at] == "," else at
    raise ValueError(f"no {name}")
