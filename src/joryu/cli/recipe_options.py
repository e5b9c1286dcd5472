"""The options of a recipe, in one list for all commands that train; and those about labels."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import typer

HARD_LOSS: Any = typer.Option(
    None,
    help="Of labels: cross-entropy, unless said; for masks also dice, jaccard or boundary, or a sum such as "
    "cross-entropy+dice.",
)
CLASS_WEIGHTS: Any = typer.Option(
    None,
    help="What each class, or each tag where it holds, weighs in the cross-entropy of labels: balanced, or a number "
    "for each, such as 1,2.5.",
)


def _options(
    epochs: int = typer.Option(30, help="Passes over the examples."),
    batch_size: int = typer.Option(256, help="Examples in a step."),
    learning_rate: float = typer.Option(1e-3, help="The peak of the schedule."),
    optimiser: str = typer.Option("adamw", help="adamw or sgd."),
    momentum: float = typer.Option(0.9, help="Of sgd, Nesterov's."),
    weight_decay: float = typer.Option(0.0, help="Decoupled for adamw; spares biases and norms."),
    schedule: str = typer.Option("cosine", help="cosine, one-cycle or constant."),
    warmup: float = typer.Option(0.02, help="Share of the steps in which a cosine's rate rises to its peak."),
    final_rate: float = typer.Option(0.0, help="Share of the peak that a cosine ends at."),
    clip: float | None = typer.Option(None, help="Largest norm of a gradient."),
    max_norm: float | None = typer.Option(None, help="Largest norm of a unit's incoming weights."),
    ema: float | None = typer.Option(None, help="Keep an exponential moving average of the weights, such as 0.999."),
    patience: int | None = typer.Option(None, help="Stop after so many epochs without a better validation loss."),
    keep: str = typer.Option("best", help="The weights of the best epoch by validation loss, or of the last."),
    precision: str = typer.Option("auto", help="auto, 32-true, bf16-mixed or 16-mixed."),
    compile: bool = typer.Option(False, "--compile", help="Compile the network with torch.compile."),
    seed: int = typer.Option(0, help="Of the split, the weights and the order."),
) -> None:
    """The fields of `joryu.training.Recipe` as options. They are repeated here, as importing it takes a second.

    A test compares names and defaults.
    """


RECIPE: Any = ...  #: the default of ``settings`` in a command's signature, where the options of the recipe are put
RECIPE_OPTIONS = inspect.signature(_options, eval_str=True).parameters


def takes_recipe(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter ``settings`` of a command by all options of the recipe.

    The command itself gets them as one dictionary, for `joryu.training.Recipe.of`.
    """
    parameters: list[inspect.Parameter] = []
    for name, own in inspect.signature(command, eval_str=True).parameters.items():
        parameters += RECIPE_OPTIONS.values() if name == "settings" else [own]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        settings = {name: given.pop(name) for name in RECIPE_OPTIONS}
        command(**given, settings=settings)

    # What typer reads a command's options from.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def typed_options(context: typer.Context) -> frozenset[str]:
    """The parameters of a command that were typed; the others have their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return frozenset(name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE")
