"""Students that cannot be trained are refused in one line before the first step, and odd ones that can are trained."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from scenes import digits, recipe
from torch import Tensor, nn

from joryu.cli import main
from joryu.errors import InputError
from joryu.objectives import HardLabels
from joryu.students import Blueprint, load_student
from joryu.students.trial import require_gradients_in_bf16
from joryu.training import Run, Trained, TrainingData, train
from joryu.training.optimiser import make_optimiser
from joryu.training.recipe import Recipe


class Flat(nn.Module):
    """A linear layer over the pixels, and something done to what it gives."""

    def __init__(self, n_outputs: int = 10) -> None:
        super().__init__()
        self.linear = nn.Linear(64, n_outputs)

    def forward(self, pictures: Tensor) -> object:
        return self.linear(pictures.flatten(1))


class Tuple(Flat):
    def forward(self, pictures: Tensor) -> object:
        return super().forward(pictures), None


class TupleInTraining(Flat):
    """As torchvision's Inception does."""

    def forward(self, pictures: Tensor) -> object:
        logits = super().forward(pictures)
        return (logits, logits) if self.training else logits


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 10, 3)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.convolution(pictures)


class Detached(Flat):
    def forward(self, pictures: Tensor) -> object:
        with torch.no_grad():
            return super().forward(pictures)


class Fails(Flat):
    def forward(self, pictures: Tensor) -> object:
        raise IndexError("no such\nrow")


class Normed(Flat):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(10)

    def forward(self, pictures: Tensor) -> object:
        return self.norm(super().forward(pictures))


class Softmax(Flat):
    def forward(self, pictures: Tensor) -> object:
        return torch.softmax(self.linear(pictures.flatten(1)), 1)


class SoftmaxOutsideTraining(Flat):
    def forward(self, pictures: Tensor) -> object:
        logits = self.linear(pictures.flatten(1))
        return logits if self.training else logits.softmax(1)


class Sigmoid(Flat):
    def forward(self, pictures: Tensor) -> object:
        return torch.sigmoid(self.linear(pictures.flatten(1)))


class LogSoftmax(Flat):
    def forward(self, pictures: Tensor) -> object:
        return self.linear(pictures.flatten(1)).log_softmax(1)


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(10))


def frozen() -> nn.Module:
    return Flat().requires_grad_(False)


def half_frozen() -> nn.Module:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.Dropout(0.2), nn.ReLU(), nn.Linear(12, 10))
    network[1].requires_grad_(False)
    return network


def no_network() -> object:
    return {"a": 1}


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ModuleType("theirs")
    theirs.__dict__.update({name: found for name, found in globals().items() if not name.startswith("_")})
    theirs.__dict__["few_classes"] = lambda: Flat(7)
    monkeypatch.setitem(sys.modules, "theirs", theirs)


REFUSED = [
    (
        "Tuple",
        r"something else than the outputs asked for \(expected \[2, 10\]; received a tuple\); return the outputs alone",
    ),
    ("TupleInTraining", "received a tuple"),
    ("few_classes", r"expected \[2, 10\]; received \[2, 7\]"),
    ("Maps", r"expected \[2, 10\]; received \[2, 10, 6, 6\]"),
    ("Detached", "outputs that depend on its parameters; received a constant"),
    ("Fails", r"fails on these examples .*IndexError: no such \(.*test_odd_students\.py, line \d+\)"),
    ("Softmax", r"ends in a softmax \(expected logits.* sum to 1\); let its forward return what it has before"),
    ("SoftmaxOutsideTraining", "ends in a softmax"),
    ("Sigmoid", "ends in a sigmoid .*before the sigmoid"),
    ("lazy", r"parameters without a size .*received 1\.1\.weight.*torch\.zeros\(1, \*input_shape\)"),
    ("frozen", "cannot learn .*received 2 frozen ones"),
    ("no_network", r"must return an nn\.Module \(received dict\)"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED, ids=[line[0] for line in REFUSED])
def test_a_student_that_cannot_be_trained_is_one_line_and_no_step(name: str, says: str, tmp_path: Path) -> None:
    def no_step(*_: object) -> None:
        raise AssertionError("it began to train")

    with pytest.raises(InputError, match=says) as caught:
        fit(tmp_path, name, watch=no_step)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "metrics.jsonl").exists()
    assert len(fit(tmp_path, "Flat").history) == 3  # the folder of the slip is as good as new


def fit(folder: Path, name: str, *, watch: object = None, examples: int = 96, **settings: object) -> Trained:
    plan = Blueprint(architecture=f"module:theirs:{name}", input_shape=(1, 8, 8), classes=tuple("0123456789"))
    shown = digits(examples)
    data = TrainingData(shown, validation=digits(200).select(range(160, 200)))
    return train(plan, data, objective=HardLabels(), recipe=recipe(**settings), run=Run(folder, watch=watch))  # type: ignore[arg-type]


def test_probabilities_are_refused_where_logits_are_learned_and_nowhere_else() -> None:
    from joryu.questions import PICTURE, Question
    from joryu.students.trial import require_outputs

    inputs, tags = torch.rand(2, 1, 8, 8), Question.tags(["red", "round"])
    with pytest.raises(InputError, match="ends in a sigmoid"):
        require_outputs(Sigmoid(2), "tags", inputs, width=2, question=tags)
    masks = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Sigmoid())
    with pytest.raises(InputError, match="ends in a sigmoid"):
        require_outputs(masks, "masks", inputs, width=1, question=Question.tags(["salt"], grid=PICTURE))
    with pytest.raises(InputError, match="ends in a softmax"):
        require_outputs(
            nn.Sequential(nn.Conv2d(1, 3, 1), nn.Softmax(1)), "masks", inputs, width=3,
            question=Question.one_of(3, grid=PICTURE),
        )  # fmt: skip
    with pytest.raises(InputError, match="ends in a softmax"):
        require_outputs(Softmax(2), "one row", inputs[:1], width=2, question=Question.one_of(2))
    require_outputs(LogSoftmax(2), "log-probabilities are logits", inputs, width=2, question=Question.one_of(2))
    require_outputs(Softmax(2), "shares are numbers", inputs, width=2, question=Question.numbers(["oats", "rye"]))
    between = Flat(2)
    with torch.no_grad():
        between.linear.weight.zero_()
        between.linear.bias.fill_(0.4)
    require_outputs(between, "tags that happen to lie there", inputs, width=2, question=tags)


