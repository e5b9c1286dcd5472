"""The whole job with ``keras.distillation.Distiller``, fed by ``image_dataset_from_directory``.

The networks are Keras twins of the PyTorch ones, their weights converted. The loss is given as
``keras.losses.KLDivergence()``: the default skips the softmax and T² (see `joryu.objectives`). Photographs are cropped
to squares (``crop_to_aspect_ratio``), as everyone's are, and flipped at random by a layer mapped over the set.
"""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.contenders.job import STUDENT, TEACHER, TRAINED, Array, Job, Network, load_weights, save_weights, serve
from benchmarks.contenders.keras_distiller import facts

TRIAL_STEPS = 4


def photographs(job: Job, split: str) -> Any:
    import keras

    side = job.teacher.side
    found = keras.utils.image_dataset_from_directory(
        f"{job.photographs}/{split}",
        image_size=(side, side),
        batch_size=job.batch,
        shuffle=split == "train",
        seed=job.seed,
        crop_to_aspect_ratio=True,
    )
    if tuple(found.class_names) != job.classes:
        raise ValueError(f"Keras takes the classes for {found.class_names}")
    return found


def flipped(data: Any) -> Any:
    import keras

    flip = keras.layers.RandomFlip("horizontal")
    return data.map(lambda pictures, labels: (flip(pictures, training=True), labels), num_parallel_calls=-1)


def network(job: Job, shape: Network, weights: list[Array], *, shrink: bool, smooth: bool = True) -> Any:
    """Raw pictures ``[B, side, side, 3]`` to logits. XLA has no antialiasing (``smooth``), and does without."""
    import keras
    from keras import layers

    left = list(weights)
    side = job.teacher.side if shrink else shape.side
    x = raw = keras.Input((side, side, len(job.mean)))
    if shrink:
        x = layers.Resizing(shape.side, shape.side, antialias=smooth)(x)
    x = layers.Normalization(mean=[255 * m for m in job.mean], variance=[(255 * s) ** 2 for s in job.std])(x)
    for out, pooled in shape.blocks():
        kernel, *norm = (left.pop(0) for _ in range(5))
        convolution = layers.Conv2D(out, 3, padding="same", use_bias=False)
        x = convolution(x)
        convolution.set_weights([kernel.transpose(2, 3, 1, 0)])
        normalisation = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)
        x = layers.ReLU()(normalisation(x))
        normalisation.set_weights(norm)
        x = layers.MaxPooling2D(2)(x) if pooled else x
    head = layers.Dense(len(job.classes), dtype="float32")
    answers = head(layers.GlobalAveragePooling2D()(x))
    weight, bias = left
    head.set_weights([weight.T, bias])
    return keras.Model(raw, answers)


def weights_of(model: Any) -> list[Array]:
    """As PyTorch orders their axes."""
    from keras import layers

    found: list[Array] = []
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            found.append(layer.get_weights()[0].transpose(3, 2, 0, 1))
        elif isinstance(layer, layers.BatchNormalization):
            found += layer.get_weights()
        elif isinstance(layer, layers.Dense):
            weight, bias = layer.get_weights()
            found += [weight.T, bias]
    return found


def distiller(job: Job, *, jit: bool) -> Any:
    import keras

    keras.utils.set_random_seed(job.seed)
    keras.config.set_dtype_policy("float32" if job.precision == "float32" else "mixed_bfloat16")
    teacher = network(job, job.teacher, load_weights(job.place(TEACHER)), shrink=False)
    found = keras.distillation.Distiller(
        teacher=teacher,
        student=network(job, job.student, load_weights(job.place(STUDENT)), shrink=True, smooth=not jit),
        distillation_losses=keras.distillation.LogitsDistillation(
            temperature=job.temperature, loss=keras.losses.KLDivergence()
        ),
        student_loss_weight=job.hard_weight,
    )
    found.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(job.learning_rate, job.steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit,
    )
    return found


def check(job: Job) -> dict[str, Any]:
    """Also which is faster here, with XLA or without: ``train`` is given the choice."""
    given = job.check()
    of_teacher, of_student = (raw(job, given[name]) for name in ("teacher_inputs", "student_inputs"))
    model = distiller(job, jit=False)
    loss = model.compute_loss(x=of_teacher, y=given["labels"], y_pred=model(of_teacher, training=True), training=True)
    untouched = network(job, job.student, load_weights(job.place(STUDENT)), shrink=False)
    tried = {str(jit): trial(job, jit=jit) for jit in (False, True)}
    return {
        "teacher": np.asarray(model.teacher(of_teacher, training=False)).tolist(),
        "student": np.asarray(untouched(of_student, training=False)).tolist(),
        "first_loss": float(loss),
        "tried": tried,
        "environment": {"JORYU_BENCH_JIT": min(tried, key=lambda jit: tried[jit])},
    }


def raw(job: Job, inputs: Array) -> Array:
    """Normalised ``[n, 3, side, side]`` back to values from 0 to 255, channels last."""
    mean, std = (np.array(values, np.float32) for values in (job.mean, job.std))
    pictures: Array = 255 * (inputs.transpose(0, 2, 3, 1) * std + mean)
    return pictures


def trial(job: Job, *, jit: bool) -> float:
    """Seconds of a few steps on made-up pictures, after as many to warm up."""
    model = distiller(job, jit=jit)
    side, n = job.teacher.side, TRIAL_STEPS * job.batch
    pictures, labels = np.zeros((n, side, side, len(job.mean)), np.float32), np.arange(n) % len(job.classes)
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        model.fit(pictures, labels, batch_size=job.batch, verbose=0)
        seconds = time.perf_counter() - start
    return seconds


def train(job: Job) -> dict[str, Any]:
    import tensorflow as tf  # type: ignore[import-untyped]

    model = distiller(job, jit=os.environ["JORYU_BENCH_JIT"] == "True")
    data = flipped(photographs(job, "train")).prefetch(tf.data.AUTOTUNE)
    model.fit(data, epochs=job.epochs, verbose=0)
    save_weights(job.place(TRAINED), weights_of(model.student))
    return facts() | {"keras": version("keras"), "jit": os.environ["JORYU_BENCH_JIT"] == "True"}


def answer(job: Job) -> dict[str, Any]:
    smooth = os.environ["JORYU_BENCH_JIT"] != "True"
    model = network(job, job.student, load_weights(job.place(TRAINED)), shrink=True, smooth=smooth)
    right = [
        np.asarray(model(pictures, training=False)).argmax(1) == np.asarray(labels)
        for pictures, labels in photographs(job, "test")
    ]
    return {"accuracy": float(np.concatenate(right).mean()), "pictures": len(np.concatenate(right))}


if __name__ == "__main__":
    serve({"check": check, "train": train, "answer": answer})
