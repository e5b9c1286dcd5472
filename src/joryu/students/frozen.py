"""`PartlyFrozen`: a network whose first layers keep the weights that they began with."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

import torch
from torch import Tensor, nn

from joryu.errors import InputError


class PartlyFrozen(nn.Module):
    """A network whose first ``layers`` layers do not learn.

    - A **layer** is a module with weights of its own: a parameter with two axes or more, and no module with parameters
      inside it. Convolutions and fully connected layers are layers; pooling, activations and norms are not.
    - Layers count in the order in which the forward pass first comes to them. It is found by showing the network one
      example of ``shape`` (zeros), in evaluation mode, so that no random number is drawn.
    - What the forward pass comes to before the first layer that learns is frozen with the layers, such as a norm behind
      the last of them. What a block has beside its layers (a scale, tokens, position embeddings) goes with the first.

    The parameters of what is frozen do not require a gradient, so no optimiser holds them, and the averages of its
    batch norms stay as they are: it is in evaluation mode whatever the mode of the network. Dropout within it counts as
    the mode says. ``but`` names the module of the new head, whose layers never count and always learn.

    Keras counts otherwise: in its VGG16 the input and a pooling are two of "the first six layers", four of which have
    weights. Here these are ``layers=4``.

    >>> network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 2))
    >>> frozen = PartlyFrozen(network, 1, shape=(3,), but="3", name="four")
    >>> [name for name, one in frozen.named_parameters() if one.requires_grad]
    ['network.2.weight', 'network.2.bias', 'network.3.weight', 'network.3.bias']
    >>> frozen.train().network[1].training
    False

    Raises:
        InputError: the network has fewer such layers before its head, or its forward pass fails.
    """

    def __init__(self, network: nn.Module, layers: int, *, shape: tuple[int, ...], but: str, name: str) -> None:
        super().__init__()
        self.network = network
        frozen = _before_layer(network, layers, shape=shape, but=but, name=name)
        self._fixed = tuple(where for where in frozen if _keeps_averages(network.get_submodule(where)))
        for where in frozen:
            for parameter in network.get_submodule(where).parameters(recurse=False):
                parameter.requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.network(inputs)
        return outputs

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all that is not frozen, and of dropout."""
        super().train(mode)
        for where in self._fixed:
            self.network.get_submodule(where).training = False
        return self


def modules_run(network: nn.Module, shape: tuple[int, ...], name: str) -> tuple[list[str], Tensor]:
    """The modules of a network in the order in which its forward pass first comes to them; and its outputs.

    It is shown one example of ``shape``, zeros, in evaluation mode.

    Raises:
        InputError: the forward pass fails.
    """
    training, met = network.training, dict[str, None]()
    with ExitStack() as stack:
        for where, module in network.named_modules():
            hook = module.register_forward_pre_hook(lambda _, __, where=where: met.setdefault(where))
            stack.callback(hook.remove)
        try:
            outputs: Tensor = network.eval()(torch.zeros(1, *shape))
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{name} does not take these inputs", received=f"{list(shape)}: {reason}") from error
        finally:
            network.train(training)
    return list(met), outputs


def _before_layer(network: nn.Module, layers: int, *, shape: tuple[int, ...], but: str, name: str) -> list[str]:
    """The modules that a forward pass comes to before the first layer that learns, by name."""
    order = {where: place for place, where in enumerate(modules_run(network, shape, name)[0])}
    for where, _ in network.named_modules():  # what is used without being called goes with what holds it
        order.setdefault(where, order.get(where.rpartition(".")[0], 0))
    body = [where for where in order if not _within(where, but)]
    found = sorted((where for where in body if _is_layer(network.get_submodule(where))), key=order.__getitem__)
    if layers > len(found):
        raise InputError(
            f"{name} has not so many layers to freeze", expected=f"frozen= at most {len(found)}", received=layers,
            hint="layers with weights are counted, without the head: convolutions and fully connected ones",
        )  # fmt: skip
    for where in body:  # what a block has beside its layers goes with the first of these
        inside = [order[layer] for layer in found if _within(layer, where)]
        order[where] = min(inside, default=order[where])
    learns_from = order[found[layers]] if layers < len(found) else len(order)
    return [where for where in body if order[where] < learns_from]


def _is_layer(module: nn.Module) -> bool:
    inside = any(True for part in module.children() for _ in part.parameters())
    return not inside and any(one.ndim > 1 for one in module.parameters(recurse=False))


def _keeps_averages(module: nn.Module) -> bool:
    """Whether a module counts otherwise in training because it has averages: a batch norm, of whatever library."""
    return "running_mean" in dict(module.named_buffers(recurse=False))


def _within(where: str, module: str) -> bool:
    return module in ("", where) or where.startswith(f"{module}.")
