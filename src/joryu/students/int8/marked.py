"""A network under fake quantisation as the float one that it stands for, with a mark at each range.

An exporter gives tensors names of its own. A mark goes through it as an operation of its own, so that afterwards it
says of which tensor the range is, whatever the exporter did before and behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from joryu.students.int8.arithmetic import fake_quantise_weights
from joryu.students.int8.network import RANGES, FakeQuantised, bias_by_range

DOMAIN, OPERATION = "joryu", "RangeMark"


def range_mark(x: Tensor, index: int) -> Tensor:
    """The same numbers; in an ONNX graph a node ``joryu.RangeMark``, whose ``index`` says which range they have."""
    if not torch.compiler.is_exporting():
        return x
    name = f"{DOMAIN}::{OPERATION}"
    attributes: dict[str, Any] = {"index": index}
    return torch.onnx.ops.symbolic(name, (x,), attributes, dtype=x.dtype, shape=x.shape, version=1)


def marked(student: nn.Sequential) -> nn.Sequential:
    """A student under fake quantisation with a float network; batch norms stay folded into their layers.

    Weights are as they were learned, not yet rounded, so that whoever quantises the export rounds them once. The
    ``index`` of each mark counts through `FakeQuantised.described_ranges`.
    """
    before, network, answers = student
    return nn.Sequential(before, _float(network), answers).eval()  # type: ignore[arg-type]


def _float(quantised: FakeQuantised) -> fx.GraphModule:
    network, graph = quantised.network, fx.Graph()
    values: dict[fx.Node, Any] = {}
    constants: dict[str, Tensor] = {}

    def constant(node: fx.Node) -> Tensor:
        """What a node comes to that depends on parameters alone."""
        with torch.no_grad():
            if node.op == "get_attr":
                found: Any = network
                for part in str(node.target).split("."):
                    found = getattr(found, part)
                return found  # type: ignore[no-any-return]
            arguments = fx.map_arg(node.args, constant)
            return node.target(*arguments, **fx.map_arg(node.kwargs, constant))  # type: ignore[operator,no-any-return]

    for node in network.graph.nodes:
        if node.op == "call_module":
            index = int(str(node.target).removeprefix(f"{RANGES}."))
            values[node] = graph.call_function(range_mark, (values[node.args[0]], index))
        elif node.target in (fake_quantise_weights, bias_by_range):
            name = f"{node.name}_float"
            constants[name] = constant(node.args[0]).detach().clone()
            values[node] = graph.get_attr(name)
        else:
            values[node] = graph.node_copy(node, values.__getitem__)
    root = {**_named(network), **{name: nn.Parameter(value, requires_grad=False) for name, value in constants.items()}}
    graph.eliminate_dead_code()
    return fx.GraphModule(root, graph)


def _named(network: nn.Module) -> dict[str, Any]:
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return state | {name: module for name, module in network.named_modules() if name.startswith(f"{RANGES}.")}
