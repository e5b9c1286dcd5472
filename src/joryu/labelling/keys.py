"""The keys of the page; each is printed on its button."""

from __future__ import annotations

from typing import Any

from joryu.annotations import Settings

SKIP, HELP, UNDO, CLEAR, DONE = "s", "?", "Backspace", "Escape", "Enter"
MOST_ON_KEYS = 36  #: the most classes with keys; with more classes, typing searches among their names
SEVERITY_KEYS, CONFIDENCE_KEYS = "qwertyuio", "zxcvbnm,."


def keys_of(settings: Settings) -> dict[str, Any]:
    """The keys of the page, as lists of ``[key, name]``.

    Classes get 1 to 9, 0, and then the letters that nothing else uses; classes beyond the free keys can only be
    clicked. With more than `MOST_ON_KEYS` classes none has a key: letters then search among their names.

    >>> keys_of(Settings(classes=("healthy", "rust"), severities=("mild", "severe")))["classes"]
    [['1', 'healthy'], ['2', 'rust']]
    """
    severities = SEVERITY_KEYS[: len(settings.severities)]
    confidences = CONFIDENCE_KEYS[: len(settings.confidences)]
    taken = {SKIP, *severities, *confidences}
    free = [*"1234567890", *(letter for letter in "abcdefghijklmnopqrtuvwxyz" if letter not in taken)]
    if len(settings.classes) > MOST_ON_KEYS:
        free = []
    spare = [""] * max(0, len(settings.classes) - len(free))
    return {
        "classes": [[key, name] for key, name in zip([*free, *spare], settings.classes, strict=False)],
        "severities": [[key, name] for key, name in zip(severities, settings.severities, strict=True)],
        "confidences": [[key, name] for key, name in zip(confidences, settings.confidences, strict=True)],
    }
