"""Collect pictures into a folder that keeps, of each, where it comes from and under which licence."""

from joryu.collecting.columns import Wanted
from joryu.collecting.gathering import Gathered, GatherOptions, gather
from joryu.collecting.limits import Limits
from joryu.collecting.listing import Listing, ListingOptions
from joryu.collecting.near import Near, find_near
from joryu.collecting.opening import open_listing

__all__ = [
    "GatherOptions",
    "Gathered",
    "Limits",
    "Listing",
    "ListingOptions",
    "Near",
    "Wanted",
    "find_near",
    "gather",
    "open_listing",
]
