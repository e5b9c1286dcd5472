"""A TensorFlow Lite model (``tflite:FILE``) as a teacher, through LiteRT; quantised inputs and outputs are turned."""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError, MissingExtraError
from joryu.examples import Examples, prepared
from joryu.examples.preparation import PicturePreparation
from joryu.questions import Link, Question
from joryu.teachers.network import Network
from joryu.teachers.network_spec import Request
from joryu.teachers.outputs import OUTPUTS, InOrder, Output, short

OPTIONS: Final = ("labels", "tensor", "mean", "std", "output")
_ENDS: Final = {"SOFTMAX": Link.SOFTMAX, "LOGISTIC": Link.SIGMOID}
_PASSED: Final = {"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST"}  #: operations that change no meaning
_HALF: Final = 128  #: between the pixels of a model that takes int8 and those of a file


class LiteModel(nn.Module):
    """A TFLite model of pictures as a module: uint8 ``[B, channels, height, width]`` to float32 ``[B, C]``.

    It is asked one picture at a time, as such models have a fixed batch. Pictures of another size are resized
    (bilinear, antialiased) and grey ones repeated. A model whose input is uint8 or int8 is given the pixels as they
    are (int8: less 128), unless ``mean`` and ``std`` are given: then, and for inputs of floats, ``(pixel - mean) /
    std``, quantised as the model says. Quantised outputs become ``(q - zero point) · scale``.

    Args:
        path: the file.
        tensor: the name of the tensor that is read, if not the model's output: the logits before its softmax, say.
        mean: of inputs, in the units of pixels (0 to 255).
        std: likewise.

    ``link`` is that of the probabilities it ends in (softmax or sigmoid), as its last operation says; else ``None``.
    ``digest`` is the hash of the file.

    Raises:
        InputError: no such file, no TFLite model, not a model of pictures; a tensor that it does not have; an input of
            floats without ``mean`` and ``std``.
        MissingExtraError: ai-edge-litert is not installed.
    """

    def __init__(self, path: Path, *, tensor: str = "", mean: float | None = None, std: float | None = None) -> None:
        super().__init__()
        content = _content(path)
        self.digest, self.tensor = hashlib.sha256(content).hexdigest(), tensor
        self.mean, self.std = mean, std
        self._asked = _interpreter(path, content, keep_all=bool(tensor))
        (self._input, *more), outputs = self._asked.get_input_details(), self._asked.get_output_details()
        shape = tuple(map(int, self._input["shape"]))
        if more or len(shape) != 4 or shape[0] != 1 or shape[3] not in (1, 3):
            raise InputError(
                f"{path} is no model of pictures", expected="one input [1, height, width, 1 or 3]",
                received=f"{1 + len(more)} inputs, the first {list(shape)}",
            )  # fmt: skip
        self.shape: tuple[int, int, int] = (shape[3], shape[1], shape[2])
        self._output = _tensor(self._asked, outputs, tensor, path)
        _require_scaling(self._input["dtype"], mean, std, path)
        self.link = _link_of(self._asked, int(self._output["index"]))
        self.n_outputs = int(self._output["shape"][-1])

    @property
    def preparation(self) -> PicturePreparation:
        """How a file becomes its input."""
        channels, height, width = self.shape
        return PicturePreparation(channels=channels, height=height, width=width)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> Tensor:
        found = torch.stack([torch.from_numpy(self._one(row)) for row in _fitted(pictures.cpu(), self.shape)])
        if self.link is Link.SOFTMAX and self._output["dtype"] != np.float32:
            found = found / found.sum(-1, keepdim=True).clamp_min(1e-9)  # rounded shares sum to 0.98 or 1.02
        return found

    def _one(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self._asked.set_tensor(self._input["index"], self._given(pixels)[None])
        self._asked.invoke()
        values: npt.NDArray[Any] = self._asked.get_tensor(self._output["index"]).reshape(-1)
        scale, zero = self._output["quantization"]
        found = values.astype(np.float32)  # a copy: the interpreter's memory is written over
        return found if values.dtype == np.float32 else (found - np.float32(zero)) * np.float32(scale)

    def _given(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        kind: type = self._input["dtype"]
        if self.mean is None or self.std is None:
            return (np.rint(pixels) - (_HALF if kind == np.int8 else 0)).astype(kind)
        values = (pixels - self.mean) / self.std
        if kind == np.float32:
            return values.astype(np.float32)
        scale, zero = self._input["quantization"]
        limits = np.iinfo(kind)
        quantised: npt.NDArray[Any] = np.clip(np.rint(values / scale) + zero, limits.min, limits.max)
        return quantised.astype(kind)


class Options(NamedTuple):
    """What stands behind ``tflite:``."""

    path: Path
    labels: Path | None = None
    tensor: str = ""
    mean: float | None = None
    std: float | None = None
    output: Output | None = None


def options_of(rest: str) -> Options:
    """Read ``FILE[,labels=FILE][,tensor=NAME][,mean=…,std=…][,output=…]``.

    >>> options_of("net.tflite,mean=127.5,std=127.5").std
    127.5

    Raises:
        InputError: an option that is said twice or has no such value.
    """
    path, *said = re.split(rf",(?=(?:{'|'.join(OPTIONS)})=)", rest)
    pairs = [one.partition("=")[::2] for one in said]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InputError(f"tflite:{rest} says an option twice", expected=", ".join(f"{one}=…" for one in OPTIONS))
    if (output := found.get("output")) not in (None, *OUTPUTS):
        raise InputError("unknown output of a network", expected=" or ".join(OUTPUTS), received=output or "nothing")
    return Options(
        Path(path), Path(found["labels"]) if "labels" in found else None, found.get("tensor", ""),
        _number(found, "mean"), _number(found, "std"), output,
    )  # fmt: skip


def load_tflite(request: Request) -> Network:
    """The network of ``tflite:FILE…`` as a teacher; its names are those of a file of labels.

    Raises:
        InputError, MissingExtraError: as `LiteModel`; or nobody says what its outputs are called.
        MismatchError: it has another number of outputs than there are names.
    """
    options = options_of(request.rest)
    return _network(request, options, _model(options))


def find_tflite(request: Request, examples: Examples) -> tuple[Network, Examples]:
    """The teacher, and the examples as it takes them: read again at its size where their files can be.

    Raises:
        InputError, MismatchError, MissingExtraError: as `load_tflite`.
    """
    options = options_of(request.rest)
    model = _model(options)
    if examples.originals is not None and examples.inputs.ndim == 4 and not examples.asks_pixels:
        examples = prepared(examples, model.preparation)
    teacher = _network(request._replace(question=examples.question), options, model)
    return teacher, examples.asked(teacher.question)


def shape_of_tflite(request: Request) -> tuple[int, int, int]:
    """Channels, height and width of its input."""
    return _model(options_of(request.rest)).shape


def _model(options: Options) -> LiteModel:
    return LiteModel(options.path, tensor=options.tensor, mean=options.mean, std=options.std)


def _network(request: Request, options: Options, model: LiteModel) -> Network:
    link = model.link or (request.question.link if request.question is not None else Link.SOFTMAX)
    names = request.order or _names(options, model.n_outputs)
    if names is None and request.question is None:
        raise InputError(
            f"the teacher {request.spec} does not know what its {model.n_outputs} outputs are called",
            expected="a file with one name a line", hint="end its spec in ,labels=FILE",
        )  # fmt: skip
    asked = request.question
    module: nn.Module = model
    if asked is None:
        asked = Question.tags(names or ()) if link is Link.SIGMOID else Question.one_of(names or ())
    elif names is not None and tuple(names) != asked.names:
        module = nn.Sequential(model, InOrder(names, asked.names))
    if len(names or asked.names) != model.n_outputs:
        raise MismatchError(
            f"{options.path} answers about another number of names", expected=f"{model.n_outputs} names",
            received=short(names or asked.names), hint="end its spec in ,labels=FILE, a name a line",
        )  # fmt: skip
    output: Output | None = "probs" if options.output is None and model.link is not None else options.output
    return Network(module, question=asked, output=output, device="cpu")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"no model at {path}", expected="a .tflite file", received=error.strerror) from error


def _interpreter(path: Path, content: bytes, *, keep_all: bool) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "tflite", f"tflite:{path}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that tensors are kept is for debugging: here one of them is read
            asked = Interpreter(
                model_content=content, num_threads=torch.get_num_threads(), experimental_preserve_all_tensors=keep_all
            )
        asked.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be used", expected="a TensorFlow Lite model", received=reason) from error
    return asked


def _tensor(asked: Any, outputs: Sequence[dict[str, Any]], name: str, path: Path) -> dict[str, Any]:
    known = outputs if not name else [one for one in asked.get_tensor_details() if one["name"] == name]
    if len(known) == 1:
        return known[0]
    ends = ", ".join(one["name"] for one in outputs)
    raise InputError(
        f"{path} has {len(known) or 'no'} {'tensors called ' + name if name else 'outputs'}",
        expected=f"one; its outputs are {ends}", hint="choose one: ,tensor=NAME",
    )  # fmt: skip


def _require_scaling(kind: type, mean: float | None, std: float | None, path: Path) -> None:
    if (mean is None) != (std is None) or (std is not None and not std > 0):
        raise InputError(
            f"the scaling of {path} is not usable", expected="mean=… and std=… > 0, in units of pixels",
            received=f"mean={mean}, std={std}",
        )  # fmt: skip
    if kind == np.float32 and mean is None:
        raise InputError(
            f"{path} takes floats, and does not say of what range", expected=",mean=…,std=… in units of pixels",
            received="neither", hint="most take mean=127.5,std=127.5; those of 0..1 take mean=0,std=255",
        )  # fmt: skip
    if kind not in (np.float32, np.uint8, np.int8):
        raise InputError(f"{path} takes strange inputs", expected="float32, uint8 or int8", received=np.dtype(kind))


def _link_of(asked: Any, index: int) -> Link | None:
    """What the operation is that a tensor comes from; LiteRT tells of operations by a private name alone."""
    listed = getattr(asked, "_get_ops_details", None)
    made = {} if listed is None else {
        int(out): one for one in listed() if one["op_name"] != "DELEGATE" for out in one["outputs"]
    }  # fmt: skip
    while index in made and made[index]["op_name"] in _PASSED:
        index = int(made[index]["inputs"][0])
    return _ENDS.get(made[index]["op_name"]) if index in made else None


def _names(options: Options, n_outputs: int) -> tuple[str, ...] | None:
    """The names of a file that is named, lies in the model, or beside it (``labels.txt``, ``…labels….txt``)."""
    if options.labels is not None:
        try:
            return _told_apart(options.labels.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the labels {options.labels}", received=error) from error
    if zipfile.is_zipfile(options.path):
        with zipfile.ZipFile(options.path) as inside:
            texts = [name for name in inside.namelist() if name.endswith(".txt")]
            if len(texts) == 1:
                return _told_apart(inside.read(texts[0]).decode("utf-8-sig"))
    for path in sorted(options.path.parent.glob("*labels*.txt")):
        names = _told_apart(path.read_text(encoding="utf-8-sig", errors="replace"))
        if len(names) == n_outputs:
            return names
    return None


def _told_apart(text: str) -> tuple[str, ...]:
    """The lines as names; those that come more than once (ImageNet's two cranes) with the number of their line."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    often = Counter(lines)
    return tuple(line if often[line] == 1 else f"{line} ({at})" for at, line in enumerate(lines))


def _fitted(pictures: Tensor, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Pictures as float32 ``[B, height, width, channels]`` of this shape, values 0 to 255."""
    channels, height, width = shape
    if pictures.ndim != 4 or pictures.shape[1] not in (1, channels) or pictures.dtype != torch.uint8:
        raise MismatchError(
            "the model takes pictures", expected=f"uint8 [B, 1 or {channels}, height, width]",
            received=f"{pictures.dtype} {list(pictures.shape)}".removeprefix("torch."),
        )  # fmt: skip
    values = pictures.float()
    if tuple(values.shape[2:]) != (height, width):
        values = F.interpolate(values, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    return values.expand(-1, channels, -1, -1).movedim(1, -1).numpy()


def _number(found: dict[str, str], name: str) -> float | None:
    try:
        return float(found[name]) if name in found else None
    except ValueError as error:
        raise InputError("is not usable", setting=name, expected="a number", received=found[name]) from error
