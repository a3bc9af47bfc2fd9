"""Doubling by nearest neighbour, folded into the 3×3 convolution that reads the doubled map.

Three of four doubled pixels repeat the fourth, so most products of the convolution are sums that
its weights could have been added up for. The pair equals one transposed convolution of the small
map, 4×4 with stride 2: 4/9 of the operations, and neither the doubled map nor its concatenation
with a skip connection is written.

Source: the algebra of Shi et al., "Is the deconvolution layer the same as a convolutional layer?",
2016, read backwards.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.fx.passes.shape_prop import ShapeProp

# Output row o is the sum of small rows i times weight o - 2i + 1. Row 2i reads the doubled rows
# 2i-1, 2i, 2i+1, which are the small rows i-1, i, i; row 2i+1 reads i, i, i+1.
_ADDED = ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0))

Modules = dict[str, nn.Module]


@dataclass(frozen=True, slots=True)
class _Doubled:
    """What a convolution reads: a small map doubled, its channels, then other maps."""

    small: Node
    width: int
    others: list[Node]


def fold_doublings(graph: GraphModule, example: Tensor) -> int:
    """Rewrite every doubling that one 3×3 convolution reads and nobody else.

    Args:
        graph: in evaluation mode, on the CPU, in fp32. It is changed, its layers are not.
        example: an input (B, C, H, W), to see which maps are twice as large as others; a larger
            one tells those that have a fixed size.

    Returns:
        How many there were.
    """
    doublings = _doublings(graph, example.repeat(1, 1, 2, 3)) & _doublings(graph, example)
    modules = dict(graph.named_modules())
    calls = Counter(node.target for node in graph.graph.nodes if node.op == "call_module")
    folded = 0
    for node in list(graph.graph.nodes):
        once = node.op == "call_module" and calls[node.target] == 1 and bool(node.args)
        conv = modules[node.target] if once else None
        if type(conv) is nn.Conv2d and _is_plain(conv):
            found = _find(node, doublings, modules)
            if found is not None:
                _rewrite(graph, node, conv, found)
                folded += 1
    graph.graph.eliminate_dead_code()
    graph.delete_all_unused_submodules()
    graph.recompile()
    return folded


def _doublings(graph: GraphModule, example: Tensor) -> set[Node]:
    """The nodes that double their input in height and width."""
    with torch.inference_mode():
        ShapeProp(graph).propagate(example)
    found = set()
    for node in graph.graph.nodes:
        nearest = node.target is nn.functional.interpolate and node.kwargs.get("mode") == "nearest"
        if nearest and _shape(node)[2:] == tuple(2 * n for n in _shape(node.args[0])[2:]):
            found.add(node)
    return found


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)


def _is_plain(conv: nn.Conv2d) -> bool:
    form = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    return form == ((3, 3), (1, 1), (1, 1), (1, 1), 1) and conv.padding_mode == "zeros"


def _find(conv: Node, doublings: set[Node], modules: Modules) -> _Doubled | None:
    """What the convolution reads, if a doubled map is the first of it."""
    source = _source(conv, modules)
    maps: Any = [source]
    if source.target is torch.cat and source.kwargs.get("dim") == 1 and source.args:
        maps = source.args[0]
    if not (isinstance(maps, (list, tuple)) and maps and maps[0] in doublings):
        return None
    doubled = maps[0]
    if max(len(source.users), len(doubled.users)) > 1:
        return None
    # smp gives a skip of no channels where an encoder has none at that size.
    others = [one for one in maps[1:] if _shape(one)[1]]
    return _Doubled(doubled.args[0], _shape(doubled)[1], others)


def _source(node: Node, modules: Modules) -> Node:
    """What a layer reads, identities that nobody else reads left out."""
    source = cast("Node", node.args[0])
    same = source.op == "call_module" and type(modules[str(source.target)]) is nn.Identity
    return _source(source, modules) if same and len(source.users) == 1 else source


def _rewrite(graph: GraphModule, node: Node, conv: nn.Conv2d, read: _Doubled) -> None:
    """The convolution as a sum of two: over the small map, and over what lay beside it."""
    width = read.width
    name = str(node.target)
    large = None if read.others else conv.bias
    graph.add_submodule(f"{name}_doubled", _transposed(conv.weight[:, :width], large))
    with graph.graph.inserting_before(node):
        new = graph.graph.call_module(f"{name}_doubled", (read.small,))
        if read.others:
            graph.add_submodule(f"{name}_beside", _plain(conv.weight[:, width:], conv.bias))
            beside = read.others[0]
            if len(read.others) > 1:
                beside = graph.graph.call_function(torch.cat, (read.others,), {"dim": 1})
            beside = graph.graph.call_module(f"{name}_beside", (beside,))
            new = graph.graph.call_function(operator.iadd, (new, beside))
    node.replace_all_uses_with(new)
    graph.graph.erase_node(node)


def _transposed(weight: Tensor, bias: Tensor | None) -> nn.ConvTranspose2d:
    """(K, C, 3, 3) over a doubled map → (C, K, 4, 4) over the map itself."""
    added = torch.tensor(_ADDED, dtype=torch.float64)
    kernel = torch.einsum("ay,bx,kcyx->ckab", added, added, weight.double()).float()
    inputs, outputs = kernel.shape[:2]
    layer = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias is not None)
    _fill(layer, kernel, bias)
    return layer


def _plain(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    outputs, inputs = weight.shape[:2]
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias is not None)
    _fill(layer, weight, bias)
    return layer


def _fill(layer: nn.Conv2d | nn.ConvTranspose2d, weight: Tensor, bias: Tensor | None) -> None:
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
