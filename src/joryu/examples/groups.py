"""Groups of examples that belong together (tiles of one picture, pictures of one patient): no split parts one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from joryu.errors import InputError
from joryu.examples.examples import Examples, distinct_rows
from joryu.examples.layouts import some


def with_groups(examples: Examples, groups: Sequence[str | None], said: str) -> Examples:
    """The examples with the group of each; ``said`` begins the remark.

    Raises:
        InputError: an example has no group.
    """
    if lacking := [at for at, group in enumerate(groups) if not group]:
        sources = examples.sources or [f"#{at}" for at in range(len(examples))]
        raise InputError(
            f"{len(lacking):,} of {len(examples):,} examples of {examples.name} have no group",
            expected=f"one for each ({said})", received=some((sources[at] for at in lacking), most=3),
            hint="give each that belongs to no other a group of its own",
        )  # fmt: skip
    found = tuple(str(group) for group in groups)
    told = f"{said}, {len(set(found)):,} of them; no split parts one"
    return replace(examples, groups=found, remarks=(*examples.remarks, told))


def grouping_key(examples: Examples) -> str | None:
    """A hash of which example is in which group, whatever the order of the rows; ``None`` without groups."""
    if examples.groups is None:
        return None
    groups_of: dict[bytes, set[str]] = {}  # the same picture may be in two, which are then one
    for words, group in zip(examples.ids, examples.groups, strict=True):
        groups_of.setdefault(words.tobytes(), set()).add(group)
    ids = examples.ids[distinct_rows(examples.ids)]
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16)
    digest.update("\x00".join("\x01".join(sorted(groups_of[words.tobytes()])) for words in ids).encode())
    return digest.hexdigest()