@pytest.mark.parametrize(("examples", "batch_size"), [(96, 1), (1, 32)], ids=["batches of one", "a set of one"])
def test_a_batch_of_one_before_a_batch_norm(examples: int, batch_size: int, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"batch of one \(expected at least 2 examples in a step; received 1\)"
    ) as said:
        fit(tmp_path, "Normed", examples=examples, batch_size=batch_size)
    assert "--batch-size" in str(said.value)
    fit(tmp_path, "Flat", examples=examples, batch_size=batch_size)


def test_a_ragged_end_of_one_never_comes_to_a_batch_norm(tmp_path: Path) -> None:
    """33 examples in batches of 32: the last one is left to another epoch, and one example alone is validated."""
    plan = Blueprint(architecture="module:theirs:Normed", input_shape=(1, 8, 8), classes=tuple("0123456789"))
    data = TrainingData(digits(33), validation=digits(41).select([40]))
    done = train(plan, data, objective=HardLabels(), recipe=recipe(), run=Run(tmp_path))
    assert len(done.history) == 3


def test_what_is_frozen_stays_as_it_was_to_the_bit(tmp_path: Path) -> None:
    def weights(folder: str, epochs: int) -> dict[str, Tensor]:
        settings = {"weight_decay": 0.5, "max_norm": 0.1, "ema": 0.5, "epochs": epochs, "keep": "last"}
        fit(tmp_path / folder, "half_frozen", **settings)
        return load_student(tmp_path / folder)[0].state_dict()

    one, four = weights("one", 1), weights("four", 4)
    assert torch.equal(one["1.1.weight"], four["1.1.weight"])
    assert torch.equal(one["1.1.bias"], four["1.1.bias"])
    assert not torch.equal(one["1.4.weight"], four["1.4.weight"])
    assert four["1.1.weight"].norm(dim=1).min() > 0.1  # not pulled in by the constraint either


def test_the_optimiser_knows_nothing_of_frozen_weights() -> None:
    network = half_frozen()
    stepping = make_optimiser(network, Recipe(weight_decay=0.1))
    known = {id(parameter) for group in stepping.param_groups for parameter in group["params"]}
    assert known == {id(parameter) for parameter in network.parameters() if parameter.requires_grad}


def test_the_trial_leaves_no_trace(tmp_path: Path) -> None:
    """Neither in the averages of a batch norm nor in what chance gives next."""
    from joryu.students.trial import require_outputs

    network = nn.Sequential(nn.Dropout(0.5), Normed())
    before = {name: part.clone() for name, part in network.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    require_outputs(network, "one", digits(8).inputs.float(), width=10)
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(part, before[name]) for name, part in network.state_dict().items())


class Striding(nn.Module):
    """Convolutions that halve a picture until a single pixel is left, and stride over that too."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        halving = [nn.Conv2d(channels, 4, 3, stride=2, padding=1) for channels in (1, 4, 4)]
        self.layers = nn.Sequential(*halving, last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))

    def forward(self, pictures: Tensor) -> Tensor:
        answers: Tensor = self.layers(pictures)
        return answers


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), "Conv2d with stride 2 over 1×1"),
        (nn.Conv2d(4, 4, 3, stride=(1, 2), padding=1), "Conv2d with stride 2 over 1×1"),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=2), "Conv2d with stride 2 over 1×1"),
        (nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1), "ConvTranspose2d with stride 2 over 1×1"),
    ],
)
def test_gradients_that_pytorch_leaves_unset_in_bf16_are_refused(last: nn.Module, says: str) -> None:
    with pytest.raises(InputError, match=f"Striding cannot be trained in bf16 on a CPU.*{says}.*--precision 32-true"):
        require_gradients_in_bf16(Striding(last), "Striding", digits(4).inputs.float())


@pytest.mark.parametrize(
    "last",
    [
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 1, stride=2),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, stride=2, padding=1).requires_grad_(False),
        nn.ConvTranspose2d(4, 4, 3, stride=2),
    ],
)
def test_convolutions_whose_gradients_are_computed_are_not_refused(last: nn.Module) -> None:
    network = Striding(last)
    require_gradients_in_bf16(network, "Striding", digits(4).inputs.float())
    assert network.training
    assert not any(part._forward_hooks for part in network.modules())


def halving() -> nn.Module:
    return Striding(nn.Conv2d(4, 4, 3, stride=2, padding=1))


def test_such_a_student_is_trained_in_float32_in_the_same_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="halving cannot be trained in bf16 on a CPU"):
        fit(tmp_path, "halving", precision="bf16-mixed")
    assert len(fit(tmp_path, "halving", precision="32-true").history) == 3


def test_the_command_line_says_it_in_one_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(f"train --network module:theirs:Normed --examples digits --batch-size 1 --out {tmp_path}/run".split())
    err = capsys.readouterr().err
    assert (stopped.value.code, err.count("joryu: ")) == (2, 1), err
    assert "batch of one" in err
