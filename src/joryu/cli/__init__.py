"""The command line: one file per command, without logic of its own; slow imports wait until they are needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from joryu.allocator import keep_freed_memory
from joryu.cli import (
    annotate,
    audit,
    bench,
    collect,
    data,
    devices,
    distill,
    evaluate,
    examples,
    experiment,
    export,
    label,
    plan,
    predict,
    quantise,
    report,
    screen,
    serve,
    sweep,
    targets,
    train,
    verify,
    version,
    worth,
)
from joryu.cli.modules_here import find_modules_here
from joryu.cli.output import remember
from joryu.cli.summaries import show_summaries_whole
from joryu.errors import InputError, JoryuError, option

INTERRUPTED = 130

app = typer.Typer(
    name="joryu",
    help="Turn anything that can answer into a teacher, and train a small student from its soft answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for command in (
    collect,
    examples,
    train,
    plan,
    label,
    audit,
    screen,
    verify,
    distill,
    sweep,
    worth,
    quantise,
    evaluate,
    report,
    predict,
    serve,
    export,
    bench,
    version,
):
    command.register(app)
app.add_typer(experiment.app, name="experiment")
app.add_typer(data.app, name="data")
app.add_typer(annotate.app, name="annotate")
app.add_typer(devices.app, name="devices")
app.add_typer(targets.app, name="targets")
show_summaries_whole(app)


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the whole traceback of an error."),
    _version: bool = typer.Option(
        False, "--version", "-V", is_eager=True, callback=version.say, help="Print the version and exit."
    ),
) -> None:
    """Turn anything that can answer into a teacher, and train a small student from its soft answers.

    A first run:  joryu experiment run hinton-mnist --smoke
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; ``arguments`` are those of the process unless given.

    The exit codes: 0 success, 1 a check failed or the machine refused (a full disk, no memory), 2 bad input,
    3 mismatch, 4 an extra is missing, 5 a dead teacher, 6 training failed, 7 the teacher can be asked no more,
    130 interrupted.

    Raises:
        SystemExit: always, with the exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    keep_freed_memory()
    find_modules_here()
    remember(words)
    try:
        _require_names_that_can_be_written(words)
        code = app(words, standalone_mode=False)
        if code == INTERRUPTED:  # typer swallows Ctrl-C and says nothing
            raise KeyboardInterrupt
        sys.stdout.flush()  # here, where a full disk or a closed pipe can still be told of
    except BrokenPipeError:  # joryu … | head: no news to anybody; typer ends with 1 and no word too
        code = 1
    except (KeyboardInterrupt, typer.Abort):  # an Abort is a RuntimeError too
        code = _say("interrupted; what was done is kept: run the same command again to go on", INTERRUPTED)
    except (JoryuError, OSError, MemoryError, RuntimeError) as error:
        said = _line_of(error)
        if said is None or "--debug" in words:
            raise
        code = _say(*said)
    except TyperException as error:
        code = _help_or_line(error)
    _let_go_of_stdout()
    sys.exit(code if isinstance(code, int) else 0)


def _require_names_that_can_be_written(words: Sequence[str]) -> None:
    """Check that all words are UTF-8, as records, pages and JSON are; otherwise these would fail after the work.

    Raises:
        InputError: a word is not valid UTF-8.
    """
    for word in words:
        if (shown := word.encode(errors="replace").decode()) != word:
            raise InputError(
                "a name that is not valid UTF-8 cannot be kept in records", received=shown, hint="rename it"
            )


def _line_of(error: Exception) -> tuple[str, int] | None:
    """The line and the exit code for an error that the user or the machine caused; ``None`` for a fault of Joryu."""
    if isinstance(error, JoryuError):
        return error.spelled(option), error.exit_code
    if isinstance(error, OSError):
        named = f" ({error.filename})" if error.filename else ""
        return f"the system says: {error.strerror or error}{named}; what was done is kept: mend it and run again", 1
    # On a CPU torch reports memory that is not there as a plain RuntimeError, on a GPU as a kind of one.
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "allocate memory" in str(error):
        why = (str(error).splitlines() or [""])[0] or "an allocation failed"
        return f"not enough memory (received {why}); try a smaller --size, --batch-size or network", 1
    return None


def _help_or_line(error: TyperException) -> int:
    """Show the help of a command without arguments, or one line about arguments that cannot be parsed."""
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


def _let_go_of_stdout() -> None:
    """Drop output that a closed pipe or a full disk did not take; Python would report it once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
