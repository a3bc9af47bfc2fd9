"""The forward pass by torch: fp32 or bf16, channels last, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskloom import registry
from maskloom.core.run import Run
from maskloom.errors import UsageError
from maskloom.inference.engines.alive import alive_bytes_per_pixel
from maskloom.inference.engines.footprint import pass_bytes_per_pixel
from maskloom.inference.engines.fuse import fused
from maskloom.inference.engines.machine import thread_count
from maskloom.models import checkpoint


def to_batch(inputs: list[NDArray[np.float32]], device: torch.device | str = "cpu") -> Tensor:
    """(H, W, C) arrays of one size → (B, C, H, W) in channels_last memory; one is not copied."""
    batch = np.stack(inputs) if len(inputs) > 1 else np.ascontiguousarray(inputs[0])[None]
    return torch.from_numpy(batch).to(device).permute(0, 3, 1, 2)


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """bf16 autocast, or nothing for fp32."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")


def usable_precision(precision: str, device: str) -> str:
    """bf16 only where the machine computes in it; emulation is many times slower."""
    bf16 = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return precision if bf16 else "fp32"


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """So many threads of torch meanwhile, in the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TorchEngine:
    """A network of torch.

    Args:
        network: logits (B, K, H, W) from (B, C, H, W), in evaluation mode, channels last.
        precision: `fp32` or `bf16`.
        device: where the network lies.
        alive: bytes per pixel that its maps hold at once, see `alive_bytes_per_pixel`.
    """

    name = "torch"

    def __init__(
        self,
        network: nn.Module,
        *,
        precision: str = "fp32",
        device: str = "cpu",
        alive: float | None = None,
    ) -> None:
        self.network, self.precision, self.device = network, precision, device
        self.alive = alive

    @property
    def host(self) -> bool:
        """Whether it computes on the CPU."""
        return self.device == "cpu"

    @property
    def bytes_per_pixel(self) -> int:
        """What a pass takes at its peak, per pixel of its input."""
        return pass_bytes_per_pixel(self.name, self.precision, self.alive)

    @property
    def bytes_per_pixel_fp32(self) -> int:
        """What a pass in fp32 takes."""
        return pass_bytes_per_pixel(self.name, "fp32", self.alive)

    def logits(self, image_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, H, W) float32 of a normalised image (H, W, C); see `Engine`."""
        try:
            with torch.inference_mode(), autocast(self.precision, self.device):
                out: Tensor = self.network(to_batch([image_hwc], self.device))[0]
                return out.float().cpu().numpy()
        except RuntimeError as error:
            # On a CPU torch has no class of its own for this.
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise


def open_torch(run: Run, *, device: str = "auto", threads: int | None = None) -> TorchEngine:
    """The engine of a run's network, rewritten where that changes nothing (`engines/fuse.py`).

    Args:
        run: of a network that gives logits per pixel.
        device: auto, cpu, cuda, cuda:1, ...; auto is the best at hand.
        threads: for the whole process; None leaves them as they are.

    Raises:
        CheckpointError: the run is damaged.
        UsageError: its network finds objects by boxes.
    """
    if threads is not None:
        torch.set_num_threads(thread_count(threads))
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = usable_precision(str(run.scores.get("precision", "fp32")), device)
    network = dense_network(run)
    example = example_batch(run, 2, 3)
    rewritten = fused(network, example)
    # That of the CPU's form on every device: plans are shared by machines with and without a GPU.
    alive = alive_bytes_per_pixel(rewritten or network, example)
    if device != "cpu":
        rewritten = fused(network, example, doublings=False)
    network = (rewritten or network).to(device).to(memory_format=torch.channels_last)
    return TorchEngine(network, precision=precision, device=device, alive=alive)


def dense_network(run: Run) -> nn.Module:
    """The network of a run that maps (B, C, H, W) to logits, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: the run is damaged.
        UsageError: it is of another kind.
    """
    if registry.load("models", run.model).kind != "dense":
        raise UsageError(
            "this network gives boxes with masks, not logits of pixels: torch alone computes it",
            where=run.path,
            seen=run.model,
            hint="leave out --engine and do not export it",
        )
    return checkpoint.load(run)


def example_batch(run: Run, rows: int, columns: int) -> Tensor:
    """(1, C, rows · stride, columns · stride) of normal noise, always the same."""
    pre = run.preprocessing
    size = (rows * pre.stride, columns * pre.stride, len(pre.channels))
    return to_batch([np.random.default_rng(0).standard_normal(size, np.float32)])
