"""The command line's own words: options that cannot drift apart, messages that name them, help that is not cut."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from joryu.cli import app, main
from joryu.cli.recipe_options import RECIPE_OPTIONS
from joryu.training import Recipe

TRAIN = "train --network mlp:8x1 --examples digits --out {tmp}/run"
DISTILL = "distill --student mlp:8x1 --examples digits --targets {tmp}/none --out {tmp}/run"


def run(capsys: pytest.CaptureFixture[str], command: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(command.split())
    return int(stopped.value.code or 0), *capsys.readouterr()


def test_the_options_of_a_recipe_are_its_fields_with_their_defaults() -> None:
    fields = {name: field.default for name, field in Recipe.model_fields.items()}
    assert {name: parameter.default.default for name, parameter in RECIPE_OPTIONS.items()} == fields


@pytest.mark.parametrize("command", ["train", "distill"])
def test_every_command_that_trains_takes_every_option_of_a_recipe(command: str) -> None:
    root = get_command(app)
    found = root.get_command(typer.Context(root), command)  # type: ignore[attr-defined]
    options = {name for parameter in found.params for name in parameter.opts}
    assert {f"--{field.replace('_', '-')}" for field in Recipe.model_fields} <= options


BAD_SETTINGS = {
    "epochs": "0", "batch_size": "0", "learning_rate": "0", "optimiser": "adam", "momentum": "1", "weight_decay": "-1",
    "schedule": "linear", "warmup": "1", "final_rate": "2", "clip": "0", "max_norm": "-1", "ema": "1", "patience": "0",
    "keep": "first", "precision": "fp8", "seed": "-1",
}  # fmt: skip


def test_no_setting_is_left_out_below() -> None:
    assert set(BAD_SETTINGS) == set(Recipe.model_fields) - {"compile"}  # a flag cannot be given a wrong value


@pytest.mark.parametrize("command", [TRAIN, DISTILL], ids=["train", "distill"])
@pytest.mark.parametrize(("field", "value"), BAD_SETTINGS.items())
def test_a_bad_setting_of_a_recipe_is_named_by_its_option(
    command: str, field: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = f"--{field.replace('_', '-')}"
    code, out, err = run(capsys, f"{command} {option} {value}".format(tmp=tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"joryu: {option} is not usable (expected ")


@pytest.mark.parametrize(
    "given", ["--temperature 0", "--hard-weight 2", "--labelled 0", "--validation 0", "--test 1", "--signal-weight -1"]
)
def test_a_bad_setting_of_a_lesson_is_named_by_its_option(
    given: str, job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, f"{DISTILL} {given}".format(tmp=tmp_path).replace(f"{tmp_path}/none", str(job)))
    assert (code, out, err.count("joryu: ")) == (2, "", 1)
    assert err.splitlines()[-1].startswith(f"joryu: {given.split(maxsplit=1)[0]} is not usable (expected ")


@pytest.mark.parametrize("given", ["--validation 0", "--test 1"])
def test_train_names_a_bad_share_by_its_option(given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, f"{TRAIN} {given}".format(tmp=tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"joryu: {given.split(maxsplit=1)[0]} is not usable (expected ")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answers of a teacher that was hardly trained."""
    root = tmp_path_factory.mktemp("job")
    for command in (
        f"train --network mlp:8x1 --examples digits --epochs 1 --out {root}/teacher",
        f"label --teacher run:{root}/teacher --examples digits --out {root}/targets",
    ):
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        assert not stopped.value.code
    return root / "targets"


def test_python_keeps_the_names_of_python() -> None:
    with pytest.raises(Exception, match=r"^batch_size is not usable \(expected at least 1"):
        Recipe(batch_size=0)


@pytest.mark.parametrize("spelling", ["--version", "-V"])
def test_the_version(spelling: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, spelling) == (0, f"joryu {version('joryu')}\n", "")


def test_every_command_is_summed_up_in_one_whole_line_of_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    listed = out.partition("Commands:\n")[2].splitlines()
    names = [line.split()[0] for line in listed if re.match(r"  \w", line)]
    assert len(names) == len(app.registered_commands) + len(app.registered_groups)
    assert len(listed) == len(names), "a summary takes a second line"
    assert all(len(line) <= 80 and re.search(r"\w\.$", line) for line in listed)


def test_a_group_lists_its_commands_whole_too(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("annotate", "devices", "experiment", "data"):
        _, out, _ = run(capsys, f"{group} --help")
        listed = out.partition("Commands:\n")[2]
        assert listed
        assert "..." not in listed


def test_the_signature_that_typer_reads_is_the_commands_own() -> None:
    from joryu.cli.recipe_options import RECIPE, takes_recipe

    def command(first: int, settings: object = RECIPE, last: str = "") -> None:
        found.append((first, settings, last))

    found: list[object] = []
    wrapped = takes_recipe(command)
    assert list(inspect.signature(wrapped).parameters) == ["first", *RECIPE_OPTIONS, "last"]
    wrapped(first=1, last="x", **dict.fromkeys(RECIPE_OPTIONS, 0))
    assert found == [(1, dict.fromkeys(RECIPE_OPTIONS, 0), "x")]
