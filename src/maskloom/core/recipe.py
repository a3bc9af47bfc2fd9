"""Every choice of a training, in plain fields: what `--set` and a recipe file may say.

The resolved recipe goes into the checkpoint. Numbers are per step unless the name says else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from maskloom.errors import UsageError

Task = Literal["semantic", "instance", "panoptic"]


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; raises UsageError for a value outside its range."""

    batch: int = _option(8, "images per step")
    crop: tuple[int, ...] = _option(
        (0, 0), "height,width of training crops in px; 0,0: by the data"
    )
    lr: float = _option(1e-3, "peak learning rate of AdamW")
    weight_decay: float = _option(1e-2, "decoupled weight decay")
    schedule: Literal["poly", "cosine", "constant"] = _option("poly", "learning rate over steps")
    warmup: float = _option(0.03, "share of the steps with a rising learning rate")
    grad_clip: float = _option(1.0, "largest norm of the gradient; 0: no limit")
    ema: float = _option(0.998, "decay of the averaged weights that are scored and kept; 0: none")
    ce: float = _option(1.0, "weight of cross-entropy")
    dice: float = _option(1.0, "weight of the soft Dice loss")
    class_weights: Literal["none", "sqrt", "median"] = _option(
        "sqrt", "cross-entropy weights from class frequencies"
    )
    scale: tuple[float, ...] = _option((0.75, 1.5), "range of random scaling")
    rotate: float = _option(5.0, "largest random rotation in degrees")
    flip: Literal["none", "horizontal", "both"] = _option("horizontal", "random mirroring")
    elastic: float = _option(0.0, "largest elastic shift in px; 0: none")
    color: float = _option(0.25, "strength of random brightness, contrast and saturation")
    invert: float = _option(
        0.0, "share of crops with bright and dark exchanged (mixed stains, mixed lighting)"
    )
    normalize: Literal["data", "image"] = _option(
        "data", "mean and deviation: of the training data, or of each image (uneven exposure)"
    )
    noise: float = _option(0.0, "largest standard deviation of added noise, of the value range")
    eval_every: int = _option(0, "steps between validations; 0: ten in a run, but 10 steps apart")
    patience: int = _option(0, "validations without a better score before stopping; 0: never")
    precision: Literal["auto", "fp32", "bf16"] = _option(
        "auto", "arithmetic; auto is bf16 where the device computes in it, else fp32"
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = _option("auto", "where to train")
    devices: int = _option(1, "how many devices; more than one trains by DDP")
    minutes: float = _option(0.0, "stop after so many minutes of training and validation; 0: never")

    def __post_init__(self) -> None:
        checks = {
            "batch": self.batch >= 1,
            "crop": len(self.crop) == 2 and min(self.crop) >= 0,
            "lr": 0 < self.lr < 10,
            "warmup": 0 <= self.warmup < 1,
            "weight_decay": 0 <= self.weight_decay < 10,
            "grad_clip": self.grad_clip >= 0,
            "minutes": self.minutes >= 0,
            "ema": 0 <= self.ema < 1,
            "ce": self.ce >= 0,
            "dice": self.dice >= 0 and self.ce + self.dice > 0,
            "scale": len(self.scale) == 2 and 0.1 <= self.scale[0] <= self.scale[1] <= 10,
            "rotate": 0 <= self.rotate <= 180,
            "elastic": 0 <= self.elastic <= 100,
            "color": 0 <= self.color <= 1,
            "invert": 0 <= self.invert <= 1,
            "noise": 0 <= self.noise <= 1,
            "eval_every": self.eval_every >= 0,
            "patience": self.patience >= 0,
            "devices": self.devices >= 1,
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(
                    f"recipe value {name} is out of range",
                    seen=getattr(self, name),
                    hint="docs/training.md tells the recipe",
                )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Read `to_json` back; unknown fields are an error.

        Raises:
            UsageError: a field is unknown or out of range.
        """
        known = set(cls.__slots__)
        if unknown := set(data) - known:
            raise UsageError("unknown recipe fields", seen=", ".join(sorted(unknown)))
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
        }
        return cls(**values)
