"""Prepare evaluations, comparisons and latencies for JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def as_json(record: DataclassInstance) -> dict[str, object]:
    """Turn a dataclass of numbers into a dictionary for `json.dumps`; a number that is not finite becomes ``None``.

    JSON has no NaN and no infinity, and other languages cannot read Python's spelling of them.

    >>> from joryu.evaluation.cost import Latency
    >>> as_json(Latency(milliseconds=0.5, repeats=30, batch=1, threads=2, device="cpu"))["milliseconds"]
    0.5
    """
    return {name: plain(value) for name, value in asdict(record).items()}


def plain(value: object) -> object:
    """The value with keys as strings, tuples as lists and numbers that are not finite as ``None``.

    >>> plain({1: (0.5, float("nan"))})
    {'1': [0.5, None]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value
