"""The second task of `signal-as-task`: what is told, and that its head is what is judged."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from joryu.experiments.people import simulated_people
from joryu.experiments.people_evaluation import HeldOutPeople
from joryu.experiments.signal_as_task import all_annotators, noticed, one_annotator


def test_signals_are_standardised_and_belong_to_the_answers() -> None:
    asked = simulated_people(0)
    one, everybody = one_annotator(asked, 0), all_annotators(asked)
    n = len(asked.rows)
    for heard in (one, everybody):
        assert heard.q.shape == (n, 10)
        np.testing.assert_allclose(heard.q.sum(axis=1), 1.0)
        for values in heard.signals.values():
            assert values.shape == (n,)
            assert abs(values.mean()) < 1e-9
            assert abs(values.std() - 1) < 1e-9
    picture = 7
    rows = np.flatnonzero(asked.trials.picture == picture)
    means = [asked.trials.confidence[asked.trials.picture == at].mean() for at in range(n)]
    expected = (asked.trials.confidence[rows].mean() - np.mean(means)) / np.std(means)
    np.testing.assert_allclose(everybody.signals["stated"][picture], expected)


class Tells(nn.Module):
    """A network whose further outputs are the mean of the picture, and its opposite."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.float().flatten(1).mean(1)
        return torch.cat([torch.zeros(len(x), 10), mean[:, None], -mean[:, None]], dim=1)


def test_the_further_outputs_are_compared_with_peoples_doubt() -> None:
    examples = simulated_people(0).examples.select(list(range(50)))
    rank = examples.inputs.float().flatten(1).mean(1).argsort().argsort().double().numpy() / 50
    others = (0.05 + rank)[:, None] / 20 * np.ones(9)
    people = np.concatenate([1 - others.sum(axis=1, keepdims=True), others], axis=1)  # the brighter, the more torn
    found = noticed(nn.Sequential(Tells(), nn.Identity()), HeldOutPeople(examples, people))
    assert found["noticed_response_time"] > 0.99
    assert found["noticed_stated"] < -0.99
