"""Asking over a network: a collector that spends within a budget, a ledger of all it was told, one file per API."""

from joryu.remote.api import Api, Tag
from joryu.remote.budget import Budget
from joryu.remote.collector import Collected, Options, collect
from joryu.remote.credentials import find_credentials
from joryu.remote.google_vision import google_vision
from joryu.remote.ledger import Ledger
from joryu.remote.limits import ApiLimits
from joryu.remote.reading_ahead import Pictures

__all__ = [
    "Api",
    "ApiLimits",
    "Budget",
    "Collected",
    "Ledger",
    "Options",
    "Pictures",
    "Tag",
    "collect",
    "find_credentials",
    "google_vision",
]
