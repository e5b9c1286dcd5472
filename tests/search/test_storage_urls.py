"""What is shown of a storage's URL, and what of an error of its database: never user, password or option."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from joryu.errors import InputError
from joryu.search.storage import embedded, require_url, scrubbed, without_secrets

SECRET = st.text("abcXYZ019@?#/%:&=+ !é", min_size=4, max_size=12).filter(lambda text: text.strip() == text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db?password=p@ss", "postgresql://host/db"),
        ("postgresql://host:5432/db?password=p@ss", "postgresql://host:5432/db"),
        ("postgresql://[::1]:5432/db?password=p@ss", "postgresql://[::1]:5432/db"),
        ("postgresql://me:hush@host/db?password=p@ss", "postgresql://host/db"),
        ("postgresql://me:p?ss@host/db", "postgresql://host/db"),
        ("postgresql://me:p#ss@host/db", "postgresql://host/db"),
        ("postgresql://me:p/ss@host/db", "postgresql://host/db"),
        ("postgresql://me:p@s?s@host/db", "postgresql://host/db"),
        ("postgresql:///me:hush@host/db", "postgresql://host/db"),
        ("sqlite:////data/me@home/sweep.db", "sqlite:////data/me@home/sweep.db"),
        ("sqlite:////data/a#1.db?timeout=3", "sqlite:////data/a#1.db"),
        ("sqlite:///sweep.db?key=p@ss", "sqlite:///sweep.db"),
    ],
)
def test_the_place_is_shown_whole_and_nothing_else(url: str, shown: str) -> None:
    """Of an option with an @ in it, the half behind that once was taken for the place."""
    assert without_secrets(url) == shown


@given(user=SECRET, password=SECRET, option=SECRET)
def test_a_url_that_is_written_as_it_should_be_shows_its_host_and_database(
    user: str, password: str, option: str
) -> None:
    made = URL.create("postgresql", user, password, "db.example", 5432, "sweeps", {"sslpassword": option})
    assert without_secrets(made.render_as_string(hide_password=False)) == "postgresql://db.example:5432/sweeps"


@given(password=SECRET, option=SECRET)
def test_what_a_database_says_is_said_without_them(password: str, option: str) -> None:
    made = URL.create("mysql", "me", password, "host", 3306, "db", {"ssl_key": option})
    url = made.render_as_string(hide_password=False)
    assert make_url(url).password == password
    said = scrubbed(f"no entry for {url}; password «{password}», key «{option}»", url)
    assert f"«{password}»" not in said
    assert f"«{option}»" not in said
    assert "no entry for" in said


@pytest.mark.parametrize("password", ["p?ss-word", "p#ss-word", "p/ss-word", "p@ss-word"])
def test_a_password_that_should_have_been_quoted_is_not_said_either(password: str) -> None:
    assert password not in scrubbed(f"denied for me using {password}", f"mysql://me:{password}@host/db")


def test_nothing_is_taken_for_a_secret_where_there_is_none(tmp_path: Path) -> None:
    url = embedded(tmp_path)
    assert scrubbed("unable to open database file", url) == "unable to open database file"
    assert without_secrets(url).startswith("sqlite:///")


@pytest.mark.parametrize("typed", ["", "sweep.db", "/data/sweep.db", "C:\\sweep.db", "me:hush@host", "://host/db"])
def test_what_is_no_url_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(InputError, match="is not a URL") as refused:
        require_url(typed)
    assert not typed or typed not in str(refused.value)
