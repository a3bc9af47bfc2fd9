"""A new run that starts from the weights of another one: outputs are matched by category.

The networks must be the same but for the last layer. Who trains on the same project may have
changed its taxonomy since: categories that the parent does not know begin as unlikely ones.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from maskloom import registry
from maskloom.core.recipe import Recipe
from maskloom.core.run import WEIGHTS, Run
from maskloom.errors import CheckpointError
from maskloom.inference.decode import Channels
from maskloom.models import checkpoint
from maskloom.models.family import Family
from maskloom.training.plan import Plan
from maskloom.work import progress

# Weights that are good already are lost at the rate that found them (docs/training.md).
FINE_TUNING = 0.1
_UNSEEN = 4.6  # log 100
_BACKGROUND, _DISTANCE = "(background)", "(distance)"  # no keys: these hold no parentheses


def parent_recipe(parent: Run) -> Recipe:
    """The recipe of a run, for one that starts from its weights: a tenth of its learning rate.

    A run that started from another one has that rate already.
    """
    rate = parent.recipe.lr * (1.0 if parent.parent else FINE_TUNING)
    return replace(parent.recipe, lr=rate)


def parent_weights(parent: Run, plan: Plan, *, same_project: bool) -> dict[str, Tensor]:
    """The state dict that a network of the plan starts from.

    Args:
        parent: the run to start from.
        plan: of the new run.
        same_project: both are of one project, whose keys mean the same for ever; otherwise the
            categories must be the same.

    Raises:
        CheckpointError: another network or other categories.
    """
    old, new = _outputs(_channels(parent)), _outputs(plan.channels)
    fresh = [name for name in new if name not in old]
    if (set(old) != set(new) and not same_project) or len(fresh) == len(new):
        raise CheckpointError(
            "the model to start from has another taxonomy",
            where=parent.path / WEIGHTS,
            seen=", ".join(parent.taxonomy.keys[:8]),
            hint=f"the data has {', '.join(plan.channels.taxonomy.keys[:8])}; map it with "
            "--map OLD=NEW, or train without --resume-from",
        )
    if fresh:
        progress.step(f"not known to the model to start from: {', '.join(fresh)}")
    weights = checkpoint.load(parent).state_dict()
    own = plan.network().state_dict()
    family: Family = registry.load("models", plan.model)
    head = family.head(plan.options)
    for name, value in weights.items():
        if name.startswith(head) and name in own:
            weights[name] = _rows(value, own[name], old, new)
    shapes = {k: v.shape for k, v in weights.items()}
    if shapes != {k: v.shape for k, v in own.items()}:
        other = next(
            k for k in {**own, **shapes} if shapes.get(k) != getattr(own.get(k), "shape", 0)
        )
        raise CheckpointError(
            "the model to start from is another network",
            where=parent.path,
            seen=other,
            hint="leave out --model and --set model.KEY=VALUE: they are taken from the parent",
        )
    return weights


def _channels(run: Run) -> Channels:
    return Channels(run.taxonomy, run.background, run.task == "instance")


def _outputs(channels: Channels) -> list[str]:
    """What each output channel means, by name."""
    keys = [channels.taxonomy[i].key for i in channels.taxonomy.scored]
    first = [_BACKGROUND] if channels.background else []
    return [*first, *keys, *([_DISTANCE] if channels.distance else [])]


def _rows(value: Tensor, own: Tensor, old: list[str], new: list[str]) -> Tensor:
    """The last layer in the new order.

    The logit of a category that the parent lacks is the mean of those it knows, less a constant:
    it is never the largest at first, so that the run begins where its parent stands. A distance
    that the parent lacks begins at random.
    """
    if value.shape[1:] != own.shape[1:]:
        return value
    known = value[: len(old) - (_DISTANCE in old)].mean(dim=0)
    unseen = known - _UNSEEN if value.ndim == 1 else known
    rows = []
    for i, name in enumerate(new):
        fresh = own[i] if name == _DISTANCE else unseen
        rows.append(value[old.index(name)] if name in old else fresh)
    return torch.stack(rows)
