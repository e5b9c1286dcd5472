"""``joryu version``: print the versions of Joryu and of its libraries."""

from __future__ import annotations

import typer

from joryu.cli.output import JSON, emit


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(version)


def say(asked_for: bool) -> None:
    """Print the version of Joryu alone, for ``joryu --version``.

    Raises:
        typer.Exit: the version was asked for, and there is nothing else to do.
    """
    from importlib.metadata import version as installed

    if asked_for:
        emit(None, False, f"joryu {installed('joryu')}")
        raise typer.Exit


def version(as_json: bool = JSON) -> None:
    """Print the versions of Joryu and of what its numbers depend on.

    \b
    Example:  joryu version --json
    """
    from importlib.metadata import version as installed  # here: every command would pay for it

    names = ("joryu", "torch", "lightning-fabric", "pyarrow", "scikit-learn")
    versions = {name: installed(name) for name in names}
    emit(versions, as_json, "\n".join(f"{name} {number}" for name, number in versions.items()))
