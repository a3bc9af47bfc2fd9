"""What a pass takes at its peak, by engine: the maps alive at once, and what was measured on top.

Six networks, from a ResNet-18 U-Net to the paper's with 64 channels, stayed below these lines at
1600² px (docs/inference.md has the figures).
"""

from __future__ import annotations

_LINES = {
    ("torch", "fp32"): (1.05, 48),
    ("torch", "bf16"): (0.55, 80),
    ("openvino", "fp32"): (1.05, 48),
    ("openvino", "bf16"): (0.55, 80),
    ("onnx", "fp32"): (2.4, 320),
}
"""(factor of the fp32 maps that are alive at once, bytes per pixel beside them)."""
_UNKNOWN = {
    ("torch", "fp32"): 450,
    ("torch", "bf16"): 280,
    ("openvino", "fp32"): 310,
    ("openvino", "bf16"): 190,
    ("onnx", "fp32"): 550,
}
"""For a network whose graph cannot be read: what those on a ResNet-18 take as they are."""


def pass_bytes_per_pixel(engine: str, precision: str, alive: float | None) -> int:
    """Bytes per pixel of the input, output included, weights not.

    Args:
        engine: torch, openvino or onnx.
        precision: fp32 or bf16.
        alive: of `alive_bytes_per_pixel`; None if the graph cannot be read.
    """
    if alive is None:
        return _UNKNOWN[engine, precision]
    factor, beside = _LINES[engine, precision]
    return round(factor * alive + beside)
