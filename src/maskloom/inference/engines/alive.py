"""How much of a network's feature maps lies in memory at once, read from its graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.fx.passes.shape_prop import ShapeProp


def alive_bytes_per_pixel(graph: GraphModule, example: Tensor) -> float:
    """The most that the fp32 maps of a pass hold together: the same on every machine.

    Args:
        graph: in evaluation mode, on the CPU.
        example: an input (B, C, H, W), H and W multiples of the stride.

    Returns:
        Bytes per pixel of the input, which counts itself, as does the output. Weights and what a
        library needs besides come on top, see `engines/footprint.py`.
    """
    with torch.inference_mode():
        ShapeProp(graph).propagate(example)
    modules = dict(graph.named_modules())
    order = {node: n for n, node in enumerate(graph.graph.nodes)}
    # A layer that works in place writes no map of its own: it prolongs the life of another.
    owner: dict[Node, Node] = {}
    last: dict[Node, int] = {}
    for node, n in order.items():
        source = node.args[0] if node.args else None
        in_place = isinstance(source, Node) and _is_in_place(node, modules)
        owner[node] = owner[source] if isinstance(source, Node) and in_place else node
        read = max((order[user] for user in node.users), default=n)
        last[owner[node]] = max(last.get(owner[node], n), read)
    alive = most = 0
    freed = [0] * len(order)
    for node, n in order.items():
        if owner[node] is node:
            alive += _bytes(node)
            freed[last[node]] += _bytes(node)
        most = max(most, alive)
        alive -= freed[n]
    return most / (example.shape[0] * example.shape[2] * example.shape[3])


def _is_in_place(node: Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        layer = modules[str(node.target)]
        return isinstance(layer, nn.Identity) or bool(getattr(layer, "inplace", False))
    return getattr(node.target, "__name__", "") in ("iadd", "add_", "relu_")


def _bytes(node: Node) -> int:
    """Of a node that gives one map; sizes and lists of maps weigh nothing."""
    shape = getattr(node.meta.get("tensor_meta"), "shape", None)
    return 0 if node.op == "output" or shape is None else 4 * shape.numel()
