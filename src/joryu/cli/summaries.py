"""What the list of commands says of each: the first clause of its help, whole, and not cut to fit a terminal."""

from __future__ import annotations

import re

import typer


def show_summaries_whole(app: typer.Typer) -> None:
    """Give every command and every group its own help's first clause for a summary, the groups' commands too."""
    for command in app.registered_commands:
        command.short_help = first_clause((command.callback.__doc__ if command.callback else None) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.short_help = first_clause(str(group.typer_instance.info.help))
            show_summaries_whole(group.typer_instance)


def first_clause(text: str) -> str:
    """Up to the first semicolon or full stop that ends a word.

    >>> first_clause("Ask a teacher about all of cifar10.1; run again to go on. Then more.")
    'Ask a teacher about all of cifar10.1.'
    """
    first = re.split(r"[;.](?=\s|$)", " ".join(text.split()), maxsplit=1)[0]
    return f"{first}."
