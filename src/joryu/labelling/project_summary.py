"""The summary of a project: counts, agreement, people's speed and consistency, and the hardest pictures."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any

from joryu.annotations import Answer, Project
from joryu.annotations.answer import FASTEST_MS
from joryu.annotations.inter_rater import cohen_kappa, fleiss_kappa, krippendorff_alpha
from joryu.errors import InputError
from joryu.labelling.left_out import left_out_of

HARDEST = 12  #: the number of hardest pictures shown


def summarise_project(project: Project, *, viewers: Collection[str] | None = None) -> dict[str, Any]:
    """Everything on the summary page as JSON-able data; unknown numbers are ``None``.

    Answers by picture and counts by class cover only pictures that one of the ``viewers`` has answered, because people
    who know others' answers do not give answers of their own. ``None`` covers all pictures, for the person who has the
    project's files anyway.
    """
    answers = project.answers()
    first = [one for one in answers if one.showing == 0]
    by_picture: dict[str, dict[str, str]] = defaultdict(dict)
    for one in first:
        if one.choice is not None:
            by_picture[one.picture][one.annotator] = one.choice
    paths = {file.key: file.path for file in reversed(project.pictures)}
    chosen = [one for one in answers if one.choice is not None]
    own = {one.picture for one in first if viewers is not None and one.choice is not None and one.annotator in viewers}
    shown = {picture: said for picture, said in by_picture.items() if viewers is None or picture in own}
    told = [one for one in chosen if viewers is None or one.picture in own or one.annotator in viewers]
    counts = Counter(one.choice for one in told)
    return {
        "pictures": len(paths),
        "answered": len({one.picture for one in chosen}),
        "answers": len(chosen),
        "skips": len(answers) - len(chosen),
        "repeats": sum(one.showing > 0 for one in chosen),
        "classes": {name: counts[name] for name in project.settings.classes},
        "agreement": _agreement(by_picture, project.settings.classes),
        "annotators": [_annotator(name, answers) for name in sorted({one.annotator for one in answers})],
        "hardest": _hardest(shown, first, paths),
        "withheld": len(by_picture) - len(shown),
        "overlap": project.settings.overlap,
        "left_out": [one._asdict() for one in left_out_of(project.folder)],
    }


def _seen_ms(answer: Answer) -> float | None:
    """The time of an answer in ms; ``None`` if not measured, or if it came before anybody can have seen the picture."""
    visible = answer.timing.visible_ms
    return None if visible is None or visible < FASTEST_MS else visible


def _agreement(by_picture: dict[str, dict[str, str]], classes: Sequence[str]) -> dict[str, Any]:
    """Kappa and alpha over first showings; Cohen's kappa for the two annotators who share most pictures."""
    shared = [list(said.values()) for said in by_picture.values() if len(said) > 1]
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in by_picture.values():
        for a, b in combinations(sorted(said), 2):
            pairs[a, b].append((said[a], said[b]))
    closest = max(pairs, key=lambda pair: len(pairs[pair]), default=None)
    raters = Counter(map(len, shared)).most_common(1)
    complete = [said for said in shared if raters and len(said) == raters[0][0]]
    counts = [[said.count(name) for name in classes] for said in complete]
    return {
        "shared": len(shared),
        "cohen": None if closest is None else {"between": list(closest), "kappa": cohen_kappa(pairs[closest])},
        "fleiss": None
        if not counts
        else {"raters": raters[0][0], "pictures": len(counts), "kappa": fleiss_kappa(counts)},
        "krippendorff": _or_none(shared),
    }


def _or_none(shared: list[list[str]]) -> float | None:
    try:
        return krippendorff_alpha(shared)
    except InputError:
        return None


def _annotator(name: str, answers: Sequence[Answer]) -> dict[str, Any]:
    own = [one for one in answers if one.annotator == name]
    chosen = [one for one in own if one.choice is not None]
    times = [visible for one in chosen if (visible := _seen_ms(one)) is not None]
    showings: dict[str, list[str | None]] = defaultdict(list)
    for one in chosen:
        showings[one.picture].append(one.choice)
    repeated = [said for said in showings.values() if len(said) > 1]
    return {
        "name": name,
        "answers": len(chosen),
        "skips": len(own) - len(chosen),
        "sessions": len({one.session for one in own}),
        "median_rt_ms": statistics.median(times) if times else None,
        "repeated": len(repeated),
        "consistent": None if not repeated else sum(len(set(said)) == 1 for said in repeated) / len(repeated),
        "changes_of_mind": sum((one.timing.n_changes or 0) > 0 for one in chosen),
        "with_signals": sum(bool(one.signals) for one in chosen),
    }


def _hardest(
    by_picture: dict[str, dict[str, str]], first: Sequence[Answer], paths: dict[str, str]
) -> list[dict[str, Any]]:
    """Most disagreed about, then slowest; by the file's name alone, as a folder's might tell the answer."""
    times: dict[str, list[float]] = defaultdict(list)
    for one in first:
        if (visible := _seen_ms(one)) is not None:  # only visible time: a tab left open does not make a picture hard
            times[one.picture].append(visible)
    rows: list[tuple[float, float, str, dict[str, Any]]] = []
    for picture, said in by_picture.items():
        if picture not in paths:
            continue
        counts = Counter(said.values())
        shares = [count / len(said) for count in counts.values()]
        entropy = -sum(share * math.log(share) for share in shares)
        slow = statistics.median(times[picture]) if times[picture] else None
        facts = {
            "picture": picture,
            "name": PurePosixPath(paths[picture]).name,
            "said": dict(counts),
            "entropy": entropy,
            "rt_ms": slow,
        }
        rows.append((-entropy, -(slow or 0.0), paths[picture], facts))
    return [facts for *_, facts in sorted(rows, key=lambda row: row[:3])[:HARDEST]]
