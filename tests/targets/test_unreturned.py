"""What is expected of tags that were not returned: the numbers of a world that is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.questions import Question
from joryu.targets import Encoding, SoftTargets, Space, Store, expected_unreturned
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, label_examples

MEANS = torch.tensor([-1.0, -2.0, -4.0, -9.0])
N = 4000


class Best:
    """A black box that knows four tags and returns those above one half."""

    question = Question.tags(["common", "rarer", "rare", "never"])
    fingerprint = "returns what is above one half"

    def __init__(self, space: Space) -> None:
        self.truth = MEANS + 2 * torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
        self._space = space

    def answer(self, batch: TeacherBatch) -> Reply:
        values = self.truth[torch.from_numpy(batch.rows)]
        kept, indices = values.sort(dim=-1, descending=True)
        indices = indices.masked_fill(kept <= 0, -1)
        bound = torch.zeros(len(values))
        if self._space is Space.PROBS:
            kept, bound = kept.sigmoid(), bound.sigmoid()
        return Reply(SoftTargets(values=kept, space=self._space, question=self.question, indices=indices, bound=bound))


def stored(folder: Path, space: Space) -> Store:
    examples = Examples.of(torch.arange(N * 2.0).reshape(N, 2))
    return label_examples(Best(space), examples, folder, options=LabelOptions(encoding=Encoding.parse("top-4:float32")))


@pytest.mark.parametrize("space", [Space.LOGITS, Space.PROBS])
def test_it_is_the_mean_of_what_was_not_returned(space: Space, tmp_path: Path) -> None:
    store = stored(tmp_path / space, space)
    truth = Best(space).truth
    found = expected_unreturned(store)
    for at in range(3):
        below = truth[:, at][truth[:, at] <= 0].sigmoid().mean().item()
        assert found[at] == pytest.approx(below, rel=0.15)
    assert 0 < found[3] < found[2] < found[1] < found[0] < 0.5
    some = expected_unreturned(store, torch.arange(500))
    assert some != found and some[0] == pytest.approx(found[0], rel=0.2)


def test_only_tags_are_returned_or_not(tmp_path: Path) -> None:
    class Sure:
        question = Question.one_of(["a", "b"])
        fingerprint = "sure"

        def answer(self, batch: TeacherBatch) -> Reply:
            return Reply(SoftTargets(values=batch.inputs, space=Space.LOGITS, question=self.question))

    store = label_examples(Sure(), Examples.of(torch.eye(2)), tmp_path / "classes")
    with pytest.raises(InputError, match="only tags can be returned"):
        expected_unreturned(store)
