"""Losses over valid pixels: weighted cross-entropy, soft Dice, distance regression.

Contract: logits (B, K, ...), targets of class indexes with `IGNORED` for pixels that count
nowhere; the mean runs over valid pixels only; a batch without a valid pixel gives 0 with a
gradient of 0; computed in float32 inside autocast.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from maskloom.training.targets import IGNORED


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy over valid pixels.

    Args:
        logits: (B, K, ...) any float type.
        target: (B, ...) int64 in [0, K) or `IGNORED`.
        weights: (K,) per class; the sum of weighted terms is divided by the sum of the weights.

    Returns:
        scalar ≥ 0; 0 if no pixel is valid.
    """
    logits = logits.float()
    total = functional.cross_entropy(
        logits, target, weights, ignore_index=IGNORED, reduction="sum"
    )
    valid = target != IGNORED
    if weights is None:
        norm = valid.sum().to(logits.dtype)
    else:
        counts = torch.bincount(target[valid], minlength=logits.shape[1])
        norm = (counts * weights).sum()
    return total / norm.clamp(min=1e-12) if bool(valid.any()) else logits.sum() * 0.0


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - mean soft Dice over the classes present among the valid pixels of the batch.

    Args:
        logits: (B, K, ...) any float type.
        target: (B, ...) int64 in [0, K) or `IGNORED`.

    Returns:
        scalar in [0, 1]; 0 if no pixel is valid.

    Source: Milletari, Navab, Ahmadi, "V-Net", 2016, equation 3 with a softmax and plain (not
        squared) sums in the denominator; classes absent from the batch are left out of the
        mean, their false positives are the business of cross-entropy.
    """
    probabilities = logits.float().softmax(dim=1)
    valid = (target != IGNORED).unsqueeze(1)
    one_hot = torch.zeros_like(probabilities)
    one_hot.scatter_(1, target.masked_fill(~valid.squeeze(1), 0).unsqueeze(1), 1.0)
    one_hot = one_hot * valid
    probabilities = probabilities * valid
    axes = (0, *range(2, logits.ndim))
    shared = (probabilities * one_hot).sum(axes)
    wanted = one_hot.sum(axes)
    scores = 2 * shared / (probabilities.sum(axes) + wanted).clamp(min=1e-6)
    present = wanted > 0
    return (1 - scores[present]).mean() if bool(present.any()) else logits.float().sum() * 0.0


def distance_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Binary cross-entropy of a distance in [0, 1] against its logit, over valid pixels.

    Args:
        logits: (B, ...) any float type.
        target: (B, ...) float in [0, 1].
        valid: (B, ...) bool.
    """
    terms = functional.binary_cross_entropy_with_logits(
        logits.float(), target.float(), reduction="none"
    )
    return (terms * valid).sum() / valid.sum().clamp(min=1)
