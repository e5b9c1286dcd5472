"""``keras.distillation.Distiller`` on the backend that ``KERAS_BACKEND`` names, its data in memory as numpy arrays.

Its loss is given as ``keras.losses.KLDivergence()``: the default, the string ``"kl_divergence"``, skips the softmax and
T² (see `joryu.objectives`). Adam without decay is the AdamW without decay of the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.contenders.work import CLASSES, OFFSET, SCALE, Work
from benchmarks.contenders.worker import Contender, Spent, fastest, serve

DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",), "torch": ("torch",)}


@dataclass(frozen=True)
class Options:
    """What Keras lets its users choose, and what is fastest differs by backend."""

    jit: bool = True
    scaled: bool = False  #: the pictures are scaled to float32 beforehand, not by the network
    steps: int = 1  #: steps per execution
    tf_data: bool = False


class Watch:
    """What is spent between a callback's first and last word on an epoch: what `fit` sets up is not counted."""

    def __init__(self) -> None:
        import keras

        self.spent = Spent(0.0, 0.0)
        self.callback = keras.callbacks.LambdaCallback(on_epoch_begin=self.begin, on_epoch_end=self.end)

    def begin(self, epoch: int, logs: Any = None) -> None:
        self.start = Spent.now()

    def end(self, epoch: int, logs: Any = None) -> None:
        self.spent = Spent.since(self.start)


def build(work: Work, options: Options) -> Contender:
    limit_threads(work)
    import keras

    keras.config.set_dtype_policy("float32" if work.precision == "float32" else "mixed_bfloat16")
    pictures, labels = inputs(work, options)
    distiller = keras.distillation.Distiller(
        teacher=teacher(work, options),
        student=network(work, options, [(False, 0)]),
        distillation_losses=keras.distillation.LogitsDistillation(
            temperature=work.temperature, loss=keras.losses.KLDivergence()
        ),
        student_loss_weight=work.hard_weight,
    )
    distiller.compile(
        optimizer=keras.optimizers.Adam(work.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=options.jit,
        steps_per_execution=options.steps,
    )
    watch = Watch()
    data: dict[str, Any] = {"x": pictures, "y": labels, "batch_size": work.batch, "shuffle": True}
    if options.tf_data:
        data = {"x": pipeline(work, pictures, labels)}

    def epoch() -> Spent:
        distiller.fit(**data, epochs=1, verbose=0, callbacks=[watch.callback])
        return watch.spent

    return Contender(epoch, first_loss(distiller, pictures, labels, work), facts())


def first_loss(distiller: Any, pictures: Any, labels: Any, work: Work) -> float:
    x, y = pictures[: work.batch], labels[: work.batch]
    loss = float(distiller.compute_loss(x=x, y=y, y_pred=distiller(x, training=True), training=True))
    distiller.reset_metrics()
    return loss


def inputs(work: Work, options: Options) -> tuple[Any, Any]:
    """Channels last, as Keras likes them; flat for the fully connected networks."""
    pictures, labels = work.pictures()
    if work.network == "mlp":
        array: Any = pictures.reshape(work.rows, -1)
    else:
        array = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
    return (array.astype(np.float32) * np.float32(SCALE) + np.float32(OFFSET) if options.scaled else array), labels


def pipeline(work: Work, pictures: Any, labels: Any) -> Any:
    """An in-memory ``tf.data`` pipeline that shuffles row numbers and gathers whole batches."""
    import tensorflow as tf  # type: ignore[import-untyped]

    with tf.device("CPU"):
        held, answers = tf.constant(pictures), tf.constant(labels)
        order = tf.data.Dataset.range(work.rows).shuffle(work.rows).batch(work.batch, drop_remainder=True)
        return order.map(lambda rows: (tf.gather(held, rows), tf.gather(answers, rows))).prefetch(2)


def teacher(work: Work, options: Options) -> Any:
    return network(work, options, [(True, member) for member in range(work.teachers)])


def network(work: Work, options: Options, members: list[tuple[bool, int]]) -> Any:
    """A functional model; several members are averaged as probabilities at the temperature, given back as logits."""
    import keras
    from keras import ops

    shape = work.shape[1:] + work.shape[:1] if work.network == "cnn" else (int(np.prod(work.shape)),)
    raw = keras.Input(shape, dtype="float32" if options.scaled else "uint8")
    scaled = raw if options.scaled else keras.layers.Rescaling(SCALE, OFFSET)(raw)
    answers = [member(work, scaled, is_teacher, number) for is_teacher, number in members]
    if len(answers) > 1:
        probs = [ops.softmax(logits / work.temperature, axis=-1) for logits in answers]
        answers = [ops.log(ops.mean(ops.stack(probs), axis=0)) * work.temperature]
    return keras.Model(raw, answers[0])


def member(work: Work, x: Any, is_teacher: bool, number: int) -> Any:
    """One network's layers, with the weights of the work."""
    import keras
    from keras import layers

    *weights, head = work.weights(teacher=is_teacher, member=number)
    for block, weight in enumerate(weights):
        if work.network == "mlp":
            x = layers.Dense(len(weight), activation="relu", kernel_initializer=given(weight.T))(x)
            continue
        kernel = weight.transpose(2, 3, 1, 0)
        x = layers.Conv2D(len(weight), 3, padding="same", use_bias=False, kernel_initializer=given(kernel))(x)
        x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x)
        x = layers.ReLU()(x)
        if block % 2 == 1:
            x = layers.MaxPooling2D(2)(x)
    if work.network == "cnn":
        x = keras.layers.GlobalAveragePooling2D()(x)
    return layers.Dense(CLASSES, dtype="float32", kernel_initializer=given(head.T))(x)


