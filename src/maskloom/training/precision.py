"""Which arithmetic `precision=auto` means on a device.

Decided by what the device computes natively and not by a stopwatch: equal commands must give
equal weights. docs/training.md has the measured gain of bf16 with channels_last.
"""

from __future__ import annotations

import torch


def native_precision(device: str) -> str:
    """`bf16` if the device has instructions for it, else `fp32`.

    Args:
        device: `cpu`, `cuda` or `mps`.
    """
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    known = device == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16" if known else "fp32"
