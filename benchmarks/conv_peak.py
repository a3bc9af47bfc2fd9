"""How fast this core convolves at best: the limit that networks are compared with."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.turns import turn


def open_peak() -> Callable[[], dict[str, float]]:
    """A turn: GFLOP/s of several large 3 × 3 convolutions, by name."""
    import torch

    torch.set_num_threads(1)
    cases = {}
    for channels, side in ((64, 128), (128, 128), (256, 64), (256, 128), (512, 64)):
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            conv = conv.to(dtype=dtype, memory_format=torch.channels_last)
            feature = torch.randn(1, channels, side, side, dtype=dtype)
            feature = feature.to(memory_format=torch.channels_last)
            gflop = 2 * 9 * channels**2 * side**2 / 1e9
            cases[f"{name} {channels} × {side}²"] = (conv, feature, gflop)

    def measure() -> dict[str, float]:
        with torch.inference_mode():
            return {
                name: 1e3 * gflop / turn(lambda conv=conv, feature=feature: conv(feature))
                for name, (conv, feature, gflop) in cases.items()
            }

    return measure
