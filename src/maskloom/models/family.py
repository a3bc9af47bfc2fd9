"""What a registered model is: options, a stride, and a function that builds the network.

Two kinds: dense networks give logits for every pixel, detectors give boxes with masks. What is
asked of either is `Outputs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from maskloom.core.taxonomy import Taxonomy

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a network is to tell.

    Args:
        classes: classes of pixels, background included.
        distance: a further channel tells the distance to an object's rim.
        things: kinds of objects.
    """

    classes: int
    distance: bool
    things: int

    @property
    def channels(self) -> int:
        """Logits per pixel."""
        return self.classes + self.distance

    @classmethod
    def of(cls, taxonomy: Taxonomy, task: str, *, background: bool) -> Outputs:
        """For a task: scored categories, a distance where objects are parted."""
        things = thing_categories(taxonomy)
        return cls(background + len(taxonomy.scored), task != "semantic", len(things))


def thing_categories(taxonomy: Taxonomy) -> tuple[int, ...]:
    """Positions of the scored thing categories: a detector's label n is the n-th, from 1."""
    return tuple(c for c in taxonomy.scored if taxonomy[c].kind == "thing")


@dataclass(frozen=True, slots=True)
class Head:
    """A last layer, so that a run can begin from one of other categories.

    Args:
        prefix: of its parameters.
        of: its first axis runs over classes of pixels (and the distance) or over background and
            things.
        each: rows per class.
        scores: whether its biases are logits that compete.
    """

    prefix: str
    of: Literal["pixels", "things"] = "pixels"
    each: int = 1
    scores: bool = True


class DenseFamily(Protocol):
    """Networks that map (B, C, H, W) to logits (B, K, H, W)."""

    kind: Literal["dense"]

    @property
    def Options(self) -> type:  # noqa: N802 - it is a class
        """Frozen dataclass of the family's own options (`--set model.KEY=VALUE`)."""
        ...

    def stride(self, options: Any) -> int:
        """Heights and widths must be multiples of this."""
        ...

    def build(self, options: Any, in_channels: int, out_channels: int) -> nn.Module:
        """A network with random weights."""
        ...

    def heads(self, options: Any) -> Sequence[Head]:
        """The layers whose first axis is the outputs."""
        ...


class DetectorFamily(Protocol):
    """Networks that find objects; see `models.detector.Detector` for input and output."""

    kind: Literal["detector"]

    @property
    def Options(self) -> type:  # noqa: N802 - it is a class
        """Frozen dataclass of the family's own options."""
        ...

    def stride(self, options: Any) -> int:
        """Heights and widths must be multiples of this."""
        ...

    def settled(self, options: Any, sides_px: NDArray[np.float64]) -> Any:
        """The options with what they leave to the data: (N, 2) height and width of objects."""
        ...

    def shrink(self, options: Any, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The size at which the network sees an image of this size."""
        ...

    def build(self, options: Any, in_channels: int, things: int, classes: int) -> nn.Module:
        """A network with random weights.

        Args:
            options: of the family, settled.
            in_channels: C of the image.
            things: kinds of objects.
            classes: classes of pixels that a semantic head tells; 0 for none.
        """
        ...

    def heads(self, options: Any) -> Sequence[Head]:
        """The layers whose first axis is the outputs."""
        ...


Family = DenseFamily | DetectorFamily


def build_network(
    family: Family, options: Any, in_channels: int, outputs: Outputs, task: str
) -> nn.Module:
    """The family's network for a task, with random weights.

    Raises:
        UsageError: an option names something that does not exist.
    """
    if family.kind == "dense":
        return family.build(options, in_channels, outputs.channels)
    classes = outputs.classes if task == "panoptic" else 0
    return family.build(options, in_channels, outputs.things, classes)
