"""`Settings`: names are checked before anybody is shown a picture."""

from __future__ import annotations

from typing import Any

import pytest

from joryu.annotations import Settings
from joryu.errors import InputError

CLASSES = ("healthy", "black rot", "mildew")


def test_shares_run_from_the_first_level_to_one() -> None:
    settings = Settings(classes=CLASSES, severities=("mild", "moderate", "severe"), confidences=("unsure", "sure"))
    assert [round(settings.severity_share(name), 4) for name in settings.severities] == [0.3333, 0.6667, 1.0]
    assert [settings.confidence_share(name) for name in settings.confidences] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"classes": ("only",)}, "classes is not usable .expected at least 2; received"),
        ({"classes": tuple(map(str, range(1001)))}, "expected at most 1000; received 1001"),
        ({"classes": ("a", "a")}, "two classes have the same name"),
        ({"classes": CLASSES, "severities": ("mild", "mild")}, "two severities have the same name"),
        ({"classes": CLASSES, "nearest": {"mildew": "fit"}}, "received fit"),
        ({"classes": CLASSES, "nearest": {"moss": "healthy"}}, "nearest names no class .*received moss"),
        ({"classes": CLASSES, "nearest": {"mildew": "mildew"}}, "nearest leads from a class to itself .*mildew"),
        ({"classes": CLASSES, "without_severity": ("moss",)}, "without_severity names no class .*received moss"),
        ({"classes": CLASSES, "confidences": ("sure", "sure")}, "two levels have the same name"),
        ({"classes": CLASSES, "severities": tuple("abcdefghij")}, "expected at most 9; received 10"),
        ({"classes": CLASSES, "overlap": 0}, "overlap is not usable"),
        ({"classes": CLASSES, "overlap": 1.5}, "overlap is not usable"),
        ({"classes": CLASSES, "repeats": float("nan")}, "repeats is not usable"),
        ({"classes": CLASSES, "seed": -1}, "seed is not usable"),
        ({"classes": ("a" * 81, "b")}, "classes.0 is not usable"),
        ({"classes": CLASSES, "guidelines": "a" * 20_001}, "guidelines is not usable"),
        ({"classes": CLASSES, "repeats": 0.9}, "repeats is not usable"),
        ({"classes": ("a", "")}, "classes.1 is not usable"),
        ({"classes": CLASSES, "colour": "red"}, "settings have no 'colour' .expected classes, severities"),
    ],
)
def test_settings_that_cannot_be_asked_are_refused_in_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Settings(**settings)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_a_thousand_classes_are_asked_for() -> None:
    assert len(Settings(classes=tuple(f"Quercus {at}, var. {at}" for at in range(1000))).classes) == 1000


def test_severity_is_not_asked_of_the_classes_where_doubt_ends_unless_told_otherwise() -> None:
    nearest = {"black spot": "rust", "rust": "healthy"}
    settings = Settings(classes=("healthy", "black spot", "rust"), severities=("mild", "severe"), nearest=nearest)
    assert settings.well == ("healthy",)
    assert settings.model_copy(update={"without_severity": ("rust",)}).well == ("rust",)
    assert settings.model_copy(update={"nearest": {}}).well == ()


def test_a_level_that_is_not_asked_for_is_named() -> None:
    with pytest.raises(InputError, match="'severe'"):
        Settings(classes=CLASSES).severity_share("severe")
