"""The Japanese README says what the English one says: headings, code, commands, links, numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EACH_OTHER = {"README.md", "README.ja.md"}
JAPANESE = r"[\u3041-\u30ff\u4e00-\u9fff]"  #: kana and ideographs


@pytest.fixture(scope="module")
def english() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def japanese() -> str:
    return (ROOT / "README.ja.md").read_text(encoding="utf-8")


def headings(text: str) -> list[str]:
    """The level of each heading, in their order."""
    return re.findall(r"^(#+) ", without_code(text), flags=re.MULTILINE)


def code(text: str) -> list[str]:
    """What a block holds, without what is said about it."""
    return [re.sub(r"\s+# .*", "", block) for block in re.findall(r"```\w*\n.*?```", text, flags=re.DOTALL)]


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def commands(text: str) -> list[str]:
    return [row[0] for row in cells(text) if row[0].startswith("`joryu")]


def results(text: str) -> list[list[str]]:
    """Every row of the table of results without its words."""
    return [[row[0], *row[2:]] for row in cells(text) if len(row) == 5][2:]


def links(text: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", text)) - EACH_OTHER


@pytest.mark.parametrize("part", [headings, code, commands, results, links], ids=lambda part: part.__name__)
def test_the_same_stands_in_both(part, english: str, japanese: str) -> None:  # type: ignore[no-untyped-def]
    assert len(part(english)) > 2
    assert part(english) == part(japanese)


def test_they_lead_to_each_other(english: str, japanese: str) -> None:
    assert "(README.ja.md)" in english
    assert "(README.md)" in japanese


def test_it_is_in_japanese(japanese: str) -> None:
    """Paragraphs and rows have Japanese words; a paragraph is one line, as a break would show a space."""
    paragraphs = [part for part in without_code(japanese).split("\n\n") if part.strip() and part[0] not in "|#<"]
    prose = [part for part in paragraphs if part.strip() != "[English](README.md)"]
    assert all(re.search(JAPANESE, part) for part in prose)
    assert not [part for part in prose if re.search(f"{JAPANESE}\n{JAPANESE}", part)]
    assert all(re.search(JAPANESE, row[1]) for row in cells(japanese) if not row[1].startswith((":", "-")))
