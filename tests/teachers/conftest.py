"""What tests of the labelling loop share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tiny_teachers import N

from joryu.examples import Examples


@pytest.fixture(scope="session")
def digits(first_digits: Callable[[int], Examples]) -> Examples:
    """As many digits as tests label."""
    return first_digits(N)
