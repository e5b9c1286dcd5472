"""Which output of a module answers, where it gives several: the one that is named, never a guess."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.teachers import Network, load_teacher
from joryu.teachers.labelling import label_examples

CLASSES = ("a", "b")
KNOWN = {"classes": CLASSES, "input_shape": (1, 2, 1)}
FACTORY = """
from collections import OrderedDict, namedtuple
import torch
from torch import nn

Pair = namedtuple("Pair", "features logits")

class Model(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, pictures):
        logits = pictures.float().flatten(1) / 4
        return {
            "plain": logits,
            "dict": {"features": logits[:, :1], "loss": None, "logits": logits, "probs": logits.softmax(1)},
            "tuple": (logits + 1, logits, "state"),
            "named": Pair(logits[:, :1], logits),
            "output": OrderedDict(logits=logits, hidden=(logits, logits)),  # as a ModelOutput is
            "nothing": {"loss": None},
        }[self.kind]
"""
NAMES = ("plain", "dict", "tuple", "named", "output", "nothing")
PICTURES = torch.tensor([[3, 200], [250, 1], [0, 0]], dtype=torch.uint8).reshape(3, 1, 2, 1)
LOGITS = PICTURES.float().flatten(1) / 4


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    functions = "".join(f"\ndef {name}(n_classes, input_shape):\n    return Model('{name}')\n" for name in NAMES)
    (tmp_path / "several_outputs.py").write_text(FACTORY + functions)
    monkeypatch.syspath_prepend(tmp_path)
    return "module:several_outputs"


def logits_of(spec: str) -> Tensor:
    return load_teacher(spec, **KNOWN).label(PICTURES).values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "spec",
    ["dict,output=logits", "dict,output=1", "tuple,output=1", "named,output=logits", "output", "output,output=0"],
)
def test_the_one_that_is_named_answers(spec: str, factory: str) -> None:
    assert torch.equal(logits_of(f"{factory}:{spec}"), LOGITS)


def test_what_it_holds_may_be_said_too(factory: str) -> None:
    small = PICTURES // 64  # so that no probability is rounded to zero
    for spec in ("dict,output=probs", "dict,output=2:probs"):
        said = load_teacher(f"{factory}:{spec}", **KNOWN).label(small)  # type: ignore[arg-type]
        assert torch.allclose(said.probs(), (small.float().flatten(1) / 4).softmax(1), atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("dict", r"several_outputs:dict has 3 outputs \(expected one of features, logits, probs, or its number\);"
         r" choose one: ,output=NAME"),
        ("tuple", r"has 2 outputs \(expected one of 0, 1, or its number\)"),
        ("dict,output=scores", r"has no output scores \(expected one of features, logits, probs"),
        ("named,output=2", "has no output 2"),
        ("nothing,output=logits", "gives no tensor"),
        ("plain,output=scores", r"has no output scores \(expected one of 0"),
    ],
)  # fmt: skip
def test_nothing_is_guessed_and_no_example_blamed(spec: str, words: str, factory: str, tmp_path: Path) -> None:
    teacher = load_teacher(f"{factory}:{spec}", **KNOWN)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words) as caught:
        label_examples(teacher, Examples.of(PICTURES, classes=CLASSES), tmp_path / "targets")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "targets" / "failures.jsonl").exists()


def test_with_classes_in_another_order(factory: str) -> None:
    teacher = load_teacher(f"{factory}:dict,output=logits", order=("b", "a"), **KNOWN)  # type: ignore[arg-type]
    assert torch.equal(teacher.label(PICTURES).values, LOGITS.flip(1))


def test_a_choice_is_another_teacher_and_a_plain_one_stays_the_same(factory: str) -> None:
    from several_outputs import Model  # type: ignore[import-not-found]

    def of(spec: str) -> str:
        return load_teacher(f"{factory}:{spec}", **KNOWN).fingerprint  # type: ignore[arg-type]

    assert of("plain") == of("plain,output=logits") == Network(Model("plain"), CLASSES).fingerprint
    assert len({of("tuple,output=0"), of("tuple,output=1"), of("tuple")}) == 3
