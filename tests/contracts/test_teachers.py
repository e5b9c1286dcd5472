"""One set of checks over every teacher. To add a teacher, add a row."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
    Ensemble,
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
from joryu.teachers.labelling import LabelOptions, label_examples
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

Make = Callable[[], Teacher]


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


@dataclass(frozen=True)
class Case:
    make: Make
    shown: Callable[[], Examples] = lambda: Examples.of(pictures())
    question: Question = ANIMALS
    encoding: Encoding = FLOATS
    #: teachers that answer otherwise, or about something else
    others: dict[str, Make] = field(default_factory=dict)
    tolerance: float = 1e-5
    requests: int = 1  #: of an ensemble, one of each member
    requests: int = 1  #: of an ensemble, one of each member


def cases(folder: Path) -> dict[str, Case]:
    halved = PLAN.model_copy(update={"scale": 1 / 510})
    return {
        "network with dropout": Case(
            network,
            others={
                "weight": lambda: network(nudged="1.1.weight"),
                "bias": lambda: network(nudged="1.4.bias"),
                "mean of the inputs": lambda: network(nudged="0.mean"),
                "deviation of the inputs": lambda: network(nudged="0.std"),
                "another normalisation": lambda: network(normalise=Normalise(0.5, 0.5)),
                "another scale": lambda: network(normalise=Normalise(scale=0.5)),
                "class names": lambda: network(classes=("ant", "bee", "cow")),
                "class order": lambda: network(classes=("bee", "ant", "cat")),
                "question": lambda: network(question=Question.tags(CLASSES)),
                "architecture": lambda: network("mlp:8x2"),
            },
        ),
        "network with batch norm": Case(
            lambda: network("cnn:4x2,dropout=0.2"),
            others={"running mean": lambda: network("cnn:4x2,dropout=0.2", nudged="1.1.running_mean")},
        ),
        "network for tags": Case(lambda: network(question=TAGS), question=TAGS),
        "network for numbers": Case(
            lambda: Network(linear(2), question=NUMBERS, device="cpu"),
            question=NUMBERS,
            others={
                "other names": lambda: Network(linear(2), question=Question.numbers(["height", "weight"])),
                "tags": lambda: Network(linear(2), question=Question.tags(["weight", "height"])),
            },
        ),
        "numbers that know how sure they are": Case(Sure, question=NUMBERS),
        "network for masks": Case(
            lambda: Network(pixelwise(1), question=MASKS, device="cpu"),
            question=MASKS,
            others={"classes of pixels": lambda: Network(pixelwise(1), question=Question.one_of(["leaf"], grid=GRID))},
        ),
        "network for classes of pixels": Case(
            lambda: Network(pixelwise(3), question=AREAS, device="cpu"),
            question=AREAS,
            others={"tags of pixels": lambda: Network(pixelwise(3), question=Question.tags(CLASSES, grid=GRID))},
        ),
        "network that resizes": Case(
            lambda: network(normalise=Normalise(size=(8, 8), channels=1)),
            shown=lambda: Examples.of(pictures(3, 11)),
            others={"without": network},
        ),
        "run": Case(
            lambda: saved(folder / "run"),
            others={
                "scale": lambda: saved(folder / "scale", halved),
                "classes": lambda: saved(
                    folder / "classes", PLAN.model_copy(update={"question": Question.one_of("abc")})
                ),
            },
        ),
        "module": Case(lambda: load_teacher(f"module:{__name__}:linear", classes=CLASSES, input_shape=(1, 8, 8))),
        "module that ends in a softmax": Case(
            lambda: load_teacher(f"module:{__name__}:even,output=probs", classes=CLASSES, input_shape=(1, 8, 8)),
            others={"taken for logits": lambda: module("even")},
        ),
        "module in an order of its own": Case(
            lambda: module("linear", order=("cat", "ant", "bee")),
            others={"in ours": lambda: module("linear"), "in another": lambda: module("linear", ("bee", "cat", "ant"))},
        ),
        "quantised TFLite": Case(
            lambda: lite(folder),
            others={
                "weights": lambda: lite(folder, seed=1),
                "read before its softmax": lambda: lite(folder, ",tensor=logits"),
                "order": lambda: lite(folder, order=("cat", "ant", "bee")),
            },
        ),
        "TFLite of floats": Case(
            lambda: lite(folder, ",mean=128,std=128", kind="float32"),
            others={"scaling": lambda: lite(folder, ",mean=0,std=255", kind="float32")},
        ),
        "ONNX": Case(
            lambda: onnx(folder),
            others={
                "weights": lambda: onnx(folder, seed=1),
                "range": lambda: onnx(folder, ",range=-1..1"),
                "probabilities": lambda: onnx(folder, ",range=0..1,output=probs"),
                "order": lambda: onnx(folder, order=("cat", "ant", "bee")),
            },
        ),
        "ONNX of one picture at a time, larger": Case(
            lambda: onnx(folder, shape=(1, 11, 11, 1)), others={"smaller": lambda: onnx(folder)}
        ),
        "program": Case(
            lambda: program(folder),
            others={
                "another program": lambda: program(folder, scale=2),
                "order": lambda: program(folder, order=("cat", "ant", "bee")),
            },
        ),
        "program shown the original files": Case(
            lambda: program(folder), shown=lambda: load_examples(f"folder:{pictures_in(folder)}")
        ),
        "Keras": Case(
            lambda: keras_model(folder),
            others={
                "range": lambda: keras_model(folder, ",range=-1..1"),
                "probabilities": lambda: keras_model(folder, ",range=0..1,output=probs"),
                "legacy file": lambda: keras_model(folder, kind=".h5"),
            },
        ),
        "exported program": Case(
            lambda: exported(folder),
            others={
                "range": lambda: exported(folder, ",range=-1..1"),
                "another output": lambda: exported(folder, ",range=0..1,output=1"),
                "order": lambda: exported(folder, order=("cat", "ant", "bee")),
            },
        ),
        "estimator": Case(
            lambda: estimator(folder),
            others={
                "depth": lambda: estimator(folder, depth=2),
                "range": lambda: estimator(folder, ",range=0..1"),
                "order": lambda: estimator(folder, order=("cat", "ant", "bee")),
            },
        ),
        "estimator in memory": Case(
            in_memory,
            others={
                "depth": lambda: in_memory(depth=2),
                "order": lambda: in_memory(("cat", "ant", "bee")),
            },
            shown=flat,
        ),
        "Gaussian process, with its deviation": Case(
            process,
            shown=flat,
            question=NUMBERS,
            others={
                "other names": lambda: process(("height", "weight")),
                "numbers alone": lambda: process(output="predict"),
            },
            tolerance=1e-4,
        ),
        "ensemble": Case(
            lambda: Ensemble([network(), network("cnn:4x2")], "power=0.1,weights=2/1"),
            requests=2,
            others={
                "rule": lambda: Ensemble([network(), network("cnn:4x2")], "vote,weights=2/1"),
                "exponent": lambda: Ensemble([network(), network("cnn:4x2")], "power=0.2,weights=2/1"),
                "weights": lambda: Ensemble([network(), network("cnn:4x2")], "power=0.1,weights=1/2"),
                "order of members": lambda: Ensemble([network("cnn:4x2"), network()], "power=0.1,weights=2/1"),
                "another member": lambda: Ensemble([network(), network()], "power=0.1,weights=2/1"),
                "a member alone": network,
            },
        ),
        "ensemble for tags": Case(
            lambda: Ensemble([network(question=TAGS), network("cnn:4x2", question=TAGS)], "logits"),
            question=TAGS,
            requests=2,
        ),
        "ensemble for masks": Case(
            lambda: Ensemble([Network(pixelwise(1), question=MASKS, device="cpu")] * 2), question=MASKS, requests=2
        ),
        "ensemble for numbers": Case(lambda: Ensemble([Sure(), Sure()]), question=NUMBERS, requests=2),
        "people": Case(
            lambda: people(folder),
            shown=lambda: load_examples(f"project:{project_of(folder)}"),
            others={
                "another choice": lambda: people(folder, second="cat"),
                "another reading": lambda: people(folder, reading=Interpretation(confidence="constant:0.3")),
            },
        ),
        "answers of an API": Case(
            lambda: recorded(folder),
            shown=lambda: load_examples(f"folder:{pictures_in(folder)}"),
            question=TAGS,
            encoding=Encoding(layout="top-k", k=3, dtype="float32"),
            others={
                "fewer tags": lambda: recorded(folder, names=2),
                "another floor": lambda: recorded(folder, floor=0.4),
            },
        ),
    }


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


@pytest.fixture(params=list(cases(Path())))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return cases(tmp_path)[request.param]


def said(teacher: Teacher, examples: Examples, rows: Tensor | None = None) -> SoftTargets:
    batch = TeacherBatch.of(examples, rows)
    return teacher.answer(batch).whole(len(batch))


def test_it_is_a_teacher(case: Case) -> None:
    teacher = case.make()
    assert isinstance(teacher, Teacher)
    assert teacher.question == case.question.answer
    assert len(teacher.fingerprint) >= 32


def test_one_finite_row_of_all_outputs_per_example(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    sites = tuple(examples.inputs.shape[2:]) if case.question.grid else ()
    for n in (1, 13):
        answers = said(teacher, examples, torch.arange(n))
        assert len(answers) == n
        assert answers.question == teacher.question
        one = answers.combined()
        dense = one.probs() if case.question.link.has_probs else one.numbers()
        assert dense.shape == (n, *sites, len(teacher.question))
        assert torch.isfinite(answers.values).all()
        assert answers.variance is None or bool((answers.variance > 0).all())
        assert answers.values.device.type == "cpu"


def test_a_reply_says_what_it_cost_and_stops_nothing(case: Case) -> None:
    reply = case.make().answer(TeacherBatch.of(case.shown()))
    assert reply.cost.requests == case.requests and reply.cost.money == 0
    assert reply.stop is None and not reply.failures
    assert list(reply.answered(13)) == list(range(13))


def test_rows_come_in_the_order_of_the_examples(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    answers = said(teacher, examples).values
    order = torch.randperm(13, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(said(teacher, examples, order).values, answers[order], atol=case.tolerance)
    assert (answers[0] - answers[1]).abs().max() > 100 * case.tolerance  # rows differ, so that order can be seen


def test_the_same_question_has_the_same_answer(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    first = said(teacher, examples).values
    assert torch.equal(said(teacher, examples).values, first)
    assert torch.equal(said(case.make(), examples).values, first)


def test_an_answer_does_not_depend_on_its_neighbours(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    together = said(teacher, examples).values
    for row in range(3):
        alone = said(teacher, examples, torch.tensor([row])).values[0]
        assert torch.allclose(alone, together[row], atol=case.tolerance)


def test_asking_changes_nothing(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    before, random, fingerprint = examples.inputs.clone(), torch.get_rng_state(), teacher.fingerprint
    said(teacher, examples)
    assert torch.equal(examples.inputs, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert teacher.fingerprint == fingerprint
    assert torch.is_grad_enabled()


def test_answers_carry_no_gradient_and_can_be_learned_from(case: Case) -> None:
    answers = said(case.make(), case.shown())
    assert not answers.values.requires_grad
    student = torch.zeros_like(answers.values, requires_grad=True)
    # What a backward pass keeps must not be an inference tensor.
    (gradient,) = torch.autograd.grad((answers.values * student).sum(), student)
    assert torch.equal(gradient, answers.values)


def test_its_answers_go_into_a_store_and_come_back(case: Case, tmp_path: Path) -> None:
    teacher, examples = case.make(), case.shown()
    options = LabelOptions(encoding=case.encoding)
    store = label_examples(
        teacher, replace(examples, question=None, labels=None), tmp_path / "targets", options=options
    )
    kept, given = store.gather(store.rows(examples.ids, 0)), said(teacher, examples)
    assert torch.allclose(kept.values, given.values, atol=case.tolerance)
    assert (kept.variance is None) == (given.variance is None)
    if kept.variance is not None and given.variance is not None:
        assert torch.allclose(kept.variance, given.variance, atol=case.tolerance)


def test_the_fingerprint_is_of_the_teacher_and_not_of_the_object(case: Case) -> None:
    assert case.make().fingerprint == case.make().fingerprint


def test_whatever_would_change_the_answers_changes_the_fingerprint(case: Case) -> None:
    prints = {name: make().fingerprint for name, make in case.others.items()}
    prints["itself"] = case.make().fingerprint
    assert len(set(prints.values())) == len(prints), prints
