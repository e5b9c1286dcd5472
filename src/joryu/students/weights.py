"""Weights in safetensors files: read them, and load them into a network."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError


def load_weights(module: nn.Module, path: Path | str) -> None:
    """Load a safetensors file into a module. Every name must be in both; dtypes are converted to the module's.

    Raises:
        InputError: the file is absent or damaged, or is one that ``torch.save`` wrote.
        MismatchError: names or shapes differ.
    """
    fill(module, read_weights(path), Path(path))


def read_weights(path: Path | str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    Raises:
        InputError: the file is absent or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no weights at {path}", expected="a safetensors file")
    try:
        state: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        with path.open("rb") as file:
            pickled = file.read(4).startswith(_PICKLES)
        raise InputError(
            f"cannot read the weights {path}", expected="a safetensors file",
            received="what torch.save writes" if pickled else str(error),
            hint=f"convert it once: {_conversion(path)}" if pickled else None,
        ) from error  # fmt: skip
    return state


def fill(module: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load the tensors of the file ``path`` into a module, by name.

    Raises:
        MismatchError: names or shapes differ.
    """
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise MismatchError(
            f"the weights {path.name} do not fit the network", received=" ".join(str(error).split())[:300]
        ) from error


def for_channels(weights: Tensor, own: Tensor | None) -> Tensor:
    """The weights of a first convolution for as many channels as the network's ``own`` has; all others as they are.

    A file's are for three colours. For grey pictures they are summed over these; for other numbers of channels they are
    repeated and multiplied by 3 / channels, as timm and segmentation-models-pytorch do it.
    """
    if own is None or weights.ndim != 4 or weights.shape[1] != 3 or own.ndim != 4:
        return weights
    channels = own.shape[1]
    if channels == 1:
        return weights.sum(1, keepdim=True)
    return weights if channels == 3 else weights.repeat(1, -(-channels // 3), 1, 1)[:, :channels] * (3 / channels)


_PICKLES = (b"PK\x03\x04", b"\x80")  # how the files of torch.save begin, today's and those before PyTorch 1.6


def _conversion(path: Path) -> str:
    """A line for a shell. Only a plain state dict passes ``weights_only``, so no code of the file is run.

    The file is handed over opened: of a name that ends in .safetensors PyTorch would believe it.
    """
    # A file that is called safetensors already is left as it is: whoever wrote it may still want it.
    misnamed = path.suffix == ".safetensors"
    converted = str(
        path.with_name(f"{path.stem}-converted.safetensors") if misnamed else path.with_suffix(".safetensors")
    )
    code = (
        "import torch; from safetensors.torch import save_file;"
        f' state = torch.load(open({json.dumps(str(path))}, "rb"), map_location="cpu", weights_only=True);'
        ' state = state.get("state_dict", state);'
        f" save_file({{name: part.clone().contiguous() for name, part in state.items()}}, {json.dumps(converted)})"
    )
    return shlex.join(["python", "-c", code])
