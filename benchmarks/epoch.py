"""One epoch of a student, ours against everyone else's: ``python -m benchmarks.epoch``.

Ours asks the teacher once and trains from cached soft targets; an epoch cannot be shorter than the bare student's on
hard labels, nor can the cache gain more than `benchmarks.limit` says; the peers have the teacher in the loop. Every
contender runs in its own process, keeps it, and trains one epoch in turn, round after round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.contenders.work import Work
from benchmarks.contenders.worker import Spent
from benchmarks.entrants import BARE, CLOSE, ENTRANTS, OURS, Entrant, MissingError, Started
from benchmarks.limit import EPOCHS, WANTED, in_a_line, reached
from benchmarks.side_by_side import Timing, machine_line, paired_ratio, print_json
from joryu.precision import best_precision

TITLES = {
    "mlp": "H1 student 784-800-800-10, teacher 784-1200-1200-10",
    "mlp-ensemble": "H1 student 784-800-800-10, ten teachers 784-1200-1200-10",
    "cnn": "six-layer CNN (32 to 128 channels) on 3x32x32, teacher twice as wide",
}
SHARES = {"mlp": 1.0, "mlp-ensemble": 1 / 4, "cnn": 1 / 30}  #: of --rows; the slower works need fewer steps
STEP, AT_MOST = "cached step against the bare one, at most", 1.05
SHARE = "gained by asking once, as a share of the most that can be gained, at least"

RATIOS = ("times_bare", "times_bare_cpu", "times_ours", "times_ours_cpu")  #: wall, and processor time


def works(names: Sequence[str], precisions: Sequence[str], rows: int, threads: int) -> Iterator[tuple[str, Work]]:
    """What is asked for, in whole batches."""
    for precision in precisions:
        for name in names:
            work = Work(
                network=name.partition("-")[0],
                rows=rows,
                teachers=10 if name.endswith("ensemble") else 1,
                precision=precision,
                threads=threads,
            )
            whole = max(1, round(rows * SHARES[name] / work.batch)) * work.batch
            yield name, Work(**{**vars(work), "rows": whole})


def measure(
    name: str, work: Work, entrants: Sequence[Entrant], *, repeats: int, device: str, closely: int = 0
) -> dict[str, Any]:
    """Start everyone, warm up, take turns, then ``closely`` rounds of what is claimed alone; stop everyone."""
    missing: dict[str, MissingError] = {}
    running: dict[str, Started] = {}
    try:
        for entrant in entrants:
            tell(f"{name}: starting {entrant.name}")
            try:
                running[entrant.name] = Started(entrant, work, device=device)
            except MissingError as error:
                missing[entrant.name] = error
        missing |= other_work(running, work)
        take_turns(name, running, missing, rounds=1)
        spent = take_turns(name, running, missing, rounds=repeats)
        close = {contender: running[contender] for contender in CLOSE.values() if contender in running}
        alone = take_turns(f"{name} closely", close, missing, rounds=closely) if {BARE, OURS} <= {*close} else {}
        facts = {contender: started.facts for contender, started in running.items()}
    finally:
        for started in running.values():
            started.stop()
    timings = timings_of(spent, missing)
    return {
        "work": name,
        "title": TITLES[name],
        **vars(work),
        "contenders": [row(timing, timings, work) | {"facts": facts[timing.name]} for timing in timings],
        "closely": close_look(timings_of(alone, missing)),
        "limit": limit(timings_of(alone, missing)) or limit(timings),
        "missing": [
            {"name": contender, "absent": error.absent, "why": str(error)} for contender, error in missing.items()
        ],
    }


def take_turns(
    name: str, running: dict[str, Started], missing: dict[str, MissingError], *, rounds: int
) -> dict[str, list[Spent]]:
    """One epoch of each, round after round; who breaks down goes missing."""
    spent: dict[str, list[Spent]] = {}
    for round_ in range(1, rounds + 1):
        for contender in [contender for contender in running if contender not in missing]:
            try:
                took = running[contender].epoch()
            except MissingError as error:
                missing[contender] = error
                continue
            tell(f"{name}: round {round_} of {rounds}, {contender}: {took.seconds:.3f} s")
            spent.setdefault(contender, []).append(took)
    return spent


def timings_of(spent: dict[str, list[Spent]], missing: dict[str, MissingError]) -> list[Timing]:
    """The times of all who stayed to the end."""
    return [Timing(name, *map(tuple, zip(*each, strict=True))) for name, each in spent.items() if name not in missing]


def close_look(timings: Sequence[Timing]) -> dict[str, Any] | None:
    """What ours takes of the bare student's time, over many rounds of a few alone; none if one was not there.

    The limit is a few per cent away and single rounds scatter by more, so that a handful of them decides nothing.
    """
    by_name = {timing.name: timing for timing in timings}
    if not {BARE, OURS} <= {*by_name}:
        return None
    bare, ours = by_name[BARE], by_name[OURS]
    ratios = [after / before for before, after in zip(bare.seconds, ours.seconds, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return {
        "rounds": len(ratios),
        "times_bare": statistics.median(ratios),
        "times_bare_cpu": paired_ratio(bare, ours, cpu=True),
        "middle_half": [low, high],
        "seconds": {timing.name: [round(second, 4) for second in timing.seconds] for timing in (bare, ours)},
    }


def limit(timings: Sequence[Timing]) -> dict[str, Any] | None:
    """What asking once gained, beside what it can gain at the most; none if one of those it is told from is missing."""
    by_name = {timing.name: timing for timing in timings}
    if not {*CLOSE.values()} <= {*by_name}:
        return None
    wall = {part: [round(second, 4) for second in by_name[name].seconds] for part, name in CLOSE.items()}
    cpu = {part: by_name[name].cpu_seconds for part, name in CLOSE.items()}
    return reached(wall, EPOCHS) | {"share_cpu": reached(cpu, EPOCHS)["share"]}


def other_work(running: dict[str, Started], work: Work) -> dict[str, MissingError]:
    """Who does not begin with our loss: a contender that does something else must not be compared."""
    tolerance = 0.01 if work.precision == "float32" else 0.05
    losses = {name: started.first_loss for name, started in running.items() if started.first_loss is not None}
    ours = losses.get(OURS)
    if ours is None:
        return {}
    return {
        name: MissingError(f"does other work: its first loss is {loss:.4f}, ours {ours:.4f}")
        for name, loss in losses.items()
        if abs(loss - ours) > tolerance * abs(ours)
    }


def row(timing: Timing, timings: Sequence[Timing], work: Work) -> dict[str, Any]:
    """A contender's numbers; ratios are medians over rounds."""
    by_name = {other.name: other for other in timings}
    steps = work.steps
    numbers: dict[str, Any] = {
        "name": timing.name,
        "seconds": [round(second, 4) for second in timing.seconds],
        "cpu_seconds": [round(second, 4) for second in timing.cpu_seconds],
        "median_seconds": timing.median,
        "milliseconds_per_step": 1000 * timing.median / steps,
        "examples_per_second": work.rows / timing.median,
    }
    if BARE in by_name:
        numbers["times_bare"] = paired_ratio(by_name[BARE], timing)
        numbers["times_bare_cpu"] = paired_ratio(by_name[BARE], timing, cpu=True)
    if OURS in by_name:
        numbers["times_ours"] = paired_ratio(by_name[OURS], timing)
        numbers["times_ours_cpu"] = paired_ratio(by_name[OURS], timing, cpu=True)
    return numbers


