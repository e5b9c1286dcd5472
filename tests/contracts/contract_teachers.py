"""Teachers of every kind, small enough to be asked in milliseconds, for the contract that all of them keep."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
import torch
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from tiny_onnx import write_onnx
from tiny_program import write_program
from tiny_tflite import write_tflite
from torch import Tensor, nn

from joryu.annotations import Answer, PictureFile, Project, Settings, picture_key
from joryu.examples import Examples, load_examples
from joryu.questions import Question
from joryu.remote import Ledger, google_vision
from joryu.remote.ledger import Settled
from joryu.students import Blueprint, Normalise, save_student
from joryu.targets import Encoding, SoftTargets, Space
from joryu.teachers import (
    Estimator,
    Human,
    Interpretation,
    Network,
    Recorded,
    Reply,
    Teacher,
    TeacherBatch,
    find_teacher,
    load_teacher,
)
from joryu.teachers.recorded import keys_of, vocabulary_of

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras

CLASSES = ("ant", "bee", "cat")
ANIMALS = Question.one_of(CLASSES)
TAGS = Question.tags(CLASSES)
NUMBERS = Question.numbers(["weight", "height"])
GRID = ("height", "width")
MASKS = Question.tags(["leaf"], grid=GRID)
AREAS = Question.one_of(CLASSES, grid=GRID)
ABC = Question.one_of("abc")
PLAN = Blueprint(architecture="mlp:8x1,dropout=0.3", input_shape=(1, 8, 8), classes=CLASSES, scale=1 / 255)

SMOOTHED = Interpretation(confidence="constant:0.2")

FLOATS = Encoding(dtype="float32")


def pictures(channels: int = 1, side: int = 8) -> Tensor:
    shape = (13, channels, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def network(
    architecture: str = "mlp:8x1,dropout=0.3",
    *,
    nudged: str | None = None,
    classes: tuple[str, ...] = CLASSES,
    normalise: Normalise | None = None,
    question: Question | None = None,
) -> Network:
    """A network with weights of its own; ``nudged`` names a tensor of the state that is changed a little."""
    torch.manual_seed(0)
    module = PLAN.model_copy(update={"architecture": architecture}).build()
    module(pictures())  # batch norms have seen something
    if nudged is not None:
        tensor = module.state_dict()[nudged]
        tensor.view(-1)[-1] += 1e-3 if tensor.is_floating_point() else 1
    return Network(module, classes, normalise=normalise, question=question, device="cpu")


def saved(folder: Path, plan: Blueprint = PLAN) -> Network:
    torch.manual_seed(0)
    save_student(folder, plan.build(), plan)
    return load_teacher(f"run:{folder}")


def recorded(folder: Path, *, names: int | None = None, floor: float = 0.5) -> Recorded:
    """What an API said of the pictures, each of which it saw three to five tags of."""
    box = google_vision("http://127.0.0.1:1", max_results=6)
    api = box.model_copy(update={"answer": box.answer.model_copy(update={"floor": floor})})
    place = Path(tempfile.mkdtemp(dir=folder))
    examples = load_examples(f"folder:{pictures_in(folder)}")
    with Ledger.write(place, api.settings) as ledger:
        for at, key in enumerate(keys_of(examples.ids)):
            tags = [
                {"mid": f"/m/{tag}", "description": CLASSES[tag], "score": 0.9 - 0.03 * at - 0.01 * tag}
                for tag in range(at % 3 + 1)
            ]
            raw = json.dumps({"labelAnnotations": tags}).encode()
            ledger.settle(ledger.intend([key], units=1), Settled("200", 1, {key: raw}))
    read = Ledger.read(place)
    return Recorded(read, vocabulary_of(read, most=names))


def pictures_in(folder: Path) -> Path:
    place = folder / "pictures"
    if not place.exists():
        place.mkdir()
        for at, picture in enumerate(pictures()):
            Image.fromarray(picture[0].numpy()).save(place / f"{at:02d}.png")
    return place


def people(folder: Path, *, second: str = "bee", reading: Interpretation = SMOOTHED) -> Human:
    """Somebody who was shown the pictures and called them ant, bee, cat, ant, …"""
    place = project_of(folder, second)
    project = Project.open(place)
    human = Human(project, load_examples(f"project:{place}"), reading)
    project.close()
    return human


def project_of(folder: Path, second: str = "bee") -> Path:
    place = Path(tempfile.mkdtemp(dir=folder))
    files = []
    for at, picture in enumerate(pictures()):
        Image.fromarray(picture[0].numpy()).save(place / f"{at:02d}.png")
        files.append(PictureFile(picture_key(place / f"{at:02d}.png"), f"{at:02d}.png"))
    project = Project.create(place / "project", Settings(classes=CLASSES), place, files)
    for at, file in enumerate(files):
        choice = second if at == 1 else CLASSES[at % 3]
        project.record(Answer(picture=file.key, annotator="a", session="s", choice=choice, at=1.0), key=str(at))
    project.close()
    return place / "project"


def lite(
    folder: Path, options: str = "", *, kind: str = "uint8", seed: int = 0, order: tuple[str, ...] | None = None
) -> Network:
    path = write_tflite(folder / f"{kind}-{seed}.tflite", kind, seed=seed)
    return load_teacher(f"tflite:{path}{options}", classes=CLASSES, order=order)


def onnx(folder: Path, options: str = ",range=0..1", *, order: tuple[str, ...] | None = None, **plan: Any) -> Network:
    path = write_onnx(Path(tempfile.mkdtemp(dir=folder)) / "a.onnx", **plan)
    return load_teacher(f"onnx:{path}{options}", classes=CLASSES, order=order)


def program(folder: Path, *, scale: int = 1, order: tuple[str, ...] | None = None) -> Teacher:
    script = write_program(folder / f"answers{scale}.py", scale=scale)
    examples = Examples.of(pictures(), classes=CLASSES)
    return find_teacher(f"command:{sys.executable} {script}", examples, order=order)[0]


def flat() -> Examples:
    return Examples.of(pictures().flatten(1).float() / 255)


def in_memory(order: tuple[str, ...] = CLASSES, *, depth: int = 4) -> Estimator:
    rows = flat().inputs[:].numpy()
    forest = RandomForestClassifier(3, max_depth=depth, random_state=0)
    return Estimator(forest.fit(rows, np.resize(CLASSES, len(rows))), question=Question.one_of(order))


def process(names: tuple[str, ...] = NUMBERS.names, *, output: Any = None) -> Estimator:
    rows = flat().inputs[:].numpy()
    fitted = GaussianProcessRegressor(alpha=0.1).fit(rows[:9], rows[:9, :2])
    return Estimator(fitted, question=Question.numbers(names), output=output)


def keras_model(folder: Path, options: str = ",range=0..1", *, kind: str = ".keras") -> Network:
    import keras

    path = folder / f"a{kind}"
    if not path.exists():
        keras.utils.set_random_seed(0)
        ends = keras.layers.Dense(3, activation="softmax", kernel_initializer="random_normal")
        logging.disable(logging.WARNING)  # that .h5 is legacy is known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Keras, about copies
            keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), ends]).save(path)
        logging.disable(logging.NOTSET)
    return load_teacher(f"keras:{path}{options}", classes=CLASSES)


def exported(folder: Path, options: str = ",range=0..1,output=0", *, order: tuple[str, ...] | None = None) -> Network:
    """A network that gives a pair, as torch.export keeps it."""
    path = folder / "exported.pt2"
    if not path.exists():
        torch.manual_seed(5)
        network = Pair(nn.Sequential(nn.Flatten(), nn.Linear(64, 3))).eval()
        free = ({0: torch.export.Dim("n")},)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(torch.export.export(network, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=free), path)
    spec = f"torch:{path}{options}" if "output" in options else f"torch:{path}{options},output=0"
    return load_teacher(spec, classes=CLASSES, order=order)


class Pair(nn.Module):
    """What a network says, and three times that."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network(inputs)
        return found, 3 * found


