"""The picture that a table means: against a search through all pictures, and no path that leads out of the set."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.examples.beside.matching import PictureNames, leads_away

FOLDERS = st.lists(st.sampled_from(["a", "A", "b", "Ä"]), max_size=2)
FILES = st.builds(
    lambda folders, stem, ending: "/".join([*folders, stem + ending]),
    FOLDERS, st.sampled_from(["1", "01", "x", "X", "é", "e\u0301"]), st.sampled_from(["", ".jpg", ".JPG", ".png"]),
)  # fmt: skip


def forms(file: str) -> set[str]:
    """All that may stand in a table for a file, letter by letter."""
    whole = f"set/{file}"
    ending = Path(file).suffix
    return {whole, whole.removesuffix(ending)} if ending else {whole}


def searched(files: list[str], value: str, *, exactly: bool) -> set[int]:
    def spelt(text: str) -> str:
        return text if exactly else unicodedata.normalize("NFC", text).casefold()

    return {
        at
        for at, file in enumerate(files)
        if any(f"/{spelt(form)}".endswith(f"/{spelt(value)}") for form in forms(file))
    }


@given(st.lists(FILES, min_size=1, max_size=8, unique=True), FILES, st.sampled_from(["", "./", "set/", "other/"]))
def test_a_value_means_the_pictures_whose_path_ends_with_it(files: list[str], value: str, before: str) -> None:
    names = PictureNames(Path("set"), [Path("set", file) for file in files])
    plain = value if before == "./" else before + value
    expected = searched(files, plain, exactly=True) or searched(files, plain, exactly=False)
    assert set(names.find(before + value)) == expected
    assert set(names.find(f" {before}{value} ".replace("/", "\\"))) == expected
    name = value.rpartition("/")[2]
    assert names.mentions(before + value) == bool(searched(files, name, exactly=False))


@given(st.lists(FILES, min_size=1, max_size=8, unique=True), st.data())
def test_a_name_is_found_wherever_the_set_lies(files: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(files))
    found = []
    for root in (Path(), Path("set"), Path("/"), Path("/far away/set"), Path("..")):
        names = PictureNames(root, [root / file for file in order])
        found.append([names.find(file) for file in order])
    assert all(at in found[0][at] for at in range(len(order)))
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("value", "away"),
    [
        ("/1.jpg", True), ("~/1.jpg", True), ("~someone/1.jpg", True), ("C:/1.jpg", True), ("c:\\1.jpg", True),
        ("https://a.example/1.jpg", True), ("a/../1.jpg", True), ("a\\..\\1.jpg", True), ("..", True),
        (" /1.jpg", True), ("\\\\server\\1.jpg", True), ("1.jpg", False), ("./a/1.jpg", False),
        ("a..b/1.jpg", False), ("...", False), ("a~/1.jpg", False), ("", False),
    ],
)  # fmt: skip
def test_what_leads_out_of_a_set(value: str, away: bool) -> None:
    assert leads_away(value) is away
