"""What a registered model is: options, a stride, and a function that builds the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn


class Family(Protocol):
    """One family of networks; every network maps (B, C, H, W) to logits (B, K, H, W)."""

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

    def head(self, options: Any) -> str:
        """Prefix of the parameters whose first axis is the K outputs."""
        ...
