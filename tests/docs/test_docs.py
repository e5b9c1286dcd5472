"""The documents say what the code does and what was measured: generated pages, links, the README."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import generate
import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from joryu.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.ja.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", generate.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_generated_is_current(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == generate.PAGES[page](), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    reference = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for command in re.findall(r"^## (joryu .+)$", reference, flags=re.MULTILINE):
        assert command in readme, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_ones_that_can_be_typed(page: Path) -> None:
    for line in typed(page.read_text(encoding="utf-8")):
        parse(get_command(app), line)


def test_what_cannot_be_typed_is_noticed() -> None:
    text = "```sh\nA=1 joryu train --netwerk a \\\n  --out b && joryu label # no\nls | joryu predict - > c\n```\njoryu"
    assert typed(text) == [["train", "--netwerk", "a", "--out", "b"], ["label"], ["predict", "-"]]
    for wrong in (["train", "--netwerk", "a"], ["trian"], ["annotate", "summary", "--projekt", "b"]):
        with pytest.raises(TyperException):
            parse(get_command(app), wrong)


def typed(text: str) -> list[list[str]]:
    """The arguments of every ``joryu`` in the shell blocks of a page."""
    blocks = re.findall(r"```sh\n(.*?)```", text.replace("\\\n", " "), flags=re.DOTALL)
    parts = [part for block in blocks for line in block.splitlines() for part in re.split(r"&&|[|]|>", line)]
    words = [shlex.split(part, comments=True) for part in parts]
    return [one[one.index("joryu") + 1 :] for one in words if "joryu" in one]


def parse(command: Any, words: list[str], name: str = "joryu", parent: Any = None) -> None:
    """Parse a line as the command line does, down to its last command, and run nothing."""
    context = command.make_context(name, list(words), parent=parent)
    if hasattr(command, "list_commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(command, rest, name, context)


def test_the_readme_is_read_in_three_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.slow
def test_the_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python block of the README, as it stands, in an empty folder."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own page, as its reader would run it
    assert (tmp_path / "run" / "report.html").is_file()
