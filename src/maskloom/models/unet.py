"""U-Net: the plain form of the paper, and the same decoder idea on a timm encoder (smp).

Not here: training (`training/`), splitting a foreground into instances (`inference/decode.py`).

Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", 2015, figure 1. Deviations of the plain form: padded convolutions, so that the
output has the input's size; batch normalisation; `width` channels at full resolution (paper: 64).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskloom.errors import UsageError
from maskloom.models.family import Head

PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class UNetOptions:
    """Options of `unet`."""

    encoder: str = field(
        default="resnet18", metadata={"help": "a timm encoder, or `plain` for the paper's network"}
    )
    width: int = field(
        default=32, metadata={"help": "channels at full resolution (plain; the paper has 64)"}
    )
    depth: int = field(default=4, metadata={"help": "how often the plain form halves the image"})
    decoder: tuple[int, ...] = field(
        default=(256, 128, 64, 32, 16),
        metadata={"help": "channels of the five decoder stages over a timm encoder"},
    )

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 512 and 1 <= self.depth <= 7 and len(self.decoder) == 5):
            raise UsageError(
                "unet options out of range",
                seen=f"width {self.width}, depth {self.depth}",
                hint="width 1..512, depth 1..7, five decoder stages",
            )


class _Block(nn.Sequential):
    """Two 3×3 convolutions, each normalised and rectified."""

    def __init__(self, inputs: int, outputs: int) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class PlainUNet(nn.Module):
    """The paper's network.

    Args:
        in_channels: C of the input (B, C, H, W); H and W multiples of 2**depth.
        out_channels: K of the logits (B, K, H, W).
        width: channels at full resolution, doubled at each level.
        depth: number of 2×2 poolings.
    """

    def __init__(self, in_channels: int, out_channels: int, *, width: int, depth: int) -> None:
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _Block(inputs, outputs)
            for inputs, outputs in zip([in_channels, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(w * 2, w, 2, stride=2) for w in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(_Block(w * 2, w) for w in reversed(widths[:-1]))
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(width, out_channels, 1)

    def forward(self, image_bchw: Tensor) -> Tensor:
        """Logits (B, K, H, W)."""
        skips: list[Tensor] = []
        feature = image_bchw
        for level, block in enumerate(self.down):
            feature = block(feature if level == 0 else self.pool(feature))
            skips.append(feature)
        skips.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            feature = merge(torch.cat([skips.pop(), up(feature)], dim=1))
        logits: Tensor = self.head(feature)
        return logits


class UNet:
    """The family: `unet` in the registry."""

    Options = UNetOptions
    kind: Literal["dense"] = "dense"

    def stride(self, options: UNetOptions) -> int:
        """2**depth for the plain form, 32 over an encoder of five stages."""
        return 1 << options.depth if options.encoder == PLAIN else 32

    def heads(self, options: UNetOptions) -> tuple[Head, ...]:
        """The last convolution."""
        return (Head("head." if options.encoder == PLAIN else "segmentation_head.0."),)

    def build(self, options: UNetOptions, in_channels: int, out_channels: int) -> nn.Module:
        """A network with random weights; nothing is downloaded.

        Raises:
            UsageError: timm has no such encoder.
        """
        if options.encoder == PLAIN:
            return PlainUNet(in_channels, out_channels, width=options.width, depth=options.depth)
        import segmentation_models_pytorch as smp

        try:
            network: Any = smp.Unet(
                f"tu-{options.encoder.removeprefix('tu-')}",
                encoder_weights=None,
                decoder_channels=list(options.decoder),
                in_channels=in_channels,
                classes=out_channels,
            )
        except (KeyError, RuntimeError, ValueError) as error:
            raise UsageError(
                "no such encoder for unet",
                seen=options.encoder,
                hint="name a timm model that gives feature maps, e.g. resnet18, resnet34, "
                "mobilenetv4_conv_small, efficientnet_b0; or plain",
            ) from error
        return network  # type: ignore[no-any-return]


UNET = UNet()
