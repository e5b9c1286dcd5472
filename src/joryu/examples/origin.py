"""`Origin`: the licences and sources of one picture; `LicenceRule`: which licences somebody accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple, Self

from joryu.errors import InputError, MismatchError

UNKNOWN: Final = "unknown"  #: the licence or source of which nothing is said
AND: Final = " | "  #: stands between the licences of a picture that several entries led to

_CREATIVE_COMMONS: Final = re.compile(
    r"^https?://(?:www\.)?creativecommons\.org/(?:licenses/(?P<kind>[a-z-]+)|publicdomain/(?P<free>zero|mark))"
    r"/(?P<version>[\d.]+)"
)
_BETWEEN: Final = re.compile(r"[\s_-]+")


class Origin(NamedTuple):
    """Where a picture comes from. Each is sorted; `UNKNOWN` is one of them where an entry said nothing."""

    licences: tuple[str, ...]
    sources: tuple[str, ...]

    @classmethod
    def of(cls, licence: str, source: str) -> Self:
        """What one entry says."""
        return cls((licence or UNKNOWN,), (source or UNKNOWN,))

    def joined(self, other: Origin) -> Origin:
        """What both say: the same picture may be found under two licences, and then nobody knows which is true."""
        return Origin(tuple(sorted({*self.licences, *other.licences})), tuple(sorted({*self.sources, *other.sources})))

    @property
    def licence(self) -> str:
        """All licences as one name."""
        return AND.join(self.licences)

    @property
    def source(self) -> str:
        """All sources as one name."""
        return AND.join(self.sources)


class LicenceRule(NamedTuple):
    """The licences that are accepted, as patterns: ``CC0*``, ``CC-BY-4.0``, ``unknown``.

    Case does not matter, spaces and underscores are hyphens, and an address of Creative Commons is the licence's short
    name. Without patterns everything is accepted.

    >>> rule = LicenceRule.of(["cc by 4.0", "CC0*"])
    >>> [rule.accepts(name) for name in ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/", "CC BY-NC 4.0")]
    [True, True, False]
    >>> rule.accepts("CC0 1.0 | unknown")  # found under both
    False
    """

    patterns: tuple[str, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Self:
        """The rule of some patterns.

        Raises:
            InputError: one is empty.
        """
        found = tuple(patterns)
        if not all(pattern.strip() for pattern in found):
            raise InputError(
                "is not usable", setting="licence", expected="a licence, such as CC0* or unknown", received="nothing"
            )
        return cls(found)

    def accepts(self, licence: str) -> bool:
        """Whether a licence, or every one of several (`AND`), is named."""
        patterns = [short_name(pattern) for pattern in self.patterns]
        names = [short_name(name or UNKNOWN) for name in licence.split(AND)]
        return not patterns or all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in names)

    def require(self, licences: Mapping[str, int] | None, what: str, *, hint: str) -> None:
        """Check what is in a set, by how many of each licence there are; ``None``: nobody has recorded any.

        Raises:
            MismatchError: one is not accepted.
        """
        if not self.patterns:
            return
        wrong = {name: n for name, n in (licences or {}).items() if not self.accepts(name)}
        if wrong or (licences is None and not self.accepts(UNKNOWN)):
            named = _in_words(list(wrong.items())) or "no licence on record"
            raise MismatchError(
                f"{what} has pictures of licences that are not accepted",
                expected=" or ".join(self.patterns), received=named, hint=hint,
            )  # fmt: skip


def _in_words(wrong: Sequence[tuple[str, int]]) -> str:
    named = ", ".join(f"{name} {n:,}" for name, n in wrong[:5])
    return named if len(wrong) <= 5 else f"{named} and {len(wrong) - 5} more"


def short_name(licence: str) -> str:
    """A licence's name as it is compared.

    >>> short_name("CC BY-SA 4.0"), short_name("http://creativecommons.org/publicdomain/zero/1.0/")
    ('cc-by-sa-4.0', 'cc0-1.0')
    """
    name = licence.strip().lower()
    if (found := _CREATIVE_COMMONS.match(name)) is not None:
        kind = {"zero": "cc0", "mark": "pdm"}.get(found["free"] or "", f"cc-{found['kind']}")
        return f"{kind}-{found['version']}"
    return _BETWEEN.sub("-", name)
