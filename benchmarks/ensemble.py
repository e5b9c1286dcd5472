"""Ten teachers asked once for three students, against ten asked in every step: ``python -m benchmarks.ensemble``.

Let a pass over the examples take a student 1 and the ten teachers together R. Who asks them in every step of three
trainings of E epochs needs 3 E (1 + R); nobody can do with less than every step and one asking, 3 E + R, so no cache
gains more than 3 E (1 + R) / (3 E + R) (`benchmarks.limit`, with 3 E for E). Measured in turn, round after round: the
bare student on hard labels, the bare teachers alone, a bare loop that asks all ten in every step, our labelling of the
ensemble, an epoch of ours from its store (every member's answer, combined in the step), and an epoch of ours that asks
the ensemble live.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.contenders import bare
from benchmarks.contenders.cached import epoch_of, labelled_once
from benchmarks.contenders.torch_parts import member
from benchmarks.contenders.work import CLASSES, Work
from benchmarks.contenders.worker import Spent
from benchmarks.limit import EPOCHS, in_a_line, reached
from benchmarks.results import keep, on_machine, options, table
from benchmarks.side_by_side import machine_line, print_json
from joryu.allocator import keep_freed_memory
from joryu.examples import Examples
from joryu.targets.provenance import joryu_version, machine
from joryu.teachers.ensemble import Ensemble
from joryu.teachers.network import Network
from joryu.training import Live, Replayed

NAME, WANTED = "ensemble-once", 0.9
STUDENTS, MEMBERS = 3, 10
PARTS = {
    "student": "the bare student, hard labels",
    "teacher": "the ten bare teachers, answers alone",
    "asking": "the bare student, ten teachers in every step",
    "labelling": "Joryu, labelling once (every member kept)",
    "cached": "Joryu, an epoch from the store",
    "live": "Joryu, an epoch that asks the ensemble live",
}


def contenders(work: Work, folder: Path) -> dict[str, Callable[[], Spent]]:
    """What is timed, by the words of `benchmarks.limit`; each call is one pass over the examples."""
    pictures, labels = (torch.from_numpy(array) for array in work.pictures())
    classes = tuple(map(str, range(CLASSES)))
    examples = Examples.of(pictures, labels, classes=classes)
    guide = Ensemble([Network(member(work, at), classes) for at in range(work.teachers)])
    store, _ = labelled_once(guide, examples, folder / "targets")
    return {
        "student": bare.build(work, at_once=True).epoch,
        "teacher": bare.answers(work).epoch,
        "asking": bare.build(work, at_once=True, asking=True).epoch,
        "labelling": partial(_labelling, guide, examples, folder),
        "cached": partial(epoch_of, work, examples, Replayed(store), folder),
        "live": partial(epoch_of, work, examples, Live(guide), folder),
    }


def _labelling(guide: Ensemble, examples: Examples, folder: Path) -> Spent:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return labelled_once(guide, examples, Path(out) / "targets")[1]


def measure(work: Work, *, repeats: int, students: int = STUDENTS, epochs: int = EPOCHS) -> dict[str, Any]:
    """Everyone in turn, after one round that is not counted."""
    spent: dict[str, list[Spent]] = {name: [] for name in PARTS}
    with tempfile.TemporaryDirectory() as folder:
        running = contenders(work, Path(folder))
        for round_ in range(repeats + 1):
            for name, once in running.items():
                took = once()
                if round_:
                    spent[name].append(took)
    wall = {name: [one.seconds for one in each] for name, each in spent.items()}
    cpu = {name: [one.cpu_seconds for one in each] for name, each in spent.items()}
    found = reached({name: wall[name] for name in wall if name != "live"}, students * epochs)
    found |= {
        "share_cpu": reached({name: cpu[name] for name in cpu if name != "live"}, students * epochs)["share"],
        "gain_over_own_live": statistics.median(
            students * epochs * live / (once + students * epochs * cached)
            for live, once, cached in zip(wall["live"], wall["labelling"], wall["cached"], strict=True)
        ),
    }
    return found | {"seconds": wall, "cpu_seconds": cpu, "students": students, "each": epochs}


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    found = report["found"]
    machine_said = on_machine(report["machine"], report["threads"])
    steady = {name: statistics.median(found["seconds"][name]) for name in PARTS}
    rows = [[words, f"{steady[name]:.3f}", f"{steady[name] / steady['student']:.2f}"] for name, words in PARTS.items()]
    met = "met" if found["share"] >= WANTED else "missed"
    students, gain, limit, share = found["students"], found["gain"], found["limit"], found["share"]
    return "\n\n".join([
        "# Ten teachers asked once, for three students",
        f"{machine_said}. `{report['command']}`; medians of {found['rounds']} interleaved"
        f" rounds.{report['remark']}",
        f"{report['members']} teachers 784-1200-1200-10, students 784-800-800-10, {report['rows']:,} examples, batch"
        f" {report['batch']}, float32. One pass over the examples:",
        table(["", "seconds", "× the bare student"], rows),
        f"{students} students of E = {found['each']} epochs, the teachers asked once: {gain:.2f} × as fast as bare"
        f" loops that ask all in every step. R is {found['teacher_times_student']:.2f}, so no cache gains more than"
        f" 3 E (1 + R) / (3 E + R) = {limit:.2f} ×: a share of {share:.3f} ({found['share_cpu']:.3f} of processor"
        f" time). Wanted: at least {WANTED:g}; {met}. Against our own training that asks the ensemble live it is"
        f" {found['gain_over_own_live']:.2f} ×.\n",
    ])  # fmt: skip


def main() -> None:
    given = options(__doc__, name=NAME, rows=5120, of_rows="examples, in whole batches of 256").parse_args()
    keep_freed_memory()
    torch.set_num_threads(given.threads)
    work = Work(network="mlp", rows=given.rows, teachers=MEMBERS, threads=given.threads)
    found = measure(work, repeats=given.repeats)
    report = {
        "command": f"python -m benchmarks.ensemble --rows {given.rows} --repeats {given.repeats}", "rows": work.rows,
        "batch": work.batch, "members": MEMBERS, "threads": given.threads, "wanted": WANTED, "found": found,
        "remark": f" {given.remark}" if given.remark else "",
    }  # fmt: skip
    if given.out:
        report = {"machine": machine(), "joryu": joryu_version(), **report}
        keep(NAME, report, markdown(report), given.out)
    if given.json:
        print_json(**report)
        return
    print(machine_line())
    for name, words in PARTS.items():
        print(f"{words:<48}{statistics.median(found['seconds'][name]):>9.3f} s")
    print(in_a_line(found), f"{found['share_cpu']:.3f} of processor time;", f"wanted {WANTED:g}", file=sys.stdout)


if __name__ == "__main__":
    main()
