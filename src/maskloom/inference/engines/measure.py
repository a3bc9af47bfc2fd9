"""How fast engines are here, whether they agree with torch, and what was chosen before."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.run import Run
from maskloom.errors import WriteError
from maskloom.inference.engines.base import Engine
from maskloom.inference.engines.exports import FOLDER
from maskloom.inference.preprocess import pad_to_stride
from maskloom.store.files import atomic_write_bytes

CHOICES = "engine.json"
SECONDS = 1.0
AGREEMENT = 0.999
_DOUBT = {"fp32": 1e-3, "bf16": 0.1}
"""Where the best two classes are closer than this share of the largest logit, either may win."""

Name = Literal["torch", "onnx", "openvino"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine.

    Args:
        engine: its name.
        precision: what it computes in.
        ms: median of a pass.
        agreement: share of the pixels whose class is beyond doubt that have torch's class.
    """

    engine: Name
    precision: str
    ms: float
    agreement: float


def measure(run: Run, engine: Engine, reference: Engine, seconds: float = SECONDS) -> Measured:
    """Time an engine on an input of the size that the run was trained on.

    Args:
        run: whose network it is.
        engine: to measure; its first pass is not counted.
        reference: torch, to agree with.
        seconds: how long, at least three passes.
    """
    image = _example(run)
    got = engine.logits(image)
    agreement = 1.0 if engine is reference else _agreement(run, engine, got, reference, image)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        engine.logits(image)
        times.append(1e3 * (time.perf_counter() - start))
    name: Any = engine.name
    return Measured(name, engine.precision, round(statistics.median(times), 2), agreement)


def best(measured: Sequence[Measured]) -> Measured:
    """The fastest that agrees with torch; torch is among them."""
    return min((one for one in measured if one.agreement >= AGREEMENT), key=lambda one: one.ms)


def said(chosen: Measured, measured: Sequence[Measured]) -> str:
    """One line: what was chosen and why."""
    parts = [f"{one.engine} {one.precision} {one.ms:.0f} ms" for one in measured]
    left = [one for one in measured if one.agreement < AGREEMENT]
    why = "".join(
        f"; {one.engine} left out: {one.agreement:.1%} of the sure pixels as torch" for one in left
    )
    return f"engine {chosen.engine}: the fastest of {', '.join(parts)}{why}"


def remembered(run: Run, key: str) -> Name | None:
    """What was chosen for these weights on this machine, if something was."""
    choice = all_remembered(run).get(key)
    name = choice.get("engine") if isinstance(choice, dict) else None
    return name if name in ("torch", "onnx", "openvino") else None


def all_remembered(run: Run) -> dict[str, Any]:
    """Machine → what was chosen there and measured; nothing of other weights.

    A file that does not parse is as good as none: the choice is measured again.
    """
    try:
        kept = json.loads((run.path / FOLDER / CHOICES).read_text(encoding="utf-8"))
        current = kept["weights_sha256"] == run.weights_sha256
        return dict(kept["choices"]) if current else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def remember(run: Run, key: str, chosen: Measured, measured: Sequence[Measured]) -> None:
    """Keep a choice beside those of other machines; a folder that cannot be written is let be."""
    choice = {"engine": chosen.engine, "measured": [asdict(one) for one in measured]}
    choices = {**all_remembered(run), key: choice}
    content = {"weights_sha256": run.weights_sha256, "choices": choices}
    try:
        atomic_write_bytes(run.path / FOLDER / CHOICES, json.dumps(content, indent=1).encode())
    except WriteError:
        return


def _example(run: Run) -> NDArray[np.float32]:
    """Noise of several scales, as large as the crops of the training (512² where none is told)."""
    stride = run.preprocessing.stride
    height, width = (side or 512 for side in run.recipe.crop)
    rng = np.random.default_rng(0)
    channels = len(run.preprocessing.channels)
    image = np.zeros((height, width, channels), np.float32)
    for cell in (1, 8, 64):
        grid = (-(-height // cell), -(-width // cell), channels)
        coarse = rng.standard_normal(grid, np.float32)
        image += coarse.repeat(cell, 0).repeat(cell, 1)[:height, :width]
    return pad_to_stride(image / np.float32(3**0.5), stride)


def _agreement(
    run: Run,
    engine: Engine,
    got: NDArray[np.float32],
    reference: Engine,
    image: NDArray[np.float32],
) -> float:
    """Share of equal classes, where the reference is sure of its own."""
    wanted = reference.logits(image)
    n = run.background + len(run.taxonomy.scored)
    if got.shape != wanted.shape or not np.isfinite(got).all():
        return 0.0
    if n < 2:
        return 1.0
    top = np.partition(wanted[:n], n - 2, axis=0)
    doubt = max(_DOUBT[engine.precision], _DOUBT[reference.precision])
    sure = top[n - 1] - top[n - 2] > doubt * np.abs(wanted[:n]).max()
    if not sure.any():
        return 1.0
    return float((got[:n].argmax(0) == wanted[:n].argmax(0))[sure].mean())
