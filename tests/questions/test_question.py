"""What is asked: nothing may be declared that nobody carries."""

from __future__ import annotations

import json
import math

import pytest
import torch

from joryu.errors import InputError, MismatchError
from joryu.questions import PICTURE, LabelKind, Link, Question, difference

QUESTIONS = [
    Question.one_of(["cat", "dog"]),
    Question.one_of(3, grid=PICTURE),
    Question.tags(["red", "round"]),
    Question.tags(["salt"], grid=PICTURE),
    Question.numbers(["price"]),
    Question(names=("a", "b"), labels=LabelKind.DISTRIBUTION),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_it_comes_back_from_json(question: Question) -> None:
    assert Question.from_json(json.loads(json.dumps(question.to_json()))) == question


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": ()}, "at least one output"),
        ({"names": ("a", "b", "a")}, "comes twice .*'a'"),
        ({"names": ("a",), "link": "probit"}, "unknown link .*softmax, sigmoid, identity.*'probit'"),
        ({"names": ("a",), "grid": ("frame",)}, "unknown grid .*height and width.*frame"),
        ({"names": ("a",), "labels": "bounding boxes"}, "unknown kind of label"),
        ({"names": ("a",), "link": "sigmoid", "labels": "class"}, "sigmoid outputs do not take labels of this kind"),
        ({"names": ("a",), "link": "identity", "labels": "tags"}, "identity outputs do not take"),
    ],
)
def test_what_nobody_carries_is_refused_by_name(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Question(**wrong)
    with pytest.raises(InputError, match=message):
        Question.from_json(wrong)


def test_a_description_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="describes no question"):
        Question.from_json({"classes": ["a", "b"]})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Question.tags(["cat", "dog"]), ("softmax outputs", "sigmoid")),
        (Question.one_of(["cat", "dog"], grid=PICTURE), ("one answer an example", "height × width")),
        (Question.one_of(["cat"]), ("2 classes", "1")),
        (Question.one_of(["dog", "cat"]), ("class 0 to be 'cat'", "'dog'")),
    ],
)
def test_the_first_difference_is_named(other: Question, said: tuple[str, str]) -> None:
    asked = Question.one_of(["cat", "dog"])
    assert difference(asked, other) == said
    with pytest.raises(MismatchError, match=f"teacher and student do not ask the same.*received {said[1]}"):
        asked.require(other, mine="teacher", others="student")


def test_the_kind_of_label_is_no_difference_to_a_teacher() -> None:
    votes = Question(names=("cat", "dog"), labels="distribution")
    assert difference(Question.one_of(["cat", "dog"]), votes) is None
    assert votes.answer == Question.one_of(["cat", "dog"])


def test_entropies_by_hand() -> None:
    assert float(Link.SOFTMAX.entropy(torch.tensor([0.5, 0.5]))) == pytest.approx(math.log(2))
    assert float(Link.SIGMOID.entropy(torch.tensor([0.5, 1.0]))) == pytest.approx(math.log(2))
    assert Link.SOFTMAX.most_entropy(8) == pytest.approx(math.log(8))
    assert Link.SIGMOID.most_entropy(8) == pytest.approx(8 * math.log(2))
    for ask in (Link.IDENTITY.entropy, Link.IDENTITY.logits, Link.IDENTITY.log_probs):
        with pytest.raises(InputError, match="numbers have no probabilities"):
            ask(torch.zeros(2))


@pytest.mark.parametrize(
    "names", ["cat", ["cat", 3], [None], [["cat"]], 3, None, {"cat": 1}, [True, False], b"cat", ["\ud83d"]], ids=ascii
)
def test_names_in_json_are_a_list_of_texts(names: object) -> None:
    """A text is a sequence, too: its letters would be three classes."""
    for content in ({"names": names}, {"names": names, "link": "sigmoid", "grid": [], "labels": None}):
        with pytest.raises(InputError):
            Question.from_json(content)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [None, [], "names", 3, {}, {"names": ["a"], "link": 3}, {"names": ["a"], "grid": None},
     {"names": ["a"], "grid": "height"}, {"names": ["a"], "labels": ["class"]}],
    ids=str,
)  # fmt: skip
def test_what_describes_no_question_is_refused_in_one_line(content: object) -> None:
    with pytest.raises(InputError) as refused:
        Question.from_json(content)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
