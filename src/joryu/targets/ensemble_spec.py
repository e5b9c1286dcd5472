"""The spec of an ensemble: ``ensemble:RULE:SPEC|SPEC|…``."""

from __future__ import annotations

from collections.abc import Sequence

from joryu.errors import InputError
from joryu.targets.combination import Combination

FAMILY = "ensemble"
BETWEEN = "|"  #: the members; no name of a file that Windows takes has it
USAGE = f"{FAMILY}:RULE:SPEC{BETWEEN}SPEC"


def write_ensemble(combination: Combination, members: Sequence[str]) -> str:
    """The spec of an ensemble of these members.

    >>> write_ensemble(Combination.parse("power=0.1"), ["run:a", "run:b"])
    'ensemble:power=0.1:run:a|run:b'

    Raises:
        InputError: a member's spec holds a bar, so that it could not be told from two.
    """
    for member in members:
        if BETWEEN in member:
            raise InputError(
                "a member of an ensemble cannot be named like this", expected=f"a spec without {BETWEEN}",
                received=member, hint="rename the file, or make the ensemble in Python",
            )  # fmt: skip
    return f"{FAMILY}:{combination}:{BETWEEN.join(members)}"


def read_ensemble(rest: str) -> tuple[Combination, tuple[str, ...]]:
    """The rule and the members' specs, from what stands behind ``ensemble:``.

    >>> read_ensemble("vote:run:a|run:b")[1]
    ('run:a', 'run:b')

    Raises:
        InputError: an unknown rule, a member without a name, an ensemble among the members, one member twice, or
            weights for another number of members.
    """
    rule, _, listed = rest.partition(":")
    members = tuple(listed.split(BETWEEN))
    if not all(members):
        raise InputError("an ensemble's members need names", expected=USAGE, received=f"{FAMILY}:{rest}")
    if any(member.startswith(f"{FAMILY}:") for member in members):
        raise InputError(
            "an ensemble of ensembles has no members of its own", expected="one ensemble of all of them",
            received=f"{FAMILY}:{rest}",
        )  # fmt: skip
    if twice := [member for at, member in enumerate(members) if member in members[:at]]:
        raise InputError(
            "a teacher would be a member twice", expected="teachers that differ", received=twice[0],
            hint="to count it twice give it a larger weight, such as soft,weights=2/1",
        )  # fmt: skip
    combination = Combination.parse(rule)
    combination.require_members(len(members))
    return combination, members
