"""Teachers by name, and one helpful line for every name that leads nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.students import Blueprint, save_student
from joryu.teachers import load_teacher

PLAN = Blueprint(architecture="mlp:4x1", input_shape=(1, 8, 8), classes=("a", "b"), scale=1 / 255)
FACTORY = """
from torch import nn

def flat(n_classes, input_shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_student(tmp_path / "run", PLAN.build(), PLAN)
    return tmp_path / "run"


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_teachers_module.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    return "module:a_teachers_module:flat"


def test_a_run_knows_its_classes(run: Path) -> None:
    teacher = load_teacher(f"run:{run}")
    assert teacher.question.names == ("a", "b")
    assert teacher.label(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).values.shape == (3, 2)
    assert load_teacher(f"run:{run}", classes=["a", "b"]).fingerprint == teacher.fingerprint


def test_a_run_that_does_not_take_these_pictures_is_refused_before_it_is_asked(run: Path) -> None:
    assert load_teacher(f"run:{run}", input_shape=(1, 8, 8)).question.names == ("a", "b")
    with pytest.raises(MismatchError, match=r"expected \[1, 8, 8\]; received \[1, 16, 16\]\); try --size 8"):
        load_teacher(f"run:{run}", input_shape=(1, 16, 16))


def test_a_convolutional_run_may_take_larger_pictures(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"architecture": "cnn:4x1"})
    save_student(tmp_path, plan.build(), plan)
    assert load_teacher(f"run:{tmp_path}", input_shape=(1, 16, 16)).question.names == plan.classes
    with pytest.raises(MismatchError, match="does not take"):
        load_teacher(f"run:{tmp_path}", input_shape=(3, 8, 8))


def test_a_run_of_other_classes_or_in_another_order(run: Path) -> None:
    for classes in (["b", "a"], ["a"], ["a", "b", "c"]):
        with pytest.raises(MismatchError, match="differ in their classes"):
            load_teacher(f"run:{run}", classes=classes)


def test_a_factory_with_weights_from_a_file(factory: str, tmp_path: Path) -> None:
    weights = {"1.weight": torch.zeros(2, 64), "1.bias": torch.tensor([1.0, -1.0])}
    save_file(weights, tmp_path / "weights@2.safetensors")
    spec = f"{factory}@{tmp_path / 'weights@2.safetensors'}"
    teacher = load_teacher(spec, classes=["a", "b"], input_shape=(1, 8, 8))
    assert teacher.label(torch.ones(1, 1, 8, 8)).values.tolist() == [[1.0, -1.0]]
    save_file({"1.weight": torch.zeros(3, 64)}, tmp_path / "other.safetensors")
    with pytest.raises(MismatchError, match="do not fit the network"):
        load_teacher(f"{factory}@{tmp_path / 'other.safetensors'}", classes=["a", "b"], input_shape=(1, 8, 8))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("", "unknown teacher ''"),
        ("run", "unknown teacher 'run'"),
        ("run:", "unknown teacher"),
        ("rum:x", "did you mean run:"),
        ("run:no/such/folder", "no run at no/such/folder"),
        ("timm:", "unknown teacher"),
        ("tinm:x", "did you mean timm:…?"),
        (
            "human:project",
            "human:project is no network: people know only the pictures they were shown; try find_teacher",
        ),
        (
            "module:torch.nn:Identity,output=",
            "unknown output of a network (expected logits or probs, or an output's name; received nothing)",
        ),
        ("module:no.such:factory", "cannot import"),
        ("module:os", "module:pkg.mod:factory"),
        ("module:torch.nn:Identity@absent.safetensors", "no weights at absent.safetensors"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(spec: str, says: str) -> None:
    with pytest.raises(JoryuError) as caught:
        load_teacher(spec, classes=["a", "b"], input_shape=(1, 8, 8))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_named_without_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"did you mean run:{run}"):
        load_teacher(str(run))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a finished run"):
        load_teacher(f"run:{tmp_path / 'empty'}")


def test_only_a_run_knows_its_classes() -> None:
    with pytest.raises(InputError, match="does not know its classes"):
        load_teacher("timm:resnet18")


class TestTimm:
    @pytest.fixture(autouse=True)
    def _present(self) -> None:
        pytest.importorskip("timm", reason="timm is in the extra vision")

    def test_with_a_file_it_has_its_own_size_and_normalisation(self, tmp_path: Path) -> None:
        import timm

        torch.manual_seed(0)
        model: Any = timm.create_model("test_resnet", num_classes=3).eval()
        save_file(model.state_dict(), tmp_path / "w.safetensors")
        teacher = load_teacher(f"timm:test_resnet@{tmp_path / 'w.safetensors'}", classes="abc", input_shape=(1, 20, 20))
        pictures = torch.randint(0, 256, (2, 1, 20, 20), dtype=torch.uint8)
        size = model.pretrained_cfg["input_size"][1:]
        resized = nn.functional.interpolate(pictures.float() / 255, size=size, mode="bilinear", antialias=True)
        mean, std = (torch.tensor(model.pretrained_cfg[name]).reshape(1, 3, 1, 1) for name in ("mean", "std"))
        with torch.no_grad():
            expected = model((resized.repeat(1, 3, 1, 1) - mean) / std)
        assert torch.allclose(teacher.label(pictures).values, expected, atol=1e-4)

    def test_published_weights_need_the_published_classes(self) -> None:
        with pytest.raises(MismatchError, match=r"expected 1000 classes; received 3 classes.*@FILE"):
            load_teacher("timm:test_resnet", classes="abc", input_shape=(3, 32, 32))

    def test_weights_that_cannot_be_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import timm

        create = timm.create_model

        def offline(name: str, *, pretrained: bool = False, **settings: Any) -> nn.Module:
            if pretrained:
                raise OSError("no network\nsecond line")
            return create(name, **settings)

        monkeypatch.setattr(timm, "create_model", offline)
        with pytest.raises(InputError, match="cannot get timm's weights") as caught:
            load_teacher("timm:test_resnet", classes=[str(i) for i in range(1000)], input_shape=(3, 32, 32))
        assert "\n" not in str(caught.value)
        assert "no network" in str(caught.value)
