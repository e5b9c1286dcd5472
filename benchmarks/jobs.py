"""How each contender of `benchmarks.whole_job` is prepared, checked, run and judged."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.contenders.job import ABSENT, CHECK, STUDENT, TEACHER, Array, Job, Network, save_weights
from benchmarks.contenders.job_parts import arrays
from benchmarks.contenders.work import PRECISIONS
from benchmarks.entrants import ROOT, Entrant, MissingError, environment, require_python
from benchmarks.process_tree import Cost, FailedError, run
from joryu.examples.preparation import PicturePreparation
from joryu.objectives import Distillation, total
from joryu.questions import Question
from joryu.students import Blueprint, load_student
from joryu.students.blueprint import read_blueprint
from joryu.targets import SoftTargets, Space
from joryu.training.run import is_finished

CHECKED = 8  #: photographs that everyone's networks are asked about beforehand
OURS, BARE = "Joryu", "PyTorch, DataLoader"
ENTRANTS = (
    Entrant(OURS, "joryu"),  # the command line
    Entrant(BARE, "job_torch"),
    Entrant("torchdistill, as configured", "job_torchdistill", peer=True),
    Entrant("Keras Distiller, TensorFlow", "job_keras", environment={"KERAS_BACKEND": "tensorflow"}, peer=True),
)


class Place(NamedTuple):
    """Where the originals lie, and where everything is kept that is made of them."""

    originals: Path
    folder: Path

    @property
    def photographs(self) -> Path:
        return self.folder / "photographs"

    @property
    def teacher(self) -> Path:
        return self.folder / "teacher"


def teach(place: Place, shape: Network, *, epochs: int, batch: int, validation: float) -> None:
    """Train the teacher, or find it trained."""
    if is_finished(place.teacher):
        if (found := read_blueprint(place.teacher)).architecture != shape.architecture:
            raise MissingError(f"{place.teacher} holds another teacher, {found.architecture}; try another --work")
        return
    joryu(
        place.folder,
        *("train", "--network", shape.architecture, "--examples", f"folder:{place.photographs}"),
        *("--size", shape.side, "--views", "flip", "--epochs", epochs, "--batch-size", batch),
        *("--learning-rate", 3e-3, "--validation", validation, "--out", place.teacher),
    )


def plan(place: Place, job: Job) -> Job:
    """The job with the teacher's scale of inputs; on disk its weights, the student's first ones, and a check."""
    module, blueprint = load_student(place.teacher)
    job = replace(job, mean=blueprint.mean, std=blueprint.std)
    job.place("").mkdir(parents=True, exist_ok=True)
    job.write(job.place("job.json"))
    save_weights(job.place(TEACHER), arrays(module))
    save_weights(job.place(STUDENT), arrays(beginner(job)))
    chosen = [
        (label, path)
        for label, name in enumerate(job.classes)
        for path in sorted(Path(job.photographs, "train", name).iterdir())[: -(-CHECKED // len(job.classes))]
    ]
    asked: dict[str, Array] = {
        f"{who}_inputs": normalised(job, read([path for _, path in chosen], shape.side))
        for who, shape in (("teacher", job.teacher), ("student", job.student))
    }
    asked["labels"] = np.array([label for label, _ in chosen])
    np.savez(job.place(CHECK), **asked)  # type: ignore[arg-type]
    return job


def beginner(job: Job) -> nn.Sequential:
    """The student that ``joryu distill --seed`` begins with."""
    blueprint = Blueprint(
        architecture=job.student.architecture,
        input_shape=(len(job.mean), job.student.side, job.student.side),
        question=Question.one_of(job.classes),
        mean=job.mean,
        std=job.std,
        scale=1 / 255,
    )
    torch.manual_seed(job.seed)
    return blueprint.build()


def read(paths: Sequence[Path], side: int) -> Tensor:
    """uint8 ``[n, 3, side, side]``, as Joryu reads pictures."""
    preparation = PicturePreparation(channels=3, height=side, width=side)
    return torch.stack([preparation.read(path) for path in paths])


def normalised(job: Job, pictures: Tensor) -> Array:
    mean, std = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (job.mean, job.std))
    scaled: Array = (pictures.numpy().astype(np.float32) / 255 - mean) / std
    return scaled


def measured(job: Job) -> dict[str, float]:
    """Milliseconds a photograph of the student's step, the teacher's answer, and reading alone."""
    found: dict[str, float] = verb(Entrant("", "job_torch"), job, "measure")[1]
    return found


def check(entrant: Entrant, job: Job) -> dict[str, str]:
    """See that a contender's networks and loss are ours; what it wants in its environment when it trains.

    Raises:
        MissingError: they are not, it is not installed, or it broke down.
    """
    if entrant.name == OURS:
        return {}
    require_python(entrant)
    _, found = verb(entrant, job, "check")
    for what, expected in reference(job).items():
        given = torch.tensor(found[what])
        # A picture that was read for the teacher is shrunk for the student, and frameworks round differently at that.
        tolerance = 0.01 * abs(float(expected)) if what == "first_loss" else 1e-3 * (1 + float(expected.abs().max()))
        if (off := float((given - expected).abs().max())) > tolerance:
            raise MissingError(f"does other work: its {what} is {off:.4f} from ours")
    wanted: dict[str, str] = found.get("environment", {})
    return wanted


@torch.no_grad()
def reference(job: Job) -> dict[str, Tensor]:
    """What Joryu's own networks and objective make of the check."""
    with np.load(job.place(CHECK)) as arrays:
        given = {name: torch.from_numpy(array) for name, array in arrays.items()}
    guide, begun = (list(whole)[1].eval() for whole in (load_student(job.place("../teacher"))[0], beginner(job)))
    of_teacher, of_student = guide(given["teacher_inputs"]), begun(given["student_inputs"])
    targets = SoftTargets(values=of_teacher, space=Space.LOGITS, question=Question.one_of(job.classes))
    side = (job.student.side, job.student.side)
    shrunk = nn.functional.interpolate(given["teacher_inputs"], size=side, mode="bilinear", antialias=True)
    objective = Distillation(temperature=job.temperature, hard_weight=job.hard_weight)
    loss = total(objective({"main": begun.train()(shrunk)}, targets, given["labels"])).mean()
    return {"teacher": of_teacher, "student": of_student, "first_loss": loss}


