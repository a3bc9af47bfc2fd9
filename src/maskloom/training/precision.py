"""Which arithmetic trains faster here: measured on a copy of the network, not assumed."""

from __future__ import annotations

import copy
import time

import torch
from torch import nn

from maskloom.inference.network import autocast
from maskloom.training.batches import Batch

_STEPS = 2


def faster_precision(network: nn.Module, batch: Batch, device: str) -> str:
    """`bf16` if forward and backward of one batch take less time than in `fp32`.

    A CPU without bf16 instructions is not measured: emulation is many times slower.

    Args:
        network: left as it is; a copy is timed.
        batch: of the size to train with.
        device: `cpu`, `cuda` or `mps`.
    """
    if device != "cpu" or native_precision(device) == "fp32":
        return native_precision(device)
    trial = copy.deepcopy(network).to(memory_format=torch.channels_last)
    seconds = {precision: _seconds(trial, batch, precision) for precision in ("fp32", "bf16")}
    return min(seconds, key=lambda name: seconds[name])


def native_precision(device: str) -> str:
    """`bf16` if the device has instructions for it, else `fp32`."""
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    known = device == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16" if known else "fp32"


def _seconds(network: nn.Module, batch: Batch, precision: str) -> float:
    best = float("inf")
    for _ in range(_STEPS):
        start = time.perf_counter()
        with autocast(precision, "cpu"):
            network(batch.images).float().square().mean().backward()
        best = min(best, time.perf_counter() - start)
    return best
