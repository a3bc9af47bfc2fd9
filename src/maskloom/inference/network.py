"""A trained run as a Segmenter: preprocessing, padding, the forward pass, decoding.

Whole images only; images larger than memory come with tiling.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskloom.core.labels import Labels
from maskloom.core.run import Preprocessing, Run
from maskloom.core.segmenter import Prediction, Prompt
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.inference.decode import (
    DEPTH,
    MIN_AREA,
    Channels,
    decode_classes,
    decode_instances,
)
from maskloom.models import checkpoint

Moments = tuple[NDArray[Any], NDArray[Any]]
_BYTES_PER_PIXEL = 450  # measured for a ResNet-18 U-Net in fp32; the widest layers decide
_FLAT = 0.02  # keeps the noise of an empty image from being blown up


def to_unit(image: NDArray[Any], pre: Preprocessing) -> NDArray[np.float32]:
    """An image of the network's channels, its values divided by their range.

    A grey image is repeated for a network of three channels.

    Args:
        image: (H, W, C) uint8, uint16 or float32.
        pre: of the network.

    Raises:
        ImageError: another number of channels, or values that are not finite.
    """
    wanted = len(pre.channels)
    if image.shape[2] == 1 and wanted == 3:
        image = np.repeat(image, 3, axis=2)
    if image.shape[2] != wanted:
        raise ImageError(
            "the image has other channels than the model was trained on",
            seen=f"{image.shape[2]}, model {wanted} ({', '.join(pre.channels)})",
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("the image holds values that are not finite", hint="replace NaN and inf")
    return image.astype(np.float32) * np.float32(1 / unit_scale(image.dtype, pre))


def unit_scale(dtype: np.dtype[Any], pre: Preprocessing) -> float:
    """What values of a type are divided by: the type's range, or the network's for floats."""
    return {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(dtype, pre.scale)


def normalize(
    unit: NDArray[np.float32], pre: Preprocessing, moments: Moments | None = None
) -> NDArray[np.float32]:
    """(value - mean) / deviation, of the training data or, with `per_image`, of this image.

    Args:
        unit: (H, W, C) of `to_unit`, or a crop of it.
        pre: of the network.
        moments: (C,) mean and deviation of the whole image that a crop is of, on the scale of
            `unit`; None takes them from `unit`.
    """
    if not pre.per_image:
        mean, std = np.array(pre.mean), np.array(pre.std)
    else:
        mean, std = moments or (unit.mean(axis=(0, 1)), unit.std(axis=(0, 1)))
        std = std + _FLAT
    gain = (1 / std).astype(np.float32)
    return unit * gain - (mean * gain).astype(np.float32)


def to_batch(inputs: list[NDArray[np.float32]], device: torch.device | str = "cpu") -> Tensor:
    """(H, W, C) arrays of one size → (B, C, H, W) in channels_last memory (no copy per image)."""
    return torch.from_numpy(np.stack(inputs)).to(device).permute(0, 3, 1, 2)


def pad_to_stride(array: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Pad below and right by mirroring, so that height and width are multiples of `stride`."""
    height, width = array.shape[:2]
    below, right = -height % stride, -width % stride
    if not below and not right:
        return array
    mode = "reflect" if below < height and right < width else "symmetric"
    return np.pad(array, ((0, below), (0, right), (0, 0)), mode=mode)  # type: ignore[call-overload, no-any-return]


def autocast(precision: str, device: str) -> AbstractContextManager[Any]:
    """bf16 autocast, or nothing for fp32."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == "bf16")


def _too_large(height: int, width: int) -> ImageError:
    return ImageError(
        "the image does not fit into memory in one pass",
        seen=f"{width} × {height}",
        hint="cut the image into tiles first",
    )


def _free_bytes() -> int:
    """Memory that a new array may take, or a large number where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 1 << 62


def _usable(precision: str, device: str) -> str:
    """bf16 only where the machine computes in it; emulation is many times slower."""
    bf16 = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return precision if bf16 else "fp32"


class NetworkSegmenter:
    """A network behind the Segmenter protocol.

    Args:
        network: logits (B, K, H, W) from (B, C, H, W), in evaluation mode.
        channels: what K means.
        preprocessing: how to feed it.
        precision: `fp32` or `bf16`.
        device: where the network lies.
        layer: the layer of its labels.
        depth, min_area: how objects are parted, see `decode_instances`.
    """

    def __init__(
        self,
        network: nn.Module,
        channels: Channels,
        *,
        preprocessing: Preprocessing,
        precision: str = "fp32",
        device: str = "cpu",
        layer: str = "model/network",
        depth: float = DEPTH,
        min_area: int = MIN_AREA,
    ) -> None:
        self.depth, self.min_area = depth, min_area
        self.network = network
        self.channels = channels
        self.preprocessing = preprocessing
        self.precision = precision
        self.device = device
        self.layer = layer

    @classmethod
    def from_run(
        cls, path: Path, device: str = "auto", *, depth: float = DEPTH, min_area: int = MIN_AREA
    ) -> NetworkSegmenter:
        """The network of a run's folder, on the best device at hand.

        Raises:
            CheckpointError: the run is damaged.
        """
        run = Run.load(path)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(
            checkpoint.load(run).to(device),
            Channels(run.taxonomy, run.background, run.task == "instance"),
            preprocessing=run.preprocessing,
            precision=_usable(str(run.scores.get("precision", "fp32")), device),
            device=device,
            layer=run.layer,
            depth=depth,
            min_area=min_area,
        )

    @property
    def name(self) -> str:
        """The layer of its labels."""
        return self.layer

    @property
    def taxonomy(self) -> Taxonomy:
        """What its labels mean."""
        return self.channels.taxonomy

    def probabilities(
        self, image: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Class probabilities (K, H, W) and the predicted distance (H, W), if there is one.

        Raises:
            ImageError: wrong channels, or more pixels than fit into memory.
        """
        height, width = image.shape[:2]
        self._refuse_huge(height, width)
        padded = pad_to_stride(
            normalize(to_unit(image, self.preprocessing), self.preprocessing),
            self.preprocessing.stride,
        )
        n = self.channels.n_classes
        try:
            batch = to_batch([padded], self.device)
            with torch.inference_mode(), autocast(self.precision, self.device):
                logits = self.network(batch)[:, :, :height, :width].float()
                classes = logits[0, :n].softmax(dim=0).cpu().numpy()
                distance = logits[0, n].sigmoid().cpu().numpy() if self.channels.distance else None
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise _too_large(height, width) from error
        return classes, distance

    def _refuse_huge(self, height: int, width: int) -> None:
        """Before the system kills the process: a pass must fit into the free memory."""
        needed = height * width * (_BYTES_PER_PIXEL + 12 * self.channels.n_classes)
        if self.device == "cpu" and needed > _free_bytes():
            raise _too_large(height, width)

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:  # noqa: ARG002 - the protocol has it
        """Label one image (H, W, C)."""
        classes, distance = self.probabilities(image)
        labels: Labels
        if distance is None:
            labels = decode_classes(classes, self.channels)
        else:
            labels = decode_instances(
                classes, distance, self.channels, depth=self.depth, min_area=self.min_area
            )
        return Prediction(labels.replace(layer=self.layer), probabilities=classes)
