"""Write what the docs say of commands and results from the code and the results: ``make docs``. A test checks it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import typer
from results_page import front_page, results_page
from typer.main import get_command

from joryu.cli import app

WIDTH = 100
DOCS = Path(__file__).parent
INTRODUCTION = """# Command line

Generated from the code by `make docs`; do not edit. stdout is data, stderr is talk; `--json` prints JSON.
`joryu --debug …` shows the traceback of an error.

| exit code | meaning |
| --- | --- |
| 0 | well |
| 1 | a check failed (`verify`, `devices watch`), the machine refused (no disk, no memory), or none of the below |
| 2 | bad input: an argument, a path, a spec |
| 3 | two things that must agree do not: teacher, classes, examples, store, run |
| 4 | an optional library is missing; the message names the extra |
| 5 | a dead teacher |
| 6 | training failed |
| 7 | the teacher can be asked no more (a budget is spent); what was answered is kept |
| 130 | interrupted; the same command goes on |
"""


def reference() -> str:
    """The command line, from the help texts."""
    root = get_command(app)
    parts = [INTRODUCTION]
    context = typer.Context(root, info_name="joryu", terminal_width=WIDTH)
    for name in root.list_commands(context):  # type: ignore[attr-defined]
        parts += _sections(root.get_command(context, name), context, f"joryu {name}")  # type: ignore[attr-defined]
    return "\n".join(parts)


def _sections(command: object, parent: typer.Context, path: str) -> list[str]:
    context = typer.Context(command, info_name=path.rsplit(maxsplit=1)[-1], parent=parent, terminal_width=WIDTH)  # type: ignore[arg-type]
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    if names:
        found: list[str] = []
        for name in names:
            found += _sections(command.get_command(context, name), context, f"{path} {name}")  # type: ignore[attr-defined]
        return found
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())  # type: ignore[attr-defined]
    return [f"## {path}\n\n```text\n{text}\n```\n"]


#: every generated page, and what writes it
PAGES = {
    DOCS / "cli.md": reference,
    DOCS / "results" / "README.md": results_page,
    DOCS.parent / "README.md": partial(front_page, "README.md"),
    DOCS.parent / "README.ja.md": partial(front_page, "README.ja.md", words="headlines.ja.json"),
}

if __name__ == "__main__":
    for page, render in PAGES.items():
        page.write_text(render(), encoding="utf-8")
