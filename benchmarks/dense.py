"""Soft targets for each pixel: ``python -m benchmarks.dense``. Bytes, rates, and what they cost a training step.

A U-Net teacher is trained on masks (of ``--examples``, such as ``pairs:tgs_salt``; without, on drawn ellipses) and its
answers are kept in each encoding. A step of a small U-Net is then timed from held float32 answers (the bare step) and
with the answers of each batch gathered from the store: random rows, decompressed and decoded. Steps are timed in turn,
round after round. Nothing here is labelled or trained for its accuracy.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.results import keep, table
from benchmarks.side_by_side import interleave, machine_line, paired_ratio, print_json
from joryu.examples import Examples, load_examples
from joryu.objectives import HardLabels
from joryu.questions import PICTURE, Question
from joryu.students import build_architecture
from joryu.targets import Encoding, SoftTargets, Space, Store, StoreWriter
from joryu.targets.manifest import ExamplesRecord, Manifest, TeacherRecord
from joryu.targets.provenance import joryu_version, machine
from joryu.targets.rounding import measure
from joryu.training.setup import default_objective

ENCODINGS = ("dense:float32", "dense:float16", "dense:uint8", "dense:uint8+zstd")
BATCH, GATHERS = 32, 40
NAME = "dense"


class Sizes(NamedTuple):
    """What is measured on."""

    rows: int
    steps: int
    repeats: int


def drawn(rows: int, side: int = 101) -> Examples:
    """Ellipses in noise, with their masks."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    pictures, masks = np.empty((rows, 1, side, side), np.uint8), np.empty((rows, side, side, 1), np.int8)
    for row in range(rows):
        (cx, cy), (a, b) = rng.uniform(0, side, 2), rng.uniform(side / 10, side / 2, 2)
        inside = ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1
        pictures[row, 0] = np.clip(rng.normal(90 + 70 * inside, 40), 0, 255)
        masks[row, ..., 0] = inside
    question = Question.tags(["ellipse"], grid=PICTURE)
    return Examples.of(torch.from_numpy(pictures), torch.from_numpy(masks), question=question, name="ellipses")


def answers_of(examples: Examples, network: str, epochs: int) -> Tensor:
    """The logits ``[n, height, width, C]`` of a network that was taught the masks for a few epochs."""
    torch.manual_seed(0)
    net = build_architecture(network, tuple(examples.inputs.shape[1:]), len(examples.classes))
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    loss_of = HardLabels(link=examples.asked_question.link)
    inputs, labels = examples.inputs[:], examples.labels
    for epoch in range(epochs):
        for rows in torch.randperm(len(examples), generator=torch.Generator().manual_seed(epoch)).split(BATCH):
            said = net(inputs[rows].float() / 128 - 1).movedim(1, -1)
            loss = sum(loss_of({"main": said}, None, None if labels is None else labels[rows]).values()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(part.float() / 128 - 1).movedim(1, -1) for part in inputs.split(BATCH)]).clone()


def write(folder: Path, answers: SoftTargets, encoding: str) -> tuple[Store, float]:
    """A store of the answers, and the seconds that it took."""
    manifest = Manifest(
        question=answers.question, teacher=TeacherRecord(fingerprint="0", description="benchmark"),
        examples=ExamplesRecord(fingerprint="0", name="benchmark", count=len(answers)), batch_size=BATCH,
        encoding=Encoding.parse(encoding),
    )  # fmt: skip
    ids = np.arange(2 * len(answers), dtype=np.uint64).reshape(-1, 2)
    began = time.perf_counter()
    with StoreWriter(folder, manifest) as writer:
        for rows in torch.arange(len(answers)).split(BATCH):
            writer.add(ids[rows.numpy()], np.zeros(len(rows), dtype=np.uint64), answers.select(rows))
            writer.flush_if_due()
        store = writer.compact()
    return store, time.perf_counter() - began


def gather_rate(store: Store, rng: np.random.Generator, repeats: int) -> float:
    """Answers a second, gathered in random batches; every page of the store has been touched before."""
    asked = [torch.from_numpy(rng.integers(0, store.n_rows, BATCH)) for _ in range(GATHERS)]
    rates = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        for rows in asked:
            store.gather(rows)
        rates.append(BATCH * GATHERS / (time.perf_counter() - began))
    return statistics.median(rates[1:])


