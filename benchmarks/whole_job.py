"""From a folder of photographs to a finished student, ours against everyone else's: ``python -m benchmarks.whole_job``.

5,000 photographs of mixed sizes, made from ``JORYU_DATA/leaves`` (`benchmarks.photographs`); a teacher at 160 pixels,
trained on them first and not timed; a small student at 96; 10 epochs. Each contender is what its user would start,
reads the folder itself, and is timed from its first moment to the student on disk. Everybody trains under random flips:
the peers ask the teacher about what is shown, ours takes its one answer about a photograph for both ways round.

``--work DIR`` keeps photographs, teacher and each finished job, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.contenders.job import Job, Network
from benchmarks.entrants import MissingError
from benchmarks.epoch import tell
from benchmarks.jobs import ENTRANTS, OURS, Place, check, finish, measured, plan, teach
from benchmarks.limit import greatest_gain
from benchmarks.photographs import Making, make
from benchmarks.side_by_side import print_json
from benchmarks.whole_job_page import lines, write
from joryu.targets.provenance import joryu_version, machine


class Size(NamedTuple):
    """How large the work is."""

    making: Making
    teacher: Network
    student: Network
    epochs: int
    teacher_epochs: int
    batch: int
    validation: float  #: the share that ours, which must hold something out, does not train on


FULL = Size(Making(), Network(24, 8, 160), Network(8, 6, 96), 10, 4, 50, 0.01)
SMOKE = Size(Making(photographs=60, sides=(40, 90)), Network(8, 4, 32), Network(4, 2, 24), 2, 30, 10, 0.1)
AIM = 3.0  #: times as fast as each


def measure(
    place: Place, size: Size, *, names: Sequence[str], seeds: int, precision: str, threads: int
) -> dict[str, Any]:
    """Photographs, teacher, R and D, and then every contender seed by seed."""
    tell("making photographs")
    make(place.originals, place.photographs, size.making)
    tell("training the teacher (not timed)")
    teach(place, size.teacher, epochs=size.teacher_epochs, batch=size.batch, validation=size.validation)
    job = plan(place, settings(place, size, precision=precision, threads=threads, seed=0))
    costs = measured(job)
    wanted: dict[str, dict[str, str]] = {}
    missing: dict[str, MissingError] = {}
    rows: list[dict[str, Any]] = []
    chosen = [entrant for entrant in ENTRANTS if not names or any(word in entrant.name for word in names)]
    for seed in range(seeds):
        job = plan(place, settings(place, size, precision=precision, threads=threads, seed=seed))
        for entrant in [entrant for entrant in chosen if entrant.name not in missing]:
            tell(f"seed {seed}: {entrant.name}")
            try:
                if entrant.name not in wanted:
                    wanted[entrant.name] = check(entrant, job)
                rows.append(finish(entrant, job, wanted[entrant.name], validation=size.validation))
            except MissingError as error:
                missing[entrant.name] = error
    return result_of(job, costs, [row for row in rows if row["name"] not in missing], missing)


def settings(place: Place, size: Size, *, precision: str, threads: int, seed: int) -> Job:
    return Job(
        photographs=str(place.photographs),
        folder=str(place.folder / f"seed-{seed}"),
        teacher=size.teacher,
        student=size.student,
        classes=tuple(sorted(path.name for path in (place.photographs / "train").iterdir())),
        mean=(),
        std=(),
        rows=size.making.photographs,
        epochs=size.epochs,
        batch=size.batch,
        precision=precision,
        threads=threads,
        seed=seed,
    )


def result_of(
    job: Job, costs: dict[str, float], rows: Sequence[dict[str, Any]], missing: dict[str, MissingError]
) -> dict[str, Any]:
    """The result: every job, and how ours compares seed by seed."""
    teacher, reading = (costs[f"{part}_ms"] / costs["student_ms"] for part in ("teacher", "reading"))
    ours = {row["seed"]: row["seconds"] for row in rows if row["name"] == OURS}
    return {
        "photographs": job.rows,
        "teacher": f"{job.teacher.architecture} at {job.teacher.side}",
        "student": f"{job.student.architecture} at {job.student.side}",
        **{name: getattr(job, name) for name in ("epochs", "batch", "precision", "threads", "temperature")},
        **{name: getattr(job, name) for name in ("hard_weight", "learning_rate")},
        **costs,
        "teacher_times_student": teacher,
        "reading_times_student": reading,
        "limit_of_asking": greatest_gain(job.epochs, teacher),
        "limit": greatest_gain(job.epochs, teacher, reading),
        "aim": AIM,
        "jobs": [
            dict(row) | ({"times_ours": row["seconds"] / ours[row["seed"]]} if row["seed"] in ours else {})
            for row in rows
        ],
        "missing": [{"name": name, "absent": error.absent, "why": str(error)} for name, error in missing.items()],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--originals", type=Path, help="class folders of photographs; default JORYU_DATA/leaves")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where photographs, teacher and jobs are kept")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="contenders whose name holds a word")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--photographs", type=int, help=f"how many instead of {FULL.making.photographs:,}")
    parser.add_argument("--smoke", action="store_true", help="60 photographs, tiny networks: does it run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/whole-job.json and DIR/whole-job.md")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    data = os.environ.get("JORYU_DATA")
    if options.originals is None and data is None:
        parser.error("there are no photographs (expected --originals DIR, or leaves/ in JORYU_DATA)")
    if options.photographs is not None and options.photographs < 60:
        parser.error(f"that teaches nobody (expected --photographs 60 or more; received {options.photographs})")
    if options.seeds < 1:
        parser.error(f"there is nothing to do (expected --seeds 1 or more; received {options.seeds})")
    if options.only and not any(word in entrant.name for entrant in ENTRANTS for word in options.only):
        names = ", ".join(entrant.name for entrant in ENTRANTS)
        parser.error(f"no contender is called so (expected a word of {names}; received {' '.join(options.only)})")
    originals = options.originals or Path(data or "") / "leaves"
    if not originals.is_dir():
        parser.error(f"there are no photographs at {originals}")
    with tempfile.TemporaryDirectory() as fresh:
        place = Place(originals, Path(options.work or fresh).resolve())
        size = SMOKE if options.smoke else FULL
        if options.photographs is not None:
            size = size._replace(making=replace(size.making, photographs=options.photographs))
        try:
            result = measure(
                place,
                size,
                names=options.only,
                seeds=options.seeds,
                precision=options.precision,
                threads=options.threads,
            )
        except MissingError as error:  # without a teacher, or without R, there is nothing to say
            raise SystemExit(f"the work could not be prepared: {error}") from error
    words = " ".join(sys.argv[1:] if arguments is None else arguments)
    report = {"command": f"python -m benchmarks.whole_job {words}".strip(), "joryu": joryu_version(), **result}
    if options.json:
        print_json(**report)
    else:
        print("\n".join(lines(report)))
    if options.out:
        write({"machine": machine(), **report}, options.out)
    return int(any(not one["absent"] for one in report["missing"]))


if __name__ == "__main__":
    sys.exit(main())
