"""From pictures that were read to examples, whether they are held or decoded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from joryu.examples.examples import Examples
from joryu.examples.inputs import MEMORY, memory_for_inputs
from joryu.examples.originals import Originals
from joryu.examples.picture import Pictures, Seen
from joryu.examples.picture_source import PictureSource
from joryu.examples.preparation import PicturePreparation
from joryu.questions import Question


def examples_of(
    read: Pictures,
    originals: Originals,
    *,
    labels: Tensor | None,
    question: Question | None,
    name: str,
    sources: Sequence[str],
) -> Examples:
    """Examples of the pictures that were kept; all that is given is about these.

    Raises:
        InputError: as `Examples.of`.
    """
    channels, height, width = read.shape
    preparation = PicturePreparation(channels=channels, height=height, width=width)  # type: ignore[arg-type]
    found = read.pixels
    if isinstance(found, Seen):
        inputs = PictureSource.of(originals, read.ids, preparation, found.block_means)
        examples = Examples.of(inputs, labels, question=question, name=name, sources=sources, pixel_ids=found.pixel_ids)
        examples = replace(examples, remarks=(not_held(examples),))
    else:
        examples = Examples.of(torch.from_numpy(found), labels, question=question, name=name, sources=sources)
    return replace(examples, ids=read.ids, originals=originals, preparation=preparation, sizes=read.sizes)


def not_held(examples: Examples) -> str:
    """What is said of pictures that are decoded whenever they are needed."""
    size, limit = examples.inputs.shape.numel() / 2**20, memory_for_inputs() / 2**20
    return (
        f"decoded its pictures take {size:,.0f} MiB, more than the {limit:,.0f} that {MEMORY} lets be held: they are "
        "decoded as they are needed"
    )
