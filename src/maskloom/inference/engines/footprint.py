"""What a pass takes at its peak, by engine: from the maps that its network holds alive at once.

The factors were chosen above what eight encoders and the paper's network were measured to take at
1600² px (docs/inference.md has the figures).
"""

from __future__ import annotations

_LINES = {
    ("torch", "fp32"): (1.3, 0),
    ("torch", "bf16"): (1.05, 0),
    ("openvino", "fp32"): (1.3, 0),
    ("openvino", "bf16"): (1.05, 0),
    ("onnx", "fp32"): (2.4, 300),
}
"""(factor of the fp32 maps that are alive at once, bytes per pixel beside them)."""
_UNTOLD = 400.0
"""Of a ResNet-18 U-Net as it is defined."""


def pass_bytes_per_pixel(engine: str, precision: str, alive: float | None) -> int:
    """Bytes per pixel of the input, input and output included, weights not.

    Args:
        engine: torch, openvino or onnx.
        precision: fp32 or bf16.
        alive: of `alive_bytes_per_pixel`; None if an export does not tell.
    """
    factor, beside = _LINES[engine, precision]
    return round(factor * (_UNTOLD if alive is None else alive) + beside)
