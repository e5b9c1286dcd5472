"""Canaries: known pictures asked about again, which show that an API still answers as it did."""

from __future__ import annotations

from typing import Final

from joryu.errors import Stop
from joryu.remote.api import Api

TOLERANCE: Final = 0.02  #: a score may move by so much; a tag may come or go where it lies so near to the bound


def require_unchanged(api: Api, example: bytes, before: bytes, now: bytes) -> None:
    """Check that a new answer about an example says what the old one said.

    Raises:
        Stop: it does not: the API has changed, and its answers must not be mixed with the old ones.
    """
    (old_tags, old_bound), (new_tags, new_bound) = api.read(before), api.read(now)
    old = {tag.key: tag for tag in old_tags}
    new = {tag.key: tag for tag in new_tags}
    for key in (*old, *new):
        was = old[key].score if key in old else old_bound
        is_ = new[key].score if key in new else new_bound
        both = key in old and key in new
        # Of what was not returned only the bound is known: it lies anywhere below.
        moved = abs(was - is_) if both else is_ - was if key in new else was - is_
        if moved > TOLERANCE:
            tag = old.get(key) or new[key]
            raise Stop(
                f"the API has changed: it answers otherwise about picture {example.hex()[:12]}… than it did before",
                expected=f"{tag.name} {was:.2f}" if key in old else f"no {tag.name}",
                received=f"{tag.name} {is_:.2f}" if key in new else f"no {tag.name}",
                hint="nothing is mixed: ask into another folder to begin anew, or --canaries 0 to go on all the same",
            )  # fmt: skip
