"""What the models of an exported folder give for the same made-up inputs, to the bit.

This is run by two interpreters, this machine's and the emulated one's, and needs nothing but NumPy and the runtime that
the models are for:  ``python raw_outputs.py FOLDER OUT.npz``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

BATCH, SIDE = 3, 32  # what stands for a batch, and for a height or width, that a model leaves open
_DTYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(int64)": np.int64}


def made_up(shape: list[object], kind: str) -> np.ndarray:
    """Inputs that every machine makes alike: whole numbers, or 64ths of them from -2 to 2."""
    sizes = [n if isinstance(n, int) and n > 0 else (SIDE if axis else BATCH) for axis, n in enumerate(shape)]
    numbers = np.random.default_rng(0).integers(0, 256, sizes)
    dtype = _DTYPES[kind]
    return ((numbers - 128) / 64).astype(dtype) if dtype is np.float32 else numbers.astype(dtype)


def outputs_of(model: Path) -> dict[str, np.ndarray]:
    """All outputs of an ONNX model, by name."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.x64quantprecision", "1")  # exact sums, whatever this processor is
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    inputs = {one.name: made_up(one.shape, one.type) for one in session.get_inputs()}
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def main(folder: str, out: str) -> None:
    found = {}
    for model in sorted(Path(folder).glob("*.onnx")):
        for name, values in outputs_of(model).items():
            found[f"{model.name}/{name}"] = values
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
