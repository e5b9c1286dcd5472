"""Logits in one byte each, finest where a probability depends on them most.

A logit ``z`` softened by ``T`` becomes ``σ(z / T)``, which moves by ``σ'(z / T) / T`` for each unit of ``z``. Over all
``T >= 1`` that is at most ``s(z) = σ'(z)`` up to ``|z| = u``, and ``u σ'(u) / |z|`` beyond, where ``u = 1.543`` is the
root of ``u tanh(u / 2) = 1``. Codes are even steps of ``f(z)``, the integral of ``s``:

    f(z) = σ(|z|) - 1/2  up to u,  and  f(u) + u σ'(u) ln(|z| / u)  beyond.

So no probability moves by more than half a step of ``f``, at 1 or at any higher temperature: a row whose largest logit
is ``M`` has steps of ``f(M) / 127`` (sigmoid) and moves by 0.0026 at most for ``M = 10``, 0.0039 for ``M = 30``. Even
steps of ``z`` would move it by 0.01 and 0.03. (Companding: Smith 1957, "Instantaneous companding of quantized
signals"; the telephone's µ-law has the same shape.)
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import Link

Codes = npt.NDArray[np.uint8]

EDGE: Final = 1.5434046384182085  #: u
AT_EDGE: Final = 0.5 / EDGE  #: f(u)
SLOPE: Final = (EDGE - 1 / EDGE) / 4  #: u σ'(u)
CENTRE: Final = 127  #: the code of 0 among signed ones, and their number on each side
MOST: Final = 255  #: the largest code of logits that are at most 0


def squeezed(sizes: Tensor) -> Tensor:
    """``f(|z|)`` of sizes ``|z| >= 0``.

    >>> squeezed(torch.tensor([0.0, EDGE, 30.0])).round(decimals=4)
    tensor([0.0000, 0.3240, 0.9882])
    """
    return torch.where(
        sizes <= EDGE, torch.sigmoid(sizes) - 0.5, AT_EDGE + SLOPE * (sizes.clamp_min(EDGE) / EDGE).log()
    )


def stretched(values: Tensor) -> Tensor:
    """The sizes of which `squeezed` makes these.

    >>> stretched(squeezed(torch.tensor([0.0, 0.5, 30.0]))).round(decimals=4)
    tensor([ 0.0000,  0.5000, 30.0000])
    """
    inner = values.clamp_max(AT_EDGE)
    return torch.where(
        values <= AT_EDGE, ((0.5 + inner) / (0.5 - inner)).log(), EDGE * ((values - AT_EDGE) / SLOPE).exp()
    )


def encoded_logits(logits: Tensor, link: Link) -> tuple[Tensor, Tensor]:
    """Codes uint8 of logits ``[n, ..., C]``, float32, and the largest size of each row, float32 ``[n]``.

    Softmax forgets a constant, so its best logit is moved to 0, and codes count how far the others are below.
    """
    values = logits if link.independent else logits - logits.amax(-1, keepdim=True)
    scale = values.abs().flatten(1).amax(1)
    most = squeezed(scale)
    scale = torch.where(most > 0, scale, 0)  # what float32 does not tell from nothing is kept as nothing
    most = most.clamp_min(torch.finfo(torch.float32).tiny).reshape(-1, *[1] * (values.ndim - 1))
    share = squeezed(values.abs()) / most
    if not link.independent:
        return (share * MOST).round().to(torch.uint8), scale
    return (share * CENTRE).round().mul_(values.sign()).add_(CENTRE).to(torch.uint8), scale


def decoded_logits(codes: Codes, scale: npt.NDArray[np.float32], link: Link) -> Tensor:
    """The logits, float32, of codes ``[n, ...]``; each row has a table of 256 values."""
    tables = _tables(torch.from_numpy(scale), link).numpy()
    found = np.empty(codes.shape, dtype=np.float32)
    for row, table in enumerate(tables):
        np.take(table, codes[row], out=found[row], mode="clip")  # without a mode that may raise it is buffered
    return torch.from_numpy(found)


def half_steps(logits: Tensor, link: Link) -> Tensor:
    """The most that encoding may move each logit by, to first order: half a step of ``f``, divided by ``s(z)``."""
    values = logits if link.independent else logits - logits.amax(-1, keepdim=True)
    sizes = values.abs()
    most = squeezed(sizes.flatten(1).amax(1)).reshape(-1, *[1] * (values.ndim - 1))
    inside = torch.sigmoid(sizes) * torch.sigmoid(-sizes)
    slope = torch.where(sizes <= EDGE, inside, SLOPE / sizes.clamp_min(EDGE))
    return most / (2 * (CENTRE if link.independent else MOST)) / slope


def packed(codes: Codes, width: int) -> npt.NDArray[np.object_]:
    """The codes of each row compressed by itself: differences to the neighbour on the left, then Zstandard.

    ``width``: codes between an answer about a pixel and that about its neighbour.
    """
    codec, found = _codec(), np.empty(len(codes), dtype=object)
    for row, differences in enumerate(_differences(codes, width)):
        found[row] = codec.compress(differences.tobytes(), asbytes=True)
    return found


def unpacked(rows: npt.NDArray[np.object_], size: int, width: int) -> Codes:
    """The codes that `packed` compressed, uint8 ``[n, size]``.

    Raises:
        InputError: a row is damaged.
    """
    codec, found = _codec(), np.empty((len(rows), size), dtype=np.uint8)
    try:
        for row, content in enumerate(rows):
            found[row] = np.frombuffer(codec.decompress(content, size), dtype=np.uint8)
    except (pa.ArrowException, OSError, ValueError) as error:
        why = str(error).split("\n")[0]
        raise InputError(
            "a compressed answer of the store is damaged", received=why, hint="try joryu verify"
        ) from error
    columns = found.reshape(len(rows), size // width, width)
    np.cumsum(columns, axis=1, dtype=np.uint8, out=columns)
    return found


def _differences(codes: Codes, width: int) -> Codes:
    columns = codes.reshape(len(codes), codes.shape[1] // width, width)
    found = columns.copy()
    found[:, 1:] -= columns[:, :-1]  # modulo 256
    return found


def _codec() -> pa.Codec:
    return pa.Codec("zstd", compression_level=3)


def _tables(scale: Tensor, link: Link) -> Tensor:
    """The value of each code, ``[n, 256]``; the outermost is the row's largest, to the bit."""
    most = squeezed(scale)[:, None]
    if not link.independent:
        sizes = stretched(most * torch.arange(MOST + 1) / MOST)
        sizes[:, MOST] = scale
        return -sizes
    sizes = stretched(most * torch.arange(CENTRE + 1) / CENTRE)
    sizes[:, CENTRE] = scale
    return torch.cat((-sizes.flip(1), sizes[:, 1:], scale[:, None]), dim=1)