def finish(entrant: Entrant, job: Job, wanted: dict[str, str], *, validation: float) -> dict[str, Any]:
    """From the folder to the finished student, and how good that is; kept, so that it is done once.

    Raises:
        MissingError: it broke down.
    """
    kept = job.place(f"{re.sub(r'[^a-z]+', '-', entrant.name.lower())}.json")
    asked = json.loads(json.dumps(asdict(job)))
    if kept.is_file() and (found := json.loads(kept.read_text()))["job"] == asked:
        finished: dict[str, Any] = found["finished"]
        return finished
    if entrant.name == OURS:
        cost, facts, judged = ours(job, validation)
    else:
        entrant = replace(entrant, environment=entrant.environment | wanted)
        (cost, facts), (_, judged) = verb(entrant, job, "train"), verb(entrant, job, "answer")
    finished = {"name": entrant.name, "seed": job.seed, **asdict(cost), **judged, "facts": facts}
    kept.write_text(json.dumps({"job": asked, "finished": finished}) + "\n")
    return finished


def ours(job: Job, validation: float) -> tuple[Cost, dict[str, Any], dict[str, Any]]:
    """``joryu label`` and ``joryu distill``, as they are typed; judged by ``joryu evaluate``."""
    folder, examples = job.place("joryu"), f"folder:{job.photographs}"
    shutil.rmtree(folder, ignore_errors=True)  # of a job that was interrupted nothing is gone on with
    teacher = f"run:{job.place('../teacher').resolve()}"
    labelling, _ = joryu(
        job.place(""),
        *("label", "--teacher", teacher, "--examples", examples, "--size", job.teacher.side),
        *("--out", folder / "targets", "--json"),
        job=job,
    )
    training, _ = joryu(
        job.place(""),
        *("distill", "--student", job.student.architecture, "--examples", examples, "--size", job.student.side),
        *("--targets", folder / "targets", "--views", "flip", "--epochs", job.epochs, "--batch-size", job.batch),
        *("--learning-rate", job.learning_rate, "--warmup", 0, "--temperature", job.temperature),
        *("--hard-weight", job.hard_weight, "--validation", validation, "--keep", "last", "--seed", job.seed),
        *("--precision", PRECISIONS[job.precision], "--out", folder / "run", "--json"),
        job=job,
    )
    _, said = joryu(job.place(""), "evaluate", folder / "run", "--json", job=job)
    facts = {"label_seconds": labelling.seconds, "distill_seconds": training.seconds}
    return labelling.then(training), facts, accuracy_of(json.loads(said))


def accuracy_of(evaluated: dict[str, Any]) -> dict[str, Any]:
    """From the words of ``joryu evaluate``."""
    judged = evaluated["models"]["student"]["evaluation"]
    measures = {measure["name"]: measure["value"] for measure in judged["measures"]}
    return {"accuracy": measures["accuracy"], "pictures": evaluated["examples"]["n"]}


def joryu(cwd: Path, *words: object, job: Job | None = None) -> tuple[Cost, str]:
    """A command as a user types it.

    Raises:
        MissingError: it ended with an exit code.
    """
    settings = environment(threads=torch.get_num_threads(), precision="float32", device="cpu")
    if job is not None:
        settings = environment(threads=job.threads, precision=job.precision, device="cpu")
        settings["XDG_CACHE_HOME"] = str(job.place("joryu/cache"))  # whoever trained the teacher has indexed the folder
    try:
        return run([sys.executable, "-m", "joryu", *map(str, words)], settings, cwd=cwd)
    except FailedError as error:
        raise MissingError(str(error)) from error


def verb(entrant: Entrant, job: Job, what: str) -> tuple[Cost, dict[str, Any]]:
    """Have a contender's program do something.

    Raises:
        MissingError: its framework is not installed, or it broke down.
    """
    module = f"benchmarks.contenders.{entrant.module}"
    command = [str(entrant.python), "-m", module, str(job.place("job.json")), what]
    settings = environment(threads=job.threads, precision=job.precision, device="cpu") | entrant.environment
    try:
        cost, said = run(command, settings, cwd=ROOT)
    except FailedError as error:
        raise MissingError(str(error), absent=error.code == ABSENT) from error
    found: dict[str, Any] = json.loads(said)
    return cost, found
