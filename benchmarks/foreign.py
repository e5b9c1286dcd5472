"""Labelling through ``onnx:`` and ``tflite:`` against a bare runtime loop: ``python -m benchmarks.foreign``.

The bare loop is what anyone would write: the same pictures, in memory, in batches of the same size, turned into what
the model takes with numpy, asked by the same runtime with as many threads, the answers thrown away. Ours is
`label_examples` with the teacher of the spec: ids in their order, the same turning, checks, encoding, shards on disk.
Both go in turn, round after round, and the ratio is the median of those within a round.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks.labelling import cnn
from benchmarks.results import keep, on_machine, options, table
from benchmarks.side_by_side import interleave, machine_line, paired_ratio, print_json
from joryu.allocator import keep_freed_memory
from joryu.examples import Examples
from joryu.targets.provenance import joryu_version, machine
from joryu.teachers import load_teacher
from joryu.teachers.labelling import BATCH_SIZE, label_examples

NAME, WANTED = "foreign-models", 0.95
CLASSES = 100
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TFLITE = "tflite_imagenet/mobilenet_v2_1.0_224_quant.tflite"

Loop = Callable[[], object]


class Job(NamedTuple):
    """One model: pictures ``[n, C, H, W]``, its spec, its classes unless it names them, and the bare loop."""

    pictures: torch.Tensor
    spec: str
    classes: int | None
    bare: Loop


def pictures_of(rows: int, side: int) -> torch.Tensor:
    """Noise: what is in a picture costs no runtime more or less."""
    return torch.randint(0, 256, (rows, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def exported(path: Path, *, scaled_inside: bool) -> Path:
    """A small convolutional network as an ONNX file; it takes bytes, or floats that are normalised before."""
    torch.manual_seed(0)
    network = cnn(CLASSES)
    module = network if scaled_inside else nn.Sequential(*list(network.children())[1:])  # without `Scaled`
    given = torch.zeros(1, 3, 32, 32, dtype=torch.uint8 if scaled_inside else torch.float32)
    axes = {"pictures": {0: "n"}, "logits": {0: "n"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter: it needs no second and half a gigabyte of imports
        torch.onnx.export(module.eval(), (given,), path, input_names=["pictures"], output_names=["logits"],
                          dynamic_axes=axes, dynamo=False)  # fmt: skip
    return path


def onnx_bytes(folder: Path, rows: int) -> Job:
    """An ONNX model that takes bytes, as Joryu exports them."""
    path = exported(folder / "bytes.onnx", scaled_inside=True)
    pictures = pictures_of(rows, 32)
    session, held = session_of(path), pictures.numpy()

    def bare() -> None:
        for start in range(0, rows, BATCH_SIZE):
            session.run(["logits"], {"pictures": held[start : start + BATCH_SIZE]})

    return Job(pictures, f"onnx:{path},output=logits", CLASSES, bare)


def onnx_floats(folder: Path, rows: int) -> Job:
    """An ONNX model that takes normalised floats, as most others are."""
    path = exported(folder / "floats.onnx", scaled_inside=False)
    pictures = pictures_of(rows, 32)
    session, held = session_of(path), pictures.numpy()
    mean, std = (np.array(one, dtype=np.float32).reshape(1, 3, 1, 1) for one in (MEAN, STD))

    def bare() -> None:
        for start in range(0, rows, BATCH_SIZE):
            given = (held[start : start + BATCH_SIZE].astype(np.float32) / np.float32(255) - mean) / std
            session.run(["logits"], {"pictures": given})

    scaling = ",".join(
        ["range=0..1", *(f"{name}={','.join(map(str, of))}" for name, of in (("mean", MEAN), ("std", STD)))]
    )
    return Job(pictures, f"onnx:{path},{scaling},output=logits", CLASSES, bare)


def tflite(folder: Path, rows: int) -> Job | None:
    """MobileNetV2 1.0/224 in 8 bits, if it is there: one picture at a time, as the file says."""
    del folder
    path = Path(os.environ.get("JORYU_DATA", "data")) / TFLITE
    if not path.is_file():
        return None
    from ai_edge_litert.interpreter import Interpreter

    pictures = pictures_of(max(8, rows // 16), 224)
    interpreter = Interpreter(model_path=str(path), num_threads=torch.get_num_threads())
    interpreter.allocate_tensors()
    (taken,), (said,) = interpreter.get_input_details(), interpreter.get_output_details()
    held = pictures.numpy()

    def bare() -> None:
        for picture in held:
            interpreter.set_tensor(taken["index"], np.ascontiguousarray(picture.transpose(1, 2, 0))[None])
            interpreter.invoke()
            interpreter.get_tensor(said["index"])

    return Job(pictures, f"tflite:{path}", None, bare)


def session_of(path: Path) -> Any:
    """A session of as many threads as PyTorch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


