"""Splits that part no group and share classes between the sides as evenly as groups allow.

Greedy iterative stratification over groups: rarest class first, each group goes where its
classes are missed most.

Source: Sechidis, Tsoumakas, Vlahavas, "On the stratification of multi-label data", 2011,
section 3.2. Deviations: groups instead of single examples, class areas instead of presence,
and two parts of which one has a wanted share of the samples.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.views import class_areas
from maskloom.errors import UsageError


def stratified_split(dataset: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Part a data set in two, by groups, with class areas shared as evenly as groups allow.

    Args:
        dataset: samples without a group count as groups of one.
        fraction: share of the samples for the second part, in (0, 1).
        seed: breaks ties; equal seeds give equal splits, whatever the order of the samples.

    Returns:
        (first, second), each in key order.

    Raises:
        UsageError: the fraction is outside (0, 1), or there are fewer than two groups.
    """
    if not 0 < fraction < 1:
        raise UsageError("a split fraction lies between 0 and 1", seen=fraction)
    samples = sorted(dataset.samples, key=lambda s: s.key)
    groups: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        groups[f"group:{sample.group}" if sample.group else f"sample:{sample.key}"].append(i)
    if len(samples) < 2:
        raise UsageError(
            "one sample cannot be split into training and validation",
            where=dataset.name,
            hint="add images, or name a validation data set with --val",
        )
    if len(groups) < 2:
        raise UsageError(
            "all samples belong to one group, which a split must not part",
            where=dataset.name,
            seen=f"{len(samples)} samples",
            hint="name a validation data set or split with --val",
        )
    areas = np.stack([class_areas(dataset.labels_of(s), dataset.taxonomy) for s in samples])
    shares = areas / np.maximum(areas.sum(axis=0), 1)
    members = [np.array(v) for v in groups.values()]
    chosen = _choose(
        np.stack([shares[m].sum(axis=0) for m in members]),
        np.array([len(m) for m in members], float) / len(samples),
        fraction,
        seed,
    )
    second = {samples[i].key for g in np.flatnonzero(chosen) for i in members[g]}
    keys = [s.key for s in samples]
    return (
        dataset.select(k for k in keys if k not in second),
        dataset.select(k for k in keys if k in second),
    )


def hold_out(dataset: Dataset, group: str) -> tuple[Dataset, Dataset]:
    """Part one group (a drive, a patient) from the rest.

    Raises:
        UsageError: no sample, or every sample, belongs to it.
    """
    inside = [s.key for s in dataset.samples if s.group == group]
    outside = [s.key for s in dataset.samples if s.group != group]
    if not inside or not outside:
        known = sorted({s.group for s in dataset.samples if s.group})
        raise UsageError(
            "no sample, or every sample, belongs to the group",
            where=dataset.name,
            seen=group,
            hint=f"known groups: {', '.join(known[:20]) or 'none'}",
        )
    return dataset.select(outside), dataset.select(inside)


def _choose(
    shares: NDArray[np.float64], sizes: NDArray[np.float64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which groups go to the second part: rarest class first, largest holder first.

    A group goes over if that brings the (class areas, sample share) of the second part nearer
    to the wanted fraction in squared distance. At least one group stays on each side.
    """
    rng = np.random.default_rng(seed)
    features = np.hstack([shares, sizes[:, None] * max(1, shares.shape[1])])
    rank = rng.permutation(len(features))
    rarity = (shares > 0).sum(axis=0).astype(float)
    rarity[rarity == 0] = np.inf
    rarest = np.array([rarity[s > 0].min() if (s > 0).any() else np.inf for s in shares])
    order = (
        np.lexsort((rank, -features.sum(axis=1), rarest))
        if len(set(sizes)) > 1
        else np.lexsort((rank, rarest))
    )
    wanted = fraction * features.sum(axis=0)
    have = np.zeros(features.shape[1])
    chosen = np.zeros(len(features), bool)
    for g in order:
        gain = ((wanted - have) ** 2).sum() - ((wanted - have - features[g]) ** 2).sum()
        if gain > 0 and chosen.sum() + 1 < len(features):
            chosen[g] = True
            have += features[g]
    if not chosen.any():
        chosen[np.argmin(((wanted - features) ** 2).sum(axis=1))] = True
    return _with_every_class(chosen, shares, sizes)


def _with_every_class(
    chosen: NDArray[np.bool_], shares: NDArray[np.float64], sizes: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """The choice, with one more group for each class that the second part lacks.

    Only classes that two or more groups hold, rarest first; the smallest group goes over that
    leaves the first part every class it has.
    """
    holders = shares > 0
    for c in np.argsort(holders.sum(axis=0), kind="stable"):
        having = np.flatnonzero(holders[:, c])
        if len(having) < 2 or chosen[having].any():
            continue
        for g in having[np.argsort(sizes[having], kind="stable")]:
            left = ~chosen
            left[g] = False
            if left.any() and (holders[left].any(axis=0) | ~holders[~chosen].any(axis=0)).all():
                chosen[g] = True
                break
    return chosen
