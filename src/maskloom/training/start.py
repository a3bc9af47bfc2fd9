"""A new run that starts from the weights of another one: outputs are matched by category.

The networks must be the same but for the last layer. Who trains on the same project may have
changed its taxonomy since: categories that the parent does not know begin as unlikely ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from maskloom.core.recipe import Recipe
from maskloom.core.run import WEIGHTS, Run
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import CheckpointError
from maskloom.models import checkpoint
from maskloom.models.family import Head, thing_categories
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
    old, new = (
        _outputs(parent.taxonomy, parent.task, background=parent.background),
        _outputs(plan.channels.taxonomy, plan.task, background=plan.channels.background),
    )
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
    for head in plan.family.heads(plan.options):
        before = _of_head(head, parent.taxonomy, old)
        after = _of_head(head, plan.channels.taxonomy, new)
        for name, value in weights.items():
            if name.startswith(head.prefix) and name in own:
                weights[name] = _rows(head, value, own[name], before, after)
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


def _outputs(taxonomy: Taxonomy, task: str, *, background: bool) -> list[str]:
    """What each output channel of a dense network means, by name."""
    keys = [taxonomy[i].key for i in taxonomy.scored]
    first = [_BACKGROUND] if background else []
    return [*first, *keys, *([_DISTANCE] if task != "semantic" else [])]


def _of_head(head: Head, taxonomy: Taxonomy, pixels: list[str]) -> list[str]:
    """What the classes of a last layer mean."""
    if head.of == "pixels":
        return pixels
    return [_BACKGROUND, *(taxonomy[i].key for i in thing_categories(taxonomy))]


def _rows(head: Head, value: Tensor, own: Tensor, old: Sequence[str], new: Sequence[str]) -> Tensor:
    """A last layer in the new order.

    The logit of a category that the parent lacks is the mean of those it knows, less a constant:
    it is never the largest at first, so that the run begins where its parent stands. A distance
    that the parent lacks begins at random.
    """
    if value.shape[1:] != own.shape[1:] or len(value) not in (
        head.each * len(old),
        head.each * (len(old) - (_DISTANCE in old)),
    ):
        return value
    rows = value.reshape(-1, head.each, *value.shape[1:])
    random = own.reshape(-1, head.each, *own.shape[1:])
    known = rows[: len(old) - (_DISTANCE in old)].mean(dim=0)
    unseen = known - _UNSEEN if value.ndim == 1 and head.scores else known
    out = [
        rows[old.index(name)] if name in old else random[i] if name == _DISTANCE else unseen
        for i, name in enumerate(new[: len(random)])
    ]
    return torch.stack(out).reshape(own.shape)
