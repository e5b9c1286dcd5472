"""What a network computes, as a graph of PyTorch's own operations in which nothing happens in place."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from joryu.errors import InputError
from joryu.students.trial import failure_of

aten = torch.ops.aten


def trace(network: nn.Module, shape: tuple[int, ...], name: str) -> fx.GraphModule:
    """The network in evaluation mode, for inputs ``[B, *shape]``; it shares its parameters, whose names stay.

    Batch norms count with the averages of the finished training and dropout does nothing, in whatever mode the graph is
    put. What a network decides by looking at its inputs, beyond the size of the batch, is decided for this shape.

    Raises:
        InputError: what the network does cannot be followed (``torch.export``).
    """
    training, example = network.training, torch.zeros(2, *shape)
    try:
        exported = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
        traced = exported.module(check_guards=False)
    except Exception as error:  # whatever somebody else's code does
        raise InputError(
            f"{name} cannot be fake-quantised", expected="a network that torch.export can follow",
            received=failure_of(error), hint="what torch.export cannot follow, joryu export cannot export either",
        ) from error  # fmt: skip
    finally:
        network.train(training)
    graph = traced.graph
    graph.set_codegen(fx.graph.CodeGen())  # one tensor in, one out, and no tree of inputs to check
    _require_one_output(graph, name)
    for node in list(graph.nodes):
        _make_plain(node, name)
    for node in list(graph.nodes):  # only now: a copy that is changed in place leaves what it was made of as it is
        if node.target is aten.clone.default:
            _leave_out(node)
    graph.lint()
    found = fx.GraphModule(traced, graph)
    _keep_unused(traced, found)
    return found


def _require_one_output(graph: fx.Graph, name: str) -> None:
    (output,) = (node for node in graph.nodes if node.op == "output")
    given = output.args[0]
    given = given[0] if isinstance(given, tuple | list) and len(given) == 1 else given
    if not isinstance(given, fx.Node):
        raise InputError(f"{name} cannot be fake-quantised", expected="a network with one output")
    output.args = (given,)


def _make_plain(node: fx.Node, name: str) -> None:
    """Without assertions and what does nothing in evaluation; ``relu_`` becomes ``relu``, and so on."""
    if node.target in _SAYS_NOTHING:
        node.graph.erase_node(node)
    elif node.target in _LEAVES_ALONE or _stays_float32(node):
        _leave_out(node)
    elif node.target in _IN_PLACE:
        changed: fx.Node = node.args[0]  # type: ignore[assignment]
        _require_nobody_else_sees(changed, node, name)
        node.target = _IN_PLACE[node.target]
        for user in list(changed.users):
            if user is not node and node < user:
                user.replace_input_with(changed, node)


def _leave_out(node: fx.Node) -> None:
    node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
    node.graph.erase_node(node)


def _require_nobody_else_sees(changed: fx.Node, by: fx.Node, name: str) -> None:
    """What is changed in place changes for whatever shares its memory, as a slice of it does: that is not followed.

    Raises:
        InputError: something that shares its memory is used afterwards.
    """
    whole = changed
    while _is_view(whole):
        whole = whole.args[0]  # type: ignore[assignment]
    waiting, sharing = [whole], list[fx.Node]()
    while waiting:
        one = waiting.pop()
        sharing.append(one)
        waiting += [user for user in one.users if _is_view(user) and user.args[0] is one and user < by]
    used = [user for one in sharing if one is not changed for user in one.users if by < user]
    if used:
        raise InputError(
            f"{module_of(by)} of {name} changes a part of its numbers in place, which cannot be fake-quantised",
            expected="operations that give new numbers", received=f"{by.name}, before {used[0].name}",
            hint="write x = x.relu() for x.relu_(), and likewise for others",
        )  # fmt: skip


def _is_view(node: fx.Node) -> bool:
    """Whether its numbers are those of its first argument, in the same memory."""
    if node.target is operator.getitem:
        return isinstance(node.args[0], fx.Node) and _is_view(node.args[0])
    if not isinstance(node.target, torch._ops.OpOverload):
        return False
    aliases = [one.alias_info for one in node.target._schema.returns]
    return any(one is not None and not one.is_write for one in aliases)


def _stays_float32(node: fx.Node) -> bool:
    """A conversion to float32 of what has been float32 all the way."""
    return node.target is aten.to.dtype and node.args[1] is torch.float32


def _keep_unused(traced: nn.Module, found: fx.GraphModule) -> None:
    """What the graph has no use for, such as a batch norm's count of batches, stays part of the state."""
    known = found.state_dict().keys()
    for name, value in traced.state_dict(keep_vars=True).items():
        if name not in known:
            place, _, last = name.rpartition(".")
            owner: nn.Module = found
            for part in filter(None, place.split(".")):
                if not hasattr(owner, part):
                    owner.add_module(part, nn.Module())
                owner = getattr(owner, part)
            register: Callable[[str, Any], None] = owner.register_buffer
            if isinstance(value, nn.Parameter):
                register = owner.register_parameter
            register(last, value)


def module_of(node: fx.Node) -> str:
    """The module in whose forward a node was met, by its path, and its class."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path, kind = stack[-1] if stack else ("", "network")
    kind = kind if isinstance(kind, str) else kind.__name__
    return f"{path or 'the network itself'} ({kind.rpartition('.')[2]})"


_SAYS_NOTHING = {aten._assert_tensor_metadata.default, aten.sym_constrain_range_for_size.default}
_LEAVES_ALONE = {
    aten.dropout.default, aten.feature_dropout.default, aten.alpha_dropout.default, aten.feature_alpha_dropout.default,
    aten.dropout_.default, aten.feature_dropout_.default, aten.contiguous.default,
    aten.alias.default, aten.detach.default,
}  # fmt: skip
_IN_PLACE = {
    aten.relu_.default: aten.relu.default,
    aten.relu6_.default: aten.relu6.default,
    aten.hardtanh_.default: aten.hardtanh.default,
    aten.clamp_.default: aten.clamp.default,
    aten.leaky_relu_.default: aten.leaky_relu.default,
    aten.elu_.default: aten.elu.default,
    aten.hardswish_.default: aten.hardswish.default,
    aten.hardsigmoid_.default: aten.hardsigmoid.default,
    aten.silu_.default: aten.silu.default,
    aten.mish_.default: aten.mish.default,
    aten.sigmoid_.default: aten.sigmoid.default,
    aten.tanh_.default: aten.tanh.default,
    aten.add_.Tensor: aten.add.Tensor,
    aten.mul_.Tensor: aten.mul.Tensor,
    aten.sub_.Tensor: aten.sub.Tensor,
    aten.div_.Tensor: aten.div.Tensor,
}
