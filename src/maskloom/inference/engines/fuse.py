"""A network rewritten to give the same numbers with fewer operations and less memory.

Batch normalisations go into the convolutions before them: on a CPU a normalisation reads and
writes its whole feature map and the memory holds both. Doublings are `engines/doubling.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from maskloom.inference.engines.doubling import fold_doublings

TOLERANCE = 1e-4
"""Largest difference of logits, as a share of the largest logit (of 1, if that is smaller)."""


def difference(of: Tensor, to: Tensor) -> float:
    """Largest |a - b|, as a share of the largest |b| or of 1."""
    return float((of - to).abs().max()) / max(1.0, float(to.abs().max()))


def fused(
    network: nn.Module, example: Tensor, *, doublings: bool = True
) -> torch.fx.GraphModule | None:
    """The network without normalisations that follow, and doublings that precede a convolution.

    Args:
        network: in evaluation mode, on the CPU, in fp32; its layers are shared, not changed.
        example: an input (B, C, H, W), by which the result is checked.
        doublings: fold these too, which was measured on CPUs alone.

    Returns:
        None where there is nothing to fold, the network's graph depends on its input, or the
        result differs by more than `TOLERANCE`. Doublings that do not work out are left as they
        are.

    Source: w' = w γ / √(σ² + ε), b' = (b - μ) γ / √(σ² + ε) + β: Jacob et al., "Quantization and
        Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018, §3.2.
    """
    for with_doublings in (True, False) if doublings else (False,):
        try:
            graph = _traced(network)
            folded = _fold_normalisations(graph)
            if with_doublings:
                folded += fold_doublings(graph, example)
            if folded == 0:
                return None
            with torch.inference_mode():
                same = difference(graph(example), network(example)) <= TOLERANCE
        except Exception:  # noqa: BLE001 (the network's own code runs, on stand-ins and rewritten)
            continue
        if same:
            return graph
    return None


def _traced(network: nn.Module) -> torch.fx.GraphModule:
    """The network's graph. smp's check of sizes, which stand-ins do not have, is left out."""
    checks = "check_input_shape"
    if not hasattr(network, checks):
        return torch.fx.symbolic_trace(network)
    own = vars(network).get(checks)
    setattr(network, checks, lambda _: None)
    try:
        return torch.fx.symbolic_trace(network)
    finally:
        delattr(network, checks)
        if own is not None:
            setattr(network, checks, own)


def _fold_normalisations(graph: torch.fx.GraphModule) -> int:
    """Fold in place of the graph; how many normalisations are gone."""
    modules = dict(graph.named_modules())
    calls: dict[object, int] = {}
    for node in graph.graph.nodes:
        if node.op == "call_module":
            calls[node.target] = calls.get(node.target, 0) + 1
    folded = 0
    for node in list(graph.graph.nodes):
        before = node.args[0] if node.args else None
        if not (_calls(node, modules, nn.BatchNorm2d) and isinstance(before, torch.fx.Node)):
            continue
        # A convolution that somebody else reads, or that is called twice, must stay as it is.
        alone = len(before.users) == 1 and calls.get(before.target) == 1
        if not (_calls(before, modules, nn.Conv2d) and alone):
            continue
        name = str(before.target)
        conv = fuse_conv_bn_eval(modules[name], modules[str(node.target)])
        parent, _, leaf = name.rpartition(".")
        setattr(graph.get_submodule(parent), leaf, conv)
        node.replace_all_uses_with(before)
        graph.graph.erase_node(node)
        folded += 1
    graph.delete_all_unused_submodules()
    graph.recompile()
    return folded


def _calls(node: torch.fx.Node, modules: dict[str, nn.Module], kind: type[nn.Module]) -> bool:
    return node.op == "call_module" and type(modules.get(str(node.target))) is kind
