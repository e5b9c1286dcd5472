"""The contenders' end: the same work for all, and the best of each."""

import numpy as np
import pytest
import torch
from benchmarks.contenders import torch_parts
from benchmarks.contenders.work import MEAN, STD, Work
from benchmarks.contenders.worker import Contender, Spent, fastest

from joryu.objectives import Distillation, total
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.targets import SoftTargets, Space


def taking(*seconds):
    """A contender whose epochs take these seconds, the last one for ever."""
    left = list(seconds)
    return Contender(lambda: Spent(left.pop(0) if len(left) > 1 else left[0], 0.0), None)


def test_work_survives_the_wire():
    work = Work("cnn", 512, teachers=10, precision="bfloat16")
    assert Work.from_json(work.to_json()) == work


def test_pictures_are_the_same_every_time_and_cover_the_classes():
    pictures, labels = Work("mlp", 512).pictures()
    again, _ = Work("mlp", 512).pictures()
    assert pictures.shape == (512, 1, 28, 28)
    assert pictures.dtype == np.uint8
    assert (pictures == again).all()
    assert set(labels) == set(range(10))


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_plain_student_is_ours(network):
    work = Work(network, 8, batch=8)
    channels = work.shape[0]
    ours = Blueprint(
        architecture=work.architecture(teacher=False),
        input_shape=work.shape,
        classes=tuple("0123456789"),
        mean=(MEAN,) * channels,
        std=(STD,) * channels,
        scale=1 / 255,
    ).build()
    torch_parts.fill(ours, work, teacher=False)
    pictures = torch.from_numpy(work.pictures()[0])
    torch.testing.assert_close(torch_parts.student(work).cpu()(pictures), ours(pictures)["main"], rtol=1e-4, atol=1e-5)


def test_the_plain_loss_is_ours():
    work = Work("mlp", 8)
    student, teacher = torch.randn(2, 4, 10, generator=torch.Generator().manual_seed(0)) * 5
    labels = torch.tensor([0, 3, 9, 1])
    targets = SoftTargets(values=teacher, space=Space.LOGITS, question=Question.one_of(10))
    objective = Distillation(temperature=work.temperature, hard_weight=work.hard_weight)
    ours = total(objective({"main": student}, targets, labels)).mean()
    torch.testing.assert_close(
        torch_parts.distillation_loss(student, teacher, labels, work), ours, rtol=1e-5, atol=1e-5
    )


def test_an_ensemble_averages_probabilities_at_the_temperature():
    class Fixed(torch.nn.Module):
        def __init__(self, logits):
            super().__init__()
            self.logits = logits

        def forward(self, pictures):
            return self.logits

    one, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    ensemble = torch_parts.Ensemble([Fixed(one), Fixed(other)], 2.0)
    expected = (torch.softmax(one / 2, -1) + torch.softmax(other / 2, -1)) / 2
    torch.testing.assert_close(torch.softmax(ensemble(torch.zeros(1)) / 2, -1), expected)


def test_the_fastest_variant_is_taken_after_a_warm_up():
    variants = {"slow": lambda work: taking(0.1, 3.0), "fast": lambda work: taking(9.0, 2.0)}
    chosen = fastest(Work("mlp", 512), variants)
    assert chosen.facts == {"variant": "fast", "tried": {"slow": 3.0, "fast": 2.0}}


def test_a_variant_that_breaks_is_left_out(capsys):
    def broken(work):
        raise OSError("no compiler")

    chosen = fastest(Work("mlp", 512), {"broken": broken, "sound": lambda work: taking(1.0)})
    assert chosen.facts["variant"] == "sound"
    assert "broken: no compiler" in capsys.readouterr().err


def test_all_variants_broken_is_an_error():
    def broken(work):
        raise OSError("no compiler")

    with pytest.raises(RuntimeError, match="none of a, b works"):
        fastest(Work("mlp", 512), {"a": broken, "b": broken})


def test_an_absent_framework_is_not_a_broken_variant():
    def absent(work):
        raise ModuleNotFoundError("No module named 'jax'")

    with pytest.raises(ModuleNotFoundError):
        fastest(Work("mlp", 512), {"a": absent, "b": lambda work: taking(1.0)})
