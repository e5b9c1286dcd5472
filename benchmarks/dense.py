"""Soft targets for each pixel: ``python -m benchmarks.dense``. Bytes, rates, and what they cost a training step.

A U-Net teacher is trained on masks (of ``--examples``, such as ``pairs:tgs_salt``; without, on drawn ellipses) and its
answers are kept in each encoding. A step of a small U-Net is then timed from held float32 answers (the bare step) and
with the answers of each batch gathered from the store: random rows, decompressed and decoded. Steps are timed in turn,
round after round. Nothing here is labelled or trained for its accuracy.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.side_by_side import interleave, machine_line, paired_ratio, print_json
from joryu.examples import Examples, load_examples
from joryu.objectives import HardLabels
from joryu.questions import PICTURE, Question
from joryu.students import build_architecture
from joryu.targets import Encoding, SoftTargets, Space, Store, StoreWriter
from joryu.targets.manifest import ExamplesRecord, Manifest, TeacherRecord
from joryu.targets.rounding import measure
from joryu.training.setup import default_objective

ENCODINGS = ("dense:float32", "dense:float16", "dense:uint8", "dense:uint8+zstd")
BATCH, GATHERS = 32, 40


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
    given = parser.parse_args()
    examples = drawn(given.rows) if given.examples is None else load_examples(given.examples, size=given.size)
    examples = examples.select(range(min(given.rows, len(examples))))
    values = answers_of(examples, given.teacher, given.epochs)
    answers = SoftTargets(values=values, space=Space.LOGITS, question=examples.asked_question.answer)
    sizes = Sizes(len(examples), given.steps, given.repeats)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for encoding in ENCODINGS:
            store, seconds = write(Path(folder) / encoding, answers, encoding)
            stores[encoding] = store
            size = sum(path.stat().st_size for path in store.path.glob("*.arrow"))
            rounding = measure(answers.select(torch.arange(min(256, len(answers)))), Encoding.parse(encoding))
            results[encoding] = {
                "bytes_per_pixel": size / values.numel(),
                "share_of_float32": size / (4 * values.numel()),
                "most_a_probability_moves": rounding.probability,
                "soft_loss_lost_nats": rounding.divergence,
                "write_answers_per_second": len(answers) / seconds,
                "gather_answers_per_second": gather_rate(store, np.random.default_rng(0), given.repeats),
            }
            results[encoding]["gather_megapixels_per_second"] = (
                results[encoding]["gather_answers_per_second"] * values[0].numel() / 1e6
            )
        bare, ratios = step_ratios(examples, stores, given.student, sizes)
        for encoding, ratio in ratios.items():
            results[encoding]["step_by_bare_step"] = ratio
    about = {"examples": examples.name, "rows": len(examples), "answer": list(values.shape[1:]),
             "student": given.student, "bare_step_seconds": bare}  # fmt: skip
    if given.json:
        print_json(**about, results=results)
        return
    print(machine_line())
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print(f"{'':<30}" + "".join(f"{encoding:>18}" for encoding in results))
    for name in results[ENCODINGS[0]]:
        print(f"{name:<30}" + "".join(f"{measured[name]:>18,.4f}" for measured in results.values()))


if __name__ == "__main__":
    main()
