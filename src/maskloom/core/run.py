"""A finished or unfinished training on disk: its folder and what its model.json says.

    RUN/model.safetensors   weights that were best on validation; its header holds model.json
    RUN/model.json          taxonomy, preprocessing, recipe, data hash, scores
    RUN/state.pt            state to resume from
    RUN/curves.parquet, curves.png, report.html

Loading weights into a network is `models/checkpoint.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskloom.core.recipe import Recipe
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError, MaskloomError

FORMAT_VERSION = 1
WEIGHTS = "model.safetensors"
SELECTED_BY = {"semantic": "miou", "instance": "ap50", "panoptic": "pq"}
"""Task → the validation score by which weights are kept and runs are told apart."""
_MAX_HEADER = 100_000_000


def weights_offset(data: bytes) -> int:
    """Where the tensors begin in a safetensors file that begins with `data` (8 bytes are enough).

    Source: safetensors format: little-endian uint64 header size, JSON header, tensors.

    Raises:
        CheckpointError: the size is impossible.
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > _MAX_HEADER:
        raise CheckpointError(f"{WEIGHTS} is damaged: impossible header size", seen=size)
    return 8 + size


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How image values become network input: (value / range - mean) / std, per channel.

    Args:
        channels: names in order, e.g. ("red", "green", "blue").
        scale: what the values are divided by: 255, 65535, or 1 for floats.
        mean, std: of the scaled values, per channel.
        per_image: mean and deviation are taken from each image instead.
        stride: height and width are padded to multiples of this.
        white: what floats and 16-bit values are divided by, as asked of one call; None: of floats
            `scale`, if the run was trained on floats, of 16 bit 65535. It is not kept with a run.
    """

    channels: tuple[str, ...]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    stride: int = 32
    per_image: bool = False
    white: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What model.json keeps."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "white"}


@dataclass(frozen=True, slots=True)
class Run:
    """A trained model: where it lies and what it is.

    Args:
        path: the run's folder.
        model: name in the registry; `options` its own options.
        task: semantic, instance or panoptic.
        taxonomy: what it predicts.
        background: whether its first output is background (pixels that no row claims).
        preprocessing: how to feed it.
        recipe: how it was trained.
        weights_sha256: of model.safetensors.
        data: hashes, sizes and names of the training and validation data.
        scores: validation scores of the kept weights, and the step they are of.
        parent: the run whose weights it started from: id, path and hashes; empty if none.
    """

    path: Path
    model: str
    options: Mapping[str, Any]
    task: str
    taxonomy: Taxonomy
    background: bool
    preprocessing: Preprocessing
    recipe: Recipe
    weights_sha256: str
    data: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    parent: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A short name for people and the hash that tells it: `unet-7@1a2b3c4d5e6f`."""
        folder = re.sub(r"[^A-Za-z0-9._-]+", "-", self.path.resolve().name).strip("-. ")[:40]
        name = f"{self.model}-{folder}" if folder else self.model
        return f"{name}@{self.weights_sha256[:12]}"

    @property
    def layer(self) -> str:
        """The layer of its predictions."""
        return f"model/{self.id}"

    def to_json(self) -> dict[str, Any]:
        """The content of model.json."""
        out = {
            "format": FORMAT_VERSION,
            "model": self.model,
            "options": dict(self.options),
            "task": self.task,
            "taxonomy": self.taxonomy.to_json(),
            "background": self.background,
            "preprocessing": self.preprocessing.to_json(),
            "recipe": self.recipe.to_json(),
            "weights_sha256": self.weights_sha256,
            "data": dict(self.data),
            "scores": dict(self.scores),
        }
        return {**out, "parent": dict(self.parent)} if self.parent else out

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read the description in RUN/model.safetensors; the weights themselves are not read.

        Raises:
            CheckpointError: there is none, it does not parse, or it is of a newer version.
        """
        file = path / WEIGHTS
        if not file.is_file():
            raise CheckpointError(
                f"no {WEIGHTS}", where=path, hint="give the folder that train --out wrote"
            )
        try:
            with file.open("rb") as stream:
                head = stream.read(8)
                size = weights_offset(head) - 8
                data = json.loads(json.loads(stream.read(size))["__metadata__"]["maskloom"])
        except (OSError, ValueError, KeyError, TypeError, CheckpointError) as error:
            raise CheckpointError(
                f"{WEIGHTS} is damaged or not of maskloom",
                where=file,
                seen=error,
                hint="train again or copy the run again",
            ) from error
        version = data.get("format") if isinstance(data, dict) else None
        if version != FORMAT_VERSION:
            raise CheckpointError(
                f"the model is not of format {FORMAT_VERSION}",
                where=file,
                seen=version,
                hint="use the maskloom version that wrote it",
            )
        try:
            return cls._from_json(path, data)
        except (KeyError, TypeError, ValueError, MaskloomError) as error:
            raise CheckpointError(
                "the description of the model is damaged", where=file, seen=error
            ) from error

    @classmethod
    def _from_json(cls, path: Path, data: dict[str, Any]) -> Run:
        pre: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data["preprocessing"].items()
        }
        return cls(
            path=path,
            model=data["model"],
            options=data["options"],
            task=data["task"],
            taxonomy=Taxonomy.from_json(data["taxonomy"], where=path / "model.json"),
            background=bool(data["background"]),
            preprocessing=Preprocessing(**pre),
            recipe=Recipe.from_json(data["recipe"]),
            weights_sha256=data["weights_sha256"],
            data=data["data"],
            scores=data["scores"],
            parent=data.get("parent", {}),
        )
