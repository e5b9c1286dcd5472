"""The summary of each command in a list of commands: the first clause of its help, not cut to fit a terminal."""

from __future__ import annotations

import re

import typer


def show_summaries_whole(app: typer.Typer) -> None:
    """Set the summary of every command and group of an app, the commands of groups included, by `first_clause`."""
    for command in app.registered_commands:
        command.short_help = first_clause((command.callback.__doc__ if command.callback else None) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.short_help = first_clause(str(group.typer_instance.info.help))
            show_summaries_whole(group.typer_instance)


def first_clause(text: str) -> str:
    """The text up to the first semicolon or full stop at the end of a word, with a full stop.

    >>> first_clause("Ask a teacher about all of cifar10.1; run again to go on. Then more.")
    'Ask a teacher about all of cifar10.1.'
    """
    first = re.split(r"[;.](?=\s|$)", " ".join(text.split()), maxsplit=1)[0]
    return f"{first}."
