"""The forward pass by torch: fp32 or bf16, channels last, on a CPU or a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Measured for a ResNet-18 U-Net; the widest layers decide.
_BYTES_PER_PIXEL = {"fp32": 450, "bf16": 240}


def to_batch(inputs: list[NDArray[np.float32]], device: torch.device | str = "cpu") -> Tensor:
    """(H, W, C) arrays of one size → (B, C, H, W) in channels_last memory (no copy per image)."""
    return torch.from_numpy(np.stack(inputs)).to(device).permute(0, 3, 1, 2)


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """bf16 autocast, or nothing for fp32."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")


def usable_precision(precision: str, device: str) -> str:
    """bf16 only where the machine computes in it; emulation is many times slower."""
    bf16 = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return precision if bf16 else "fp32"


class TorchEngine:
    """A network of torch.

    Args:
        network: logits (B, K, H, W) from (B, C, H, W), in evaluation mode, channels last.
        precision: `fp32` or `bf16`.
        device: where the network lies.
    """

    name = "torch"

    def __init__(self, network: nn.Module, *, precision: str = "fp32", device: str = "cpu") -> None:
        self.network, self.precision, self.device = network, precision, device

    @property
    def host(self) -> bool:
        """Whether it computes on the CPU."""
        return self.device == "cpu"

    @property
    def bytes_per_pixel(self) -> int:
        """What a pass takes at its peak, per pixel of its input."""
        return _BYTES_PER_PIXEL[self.precision]

    def logits(self, image_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, H, W) float32 of a normalised image (H, W, C); see `Engine`."""
        try:
            with torch.inference_mode(), autocast(self.precision, self.device):
                out: Tensor = self.network(to_batch([image_hwc], self.device))[0]
                return out.float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error)) from error