def step_ratios(
    examples: Examples, stores: dict[str, Store], student: str, sizes: Sizes
) -> tuple[float, dict[str, float]]:
    """Seconds of the bare step, and the time of a step from each store as a multiple of it."""
    question = examples.asked_question
    torch.manual_seed(1)
    net = build_architecture(student, tuple(examples.inputs.shape[1:]), len(question))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    loss_of = default_objective(question)
    held = stores["dense:float32"].gather(torch.arange(sizes.rows))
    orders = torch.randint(0, sizes.rows, (sizes.steps, BATCH), generator=torch.Generator().manual_seed(2))

    def steps(source: Any) -> None:
        for rows in orders:
            said = net(examples.inputs[rows].float() / 128 - 1).movedim(1, -1)
            labels = None if examples.labels is None else examples.labels[rows]
            loss = sum(loss_of({"main": said}, source(rows), labels).values()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    contenders = {"bare": lambda: steps(held.select)}
    contenders |= {name: (lambda store=store: steps(store.gather)) for name, store in stores.items()}
    timings = {timing.name: timing for timing in interleave(contenders, repeats=sizes.repeats)}
    bare = timings.pop("bare")
    return bare.median / sizes.steps, {name: 1 / paired_ratio(timing, bare) for name, timing in timings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", help="pictures with masks; drawn ellipses unless named")
    parser.add_argument("--size", type=int, help="as joryu label --size")
    parser.add_argument("--rows", type=int, default=1000, help="pictures, at most")
    parser.add_argument("--epochs", type=int, default=3, help="that the teacher is taught for")
    parser.add_argument("--teacher", default="unet:8x3")
    parser.add_argument("--student", default="unet:4x3")
    parser.add_argument("--steps", type=int, default=10, help="in a round")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/dense.json and DIR/dense.md")
    given = parser.parse_args()
    examples = drawn(given.rows) if given.examples is None else load_examples(given.examples, size=given.size)
    examples = examples.select(range(min(given.rows, len(examples))))
    values = answers_of(examples, given.teacher, given.epochs)
    answers = SoftTargets(values=values, space=Space.LOGITS, question=examples.asked_question.answer)
    sizes = Sizes(len(examples), given.steps, given.repeats)
    results = compared(examples, answers, given.student, sizes)
    report = {
        "command": " ".join(["python -m benchmarks.dense", *sys.argv[1:]]), "examples": examples.name,
        "rows": len(examples), "answer": list(values.shape[1:]), "teacher": given.teacher, "epochs": given.epochs,
        "student": given.student, "batch": BATCH, **results,
    }  # fmt: skip
    if given.out:
        report = {"machine": machine(), "joryu": joryu_version(), **report}
        keep(NAME, report, markdown(report), given.out)
    if given.json:
        print_json(**report)
        return
    print(machine_line())
    print(about(report))
    print(f"{'':<34}" + "".join(f"{encoding:>18}" for encoding in ENCODINGS))
    for name, *cells in rows_of(report):
        print(f"{name:<34}" + "".join(f"{cell:>18}" for cell in cells))


def compared(examples: Examples, answers: SoftTargets, student: str, sizes: Sizes) -> dict[str, Any]:
    """Bytes, rates and steps of each encoding."""
    results: dict[str, dict[str, float]] = {}
    values = answers.values
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for encoding in ENCODINGS:
            store, seconds = write(Path(folder) / encoding, answers, encoding)
            stores[encoding] = store
            size = sum(path.stat().st_size for path in store.path.glob("*.arrow"))
            rounding = measure(answers.select(torch.arange(min(256, len(answers)))), Encoding.parse(encoding))
            rate = gather_rate(store, np.random.default_rng(0), sizes.repeats)
            results[encoding] = {
                "bytes_per_pixel": size / values.numel(),
                "share_of_float32": size / (4 * values.numel()),
                "bytes_per_answer": size / len(answers),
                "most_a_probability_moves": rounding.probability,
                "soft_loss_lost_nats": rounding.divergence,
                "write_answers_per_second": len(answers) / seconds,
                "gather_answers_per_second": rate,
                "gather_megapixels_per_second": rate * values[0].numel() / 1e6,
            }
        bare, ratios = step_ratios(examples, stores, student, sizes)
    for encoding, ratio in ratios.items():
        results[encoding]["step_by_bare_step"] = ratio
    return {"bare_step_seconds": bare, "results": results}


def about(report: dict[str, Any]) -> str:
    """What was measured."""
    return (
        f"{report['rows']:,} examples of {report['examples']}, answers {'×'.join(map(str, report['answer']))} of a"
        f" {report['teacher']} taught for {report['epochs']} epochs; steps of {report['student']}, batch"
        f" {report['batch']}, float32, {1000 * report['bare_step_seconds']:.1f} ms with held float32 answers."
    )


def rows_of(report: dict[str, Any]) -> Iterator[list[str]]:
    """The table, measure by measure."""
    for name in report["results"][ENCODINGS[0]]:
        yield [name.replace("_", " "), *(f"{report['results'][one][name]:,.4g}" for one in ENCODINGS)]


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    where = report["machine"]
    parts = [
        "# Soft targets for each pixel: bytes, rates, steps",
        f"{where['cpu']}, {where['cores']} core(s), {where['system']}, Python {where['python']}, PyTorch "
        f"{where['torch']}. `{report['command']}`; medians of interleaved rounds.",
        about(report),
        table(["", *ENCODINGS], rows_of(report)),
        "Wanted: at most a quarter of float32 on disk, an eighth with compression, and a step of at most 1.10 × the"
        " bare one. Bytes are those of the shards: beside its pixels an answer has a key and a range, some 60 bytes.",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
