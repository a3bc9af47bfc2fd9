"""The forward pass by ONNX Runtime on the CPU, from an exported network; without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.errors import CheckpointError
from maskloom.inference.engines.exports import ALIVE, IMAGE, missing
from maskloom.inference.engines.footprint import pass_bytes_per_pixel
from maskloom.inference.engines.machine import thread_count
from maskloom.inference.engines.seal import check_seal

_KEPT_PX = 1 << 20


class OnnxEngine:
    """A network in ONNX Runtime, in fp32.

    Its arena keeps what a pass took, for the next one; after a pass over more than a megapixel
    it is given back.

    Args:
        path: of a .onnx that `export_run` wrote.
        threads: None is OMP_NUM_THREADS, else all cores.

    Raises:
        MissingExtra: ONNX Runtime is not installed.
        CheckpointError: the file is damaged.
    """

    name = "onnx"
    precision = "fp32"
    host = True

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self.threads = thread_count(threads)
        check_seal(path)
        self._runtime = _runtime()
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # its warnings are about the optimizer, not the user's data
        # Threads that spin take the cores from whoever reads and decodes beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = self._runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base but this
            raise CheckpointError(
                "ONNX Runtime cannot open the exported network",
                where=path,
                seen=error,
                hint="remove it; it is made again from the run",
            ) from error
        said = self._session.get_modelmeta().custom_metadata_map
        alive = said.get(f"maskloom.{ALIVE}")
        self.bytes_per_pixel = self.bytes_per_pixel_fp32 = pass_bytes_per_pixel(
            self.name, self.precision, None if alive is None else float(alive)
        )

    def logits(self, image_hwc: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K, H, W) float32 of a normalised image (H, W, C); see `Engine`."""
        run_options = self._runtime.RunOptions()
        if image_hwc.shape[0] * image_hwc.shape[1] > _KEPT_PX:
            run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        batch = np.ascontiguousarray(image_hwc.transpose(2, 0, 1))[None]
        try:
            out: NDArray[np.float32] = self._session.run(None, {IMAGE: batch}, run_options)[0][0]
        except Exception as error:
            if _out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise
        return out


def _runtime() -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise missing(error.name, "onnx", "the engine onnx") from error
    return onnxruntime


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return any(part in text for part in ("allocate", "bad_alloc", "out of memory"))
