"""A student is two files and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.questions import Question
from joryu.students import Blueprint, fingerprint, load_student, load_weights, require_inputs, save_student
from joryu.students.blueprint import state_of

PLAN = Blueprint(architecture="cnn:4x2", input_shape=(1, 8, 8), classes=("a", "b"), mean=(0.3,), std=(0.7,), scale=0.5)


@pytest.fixture
def student(tmp_path: Path) -> tuple[Path, nn.Module]:
    torch.manual_seed(0)
    module = PLAN.build()
    module(torch.randn(16, 1, 8, 8))  # batch norm has statistics of its own
    save_student(tmp_path / "run", module, PLAN)
    return tmp_path / "run", module.eval()


def test_round_trip(student: tuple[Path, nn.Module]) -> None:
    folder, module = student
    loaded, blueprint = load_student(folder)
    inputs = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8)
    assert blueprint == PLAN
    assert not any(part.training for part in loaded.modules())
    assert torch.equal(loaded(inputs), module(inputs))
    assert sorted(path.name for path in folder.iterdir()) == ["student.json", "student.safetensors"]


def test_loading_costs_the_caller_no_random_numbers(student: tuple[Path, nn.Module]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_student(student[0])
    assert torch.equal(torch.rand(1), expected)


def test_the_same_student_is_the_same_bytes(student: tuple[Path, nn.Module], tmp_path: Path) -> None:
    folder, module = student
    save_student(tmp_path / "again", module.to(memory_format=torch.channels_last), PLAN)
    for name in ("student.json", "student.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_fitted_measures_and_names_what_the_inputs_are() -> None:
    inputs = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    plan = Blueprint.fitted("mlp:4x1", inputs, Question.one_of("xyz"))
    assert (plan.input_shape, plan.classes, plan.scale) == ((3, 8, 8), ("x", "y", "z"), 1 / 255)
    first = plan.build()[0](inputs)
    assert first.mean((0, 2, 3)).abs().max() < 1e-5
    assert Blueprint.model_validate_json(plan.model_dump_json()) == plan


def test_tied_weights_are_saved_twice() -> None:
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    state = state_of(tied)
    assert state["0.weight"].data_ptr() != state["1.weight"].data_ptr()
    assert torch.equal(state["0.weight"], state["1.weight"])


def test_a_folder_without_a_student_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        load_student(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="finish it with the command that began it"):
        load_student(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "expected JSON"),
        ('{"architecture": "mlp:4x1"}', "student.json: input_shape is missing"),
        ('{"architecture": "mlp:4x1", "input_shape": [2], "classes": ["a"], "more": 1}', "more is not known"),
    ],
)
def test_a_damaged_plan(student: tuple[Path, nn.Module], content: str, says: str) -> None:
    (student[0] / "student.json").write_text(content)
    with pytest.raises(InputError, match=r"student\.json") as caught:
        load_student(student[0])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_absent_and_foreign_weights(student: tuple[Path, nn.Module], tmp_path: Path) -> None:
    folder, module = student
    with pytest.raises(InputError, match="no weights at"):
        load_weights(module, tmp_path / "absent.safetensors")
    weights = folder / "student.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot read the weights"):
        load_student(folder)
    weights.write_bytes(whole)
    plan = json.loads((folder / "student.json").read_text()) | {"architecture": "cnn:5x2"}
    (folder / "student.json").write_text(json.dumps(plan))
    with pytest.raises(MismatchError, match="do not fit the network") as caught:
        load_student(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_weights_of_torch_come_with_the_line_that_converts_them(
    student: tuple[Path, nn.Module], tmp_path: Path, ending: str, old: bool, wrapped: bool
) -> None:
    module = student[1]
    path = tmp_path / f"it's mine{ending}"
    state = module.state_dict()
    torch.save({"state_dict": state} if wrapped else state, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(InputError, match=r"received what torch\.save writes\); convert it once: python -c ") as caught:
        load_weights(module, path)
    assert "\n" not in str(caught.value)


def test_the_line_that_converts_weights_runs_as_it_stands(student: tuple[Path, nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "it's mine.pth"  # a name that a shell needs quoted
    torch.save({"state_dict": student[1].state_dict()}, path)
    with pytest.raises(InputError) as caught:
        load_weights(PLAN.build(), path)
    line = str(caught.value).split("convert it once: ", 1)[1].replace("python", sys.executable, 1)
    subprocess.run(line, shell=True, check=True)  # noqa: S602 - as whoever reads it would
    load_weights(PLAN.build(), path.with_suffix(".safetensors"))


def test_weights_that_are_misnamed_are_not_converted_onto_themselves(
    student: tuple[Path, nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    torch.save(student[1].state_dict(), path)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        load_weights(PLAN.build(), path)
    line = str(caught.value).split("convert it once: ", 1)[1].replace("python", sys.executable, 1)
    subprocess.run(line, shell=True, check=True)  # noqa: S602 - as whoever reads it would
    assert path.read_bytes() == before
    load_weights(PLAN.build(), tmp_path / "w-converted.safetensors")


@pytest.mark.parametrize("architecture", ["mlp:4x1", "cnn:4x2"])
def test_a_student_in_python_refuses_pictures_of_other_channels_in_one_line(architecture: str) -> None:
    grey = Blueprint(architecture=architecture, input_shape=(1, 8, 8), classes=("a", "b")).build().eval()
    with pytest.raises(InputError, match=r"other channels \(expected \[1, 8, 8\]; received \[3, 8, 8\]\)"):
        grey(torch.zeros(2, 3, 8, 8))
    assert grey(torch.zeros(2, 1, 8, 8)).shape == (2, 2)
    means = {"mean": (0.1, 0.2, 0.3), "std": (1.0, 1.0, 1.0)}
    colour = Blueprint(architecture=architecture, input_shape=(3, 8, 8), classes=("a", "b"), **means).build().eval()
    with pytest.raises(InputError, match="other channels"):
        colour(torch.zeros(2, 4, 8, 8))
    assert colour(torch.zeros(2, 1, 8, 8)).shape == (2, 2)


def test_a_grey_student_says_why_it_refuses_colour() -> None:
    grey = Blueprint(architecture="cnn:4x2", input_shape=(1, 8, 8), classes=("a", "b"))
    with pytest.raises(MismatchError, match=r"learned from grey .* in colour: make them grey \(Pillow") as caught:
        require_inputs(grey.build(), grey, (3, 8, 8))
    assert "--size" not in str(caught.value)
    with pytest.raises(MismatchError, match=r"make them grey .*; try --size 8"):
        require_inputs(grey.build(), grey, (3, 9, 9))
    require_inputs(grey.build(), grey, (1, 9, 9))


@pytest.mark.parametrize("architecture", ["cnn:4x2", "mlp:4x1"])
def test_a_colour_student_takes_a_grey_picture_as_three_equal_channels(architecture: str) -> None:
    plan = Blueprint(
        architecture=architecture, input_shape=(3, 8, 8), classes=("a", "b"), mean=(0.1, 0.2, 0.3), std=(1, 2, 3)
    )
    student, pictures = plan.build().eval(), torch.rand(2, 1, 8, 8)
    require_inputs(student, plan, (1, 8, 8))
    assert torch.equal(student(pictures), student(pictures.expand(-1, 3, -1, -1)))


def test_a_missing_tensor_is_a_mismatch(student: tuple[Path, nn.Module]) -> None:
    folder, module = student
    state = load_file(folder / "student.safetensors")
    state.pop("0.mean")
    save_file(state, folder / "partly.safetensors")
    with pytest.raises(MismatchError, match=r"0\.mean"):
        load_weights(module, folder / "partly.safetensors")


def test_the_fingerprint_is_of_names_shapes_types_and_bytes() -> None:
    torch.manual_seed(0)
    module = nn.Linear(2, 2)
    first = fingerprint(module)
    assert len(first) == 32
    assert fingerprint(module) == first
    assert fingerprint(module, "more") != first
    changed = []
    with torch.no_grad():
        module.weight[1, 1] += 1e-7
    changed.append(fingerprint(module))
    changed.append(fingerprint(nn.Sequential(module)))
    changed.append(fingerprint(module.half()))
    changed.append(fingerprint(nn.Linear(4, 1, bias=False)))
    assert len({first, *changed}) == 5
