"""`Vocabulary`: the tags that are asked for of recorded answers, with how often each was returned."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.remote.api import Api

MOST: Final = 5000  #: tags, if nothing else is said
FOLDER: Final = "vocabularies"  #: in a ledger's folder, one file each, named by what is in it
_DIGITS: Final = 16


class Entry(NamedTuple):
    """One tag: the key by which the API knows it (``/m/01yrx``), its name, in how many answers it came, and the other
    names it had there."""

    key: str
    name: str
    times: int
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Tags in the order of their frequency; of equal ones in the order of their keys.

    Tags are joined by their key, so that one which was renamed meanwhile stays one tag: it has the name that came most
    often. Where two tags have the same name, the rarer one's key is added to it. ``answers`` is how many answers were
    counted, ``tags`` how many different tags were in them, ``longest`` how many the longest of them had, ``lowest`` the
    lowest score in any, and ``floor`` what the API's description says of that.
    """

    entries: tuple[Entry, ...]
    answers: int
    tags: int
    longest: int
    lowest: float = 1.0
    floor: float = 1.0

    @classmethod
    def of(cls, answers: Iterable[bytes], api: Api, *, most: int | None = MOST, at_least: int = 1) -> Self:
        """Those of the raw ``answers``: the ``most`` frequent ones among those that came ``at_least`` so often.

        >>> from joryu.remote.google_vision import google_vision
        >>> said = [b'{"labelAnnotations": [{"mid": "/m/1", "description": "Cat", "score": 0.9}]}']
        >>> Vocabulary.of(said, google_vision()).names
        ('Cat',)

        Raises:
            InputError: no tag is left.
        """
        counts: Counter[str] = Counter()
        names: dict[str, Counter[str]] = {}
        n, longest, lowest = 0, 0, 1.0
        for raw in answers:
            tags, _ = api.read(raw)
            found = {tag.key: tag.name for tag in tags}
            n, longest = n + 1, max(longest, len(found))
            lowest = min([lowest, *(tag.score for tag in tags)])
            counts.update(found.keys())
            for key, name in found.items():
                names.setdefault(key, Counter())[name] += 1
        ordered = sorted((key for key in counts if counts[key] >= at_least), key=lambda key: (-counts[key], key))
        if not ordered:
            raise InputError(
                "no tag is left for the vocabulary", expected=f"one that came {at_least} times",
                received=f"{len(counts)} tags in {n} answers", hint="try a smaller --min-count, or ask about more",
            )  # fmt: skip
        return cls(tuple(_named(ordered[:most], counts, names)), n, len(counts), longest, lowest, api.answer.floor)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, each once."""
        return tuple(entry.name for entry in self.entries)

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of each tag by its key."""
        return {entry.key: at for at, entry in enumerate(self.entries)}

    @property
    def below_floor(self) -> bool:
        """Whether scores came that the API is said never to return; a floor of 1 says nothing."""
        return self.lowest < self.floor < 1

    @property
    def renamed(self) -> tuple[Entry, ...]:
        """Those that came under several names."""
        return tuple(entry for entry in self.entries if entry.also)

    @property
    def digest(self) -> str:
        """A hash of keys and names: what a teacher's answers depend on."""
        told = json.dumps([entry[:2] for entry in self.entries])
        return hashlib.blake2b(told.encode(), digest_size=_DIGITS // 2).hexdigest()

    def save(self, ledger: Path) -> str:
        """Keep it in the folder of a ledger; the name by which `load` finds it again."""
        folder = ledger / FOLDER
        folder.mkdir(exist_ok=True)
        counts = {"answers": self.answers, "tags": self.tags, "longest": self.longest}
        content = {**counts, "lowest": self.lowest, "floor": self.floor, "entries": self.entries}
        with durable_file(folder / f"{self.digest}.json") as file:
            file.write(json.dumps(content, ensure_ascii=False, indent=0).encode())
        return self.digest

    @classmethod
    def load(cls, ledger: Path, digest: str) -> Self:
        """One that was kept.

        Raises:
            InputError: there is none of that name, or it is damaged.
        """
        path = ledger / FOLDER / f"{digest}.json"
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            entries = tuple(Entry(key, name, times, tuple(also)) for key, name, times, also in content.pop("entries"))
            found = cls(entries, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            kept = ", ".join(sorted(one.stem for one in path.parent.glob("*.json"))) or "none"
            raise InputError(f"{ledger} holds no vocabulary {digest}", expected=f"one of: {kept}") from error
        if found.digest != digest:
            raise InputError(f"{path} has been changed", expected=digest, received=found.digest)
        return found


def _named(keys: list[str], counts: Counter[str], names: dict[str, Counter[str]]) -> Iterator[Entry]:
    taken: set[str] = set()
    for key in keys:
        by_frequency = sorted(names[key], key=lambda name: (-names[key][name], name))
        name, also = by_frequency[0], by_frequency[1:]
        while name in taken:
            name = f"{name} ({key})"
        taken.add(name)
        yield Entry(key, name, counts[key], tuple(also))
