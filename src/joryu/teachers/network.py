"""`Network`: any ``nn.Module`` that maps raw inputs to logits or probabilities, as a teacher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.precision import Answering, computing_at, device_type
from joryu.questions import Link, Question
from joryu.students.blueprint import fingerprint
from joryu.students.head import head_in_float32
from joryu.students.micro_batches import micro_batches
from joryu.students.named_outputs import without_idle_answers
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.teachers.outputs import MOMENTS, OUTPUTS, Doubt, FromProbs, Meant, moments, require_probs, require_rows
from joryu.teachers.teacher import Reply, TeacherBatch


@final
class Network:
    """A frozen network in evaluation mode: the module is taken over, and must not be trained any further.

    Args:
        module: maps raw inputs ``[B, ...]`` to outputs ``[B, C]``, or ``[B, C, height, width]`` for
            each pixel. What it is shown is what `normalise` gives, and
            without one the inputs of the examples as they are: of pictures uint8 ``[B, channels, height, width]`` with
            values 0 to 255, neither scaled nor turned into float32.
        classes: the names of the ``C`` classes, where the question is which of them it is.
        normalise: the teacher's *own* input normalisation, applied first (see `joryu.students.Normalise`); leave it out
            when the module already holds it.
        question: what it answers, where that is another: tags, numbers, masks.
        device: where to run; by default a GPU if there is one.
        output: ``logits`` (log-probabilities too), or ``probs`` for a module that ends in a softmax (of tags, in a
            sigmoid). Unless it is said, they are taken for logits and refused where they are probabilities. Of numbers,
            ``moments`` says that the module gives ``[B, 2 C]``, the numbers and then their variances.

    ``fingerprint`` covers weights, buffers, the printed form and the plain settings of every module, and
    the question: not the code of ``forward``, and not the precision that it is asked to compute at. In bf16, its last
    fully connected layer of as many outputs as there are classes computes in float32 all the same.

    >>> import torch
    >>> teacher = Network(torch.nn.Flatten(), ["a", "b"])
    >>> teacher.label(torch.tensor([[1.0, 0.0], [0.0, 2.0]])).probs().round(decimals=3)
    tensor([[0.7310, 0.2690],
            [0.1190, 0.8810]])
    >>> teacher = Network(torch.nn.Softmax(dim=1), ["a", "b"], output="probs")
    >>> teacher.label(torch.tensor([[1.0, 0.0]])).probs().round(decimals=3)
    tensor([[0.7310, 0.2690]])

    Raises:
        InputError: another ``output``; (when asked) probabilities where logits were expected, or the other way round.
        MismatchError: (when asked) the answers are not one row per example with one column per class.
    """

    def __init__(
        self,
        module: nn.Module,
        classes: Sequence[str] = (),
        *,
        normalise: nn.Module | None = None,
        question: Question | None = None,
        device: torch.device | str | None = None,
        output: Meant | None = None,
    ) -> None:
        if output not in (None, *OUTPUTS, MOMENTS):
            raise InputError("unknown output of a network", expected=" or ".join(OUTPUTS), received=repr(output))
        self.device = torch.device(device or device_type())
        first = nn.Identity() if normalise is None else normalise
        module = without_idle_answers(module)  # or a teacher trained before there were any would be another one
        self._asked = nn.Sequential(first, module)
        self.question = Question.one_of(classes) if question is None else question.answer
        link = self.question.link
        self._moments = output == MOMENTS
        if self._moments and link.has_probs:
            raise InputError("only numbers have variances", expected="a question of numbers", received=link.value)
        self._read = FromProbs(link) if output == "probs" else None
        whole = self._asked if self._read is None else nn.Sequential(first, module, self._read)
        self.module = whole.to(self.device).eval().requires_grad_(False)
        # Tags may well sum to one by chance, and whoever names the output is believed.
        self._doubt = Doubt() if output is None and link is Link.SOFTMAX else None
        # What another runtime computes is the same at every precision of ours: nobody need ask it twice to see that.
        self._at_own_precision = any(getattr(part, "at_own_precision", False) for part in module.modules())
        # Settings such as Normalise.scale are neither in the state nor in the printed form: hash them by hand.
        settings = [repr(sorted(_settings(part).items())) for part in self.module.modules()]
        settings += [MOMENTS] if self._moments else []
        described = [_ADDRESS.sub("", text) for text in (repr(self.module), *settings)]
        self.fingerprint = fingerprint(self.module, *described, *_named(self.question))

    def answer(self, batch: TeacherBatch) -> Reply:
        """Logits of the batch, float32, on the CPU; a network never fails on a part of it."""
        said = self.label(batch.inputs, batch.precision)
        return Reply(said, precision=None if self._at_own_precision else batch.precision)

    def label(self, batch: Tensor, precision: Answering = "32-true") -> SoftTargets:
        """`answer` for whoever has nothing but the inputs: logits, float32, on the CPU."""
        with torch.inference_mode():
            shown = batch.to(self.device, non_blocking=True)
            # Another runtime has memory of its own, and may take batches of one size alone, which are filled up.
            given = (shown,) if self._at_own_precision else micro_batches(shown)
            sizes = map(len, given)
            said, variances = zip(*map(self._checked, self._forward(given, precision), sizes), strict=True)
            outputs = said[0] if len(said) == 1 else torch.cat(said)
            variance = torch.cat(variances) if self._moments else None
        # Copied outside inference mode, so that an objective may keep them for its backward pass.
        values = outputs.to("cpu", torch.float32, copy=True)
        space = Space.LOGITS if self.question.link.has_probs else Space.NUMBERS
        if variance is not None:
            variance = variance.to("cpu", torch.float32, copy=True).movedim(1, -1)
        return SoftTargets(values=values.movedim(1, -1), space=space, question=self.question, variance=variance)

    def _checked(self, asked: object, rows: int) -> tuple[Tensor, Tensor | None]:
        """Logits or numbers ``[B, C, ...]`` in what the module gave, and the variances where there are any."""
        variance = None
        if self._moments:
            asked, variance = moments(asked, rows, self.question)
        outputs = require_rows(asked, rows, self.question)
        by_class = outputs.movedim(1, -1)
        if self._doubt is not None:
            self._doubt.hear(by_class)
        if self._read is not None:
            require_probs(by_class, self._read.link)
            outputs = self._read(outputs)
        return outputs, variance

    def _forward(self, given: Sequence[Tensor], precision: Answering) -> list[object]:
        if precision == "32-true":
            return [self._asked(part) for part in given]
        with computing_at(precision, self.device.type), head_in_float32(self._asked, len(self.question)):
            return [self._asked(part) for part in given]


def _named(question: Question) -> list[str]:
    """What of the question tells one teacher from another; the first two links in the words that stores hold."""
    first = {Link.SOFTMAX: "one-of-many", Link.SIGMOID: "many-of-many"}
    known = question.link in first and not question.grid
    return [*question.names, *([first[question.link]] if known else [question.link, *question.grid])]


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function among the settings: another in every process


def _settings(module: nn.Module) -> dict[str, object]:
    """Plain public attributes of a module: numbers, strings and tuples of them."""
    simple = (bool, int, float, str, tuple)
    return {
        k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, simple)
    }
