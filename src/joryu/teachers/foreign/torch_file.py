"""``torch:FILE.pt2``: a network as ``torch.export`` saves it, graph and weights; what could run is not read."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt
import torch
from torch.utils._pytree import tree_flatten

from joryu.errors import InputError
from joryu.questions import Link
from joryu.students.model_content import model_content, reason_of
from joryu.teachers.foreign.archive_checks import require_harmless
from joryu.teachers.foreign.description import Options
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Ask, Opened

_ENDS: Final = {"aten::softmax": Link.SOFTMAX, "aten::_softmax": Link.SOFTMAX, "aten::sigmoid": Link.SIGMOID}
#: where an operation says that it is training
_TRAINING: Final = {"aten::dropout": 2, "aten::batch_norm": 5, "aten::native_dropout": 2}


def open_torch(options: Options) -> Opened:
    """Open an exported program.

    Of a dictionary, a tuple or a ``ModelOutput`` one output is chosen: by its key, or by its number.

    Raises:
        InputError: no export; one that holds pickles, compiled code or calls of anything but operations of tensors; one
            exported while it was training; several inputs; several outputs of which none is chosen.
    """
    path = options.path
    content = model_content(path, "an archive of torch.export.save")
    require_harmless(path, content)
    program = _loaded(path, content)
    _require_evaluation(path, program)
    outputs = next(node for node in program.graph.nodes if node.op == "output").args[0]
    place = options.said.output.place_among(_names(program.call_spec.out_spec, path), path)
    read = outputs[place]
    taken = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    if len(taken) != 1 or not torch.is_tensor(taken[0].meta.get("val")):
        raise InputError(f"{path} cannot be asked", expected="one input, a tensor", received=f"{len(taken)} inputs")
    batch, *shape = (one if isinstance(one, int) else None for one in taken[0].meta["val"].shape)
    kind = str(taken[0].meta["val"].dtype).removeprefix("torch.")
    link = _ENDS.get(_operation(read))
    said = read.meta["val"].shape
    return Opened(
        _asking(program.module(), place),
        Intake.of(tuple(shape), kind, options.said.input, model=str(path)),
        hashlib.sha256(content).hexdigest(),
        n_outputs=said[1] if len(said) == 2 and isinstance(said[1], int) else None,
        values="probs" if link is not None else None, link=link, batch=batch, by_torch=True,
    )  # fmt: skip


TORCH: Final = Runtime("torch", open_torch, ("labels", "output", "layout", "range", "mean", "std"))


def _loaded(path: Path, content: bytes) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(BytesIO(content))  # the very bytes that were checked
    except Exception as error:  # a damaged graph fails in as many ways as there are parts in it
        raise InputError(
            f"{path} cannot be used", expected="a whole archive of torch.export.save", received=reason_of(error)
        ) from error


def _require_evaluation(path: Path, program: Any) -> None:
    for node in program.graph.nodes:
        at = _TRAINING.get(_operation(node))
        if at is not None and len(node.args) > at and node.args[at] is True:
            raise InputError(
                f"{path} was exported while it was training", expected="a network in evaluation mode",
                received=_operation(node), hint="export it again, after .eval()",
            )  # fmt: skip


def _operation(node: Any) -> str:
    """The name of the operation that made a value, such as ``aten::softmax``; empty for what none made."""
    schema = getattr(node.target, "_schema", None)
    return "" if schema is None else str(schema.name)


def _names(form: Any, path: Path) -> Sequence[str]:
    """What the outputs are called: keys of a dictionary, numbers of a tuple."""
    if form.is_leaf():
        return ("0",)
    children = form.children() if callable(getattr(form, "children", None)) else form.children_specs
    if not all(one.is_leaf() for one in children):
        raise InputError(f"{path} gives outputs within outputs", expected="a tensor, or several side by side")
    keys = form.context if isinstance(form.context, list | tuple) else ()
    named = len(keys) == len(children) and all(isinstance(one, str) for one in keys)
    return tuple(keys) if named else tuple(map(str, range(len(children))))


def _asking(module: Any, place: int) -> Ask:
    def ask(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        found, _ = tree_flatten(module(torch.from_numpy(values)))
        answers: npt.NDArray[Any] = found[place].float().numpy()
        return answers

    return ask
