"""Global thresholds: Otsu's, over a grey and slightly smoothed image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import BACKGROUND, Labels
from maskloom.core.segmenter import Prediction, Prompt
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError, UsageError

Side = Literal["auto", "bright", "dark"]


@dataclass(frozen=True, slots=True)
class OtsuOptions:
    """Options of `otsu`."""

    category: str = field(default="foreground", metadata={"help": "what the foreground is called"})
    side: Side = field(
        default="auto",
        metadata={"help": "which side is foreground; auto: the one that touches the border less"},
    )
    blur: float = field(
        default=1.0, metadata={"help": "sigma of Gaussian smoothing in px; 0: none"}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.blur <= 100:
            raise UsageError("blur is out of range", seen=self.blur, hint="0 to 100 px")


def gray(image: NDArray[Any]) -> NDArray[np.float32]:
    """(H, W, C) or (H, W) to (H, W) float32 luminance (ITU-R BT.601 weights for RGB).

    Raises:
        ImageError: values that are not finite.
    """
    if image.ndim == 2:
        out = image.astype(np.float32)
    elif image.shape[2] == 3:
        out = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    else:
        out = image.astype(np.float32).mean(axis=2)
    if not np.isfinite(out).all():
        raise ImageError("the image holds values that are not finite", hint="replace NaN and inf")
    return out


def otsu_foreground(image: NDArray[Any], options: OtsuOptions) -> NDArray[np.bool_]:
    """Foreground by the threshold that maximises between-class variance.

    Args:
        image: (H, W, C) or (H, W), any numeric type.
        options: smoothing and side.

    Returns:
        (H, W) bool; all False for a constant image.

    Source: Otsu, "A threshold selection method from gray-level histograms", 1979; histogram of
        256 equal bins (scikit-image `threshold_otsu`).
    """
    import cv2
    from skimage.filters import threshold_otsu

    values = gray(image)
    if options.blur > 0:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), options.blur), np.float32)
    if values.size == 0 or values.min() == values.max():
        return np.zeros(values.shape, bool)
    bright: NDArray[np.bool_] = values > threshold_otsu(values)
    if options.side == "bright":
        return bright
    if options.side == "dark":
        return ~bright
    border = np.concatenate([bright[0], bright[-1], bright[1:-1, 0], bright[1:-1, -1]])
    return ~bright if border.mean() > 0.5 else bright


class Otsu:
    """Segmenter of one category by Otsu's threshold: `otsu` in the registry."""

    Options = OtsuOptions
    name = "otsu"

    def __init__(self, options: OtsuOptions | None = None) -> None:
        self.options = options or OtsuOptions()
        self.taxonomy = Taxonomy.from_names([self.options.category])

    def predict(self, image: NDArray[Any], prompt: Prompt | None = None) -> Prediction:  # noqa: ARG002 - the protocol has it
        """A class map: category 0 inside, background elsewhere."""
        inside = otsu_foreground(image, self.options)
        codes = np.where(inside, np.uint8(0), np.uint8(BACKGROUND))
        return Prediction(Labels(inside.shape, class_map=codes, layer="model/otsu"))
