"""Times one exported model in a process of its own: ``python -I bench_child.py JSON``. Imports nothing of Joryu.

The JSON names the model, its runtime and the settings of its session, the shape and type of an input, the batch, the
threads, and the seconds that it is to be timed for. Out comes JSON: the seconds of every answer, and the peak memory of
the process in bytes, as it was before the model was loaded and in the end.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LEAST, MOST = 20, 20_000  #: answers that are timed
WARM_UP = 5  #: answers before, which pay for memory and the choice of kernels


def onnx(asked: dict[str, Any]) -> Callable[[Any], object]:
    """An ONNX model, under the settings of ``predict.py``."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    for name, value in asked["session"].items():
        options.add_session_config_entry(name, value)
    options.intra_op_num_threads, options.inter_op_num_threads = asked["threads"], 1
    session = onnxruntime.InferenceSession(asked["model"], options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    return lambda inputs: session.run(None, {given.name: inputs})


def litert(asked: dict[str, Any]) -> Callable[[Any], object]:
    """A LiteRT model."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415

    interpreter = Interpreter(model_path=asked["model"], num_threads=asked["threads"])
    interpreter.allocate_tensors()
    at = interpreter.get_input_details()[0]["index"]

    def ask(inputs: Any) -> None:
        interpreter.set_tensor(at, inputs)
        interpreter.invoke()

    return ask


RUNTIMES = {"onnx": ("onnxruntime", onnx), "litert": ("ai_edge_litert.interpreter", litert)}


def peak() -> int:
    """The most memory that this process had at any time, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    scale = 1 if sys.platform == "darwin" else 1024
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(asked: dict[str, Any]) -> dict[str, Any]:
    """The times and the memory."""
    library, load = RUNTIMES[asked["runtime"]]
    __import__(library)
    before = peak()
    ask = load(asked)
    numbers = np.random.default_rng(0).integers(0, 256, [asked["batch"], *asked["shape"]])
    inputs = numbers.astype(asked["dtype"]) if asked["dtype"] == "uint8" else (numbers / 64 - 2).astype(asked["dtype"])
    for _ in range(WARM_UP):
        ask(inputs)
    seconds: list[float] = []
    end = time.perf_counter() + asked["seconds"]
    while len(seconds) < LEAST or (time.perf_counter() < end and len(seconds) < MOST):
        start = time.perf_counter()
        ask(inputs)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "before": before, "peak": peak()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(json.loads(sys.argv[1]))))
