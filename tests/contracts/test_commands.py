"""What every command and every option of the command line keeps; whoever adds one has nothing to add here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import typer
from typer.main import get_command

from joryu.cli import app, main


class Command(NamedTuple):
    """A command, by the words that name it."""

    words: tuple[str, ...]
    known: Any

    def __str__(self) -> str:
        return " ".join(self.words)

    @property
    def options(self) -> list[Any]:
        return [one for one in self.known.params if one.param_type_name == "option"]

    @property
    def arguments(self) -> list[Any]:
        return [one for one in self.known.params if one.param_type_name == "argument"]


def walk(group: Any, words: tuple[str, ...] = ()) -> Iterator[Command]:
    for name, known in group.commands.items():
        if hasattr(known, "commands"):
            yield from walk(known, (*words, name))
        else:
            yield Command((*words, name), known)


COMMANDS = list(walk(get_command(app)))
OPTIONS = [(command, option) for command in COMMANDS for option in command.options]
by_option = pytest.mark.parametrize(
    ("command", "option"), OPTIONS, ids=[f"{command} {option.opts[0]}" for command, option in OPTIONS]
)
by_command = pytest.mark.parametrize("command", COMMANDS, ids=str)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Exit code, stdout and stderr of what is typed."""

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        return int(stopped.value.code or 0), *capsys.readouterr()

    return run


def test_there_are_commands_to_look_at() -> None:
    assert len(COMMANDS) > 15
    assert {"label", "distill", "predict", "annotate export"} <= set(map(str, COMMANDS))


@by_command
def test_help_has_a_sentence_and_an_example_that_names_the_command(command: Command, ask: Any) -> None:
    code, out, err = ask(*command.words, "--help")
    assert (code, err) == (0, "")
    assert ask(*command.words, "-h")[1] == out
    typed = str(command).removesuffix(" start")  # what a group does where nothing else is said
    assert f"joryu {typed} " in " ".join(out.partition("Example:")[2].split()), out
    summary = " ".join(str(command.known.help).split())
    assert re.match(r"[A-Z].*?\.( |$)", summary)


@by_option
def test_every_option_says_what_it_is_for(command: Command, option: Any) -> None:
    assert option.help, f"{option.opts[0]} of {command} has no help"
    assert all(re.fullmatch(r"--[a-z][a-z0-9-]*|-[a-zA-Z]", name) for name in (*option.opts, *option.secondary_opts))
    assert len({*option.opts}) == len(option.opts)


@by_command
def test_every_argument_says_what_it_is(command: Command) -> None:
    assert all(getattr(one, "help", None) for one in command.arguments)


@by_command
def test_no_two_options_of_a_command_have_the_same_name_or_words(command: Command) -> None:
    names = [name for one in command.options for name in (*one.opts, *one.secondary_opts)]
    assert len(names) == len(set(names))
    said = [one.help for one in command.options]
    assert len(said) == len(set(said))


@by_command
def test_an_option_that_there_is_not_is_one_line_that_says_where_to_look(command: Command, ask: Any) -> None:
    code, out, err = ask(*command.words, "--no-such-thing")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("joryu: No such option: --no-such-thing")
    assert err.rstrip().endswith(f" {command} --help")


@by_option
def test_a_value_of_another_kind_is_one_line_that_names_the_option(command: Command, option: Any, ask: Any) -> None:
    """Nothing is read, written or trained before the words are understood."""
    if option.is_flag:
        code, out, err = ask(*command.words, f"{option.opts[0]}=maybe")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert option.opts[0] in err
        return
    code, out, err = ask(*command.words, option.opts[0])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert option.opts[0] in err
    if option.bare_type() in (int, float):
        code, out, err = ask(*command.words, option.opts[0], "many")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert option.opts[0] in err


@by_command
def test_without_what_it_needs_a_command_does_nothing(command: Command, ask: Any) -> None:
    needed = [one for one in command.known.params if one.required]
    if not needed:
        return
    code, out, err = ask(*command.words)
    assert (code, out) == (2, "")
    missing = re.match(r"joryu: Missing (?:argument|option) '([^']+)'", err)
    assert missing is not None or err.startswith("Usage:"), err
    if missing is not None:
        assert err.count("\n") == 1


@pytest.mark.parametrize("name", sorted({name for command in COMMANDS for name in command.words[:1]}))
def test_a_command_with_a_letter_too_few_is_not_guessed_at(name: str, ask: Any) -> None:
    code, out, err = ask(f"{name[:-1]}x")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"joryu: No such command '{name[:-1]}x'")


@pytest.mark.parametrize("shared", ["--json", "--out", "--examples", "--size", "--batch-size", "--seed", "--split"])
def test_an_option_that_several_commands_have_takes_the_same_kind_of_value(shared: str) -> None:
    kinds = {str(command): option.bare_type() for command, option in OPTIONS if shared in option.opts}
    assert kinds
    assert len(set(kinds.values())) == 1, kinds


def test_the_app_is_the_one_that_is_installed() -> None:
    assert isinstance(app, typer.Typer)
    assert get_command(app).name == "joryu"
