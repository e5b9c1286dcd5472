"""`estimator_digest`: a hash of a fitted estimator in memory, the same for the same content in every process."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

_PLAIN: Final = (str, bytes, bool, int, float, complex, type(None), slice, range)
_IDLE: Final = ("n_jobs", "verbose")  #: settings that change no answer


def estimator_digest(estimator: object) -> str:
    """BLAKE2b-128 over types, settings and everything that was fitted, as 32 hexadecimal digits.

    No pickle is made. What an object is made of is asked of itself (``__getstate__``), compiled trees too;
    a function is known by its name and what it does itself.

    >>> from sklearn.linear_model import LinearRegression
    >>> one = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> estimator_digest(one) == estimator_digest(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    True
    """
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest.update, estimator, {})
    return digest.hexdigest()


def _feed(add: Callable[[bytes], None], part: Any, seen: dict[int, tuple[int, Any]]) -> None:
    if isinstance(part, _PLAIN):
        add(f"{type(part).__name__}:{part!r};".encode())
        return
    if id(part) in seen:  # kept there, so that no other object takes its address meanwhile
        add(f"again:{seen[id(part)][0]};".encode())
        return
    seen[id(part)] = (len(seen), part)
    kind = type(part)
    add(f"{kind.__module__}.{kind.__qualname__}(".encode())
    if isinstance(part, np.ndarray | np.generic):
        _feed_array(add, np.asarray(part), seen)
    else:
        for inside in _inside(part):
            _feed(add, inside, seen)
    add(b")")


def _feed_array(add: Callable[[bytes], None], values: np.ndarray[Any, Any], seen: dict[int, tuple[int, Any]]) -> None:
    add(f"{values.dtype} {values.shape}".encode())
    if values.dtype.names:  # field by field: between them lie bytes that nobody set
        for name in values.dtype.names:
            _feed_array(add, values[name], seen)
    elif values.dtype == object:
        for one in values.ravel().tolist():
            _feed(add, one, seen)
    else:
        add(np.ascontiguousarray(values).tobytes())


def _inside(part: Any) -> list[Any]:
    if isinstance(part, Mapping):
        return [each for pair in part.items() for each in pair]
    if isinstance(part, set | frozenset):
        return sorted(part, key=repr)
    if isinstance(part, list | tuple):
        return list(part)
    if isinstance(part, functools.partial):
        return [part.func, part.args, part.keywords]
    if isinstance(part, type) or hasattr(part, "__qualname__"):
        code = getattr(part, "__code__", None)
        said = [] if code is None else [code.co_code, *(one for one in code.co_consts if isinstance(one, _PLAIN))]
        return [getattr(part, "__module__", ""), part.__qualname__, *said]
    state = part.__getstate__()
    own = state if isinstance(state, dict) else {"state": state}
    return [each for name in sorted(own, key=str) if name not in _IDLE for each in (str(name), own[name])]
