"""The forward pass by OpenVINO on the CPU, from an exported network; without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import CheckpointError
from maskloom.inference.engines.exports import ALIVE, missing
from maskloom.inference.engines.footprint import pass_bytes_per_pixel
from maskloom.inference.engines.machine import thread_count
from maskloom.inference.engines.seal import check_seal

_KEPT_PX = 1 << 20
_HINTS = {"fp32": "f32", "bf16": "bf16"}

Size = tuple[int, int]


class OpenVinoEngine:
    """A network in OpenVINO, compiled for each size of input that comes.

    Compiling for a size takes a tenth of a second and halves the memory of a pass, because the
    buffers are planned. Sizes that together hold a megapixel are kept, and always the last one.

    Args:
        path: of an .xml that `export_run` wrote.
        precision: `fp32` or `bf16`; bf16 is fp32 where the CPU does not compute in it.
        threads: None is OMP_NUM_THREADS, else all cores.

    Raises:
        MissingExtra: OpenVINO is not installed.
        CheckpointError: the file is damaged.
    """

    name = "openvino"
    host = True

    def __init__(self, path: Path, *, precision: str = "fp32", threads: int | None = None) -> None:
        self.threads = thread_count(threads)
        check_seal(path)
        self._openvino = _openvino()
        self._core: Any = self._openvino.Core()
        bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision if bf16 else "fp32"
        try:
            self._model: Any = self._channels_last(self._core.read_model(str(path)))
        except RuntimeError as error:
            raise CheckpointError(
                "OpenVINO cannot open the exported network",
                where=path,
                seen=error,
                hint=f"remove {path.parent}; it is made again from the run",
            ) from error
        self._alive = _alive(self._model)
        self._requests: dict[Size, Any] = {}

    @property
    def bytes_per_pixel(self) -> int:
        """What a pass takes at its peak, per pixel of its input."""
        return pass_bytes_per_pixel(self.name, self.precision, self._alive)

    @property
    def bytes_per_pixel_fp32(self) -> int:
        """What a pass in fp32 takes."""
        return pass_bytes_per_pixel(self.name, "fp32", self._alive)

    def logits(self, image_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, H, W) float32 of a normalised image (H, W, C); see `Engine`."""
        batch = np.ascontiguousarray(image_hwc)[None]
        try:
            request = self._request(image_hwc.shape)
            request.infer({0: batch}, share_inputs=True)
        except RuntimeError as error:
            text = str(error).lower()
            if "alloc" in text or "memory" in text:
                raise MemoryError(str(error)) from error
            raise
        # The request writes its next output to the same place.
        out: NDArray[np.float32] = request.get_output_tensor(0).data[0].copy()
        return out

    def _channels_last(self, model: Any) -> Any:
        """The same network for (1, H, W, C): the transposition is done by the first layer."""
        prepost = self._openvino.preprocess.PrePostProcessor(model)
        prepost.input().tensor().set_layout(self._openvino.Layout("NHWC"))
        prepost.input().model().set_layout(self._openvino.Layout("NCHW"))
        return prepost.build()

    def _request(self, shape: tuple[int, ...]) -> Any:
        size = (shape[0], shape[1])
        if size not in self._requests:
            kept = sum(height * width for height, width in self._requests)
            if kept + size[0] * size[1] > _KEPT_PX:
                self._requests.clear()
            model = self._model.clone()
            model.reshape([1, *shape])
            compiled = self._core.compile_model(model, "CPU", self._settings())
            self._requests[size] = compiled.create_infer_request()
        return self._requests[size]

    def _settings(self) -> dict[str, Any]:
        return {
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            # Pinned, the workers of a pool would all meet on the first core.
            "ENABLE_CPU_PINNING": False,
        }


def _alive(model: Any) -> float | None:
    """What the exporter knew of the memory of a pass."""
    path = ["maskloom", ALIVE]
    return float(model.get_rt_info(path).astype(str)) if model.has_rt_info(path) else None


def _openvino() -> Any:
    try:
        import openvino
        import openvino.preprocess
    except ModuleNotFoundError as error:
        raise missing(error.name, "openvino", "the engine openvino") from error
    return openvino
