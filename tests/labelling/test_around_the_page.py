"""What stands around the page: keys, tokens that are easily guessed, files that were left out, the browser's file."""

from __future__ import annotations

import stat
import webbrowser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.annotations import Settings
from joryu.examples.rejected import Rejected
from joryu.labelling.keys import CLEAR, DONE, HELP, MOST_ON_KEYS, SKIP, UNDO, keys_of
from joryu.labelling.left_out import FILE, keep_left_out, left_out_of
from joryu.labelling.opening import NAME, opened
from joryu.listening.guessing import ENOUGH, surprises

LEVELS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize("n_classes", [2, 9, 10, 11, 20, MOST_ON_KEYS, MOST_ON_KEYS + 1, 100])
@pytest.mark.parametrize("n_severities", [0, 3, 9])
@pytest.mark.parametrize("n_confidences", [0, 3, 9])
def test_no_key_means_two_things(n_classes: int, n_severities: int, n_confidences: int) -> None:
    settings = Settings(
        classes=tuple(f"class {at}" for at in range(n_classes)), severities=LEVELS[:n_severities],
        confidences=LEVELS[:n_confidences],
    )  # fmt: skip
    found = keys_of(settings)
    assert [name for _, name in found["classes"]] == list(settings.classes)
    assert [name for _, name in found["severities"]] == list(settings.severities)
    assert [name for _, name in found["confidences"]] == list(settings.confidences)
    keys = [key for group in found.values() for key, _ in group if key]
    assert len(set(keys)) == len(keys)
    assert not {SKIP, HELP, UNDO, CLEAR, DONE} & set(keys)
    with_key = [bool(key) for key, _ in found["classes"]]
    assert with_key == sorted(with_key, reverse=True)  # the first classes have the keys
    if n_classes > MOST_ON_KEYS:
        assert not any(with_key)
    elif n_classes <= 10:
        assert all(with_key)


@given(st.text(max_size=60))
def test_surprises_are_no_more_than_signs_and_grow_with_what_follows(token: str) -> None:
    assert 0 <= surprises(token) <= max(1, len(token.lower()))
    assert surprises(token + "a") >= surprises(token)
    assert surprises(token.lower()) == surprises(token)


@pytest.mark.parametrize(
    "token",
    [
        "a" * 40,
        "ab" * 20,
        "0123456789" * 3,
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "qwertyuiopasdfgh",
        "letmein" * 5,
        "",
    ],
)
def test_what_is_typed_to_be_done_with_it_is_not_enough(token: str) -> None:
    assert surprises(token) < ENOUGH


@pytest.mark.parametrize("token", ["o7Rk-2vXq_9mTz4B", "correct horse battery staple"])
def test_a_random_token_and_a_phrase_are(token: str) -> None:
    assert surprises(token) >= ENOUGH


def test_what_was_left_out_is_named_by_its_file_alone(tmp_path: Path) -> None:
    """The folder of a picture may be the answer to it."""
    keep_left_out(tmp_path, [Rejected("rust/a.jpg", "not a picture"), Rejected("süß/b.jpg", "„damaged“")])
    assert left_out_of(tmp_path) == [Rejected("a.jpg", "not a picture"), Rejected("b.jpg", "„damaged“")]
    keep_left_out(tmp_path, [])
    assert left_out_of(tmp_path) == []


@pytest.mark.parametrize("content", [None, "", "{", "3", '[{"name": "a"}]', '["a"]', "[[]]", '{"name": 1}', "\xff"])
def test_a_note_that_is_damaged_or_of_before_is_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content.encode("latin-1"))
    assert left_out_of(tmp_path) == []


def test_a_name_that_is_no_text_can_be_noted(tmp_path: Path) -> None:
    keep_left_out(tmp_path, [Rejected("a/\udcff.jpg", "its name is not valid UTF-8")])
    assert [one.name for one in left_out_of(tmp_path)] == ["?.jpg"]


def test_the_browser_is_given_a_file_that_this_user_alone_reads_for_as_long_as_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a program is started with, every user of a machine can read, and the link holds the token."""
    given_to_it: list[str] = []
    monkeypatch.setattr(webbrowser, "open", given_to_it.append)
    page, link = tmp_path / NAME, 'http://127.0.0.1:8642/?token=a&b="<c>'
    page.write_text("left by a start that was killed")
    page.chmod(0o644)
    with opened(link, tmp_path):
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert given_to_it == [page.as_uri()]
        assert "token" not in given_to_it[0]
        text = page.read_text()
        assert text.count("http://127.0.0.1:8642/?token=a&amp;b=&quot;&lt;c&gt;") == 2
        assert "no-referrer" in text
    assert not page.exists()


def test_the_file_goes_also_where_the_server_fails_or_no_browser_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(RuntimeError), opened("http://127.0.0.1/", tmp_path):
        raise RuntimeError
    assert not (tmp_path / NAME).exists()

    def fail(_: str) -> None:
        raise OSError("no display")

    monkeypatch.setattr(webbrowser, "open", fail)
    with pytest.raises(OSError, match="no display"), opened("http://127.0.0.1/", tmp_path):
        pass
    assert not (tmp_path / NAME).exists()