def given(array: Any) -> Any:
    """An initialiser that returns these numbers."""
    import keras

    return lambda shape, dtype=None: keras.ops.convert_to_tensor(array, dtype=dtype)


def limit_threads(work: Work) -> None:
    """XLA and PyTorch heed the affinity that the worker has set; TensorFlow's pools and PyTorch's are told as well."""
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        if not tf.executing_eagerly() or tf.config.threading.get_intra_op_parallelism_threads() == work.threads:
            return
        tf.config.threading.set_intra_op_parallelism_threads(work.threads)
        tf.config.threading.set_inter_op_parallelism_threads(work.threads)
    elif os.environ["KERAS_BACKEND"] == "torch":
        import torch

        torch.set_num_threads(work.threads)
    else:
        import jax  # type: ignore[import-not-found]  # noqa: F401 - absent? say so before Keras does


def facts() -> dict[str, Any]:
    found = {"keras": version("keras")}
    for name in DISTRIBUTIONS[os.environ["KERAS_BACKEND"]]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def variants(backend: str) -> dict[str, Callable[[Work], Contender]]:
    """What is worth trying on each backend."""
    eager = {"no jit": Options(jit=False), "no jit, scaled beforehand": Options(jit=False, scaled=True)}
    compiled = {
        "jit": Options(),
        "jit, scaled beforehand": Options(scaled=True),
        "jit, 16 steps per execution": Options(steps=16),
    }
    options = {
        # On PyTorch, jit is torch.compile: tried with Keras 3.15 and PyTorch 2.14, it compiled anew until it reached
        # its limit, for many minutes. Keras' own choice there is not to.
        "torch": eager,
        "jax": compiled,
        "tensorflow": eager
        | compiled
        | {
            "no jit, 16 steps per execution": Options(jit=False, steps=16),
            "no jit, tf.data": Options(jit=False, tf_data=True),
            "jit, tf.data": Options(tf_data=True),
        },
    }
    return {name: partial(build, options=choice) for name, choice in options[backend].items()}


if __name__ == "__main__":
    serve(partial(fastest, variants=variants(os.environ["KERAS_BACKEND"])))
