"""Where a network is quantised: the same places as onnxruntime's static quantisation, so that int8 computes the same.

Inputs and outputs of convolutions and fully connected layers are 8-bit numbers; behind a layer, its batch norm and its
ReLU belong to it. Sums and joined channels of such are 8-bit too, with a range of their own. What only moves numbers
(largest of 2 × 2, nearest pixel, another shape) leaves them as they are. All else is computed in float between two
conversions, and so are the outputs of the network: of an 8-bit answer, a temperature would show the steps.
"""

from __future__ import annotations

import torch
from torch import fx

from joryu.errors import InputError
from joryu.students.int8.tracing import module_of

aten = torch.ops.aten


def layers_of(graph: fx.Graph, name: str) -> list[fx.Node]:
    """The convolutions and fully connected layers, in their order.

    Raises:
        InputError: there is none, or a layer of weights that cannot be quantised.
    """
    for node in graph.nodes:
        if node.target in _CANNOT_BE:
            raise InputError(
                f"{module_of(node)} of {name} cannot be fake-quantised", expected="Conv2d and Linear layers",
                received=_CANNOT_BE[node.target], hint="take an architecture without it, or stay with float",
            )  # fmt: skip
    found = [node for node in graph.nodes if node.target in LAYERS]
    if not found:
        raise InputError(f"{name} cannot be fake-quantised", expected="Conv2d or Linear layers", received="none")
    return found


def places_of(graph: fx.Graph, name: str) -> dict[fx.Node, float | None]:
    """The nodes whose outputs are quantised, in their order, each with its ceiling.

    Raises:
        InputError: as `layers_of`.
    """
    found: set[fx.Node] = set()
    for layer in layers_of(graph, name):
        found.add(source(layer.args[0]))  # type: ignore[arg-type]
        found.update(_end(layer))
    for node in graph.nodes:
        inputs = _inputs(node)
        if inputs and all(source(one) in found for one in inputs) and node not in found:
            found.update(_end(node))
    return {node: _ceiling(node) for node in graph.nodes if node in found}


def source(node: fx.Node) -> fx.Node:
    """Where the numbers of a node come from that only moves them."""
    while node.target in _MOVING and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    return node


def _end(node: fx.Node) -> list[fx.Node]:
    """A layer, or the ReLU behind it; nothing where that is the network's answer."""
    users = list(node.users)
    if len(users) == 1 and node.target not in _CUTTING and _cuts_at_zero(users[0]):
        node = users[0]
    return [] if _only_answers(node) else [node]


def _only_answers(node: fx.Node) -> bool:
    return all(user.op == "output" or (user.target in _MOVING and _only_answers(user)) for user in node.users)


def _cuts_at_zero(node: fx.Node) -> bool:
    if node.target not in _CUTTING:
        return False
    return node.target in _RELUS or (len(node.args) > 1 and bool(node.args[1] == 0))


def _ceiling(node: fx.Node) -> float | None:
    if node.target is aten.relu6.default:
        return 6.0
    above = node.args[2] if node.target in _CUTTING and len(node.args) > 2 else None
    return float(above) if isinstance(above, int | float) else None


def _inputs(node: fx.Node) -> list[fx.Node]:
    """The tensors that a sum, a join or a ReLU is of; none where it is of something else too."""
    if node.target not in _JOINING | _CUTTING or node.kwargs:
        return []
    given = list(node.args if node.target is aten.add.Tensor else node.args[:1])
    if node.target is aten.cat.default:
        given = list(given[0])  # type: ignore[arg-type]
    tensors = [one for one in given if isinstance(one, fx.Node) and one.op != "get_attr"]
    return tensors if len(tensors) == len(given) else []


LAYERS = {aten.conv2d.default, aten.conv2d.padding, aten.linear.default}
_JOINING = {aten.add.Tensor, aten.cat.default}
_RELUS = {aten.relu.default, aten.relu6.default}
_CUTTING = _RELUS | {aten.hardtanh.default, aten.clamp.default}
_MOVING = {
    aten.max_pool2d.default, aten.upsample_nearest2d.vec, aten.upsample_nearest2d.default, aten.flatten.using_ints,
    aten.view.default, aten.reshape.default, aten.permute.default, aten.transpose.int, aten.squeeze.dim,
    aten.squeeze.dims, aten.squeeze.default, aten.unsqueeze.default, aten.slice.Tensor,
}  # fmt: skip
_CANNOT_BE = {
    aten.conv1d.default: "a Conv1d", aten.conv1d.padding: "a Conv1d", aten.conv3d.default: "a Conv3d",
    aten.conv3d.padding: "a Conv3d", aten.conv_transpose1d.default: "a transposed convolution",
    aten.conv_transpose2d.input: "a transposed convolution", aten.conv_transpose3d.input: "a transposed convolution",
    aten.lstm.input: "an LSTM", aten.gru.input: "a GRU", aten.rnn_tanh.input: "an RNN", aten.rnn_relu.input: "an RNN",
    aten.embedding.default: "an embedding", aten.bilinear.default: "a bilinear layer",
}  # fmt: skip
