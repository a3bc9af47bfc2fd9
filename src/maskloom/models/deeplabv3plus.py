"""DeepLabv3+ on a timm encoder (smp): atrous pyramid at stride 16 or 8, refined at stride 4.

Its image pooling sees the whole input, so an output pixel depends on every input pixel: tiles
of an image never give exactly what the image in one pass gives.

Source: Chen, Zhu, Papandreou, Schroff, Adam, "Encoder-Decoder with Atrous Separable Convolution
for Semantic Image Segmentation", 2018, figure 2. Deviations: any timm encoder that can be
dilated; the pooled branch is normalised over its channels, because one image has no variance
over a 1 × 1 map that a batch normalisation could use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from maskloom.errors import UsageError
from maskloom.models.family import Head


@dataclass(frozen=True, slots=True)
class DeepLabOptions:
    """Options of `deeplabv3+`."""

    encoder: str = field(
        default="resnet18", metadata={"help": "a timm encoder that can be dilated"}
    )
    output_stride: Literal[16, 8] = field(
        default=16, metadata={"help": "of the encoder; 8 is finer and three times slower"}
    )
    channels: int = field(default=256, metadata={"help": "of the atrous pyramid and the decoder"})
    rates: tuple[int, ...] = field(
        default=(),
        metadata={"help": "dilations of the pyramid; empty: 6,12,18 at stride 16, doubled at 8"},
    )
    dropout: float = field(default=0.5, metadata={"help": "after the pyramid, in training"})

    def __post_init__(self) -> None:
        good = 8 <= self.channels <= 2048 and 0 <= self.dropout < 1
        if not (good and len(self.rates) in (0, 3) and all(r >= 1 for r in self.rates)):
            raise UsageError(
                "deeplabv3+ options out of range",
                seen=f"channels {self.channels}, dropout {self.dropout}, rates {self.rates}",
                hint="channels 8..2048, dropout below 1, three dilations of at least 1",
            )


class DeepLabV3Plus:
    """The family: `deeplabv3+` in the registry."""

    Options = DeepLabOptions
    kind: Literal["dense"] = "dense"

    def stride(self, options: DeepLabOptions) -> int:
        """That of the encoder."""
        return options.output_stride

    def heads(self, options: DeepLabOptions) -> tuple[Head, ...]:  # noqa: ARG002 - the protocol has it
        """The last convolution."""
        return (Head("segmentation_head.0."),)

    def build(self, options: DeepLabOptions, in_channels: int, out_channels: int) -> nn.Module:
        """A network with random weights; nothing is downloaded.

        Raises:
            UsageError: timm has no such encoder, or it cannot be dilated.
        """
        import segmentation_models_pytorch as smp

        rates = options.rates or tuple(96 // options.output_stride * n for n in (1, 2, 3))
        try:
            network: Any = smp.DeepLabV3Plus(
                f"tu-{options.encoder.removeprefix('tu-')}",
                encoder_weights=None,
                encoder_output_stride=options.output_stride,
                decoder_channels=options.channels,
                decoder_atrous_rates=rates,
                decoder_aspp_dropout=options.dropout,
                in_channels=in_channels,
                classes=out_channels,
            )
        except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise UsageError(
                "no such encoder for deeplabv3+",
                seen=options.encoder,
                hint="name a timm model that gives feature maps and can be dilated, e.g. "
                "resnet18, resnet50, mobilenetv4_conv_small, efficientnet_b0",
            ) from error
        pooled = network.decoder.aspp[0].convs[-1]
        if not isinstance(pooled[2], nn.BatchNorm2d):
            raise TypeError(f"the pooled branch of smp has another form: {pooled}")
        pooled[2] = nn.GroupNorm(1, options.channels)
        return network  # type: ignore[no-any-return]


DEEPLABV3PLUS = DeepLabV3Plus()