WORKS: dict[str, Callable[[Path, int], Job | None]] = {
    "onnx, bytes": onnx_bytes,
    "onnx, floats normalised before": onnx_floats,
    "tflite, MobileNetV2 of 224 in 8 bits": tflite,
}


def measure(work: str, folder: Path, *, rows: int, repeats: int) -> dict[str, Any] | None:
    """Both in turn; ``None`` if the model is not there."""
    job = WORKS[work](folder, rows)
    if job is None:
        return None
    names = None if job.classes is None else [str(at) for at in range(job.classes)]
    teacher = load_teacher(job.spec, classes=names)
    examples = Examples.of(job.pictures, classes=teacher.question.names)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as out:
            label_examples(teacher, examples, Path(out) / "targets")

    bare, labelled = interleave({"bare": job.bare, "ours": ours}, repeats=repeats)
    return {
        "work": work, "rows": len(examples), "shape": list(job.pictures.shape[1:]),
        "share_of_bare": paired_ratio(labelled, bare),
        "share_of_bare_cpu": paired_ratio(labelled, bare, cpu=True),
        "pictures_per_second": len(examples) / labelled.median,
        "bare_pictures_per_second": len(examples) / bare.median,
        "seconds": {"bare": list(bare.seconds), "ours": list(labelled.seconds)},
    }  # fmt: skip


def span(seconds: dict[str, list[float]]) -> str:
    """The share of the worst and of the best round."""
    shares = [bare / ours for bare, ours in zip(seconds["bare"], seconds["ours"], strict=True)]
    return f"{min(shares):.3f} to {max(shares):.3f}"


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    machine_said = on_machine(report["machine"], report["threads"])
    rows = [
        [one["work"], f"{one['rows']:,} of {'×'.join(map(str, one['shape']))}",
         f"{one['bare_pictures_per_second']:,.0f}",
         f"{one['pictures_per_second']:,.0f}", f"{one['share_of_bare']:.3f}", span(one["seconds"]),
         f"{one['share_of_bare_cpu']:.3f}"]
        for one in report["results"]
    ]  # fmt: skip
    return "\n\n".join([
        "# Labelling through models of other frameworks",
        f"{machine_said}. `{report['command']}`; medians of {report['repeats']} interleaved"
        f" rounds.{report['remark']}",
        "The bare loop turns the same pictures, held in memory, into what the model takes with numpy and asks the same"
        " runtime in batches of the same size; its answers are thrown away. Ours is `joryu label` without reading"
        " files: the answers are checked, encoded and on disk.",
        table(
            ["", "pictures", "bare loop, a second", "ours, a second", "share", "of each round", "of processor time"],
            rows,
        ),
        f"Wanted: a share of at least {WANTED:g}.\n",
    ])  # fmt: skip


def main() -> None:
    given = options(__doc__, name=NAME, rows=4096, of_rows="pictures; of the TFLite model a sixteenth").parse_args()
    torch.set_num_threads(given.threads)
    keep_freed_memory()  # as ``joryu label`` does; for the bare loop too
    with tempfile.TemporaryDirectory() as folder:
        measured = {work: measure(work, Path(folder), rows=given.rows, repeats=given.repeats) for work in WORKS}
    results = [one for one in measured.values() if one is not None]
    report = {
        "command": "python -m benchmarks.foreign " + f"--rows {given.rows} --repeats {given.repeats}",
        "threads": given.threads,
        "repeats": given.repeats, "remark": f" {given.remark}" if given.remark else "", "wanted": WANTED,
        "results": results,
        "absent": [work for work, one in measured.items() if one is None],
    }  # fmt: skip
    if given.out:
        report = {"machine": machine(), "joryu": joryu_version(), **report}
        keep(NAME, report, markdown(report), given.out)
    if given.json:
        print_json(**report)
        return
    print(machine_line())
    for one in results:
        bare, ours = one["bare_pictures_per_second"], one["pictures_per_second"]
        print(f"{one['work']:<40}{bare:>9,.0f}/s bare {ours:>9,.0f}/s ours"
              f"{one['share_of_bare']:>8.3f}{one['share_of_bare_cpu']:>8.3f} cpu")  # fmt: skip
    for work in report["absent"]:
        print(f"{work}: absent", file=sys.stderr)


if __name__ == "__main__":
    main()
