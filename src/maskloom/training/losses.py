"""Losses over valid pixels: weighted cross-entropy, soft Dice, distance regression.

Contract: logits (B, K, ...), targets of class indexes with `IGNORED` for pixels that count
nowhere; the mean runs over valid pixels only; a batch without a valid pixel gives 0 with a
gradient of 0; computed in float32 inside autocast.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
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
    total = functional.cross_entropy(logits, target, weights, ignore_index=IGNORED, reduction="sum")
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


def cross_entropy_and_dice(
    logits: Tensor, target: Tensor, weights: Tensor | None = None, dice: float = 1.0
) -> tuple[Tensor, Tensor]:
    """(`cross_entropy`, `dice` × `soft_dice`) with one softmax and a gradient written out.

    Equal to the two functions up to rounding; on a CPU it takes about a third of their time,
    because a softmax over millions of pixels is bound by memory and autograd repeats it.

    Args:
        logits: (B, K, H, W) any float type.
        target: (B, H, W) int64 in [0, K) or `IGNORED`.
        weights: (K,) per class, as for `cross_entropy`.
        dice: factor of the second loss.
    """
    if weights is None:
        weights = torch.ones(logits.shape[1], device=logits.device)
    ce, overlap = _Fused.apply(logits, target, weights, dice)
    return ce, overlap


class _Fused(torch.autograd.Function):
    """Both losses over (N, K): p softmax, t target, w its weight, v validity.

    With S_k = Σ v p_k [t = k], P_k = Σ v p_k, W_k = Σ v [t = k] and A = P + W, over the n classes
    with W_k > 0: dice = 1/n Σ (1 - 2 S_k / A_k), so ∂/∂S_k = -2 / (n A_k) and
    ∂/∂P_k = 2 S_k / (n A_k²); the chain through the softmax is p (g - Σ p g).
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, logits: Tensor, target: Tensor, weights: Tensor, dice: float
    ) -> tuple[Tensor, Tensor]:
        k = logits.shape[1]
        flat = logits.detach().movedim(1, -1).reshape(-1, k)
        t = target.reshape(-1)
        valid = t != IGNORED
        safe = t.masked_fill(~valid, 0).unsqueeze(1)
        p = flat.float().softmax(dim=1)
        p_t = p.gather(1, safe).squeeze(1)
        v = valid.float()
        w_t = weights[safe.squeeze(1)] * v
        norm = w_t.sum().clamp(min=1e-12)
        ce = -(w_t * p_t.clamp(min=1e-30).log()).sum() / norm
        inside = torch.zeros(k, device=p.device).index_add_(0, safe.squeeze(1), p_t * v)
        wanted = torch.bincount(safe.squeeze(1), weights=v, minlength=k).float()
        total = (p.T @ v + wanted).clamp(min=1e-6)
        present = wanted > 0
        n = present.sum().clamp(min=1)
        overlap = dice * ((1 - 2 * inside / total) * present).sum() / n
        by_inside = -2 / (n * total) * present * dice
        by_total = 2 * inside / (n * total**2) * present * dice
        ctx.save_for_backward(p, safe, p_t, w_t / norm, v, by_inside, by_total)
        ctx.shape, ctx.dtype = logits.shape, logits.dtype  # type: ignore[attr-defined]
        return ce, overlap

    @staticmethod
    def backward(ctx: Any, grad_ce: Tensor, grad_dice: Tensor) -> tuple[Tensor, None, None, None]:
        p, safe, p_t, w_t, v, by_inside, by_total = ctx.saved_tensors
        by_total = by_total * grad_dice
        own = by_inside[safe.squeeze(1)] * grad_dice  # ∂/∂p_t beyond by_total
        w = w_t * grad_ce
        inner = p @ by_total + p_t * own
        # one pass over (N, K): p (g_k - inner) v + p w, then the target's own terms
        grad = p * (by_total.unsqueeze(0) * v.unsqueeze(1) + (w - inner * v).unsqueeze(1))
        grad.scatter_add_(1, safe, (p_t * own * v - w).unsqueeze(1))
        b, k, *space = ctx.shape
        return grad.to(ctx.dtype).reshape(b, *space, k).movedim(-1, 1), None, None, None


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
