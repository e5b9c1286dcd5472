"""The command line: one file per command, no logic of its own, nothing heavy imported before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from joryu.cli import (
    annotate,
    audit,
    data,
    devices,
    distill,
    evaluate,
    experiment,
    label,
    report,
    train,
    verify,
    version,
)
from joryu.cli.output import remember
from joryu.errors import JoryuError

app = typer.Typer(
    name="joryu",
    help="Turn anything that can answer into a teacher, and train a small student from its soft answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for command in (train, label, audit, verify, distill, evaluate, report, version):
    command.register(app)
app.add_typer(experiment.app, name="experiment")
app.add_typer(data.app, name="data")
app.add_typer(annotate.app, name="annotate")
app.add_typer(devices.app, name="devices")


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the whole traceback of an error."),
) -> None:
    """Turn anything that can answer into a teacher, and train a small student from its soft answers.

    A first run:  joryu experiment run hinton-mnist --smoke
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 well, 1 a check failed, 2 bad input, 3 mismatch, 4 an extra is missing,
    5 a dead teacher, 6 training failed, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    remember(words)
    try:
        code = app(words, standalone_mode=False)
    except JoryuError as error:
        if "--debug" in words:
            raise
        code = _say(str(error), error.exit_code)
    except TyperException as error:
        code = _help_or_line(error)
    except (KeyboardInterrupt, typer.Abort):
        code = _say("interrupted; what was done is kept: run the same command again to go on", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _help_or_line(error: TyperException) -> int:
    """A command without any argument shows its help; anything else that cannot be parsed gets one line."""
    context = getattr(error, "ctx", None)  # a usage error knows its command, other errors do not
    message = error.format_message()
    if message.startswith("Usage:"):
        sys.stderr.write(message + "\n")
        return 2
    where = f"; see {context.command_path} --help" if context is not None else ""
    return _say(" ".join(message.split()).rstrip(".") + where, 2)


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"joryu: {message}\n")
    return code
