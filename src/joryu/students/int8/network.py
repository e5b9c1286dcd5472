"""`FakeQuantised`: a network that computes what its int8 form will, and learns so."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn

from joryu.errors import InputError, MismatchError
from joryu.students.int8.arithmetic import fake_quantise_bias, fake_quantise_weights, fold_bias, fold_weights
from joryu.students.int8.places import layers_of, places_of, source
from joryu.students.int8.ranges import LearnedRange
from joryu.students.int8.tracing import aten, module_of, trace

RANGES = "ranges"  #: the module of the graph that holds all `LearnedRange`, in the order of their places


class FakeQuantised(nn.Module):
    """A network under fake quantisation; made by `fake_quantised`.

    Its numbers are float32 whatever the precision around it: bf16 would round what 8 bits have already rounded.

    Raises:
        InputError: (when called) inputs of another shape than it was made for.
    """

    def __init__(self, network: fx.GraphModule, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.shape = shape

    def forward(self, inputs: Tensor) -> Tensor:
        if tuple(inputs.shape[1:]) != self.shape:
            raise InputError(
                "a student under fake quantisation takes inputs of one shape", expected=list(self.shape),
                received=list(inputs.shape[1:]),
            )  # fmt: skip
        with torch.autocast(device_type=inputs.device.type, enabled=False):
            outputs: Tensor = self.network(inputs.float())
        return outputs

    @property
    def ranges(self) -> list[LearnedRange]:
        """The ranges, in the order of their places."""
        return list(self.network.get_submodule(RANGES).children())  # type: ignore[arg-type]

    def described_ranges(self) -> list[dict[str, Any]]:
        """The ranges as JSON; ``after`` says for people where each is."""
        found = []
        for place, learned in zip(self._places(), self.ranges, strict=True):
            low, high = learned.ends()
            found.append({"after": module_of(place), "operation": place.name, "low": low, "high": high})
        return found

    def set_ranges(self, described: Sequence[Mapping[str, Any]]) -> None:
        """Take ranges as `described_ranges` gives them.

        Raises:
            MismatchError: they are those of another network.
            InputError: one of them is none.
        """
        if len(described) != len(self.ranges):
            raise MismatchError(
                "these ranges are another network's", expected=len(self.ranges), received=len(described)
            )
        for learned, one in zip(self.ranges, described, strict=True):
            low, high = one.get("low"), one.get("high")
            if not (
                isinstance(low, int | float)
                and isinstance(high, int | float)
                and -math.inf < low <= 0 <= high < math.inf
            ):
                raise InputError("a range is damaged", expected="low <= 0 <= high", received=f"{low}, {high}")
            learned.set(low, high)

    def _places(self) -> list[fx.Node]:
        found = [node for node in self.network.graph.nodes if node.op == "call_module"]
        return [node.args[0] for node in found]


def fake_quantised(network: nn.Module, shape: tuple[int, ...], name: str = "the network") -> FakeQuantised:
    """A network that takes ``[B, *shape]``, under fake quantisation; its parameters are shared, and it learns.

    >>> wrapped = fake_quantised(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), (3,))
    >>> len(wrapped.ranges), list(wrapped.network.state_dict())[:4]
    (2, ['0.weight', '0.bias', '2.weight', '2.bias'])

    Raises:
        InputError: a layer that cannot be quantised, by its name; a network that cannot be followed.
    """
    traced = trace(network, shape, name)
    graph = traced.graph
    for layer in layers_of(graph, name):
        _fold_norm(layer)
    graph.eliminate_dead_code()
    places = places_of(graph, name)
    traced.add_module(RANGES, nn.Module())
    holder = traced.get_submodule(RANGES)
    at = {}
    for index, (node, ceiling) in enumerate(places.items()):
        holder.add_module(str(index), LearnedRange(ceiling))
        at[node] = f"{RANGES}.{index}"
    for layer in layers_of(graph, name):
        _quantise_layer(layer, at[source(layer.args[0])])  # type: ignore[arg-type]
    for node, target in at.items():
        with graph.inserting_after(node):
            quantised = graph.call_module(target, (node,))
        node.replace_all_uses_with(quantised, delete_user_cb=partial(operator.is_not, quantised))
    graph.lint()
    traced.recompile()
    return FakeQuantised(traced, shape)


def _fold_norm(layer: fx.Node) -> None:
    """The batch norm behind a layer becomes part of its weights and its bias."""
    users = list(layer.users)
    if len(users) != 1 or users[0].target is not aten.batch_norm.default or users[0].args[0] is not layer:
        return
    norm = users[0]
    _, gamma, beta, mean, variance, training, _, epsilon, _ = norm.args
    if training or not _norms_its_outputs(layer):
        return
    graph = layer.graph
    data, weights, bias, *rest = [*layer.args, None][: max(3, len(layer.args))]
    with graph.inserting_before(layer):
        folded = graph.call_function(fold_weights, (weights, gamma, variance, epsilon))
        shifted = graph.call_function(fold_bias, (bias, (gamma, beta, mean, variance), epsilon))
    layer.args = (data, folded, shifted, *rest)
    norm.replace_all_uses_with(layer)
    graph.erase_node(norm)


def _norms_its_outputs(layer: fx.Node) -> bool:
    """Whether axis 1, which a batch norm counts by, is that of the layer's outputs: of a sequence of rows it is not."""
    found = layer.meta.get("val")
    return layer.target is not aten.linear.default or (found is not None and found.dim() == 2)


def _quantise_layer(layer: fx.Node, of_inputs: str) -> None:
    graph = layer.graph
    data, weights, bias, *rest = [*layer.args, None][: max(3, len(layer.args))]
    with graph.inserting_before(layer):
        rounded = graph.call_function(fake_quantise_weights, (weights,))
        if bias is not None:
            bias = graph.call_function(bias_by_range, (bias, weights, graph.get_attr(of_inputs)))
    layer.args = (data, rounded, bias, *rest)


def bias_by_range(bias: Tensor, weights: Tensor, inputs: LearnedRange) -> Tensor:
    """The bias of a layer whose inputs lie in a range; as it is until that is measured."""
    return fake_quantise_bias(bias, weights, inputs.scale()) if bool(inputs.measured) else bias
