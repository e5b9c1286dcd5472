"""`Blueprint`: everything that is needed to build a student again; and the two files that hold a student on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from safetensors.torch import save
from torch import Tensor, nn

from joryu.durable import durable_file
from joryu.errors import InputError, MismatchError
from joryu.examples.inputs import Inputs
from joryu.examples.preparation import Preparation
from joryu.pydantic_errors import first_fault
from joryu.questions import Asked, Question
from joryu.students.architecture import build_architecture, layers_of
from joryu.students.int8 import fake_quantised
from joryu.students.int8.saved import float_names, load_ranges, save_ranges, with_ranges
from joryu.students.named_outputs import NamedOutputs
from joryu.students.normalise import Normalise, measure_normalisation
from joryu.students.weights import fill, read_weights

PLAN, WEIGHTS = "student.json", "student.safetensors"


class Blueprint(BaseModel):
    """The plan of a student (or of a network that teaches): everything but its weights.

    - ``architecture``: the spec of the network, as `build_architecture` reads it.
    - ``input_shape``: of one example, without the batch, such as ``(channels, height, width)``.
    - ``question``: what it answers; ``classes=NAMES`` is short for ``question=Question.one_of(NAMES)``.
    - ``mean``, ``std``, ``scale``: an input ``x`` is normalised to ``(x · scale - mean) / std``.
    - ``heads``: further outputs that the student learns beside its answer (`joryu.objectives.WithSignals`), as the
      names of the outputs of each head. Only training sees them.
    - ``preparation``: how a file or row becomes an input, so that a student on disk needs nothing else.
    - ``output_mean``, ``output_std``: the network learns numbers standardised by these, and the student gives them in
      their own units.

    - ``layers``: those of a network that was read from a file, as its library writes them, so that a student on disk
      needs the file no more (`joryu.students.architecture.layers_of`).

    ``quantisation`` says that the network computes under fake quantisation what its int8 form will, see
    `joryu.students.int8`.

    >>> import torch
    >>> plan = Blueprint(architecture="mlp:16x1", input_shape=(1, 8, 8), classes=("a", "b"), scale=1 / 255)
    >>> plan.build().eval()(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape
    torch.Size([3, 2])

    Raises:
        pydantic.ValidationError: a field is missing, unknown or not usable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    input_shape: tuple[int, ...]
    question: Asked
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1.0
    heads: dict[str, tuple[str, ...]] = {}
    preparation: Preparation | None = None
    output_mean: tuple[float, ...] = ()
    output_std: tuple[float, ...] = ()
    quantisation: Literal["int8"] | None = None
    layers: str | None = None

    @model_serializer(mode="wrap")
    def _without_none(self, usual: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A float student's plan, and with it its fingerprint, is what it was before there was any other.
        content: dict[str, Any] = usual(self)
        for name in ("quantisation", "layers"):
            if content.get(name) is None:
                content.pop(name, None)
        return content

    @model_validator(mode="before")
    @classmethod
    def _from_classes(cls, content: Any) -> Any:
        # Plans were written with classes, and signals for their only further head, before there were questions.
        if not isinstance(content, dict) or "classes" not in content or "question" in content:
            return content
        given = {name: value for name, value in content.items() if name not in ("classes", "signals")}
        if content.get("signals"):
            given["heads"] = {"signals": content["signals"]}
        return given | {"question": {"names": content["classes"]}}

    def request(self) -> dict[str, Any]:
        """The settings that a later call must repeat to resume a run of this student, as ``run.json`` records them.

        Empty settings are left out. So is the preparation, because the hash of the examples covers what came out of it.
        A question that is one of many is recorded as ``classes``, and a sole head called signals as ``signals``, as
        in the first runs.

        >>> plan = Blueprint(architecture="mlp:16x1", input_shape=(4,), classes=("a", "b"))
        >>> list(plan.request())
        ['architecture', 'input_shape', 'classes', 'mean', 'std', 'scale']
        """
        said = self.model_dump(mode="json", exclude={"preparation"})
        if self.question == Question.one_of(self.classes):
            said = {("classes" if name == "question" else name): value for name, value in said.items()}
            said["classes"] = list(self.classes)
        if set(self.heads) == {"signals"}:
            said["signals"] = said.pop("heads")["signals"]
        return {name: value for name, value in said.items() if value not in ([], {})}

    def begins_with(self, other: Blueprint) -> bool:
        """Whether this student can begin with the other's weights: it is the same, or that under fake quantisation."""
        return other in (self, self.model_copy(update={"quantisation": None}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the question's outputs."""
        return self.question.names

    @property
    def width(self) -> int:
        """The number of the network's outputs: those of the question and of all further heads."""
        return len(self.question) + sum(map(len, self.heads.values()))

    @classmethod
    def fitted(
        cls,
        architecture: str,
        inputs: Inputs,
        question: Question,
        *,
        heads: dict[str, tuple[str, ...]] | None = None,
        preparation: Preparation | None = None,
        outputs_like: Tensor | None = None,
    ) -> Self:
        """Make a blueprint, and measure its normalisation on raw ``inputs`` ``[n, ...]`` (`measure_normalisation`).

        If the question asks for numbers, their mean and standard deviation are measured on ``outputs_like``, labels or
        answers ``[n, (height, width,) C]`` in which NaN is unknown.

        Raises:
            InputError: the inputs are not finite.
        """
        mean, std, scale = measure_normalisation(inputs)
        return cls(
            architecture=architecture,
            input_shape=tuple(inputs.shape[1:]),
            question=question.answer,
            mean=tuple(mean),
            std=tuple(std),
            scale=scale,
            heads=heads or {},
            preparation=preparation,
            layers=layers_of(architecture),
            **_output_scale(question, outputs_like),  # type: ignore[arg-type]
        )

    def build(self) -> nn.Sequential:
        """Build `Normalise`, the network and `NamedOutputs`, one after another.

        The weights are random, drawn from torch's global generator.

        Raises:
            InputError: the architecture cannot be read, built for this shape of input, or put under fake quantisation.
            MissingExtraError: timm is not installed.
        """
        single, widths = len(self.mean) == 1, {name: len(outputs) for name, outputs in self.heads.items()}
        table = self.preparation if self.preparation is not None and self.preparation.kind == "table" else None
        network = build_architecture(
            self.architecture, self.input_shape, self.width, layers=self.layers,
            categories=() if table is None else table.categories,
        )  # fmt: skip
        if self.quantisation is not None:
            network = fake_quantised(network, self.input_shape, self.architecture)
        return nn.Sequential(
            Normalise(
                self.mean[0] if single else self.mean,
                self.std[0] if single else self.std,
                scale=self.scale,
                takes=self.input_shape,
            ),
            network,
            NamedOutputs(self.question, widths, mean=self.output_mean, std=self.output_std),
        )


def _output_scale(question: Question, numbers: Tensor | None) -> dict[str, tuple[float, ...]]:
    """The mean and standard deviation of each number; a number that never varies, or nobody gave, has 1."""
    if question.link.has_probs or numbers is None:
        return {}
    flat = numbers.double().reshape(-1, len(question))
    mean = flat.nanmean(0).nan_to_num()
    std = (flat - mean).square().nanmean(0).sqrt().nan_to_num()
    std = torch.where(std > 1e-12 * (1 + mean.abs()), std, 1.0)
    return {"output_mean": tuple(mean.tolist()), "output_std": tuple(std.tolist())}


def save_student(folder: Path | str, module: nn.Sequential, blueprint: Blueprint) -> None:
    """Write a student into a folder: ``student.json``, its blueprint, and ``student.safetensors``, its weights.

    Each file appears whole or not at all. The weights are written last, so a folder that has them has a student. Of one
    under fake quantisation the weights are the float ones, by the names that they have without it, and its ranges are
    a file of their own.
    """
    folder, state = Path(folder), state_of(module)
    folder.mkdir(parents=True, exist_ok=True)
    with durable_file(folder / PLAN) as file:
        file.write(blueprint.model_dump_json(indent=2).encode() + b"\n")
    if blueprint.quantisation is not None:
        save_ranges(folder, module)
        state = float_names(state)
    with durable_file(folder / WEIGHTS) as file:
        file.write(save(state))


def state_of(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of a module by name, copied to the CPU for safetensors; tied weights are copied twice."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in module.state_dict().items()}


def load_student(folder: Path | str) -> tuple[nn.Sequential, Blueprint]:
    """Load the student of a finished run, in evaluation mode and on the CPU, with its blueprint.

    The random state of torch is left as it was.

    Raises:
        InputError: the folder is not a finished run, or one of its files cannot be read.
        MismatchError: the weights do not fit the architecture.
    """
    folder = Path(folder)
    plan, weights = folder / PLAN, folder / WEIGHTS
    if not plan.is_file() or not weights.is_file():
        raise InputError(
            f"{folder} is not a finished run",
            expected=f"{PLAN} and {WEIGHTS}",
            received="an unfinished run" if (folder / "run.json").is_file() else "neither",
            hint="finish it with the command that began it" if (folder / "run.json").is_file() else None,
        )
    blueprint = read_blueprint(folder)
    with torch.random.fork_rng(devices=[]):  # the first weights are thrown away: they cost nobody random numbers
        module = blueprint.build()
    begin_as(module, blueprint, folder)
    if blueprint.quantisation is not None:
        load_ranges(folder, module)
    return module.eval(), blueprint


def begin_as(module: nn.Sequential, blueprint: Blueprint, folder: Path | str) -> None:
    """Load the weights that a folder holds into what ``blueprint`` built; ranges are not loaded, but measured anew.

    Raises:
        InputError: there are no weights, or they are damaged.
        MismatchError: they do not fit.
    """
    path = Path(folder) / WEIGHTS
    state = read_weights(path)
    fill(module, state if blueprint.quantisation is None else with_ranges(module, state), path)


def read_blueprint(folder: Path | str) -> Blueprint:
    """Read the blueprint of a run, finished or not, without its weights.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    plan = Path(folder) / PLAN
    try:
        return Blueprint.model_validate(json.loads(plan.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"cannot read {plan}", received=error.strerror) from error
    except ValidationError as error:
        raise first_fault(error).within(f"cannot read {plan}") from error
    except ValueError as error:
        raise InputError(f"cannot read {plan}", expected="JSON", received=str(error)) from error


def require_inputs(module: nn.Module, blueprint: Blueprint, shape: tuple[int, ...]) -> None:
    """Check that a student takes inputs of ``shape``, that of one example without the batch.

    If it learned from another shape, it is tried on one example: a convolutional student takes pictures of other sizes.
    One that learned from colour pictures takes grey ones too, as colour pictures with three equal channels.

    Raises:
        MismatchError: it fails on this shape.
    """
    if shape == blueprint.input_shape:
        return
    try:
        with torch.inference_mode():
            module(torch.zeros(1, *shape))
    except (RuntimeError, InputError) as error:
        expected = blueprint.input_shape
        raise MismatchError(
            f"{blueprint.architecture} does not take examples of this shape", expected=list(expected),
            received=list(shape), hint=_what_would_fit(expected, shape),
        ) from error  # fmt: skip


def _what_would_fit(expected: tuple[int, ...], shape: tuple[int, ...]) -> str | None:
    if len(expected) != 3 or len(shape) != 3:
        return None
    hints = []
    if expected[0] == 1 and shape[0] == 3:
        hints.append(
            "it learned from grey pictures and these are in colour: make them grey (Pillow: picture.convert('L')) or"
            " train it on colour pictures"
        )
    if expected[1] == expected[2] and expected[1:] != shape[1:]:
        hints.append(f"try --size {expected[1]}")
    return "; ".join(hints) or None


def fingerprint(module: nn.Module, *extra: str) -> str:
    """A hash of everything that changes a network's answers, as 32 hexadecimal digits.

    It is BLAKE2b-128 over name, shape, dtype and bytes of every parameter and buffer, and over the texts ``extra``,
    which describe what is in neither.

    >>> len(fingerprint(nn.Linear(2, 1), "softmax"))
    32
    """
    digest = hashlib.blake2b("\x00".join(extra).encode(), digest_size=16)
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
