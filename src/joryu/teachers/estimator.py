"""`Estimator`: a fitted estimator of scikit-learn, in memory, as a teacher."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final, Literal, final

from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.precision import Answering
from joryu.questions import Link, Question
from joryu.targets.soft_targets import SoftTargets
from joryu.teachers.foreign.description import Description, Options, OutputSaid
from joryu.teachers.foreign.estimator_digest import estimator_digest
from joryu.teachers.foreign.family import as_network, columns_of
from joryu.teachers.foreign.model import Opened
from joryu.teachers.foreign.sklearn_estimator import ask_in_one_thread, open_estimator
from joryu.teachers.network import Network
from joryu.teachers.network_spec import Request
from joryu.teachers.teacher import Reply, TeacherBatch

Answers = Literal["predict_proba", "decision_function", "predict", "std", "trees"]
"""What of an estimator is asked for, where it gives several."""


@final
class Estimator:
    """Any fitted classifier or regressor of scikit-learn, or a pipeline that ends in one.

    It is copied, so that fitting it again does not change the teacher. On disk the same is ``sklearn:FILE.skops``.

    Args:
        fitted: the estimator. Classes are those of its ``classes_``; tags those of several outputs of 0 and 1.
        examples: those that it will be asked about: their question says what the outputs are called. If they are a
            table, each row is turned back into the columns that the estimator learned from, by name if it knows their
            names, in the numbers and words of the table; if it learned from a data frame, into one. Without
            examples it is asked about rows as they are, ``[B, columns]``.
        question: what it answers, where no examples say it.
        output: what is asked for. Unless it is said: probabilities; of a regressor its numbers, with a variance if
            ``predict`` takes ``return_std`` (Gaussian processes, Bayesian ridges); ``predict`` leaves the variance out,
            and ``trees`` takes that of a forest (`joryu.teachers.foreign.sklearn_estimator.forest_moments`).

    ``fingerprint`` covers everything that was fitted, the columns and the question.

    >>> import torch
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> process = GaussianProcessRegressor().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> teacher = Estimator(process, question=Question.numbers(["height"]))
    >>> answers = teacher.label(torch.tensor([[1.0], [9.0]]))
    >>> answers.numbers().round(decimals=2).tolist(), answers.variance.round(decimals=2).tolist()
    ([[1.0], [0.0]], [[0.0], [0.5]])

    Raises:
        InputError: it is not fitted, gives no such output, or nobody says what its numbers are called.
        MismatchError: it answers another kind of question, about other names or another number of them, or learned from
            other columns.
        MissingExtraError: it learned from a data frame, and pandas is not installed.
    """

    def __init__(
        self,
        fitted: Any,
        examples: Examples | None = None,
        *,
        question: Question | None = None,
        output: Answers | None = None,
    ) -> None:
        model = copy.deepcopy(fitted)
        ask_in_one_thread(model)
        options = Options(Path(_named(model)), None, Description(output=OutputSaid(name=output)))
        opened = open_estimator(model, options, estimator_digest(model))
        asked = examples.question if question is None and examples is not None else question
        if asked is None and opened.names is None:
            raise InputError(f"nobody says what the numbers of the {options.path} are called",
                             expected="question=Question.numbers([…]), or examples", received="neither")  # fmt: skip
        columns = None if examples is None else columns_of(opened, options, examples.preparation)
        if asked is not None:
            _require_answered(asked, opened, str(options.path))
        names = opened.names or (None if asked is None else asked.names)  # never those of a file that lies about
        self._network = as_network(Request("the estimator", "", names, question=asked), options, opened, columns)
        self.question = self._network.question
        self.fingerprint = self._network.fingerprint

    @property
    def network(self) -> Network:
        """What is asked: the estimator as a network, with what turns examples into its columns."""
        return self._network

    def answer(self, batch: TeacherBatch) -> Reply:
        """Probabilities as logits, or numbers and their variances, float32."""
        return self._network.answer(batch)

    def label(self, batch: Tensor, precision: Answering = "32-true") -> SoftTargets:
        """`answer` for whoever has nothing but the inputs."""
        return self._network.label(batch, precision)


_ASKED: Final = {
    Link.SOFTMAX: "Question.one_of([…])", Link.SIGMOID: "Question.tags([…])", Link.IDENTITY: "Question.numbers([…])",
}  # fmt: skip


def _require_answered(asked: Question, opened: Opened, who: str) -> None:
    hint = f"question={_ASKED[opened.link or asked.link]}, with a name for each of its outputs in their order"
    if opened.link not in (None, asked.link):
        raise MismatchError(f"the {who} answers another kind of question than is asked", expected=str(asked),
                            received=f"{opened.link} outputs", hint=hint)  # fmt: skip
    if opened.n_outputs not in (None, len(asked.names)):
        raise MismatchError(f"the {who} answers about another number of names", expected=f"{opened.n_outputs}",
                            received=str(asked), hint=hint)  # fmt: skip


def _named(model: Any) -> str:
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return f"{'pipeline to ' if last is not model else ''}{type(last).__name__}"
