"""`mlp`: fully connected students. Hinton, Vinyals & Dean 2015, §3, use 2 × 800 units and a teacher of 2 × 1200."""

from __future__ import annotations

from math import prod

from torch import nn

from joryu.students.dropout import Dropout
from joryu.students.embedding import Embedding
from joryu.students.head import Float32Linear


def mlp(
    input_shape: tuple[int, ...],
    n_classes: int,
    *,
    width: int,
    depth: int,
    dropout: tuple[float, float] = (0.0, 0.0),
    embedding: Embedding | None = None,
) -> nn.Sequential:
    """Make ``depth`` hidden layers of ``width`` rectified units and a linear head.

    ``dropout`` holds the rate for inputs and the rate for hidden units. Weights start from N(0, 2 / inputs of the
    layer) (He et al. 2015, eq. 10), those of the head from N(0, 0.01²), biases from 0. The head starts small, so that
    the first logits are small beside a high temperature. With an ``embedding`` categories become vectors first.

    Shapes: ``[B, *input_shape]`` to logits ``[B, n_classes]``.

    >>> sum(p.numel() for p in mlp((1, 28, 28), 10, width=800, depth=2).parameters())
    1276810
    """
    features = prod(input_shape) if embedding is None else embedding.width
    layers: list[nn.Module] = [nn.Flatten(), *([] if embedding is None else [embedding])]
    if dropout[0] > 0:
        layers.append(Dropout(dropout[0]))
    for _ in range(depth):
        hidden = nn.Linear(features, width)
        nn.init.kaiming_normal_(hidden.weight, nonlinearity="relu")
        nn.init.zeros_(hidden.bias)
        layers += [hidden, nn.ReLU()]
        if dropout[1] > 0:
            layers.append(Dropout(dropout[1]))
        features = width
    head = Float32Linear(features, n_classes)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return nn.Sequential(*layers, head)