def claims(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What H1's work must reach, and what it reached."""
    if result["work"] != "mlp":
        return []
    found = []
    if steps := steps_of_bare(result):
        found.append({"claim": STEP, "wanted": AT_MOST, "reached": steps, "met": steps <= AT_MOST})
    if result.get("limit"):
        share = float(result["limit"]["share"])
        found.append({"claim": SHARE, "wanted": WANTED, "reached": share, "met": share >= WANTED})
    return found


def steps_of_bare(result: dict[str, Any]) -> float | None:
    """What a cached step takes, in bare ones: looked at closely if it was."""
    if result.get("closely"):
        return float(result["closely"]["times_bare"])
    ours = [row for row in result["contenders"] if row["name"] == OURS and "times_bare" in row]
    return float(ours[0]["times_bare"]) if ours else None


def lines(result: dict[str, Any]) -> Iterator[str]:
    """The result as text."""
    yield (
        f"{result['title']}: {result['rows']:,} examples, batch {result['batch']}, {result['precision']}, "
        f"{result['threads']} thread(s), T = {result['temperature']:g}, hard weight {result['hard_weight']:g}"
    )
    heads = "".join(f"{key.replace('times_', 'x ').replace('_', ' '):>13}" for key in RATIOS)
    yield f"{'':<34}{'median s':>10}{'ms/step':>10}{'examples/s':>12}{heads}"
    for row in result["contenders"]:
        ratios = "".join(f"{row[key]:>13.2f}" if key in row else f"{'':>13}" for key in RATIOS)
        yield (
            f"{row['name']:<34}{row['median_seconds']:>10.3f}{row['milliseconds_per_step']:>10.2f}"
            f"{row['examples_per_second']:>12,.0f}{ratios}  {row['facts'].get('variant', '')}".rstrip()
        )
    for absence in result["missing"]:
        yield f"{absence['name']:<34}{'absent' if absence['absent'] else 'FAILED'}: {absence['why']}"
    if result.get("closely"):
        yield closely_said(result["closely"])
    if result.get("limit"):
        yield in_a_line(result["limit"])
    yield from map(verdict, claims(result))


def verdict(claim: dict[str, Any]) -> str:
    """A claim in a line; three digits, as a limit of a few per cent wants them."""
    met = "met" if claim["met"] else "missed"
    return f"{claim['claim']} {claim['wanted']:g}: {claim['reached']:.3f}, {met}"


def closely_said(close: dict[str, Any]) -> str:
    """The close look in a line."""
    low, high = close["middle_half"]
    return (
        f"ours beside the bare student, {close['rounds']} more rounds: {close['times_bare']:.3f} x bare in the "
        f"median, {low:.2f} to {high:.2f} in the middle half of the rounds, "
        f"{close['times_bare_cpu']:.3f} x of processor time"
    )


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def default_precisions() -> list[str]:
    """float32 always, and bf16 where the processor has it."""
    return ["float32"] if best_precision("cpu") == "32-true" else ["float32", "bfloat16"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=list(TITLES), nargs="+", default=list(TITLES))
    parser.add_argument("--rows", type=int, default=60_000, help="examples of the H1 work; the others take a share")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--closely",
        type=int,
        help="more rounds of H1's work for what is claimed of it alone (default 6 x repeats + 1)",
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", choices=["float32", "bfloat16"], nargs="+", help="default: what the CPU has")
    parser.add_argument("--device", choices=["cpu", "auto"], default="cpu", help="auto: whatever each one finds")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="contenders whose name holds one of these words")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    chosen = [e for e in ENTRANTS if not options.only or any(word in e.name for word in options.only)]
    precisions = options.precision or default_precisions()
    closely = 6 * options.repeats + 1 if options.closely is None else options.closely
    results = []
    for name, work in works(options.work, precisions, options.rows, options.threads):
        alone = closely if name == "mlp" else 0
        results.append(measure(name, work, chosen, repeats=options.repeats, device=options.device, closely=alone))
        if not options.json:
            print("\n".join([*([machine_line()] if len(results) == 1 else []), "", *lines(results[-1])]), flush=True)
    if options.json:
        print_json(repeats=options.repeats, results=[result | {"claims": claims(result)} for result in results])


if __name__ == "__main__":
    main()
