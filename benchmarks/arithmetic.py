"""What an epoch of H1's work takes if nothing is done but multiply: ``python -m benchmarks.arithmetic``.

The matrix products of the student's step (forward, both gradients) and those of the teacher's answers, in float32,
into memory that is there already. No way of training the student is faster than the first on this machine, unless it
multiplies faster; a way that asks the teacher in every step needs both.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.contenders.work import Work
from benchmarks.side_by_side import interleave, machine_line, print_json

Product = tuple[Tensor, Tensor, Tensor]  #: left, right, and where their product goes


def step_of_student(work: Work) -> Iterator[Product]:
    """Forward, gradient of the weights, and, but for the first layer, gradient of the inputs."""
    for number, weight in enumerate(map(torch.from_numpy, work.weights(teacher=False))):
        inputs, gradient = torch.randn(work.batch, weight.shape[1]), torch.randn(work.batch, weight.shape[0])
        yield inputs, weight.t(), torch.empty_like(gradient)
        yield gradient.t(), inputs, torch.empty_like(weight)
        if number:
            yield gradient, weight, torch.empty_like(inputs)


def answers_of_teacher(work: Work) -> Iterator[Product]:
    """Forward alone."""
    for weight in map(torch.from_numpy, work.weights(teacher=True)):
        yield torch.randn(work.batch, weight.shape[1]), weight.t(), torch.empty(work.batch, weight.shape[0])


def operations(products: list[Product]) -> int:
    """Multiplications and additions: ``2 m k n`` for a product of ``[m, k]`` and ``[k, n]``."""
    return sum(2 * left.shape[0] * left.shape[1] * right.shape[1] for left, right, _ in products)


def multiply(products: list[Product], *, times: int) -> None:
    for _ in range(times):
        for left, right, out in products:
            torch.mm(left, right, out=out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = Work("mlp", options.rows, threads=options.threads)
    parts = {"the student's step": list(step_of_student(work)), "the teacher's answers": list(answers_of_teacher(work))}
    timings = interleave(
        {name: lambda products=products: multiply(products, times=work.steps) for name, products in parts.items()},
        repeats=options.repeats,
    )
    student, teacher = (timing.median for timing in timings)
    both = (student + teacher) / student
    if options.json:
        print_json(rows=work.rows, seconds={t.name: t.seconds for t in timings}, with_teacher=both)
        return
    print(machine_line())
    for timing in timings:
        billions = operations(parts[timing.name]) * work.steps / 1e9
        print(f"{timing.name:<24}{timing.median:>8.3f} s an epoch, {billions / timing.median:>6.0f} GFLOP/s")
    print(f"a teacher in the loop multiplies {both:.2f} x as long")


if __name__ == "__main__":
    main()
