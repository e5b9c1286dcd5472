"""What came of a collection, in lines for a terminal."""

from __future__ import annotations

from joryu.collecting.gathering import Gathered
from joryu.collecting.near import Near
from joryu.examples.collected import licences_in_words

_SHOWN = 5


def summary_line(done: Gathered, near: Near | None) -> str:
    """The one line that is the result."""
    parts = [f"{done.pictures:,} pictures in {done.folder}, {done.new:,} of them new"]
    counted = {
        "copies dropped": done.copies, "refused for good": done.failed, "left for another run": done.later,
        "left out by their licence": done.other_licence, "repeated in the list": done.repeated,
    }  # fmt: skip
    parts += [f"{n:,} {what}" for what, n in counted.items() if n]
    if near is not None:
        parts.append(f"{near.same + near.alike:,} near-duplicates")
    parts.append(f"licences: {licences_in_words(done.origins.licences)}")
    return "; ".join(parts)


def remark_lines(done: Gathered, near: Near | None) -> list[str]:
    """What is worth a word beside it: why entries have no picture, and what to do next."""
    lines = [f"no picture of {n:,}: {reason}" for reason, n in [*done.reasons.items()][:_SHOWN]]
    lines += [f"{host} was left alone: {why}" for host, why in [*done.hosts_left.items()][:_SHOWN]]
    if len(done.hosts_left) > _SHOWN:
        lines.append(f"… and {len(done.hosts_left) - _SHOWN:,} more hosts")
    if done.later:
        lines.append("run the same command again for what was left; --retry-refused tries the others too")
    if done.strangers:
        lines.append(f"{done.strangers:,} pictures in it were put there by somebody else: their licence is unknown")
    if near is not None and near.same + near.alike:
        lines.append(f"near-duplicates are listed in {near.file}; joryu screen makes a filter that leaves them out")
    return lines
