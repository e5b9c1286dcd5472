"""The rows of the teachers' contract. To add a teacher, add a row."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from joryu.examples import Examples, load_examples
from joryu.questions import Question
from joryu.students import Normalise
from joryu.targets import Encoding
from joryu.teachers import (
    Ensemble,
    Interpretation,
    Network,
    Teacher,
    load_teacher,
)

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras

from contract_teachers import (
    ANIMALS,
    AREAS,
    CLASSES,
    FLOATS,
    GRID,
    MASKS,
    NUMBERS,
    PLAN,
    TAGS,
    Sure,
    estimator,
    exported,
    flat,
    in_memory,
    keras_model,
    linear,
    lite,
    module,
    network,
    onnx,
    people,
    pictures,
    pictures_in,
    pixelwise,
    process,
    program,
    project_of,
    recorded,
    saved,
)

Make = Callable[[], Teacher]


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
        "module": Case(lambda: load_teacher("module:contract_teachers:linear", classes=CLASSES, input_shape=(1, 8, 8))),
        "module that ends in a softmax": Case(
            lambda: load_teacher("module:contract_teachers:even,output=probs", classes=CLASSES, input_shape=(1, 8, 8)),
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
