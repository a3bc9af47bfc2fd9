"""Learning rate and weight averaging as functions of the step."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from maskloom.core.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Rate of a step, counted from 0, of a run of `steps`.

    Rises linearly over the warm-up, then falls: poly (1 - t)^0.9 (Chen et al., DeepLab v2,
    2016, section 4.1.1), cosine (Loshchilov & Hutter 2017), or constant.
    """
    warm = max(1, round(recipe.warmup * steps))
    if step < warm:
        return recipe.lr * (step + 1) / warm
    t = (step - warm) / max(1, steps - warm)
    if recipe.schedule == "poly":
        return recipe.lr * float((1 - t) ** 0.9)
    if recipe.schedule == "cosine":
        return recipe.lr * 0.5 * (1 + math.cos(math.pi * t))
    return recipe.lr


class Averaged:
    """Exponential moving average of a network's parameters and buffers.

    The decay is min(decay, (1 + n) / (10 + n)) at the n-th update, so that early averages
    follow quickly.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network's present state."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        state = network.state_dict()
        mine: list[Tensor] = []
        theirs: list[Tensor] = []
        for key, value in self.values.items():
            if value.dtype.is_floating_point:
                mine.append(value)
                theirs.append(state[key])
            else:
                value.copy_(state[key])
        torch._foreach_lerp_(mine, theirs, weight)