def estimator(
    folder: Path, options: str = ",range=0..255", *, depth: int = 4, order: tuple[str, ...] | None = None
) -> Network:
    """A forest that learned the pictures by heart, as others would have it."""
    path = folder / f"{depth}.skops"
    if not path.exists():  # a second file of the same estimator would be another one: it says when it was written
        rows, kinds = pictures().flatten(1).numpy(), np.resize(CLASSES, 13)
        skops.io.dump(RandomForestClassifier(7, max_depth=depth, random_state=0, n_jobs=2).fit(rows, kinds), path)
    return load_teacher(f"sklearn:{path}{options}", classes=CLASSES, order=order)


class Sure:
    """A module's numbers, and how far off each may be."""

    question = NUMBERS
    fingerprint = "a teacher that knows how sure it is"

    def __init__(self) -> None:
        self.network = linear(2).requires_grad_(False)

    def answer(self, batch: TeacherBatch) -> Reply:
        values = self.network(batch.inputs)
        variance = values.square() + 0.5
        return Reply(SoftTargets(values=values, space=Space.NUMBERS, question=self.question, variance=variance))


def pixelwise(n_outputs: int) -> nn.Module:
    torch.manual_seed(4)
    return nn.Sequential(Normalise(scale=1 / 255), nn.Conv2d(1, n_outputs, 3, padding=1))


def module(name: str, order: tuple[str, ...] | None = None) -> Network:
    return load_teacher(f"module:{__name__}:{name}", classes=CLASSES, input_shape=(1, 8, 8), order=order)


def even(n_classes: int) -> nn.Module:
    return nn.Sequential(linear(n_classes), nn.Softmax(dim=1))


def linear(n_classes: int) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(Normalise(scale=1 / 255), nn.Flatten(), nn.Linear(64, n_classes))
