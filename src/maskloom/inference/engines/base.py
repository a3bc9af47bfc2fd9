"""What an engine is: a network's forward pass, from one normalised image to its logits."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """One network, ready to compute.

    Everything around it is `inference/network.py`: preprocessing, padding, decoding, tiles.
    """

    @property
    def name(self) -> str:
        """torch, onnx or openvino."""
        ...

    @property
    def precision(self) -> str:
        """fp32 or bf16: what the convolutions compute in."""
        ...

    @property
    def host(self) -> bool:
        """Whether it computes in the memory of this machine, not in that of a GPU."""
        ...

    @property
    def bytes_per_pixel(self) -> int:
        """What a pass takes at its peak, per pixel of its input, output aside."""
        ...

    @property
    def bytes_per_pixel_fp32(self) -> int:
        """What it takes where it computes in fp32: the same on every machine."""
        ...

    def logits(self, image_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """One forward pass.

        Args:
            image_hwc: (H, W, C) float32, normalised; H and W multiples of the model's stride.

        Returns:
            (K, H, W) float32.

        Raises:
            MemoryError: it does not fit, whatever the engine calls that.
        """
        ...
