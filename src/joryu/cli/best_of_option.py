"""``--best-of SWEEP``: what is not typed is what a sweep chose."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from joryu.cli.output import talk
from joryu.cli.recipe_options import typed_options


def _option(
    best_of: Path | None = typer.Option(None, help="Take all that is not typed from what this sweep chose."),
) -> None:
    """The option itself."""


BEST_OF: Any = None  #: the default of ``best_of`` in a command's signature, where the option is put
_OPTION = inspect.signature(_option, eval_str=True).parameters["best_of"]


def takes_best_of(command: Callable[..., None]) -> Callable[..., None]:
    """Put the option in the place of a command's parameter ``best_of``; what is not typed then comes from the sweep.

    The command itself gets a `joryu.search.best_of.BestOf` as ``best_of``, or ``None``. What came from where is told on
    stderr.
    """

    @functools.wraps(command)
    def run(context: typer.Context, best_of: Any, **given: Any) -> None:
        found = None
        if best_of is not None:
            from joryu.search.best_of import best_of as options_of

            found = options_of(best_of, {name: given[name] for name in typed_options(context) if name in given})
            given |= {name: value for name, value in found.options.items() if name in given}
            for line in found.remarks:
                talk(line)
        command(**given, best_of=found)

    own = inspect.signature(command).parameters
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [first, *(_OPTION if name == "best_of" else one for name, one in own.items())]
    # What typer reads a command's options from.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
