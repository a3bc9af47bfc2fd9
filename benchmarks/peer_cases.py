"""What cases of `peer_bugs` share: masks that get lost, and telling what is not as it should be."""

from __future__ import annotations

import numpy as np


class Fails(AssertionError):
    """What the tool did in place of what was asked."""


def check(good: object, seen: object) -> None:
    """Tell what was seen where something is not good."""
    if not good:
        raise Fails(str(seen))


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    """Tell how many pixels differ where any does."""
    check(found.shape == wanted.shape, f"shape {found.shape}, not {wanted.shape}")
    found, wanted = found.astype(bool), wanted.astype(bool)
    both = (found | wanted).sum()
    iou = (found & wanted).sum() / both if both else 1.0
    check((found == wanted).all(), f"{(found != wanted).sum()} pixels changed, IoU {iou:.3f}")


def refused(call, *words: str) -> None:
    """Tell what came back in place of an error that says what is wrong."""
    try:
        seen = call()
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"
        check(not words or any(word in text.lower() for word in words), text)
        return
    raise Fails(f"taken without an error: {seen!r:.80}")


def shapes(size=(20, 30)) -> dict[str, np.ndarray]:
    """The masks that conversions lose."""
    y, x = np.mgrid[: size[0], : size[1]]
    block = (y > 1) & (y < 16) & (x > 2) & (x < 20)
    return {
        "square": block,
        "hole": block & ~((y > 4) & (y < 12) & (x > 6) & (x < 15)),
        "parts": ((y < 4) & (x < 5)) | ((y > 11) & (x > 19)),
        "line": (y == 7) & (x > 3) & (x < 25),
        "pixel": (y == 5) & (x == 6),
    }
