"""`Robots`: what a host's ``robots.txt`` lets us fetch (RFC 9309).

Python's ``urllib.robotparser`` knows no ``*`` and ``$`` in paths and takes the first rule instead of the longest, so it
fetches what ``Disallow: /*.jpg$`` forbids.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Self
from urllib.parse import quote, unquote_to_bytes

_COMMENT: Final = re.compile(r"#.*")
_TOKEN: Final = re.compile(r"^[a-zA-Z_-]+")
_KEPT: Final = "/?&=+;:@!'(),~%-._[]"
_ESCAPED: Final = re.compile("%(2f|2a|24)", re.IGNORECASE)  #: what means something else when it is not escaped
_LONGEST_DELAY: Final = 3600.0  #: seconds; a host that asks for more is asked once an hour


class _Rule(NamedTuple):
    allows: bool
    path: str

    def matches(self, path: str) -> bool:
        """Whether a path begins as the rule's; each part between stars is sought once, however many there are."""
        first, *rest = self.path.removesuffix("$").split("*")
        if not path.startswith(first):
            return False
        at = len(first)
        ends = self.path.endswith("$")
        for part in rest[:-1] if ends else rest:
            if (found := path.find(part, at)) < 0:
                return False
            at = found + len(part)
        if not ends:
            return True
        return path.endswith(rest[-1]) and len(path) - len(rest[-1]) >= at if rest else at == len(path)


class Robots(NamedTuple):
    """The rules of one host for one agent. ``delay``: seconds between requests, where ``Crawl-delay`` asks for any.

    >>> robots = Robots.parse("User-agent: *\\nDisallow: /private\\nAllow: /private/open*.jpg$", agent="joryu")
    >>> [robots.allows(path) for path in ("/a.jpg", "/private/a.jpg", "/private/open1.jpg", "/private/open.jpg?x")]
    [True, False, True, False]
    """

    rules: tuple[_Rule, ...] = ()
    delay: float = 0.0

    @classmethod
    def parse(cls, text: str, *, agent: str) -> Self:
        """Read the rules for an agent, by its product token: those of its own groups, else those of ``*``."""
        own, others = _Group(), _Group()
        named: set[str] = set()
        in_rules = own_seen = False
        for name, value in _lines(text):
            if name == "user-agent":
                named = set() if in_rules else named
                in_rules = False
                token = _TOKEN.match(value)
                named.add("*" if value.startswith("*") else token[0].lower() if token is not None else "")
                own_seen = own_seen or agent.lower() in named
                continue
            in_rules = True
            for group in (group for group, token in ((own, agent.lower()), (others, "*")) if token in named):
                group.take(name, value)
        chosen = own if own_seen else others
        return cls(tuple(chosen.rules), chosen.delay)

    def allows(self, target: str) -> bool:
        """Whether a path (with its query) may be fetched: the longest rule that matches says; of two alike, allow."""
        path = _plain(target)
        found = [rule for rule in self.rules if rule.matches(path)]
        return max(found, key=lambda rule: (len(rule.path), rule.allows)).allows if found else True


class _Group:
    def __init__(self) -> None:
        self.rules: list[_Rule] = []
        self.delay = 0.0

    def take(self, name: str, value: str) -> None:
        if name in ("allow", "disallow") and value:
            self.rules.append(_Rule(name == "allow", _plain(value, rule=True)))
        if name == "crawl-delay" and re.fullmatch(r"\d+(\.\d+)?", value):
            self.delay = min(float(value), _LONGEST_DELAY)


def _lines(text: str) -> list[tuple[str, str]]:
    """The names and values of the lines that are known."""
    pairs = (_COMMENT.sub("", line).partition(":") for line in text.splitlines())
    found = [(name.strip().lower(), value.strip()) for name, colon, value in pairs if colon]
    return [one for one in found if one[0] in ("user-agent", "allow", "disallow", "crawl-delay")]


def _plain(path: str, *, rule: bool = False) -> str:
    """A path in one spelling: what need not be escaped is not, and everything else is.

    In a ``rule`` a star, and a dollar at its end, mean something; ``%2A`` and ``%24`` are these very signs (RFC 9309
    §2.2.3), and as these they stand in a path.
    """
    kept = _ESCAPED.sub(lambda found: f"%25{found[1].upper()}", path)
    if not rule:
        return quote(unquote_to_bytes(kept), safe=_KEPT)
    whole = kept.removesuffix("$")
    return quote(unquote_to_bytes(whole), safe=_KEPT + "*") + ("$" if whole != kept else "")
