"""Write a state of dictionaries, lists, numbers and tensors into one safetensors file, and read it.

Unlike a pickle, such a file cannot hold code. Its tensors are the state's tensors; everything else is JSON in its
metadata. The format has no checksum, so a flipped bit of a weight would go unnoticed: a CRC-32 over everything is
written too.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load
from torch import Tensor

_DTYPES = {
    torch.bool: "BOOL", torch.uint8: "U8", torch.int8: "I8", torch.int16: "I16", torch.int32: "I32", torch.int64: "I64",
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
}  # fmt: skip


def write_state(file: IO[bytes], state: dict[str, Any]) -> None:
    """Write a state that `read_state` reads again.

    The bytes go straight from the tensors into the file. Safetensors' own functions copy all of them twice, or leave a
    temporary file behind when they are killed.
    """
    tensors: dict[str, Tensor] = {}
    content = json.dumps(_taken_apart(state, tensors))
    written = [_bytes_of(tensor) for tensor in tensors.values()]
    header: dict[str, Any] = {"__metadata__": {"state": content, "crc32": str(_checksum(content, written))}}
    start = 0
    for (name, tensor), part in zip(tensors.items(), written, strict=True):
        header[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + part.nbytes],
        }
        start += part.nbytes
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)  # so that the tensors begin where eight bytes do
    file.write(len(encoded).to_bytes(8, "little") + encoded)
    for part in written:
        file.write(part.data)


def read_state(path: Path) -> dict[str, Any]:
    """Read a state that `write_state` wrote: the same values, and tensors with the same bits and layout, on the CPU.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "state.safetensors"
    >>> with path.open("wb") as file:
    ...     write_state(file, {"step": {0: torch.tensor(3.0)}, "betas": (0.9, 0.99)})
    >>> read_state(path)
    {'step': {0: tensor(3.)}, 'betas': (0.9, 0.99)}

    Raises:
        Exception: of any type, if the file is damaged or is no such file.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 + length:
        raise ValueError("it is cut short, or no checkpoint")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    tensors, content = load(data), metadata["state"]
    in_order = sorted(tensors, key=int)
    if str(_checksum(content, [_bytes_of(tensors[name]) for name in in_order])) != metadata["crc32"]:
        raise ValueError("wrong checksum")
    state: dict[str, Any] = _put_together(json.loads(content), tensors)
    return state


def _taken_apart(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A value for JSON: numbers and text as they are, everything else as a list that begins with its type."""
    if torch.is_tensor(value):
        tensor, order = _as_it_lies(value.detach().cpu())
        name = str(len(tensors))
        tensors[name] = tensor
        return ["tensor", name, order]
    if isinstance(value, dict):
        return ["dict", [[key, _taken_apart(part, tensors)] for key, part in value.items()]]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_taken_apart(part, tensors) for part in value]]
    return value


def _put_together(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, list):
        return value
    kind, *rest = value
    if kind == "tensor":
        name, order = rest
        return tensors[name].permute([order.index(axis) for axis in range(len(order))])
    if kind == "dict":
        return {key: _put_together(part, tensors) for key, part in rest[0]}
    parts = [_put_together(part, tensors) for part in rest[0]]
    return tuple(parts) if kind == "tuple" else parts


def _as_it_lies(tensor: Tensor) -> tuple[Tensor, list[int]]:
    """The tensor with its axes in the order of its memory, and that order.

    Fused optimisers step through weights and moments by address. A moment that came back in another layout than its
    weight, such as channels last, would be paired with the wrong weights.
    """
    order = sorted(range(tensor.ndim), key=lambda axis: -tensor.stride()[axis])
    lying = tensor.permute(order)
    if lying.is_contiguous():
        return lying, order
    return tensor.contiguous(), list(range(tensor.ndim))


def _bytes_of(tensor: Tensor) -> npt.NDArray[np.uint8]:
    found: npt.NDArray[np.uint8] = tensor.flatten().view(torch.uint8).numpy()
    return found


def _checksum(content: str, parts: list[npt.NDArray[np.uint8]]) -> int:
    checksum = zlib.crc32(content.encode())
    for part in parts:
        checksum = zlib.crc32(part.data, checksum)
    return checksum
