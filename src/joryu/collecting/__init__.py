"""Collect pictures into a folder that keeps, of each, where it comes from and under which licence."""

from joryu.collecting.columns import WantedColumns
from joryu.collecting.gathering import Gathered, GatherOptions, gather
from joryu.collecting.limits import FetchLimits
from joryu.collecting.listing import Listing, ListingOptions
from joryu.collecting.near import Near, find_near
from joryu.collecting.opening import open_listing

__all__ = [
    "FetchLimits",
    "GatherOptions",
    "Gathered",
    "Listing",
    "ListingOptions",
    "Near",
    "WantedColumns",
    "find_near",
    "gather",
    "open_listing",
]
