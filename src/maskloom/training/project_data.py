"""A project as training data: pinned to one sequence number, and compared with an earlier one.

People go on labelling while a model trains; what it trains on stays as it was at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maskloom.core.dataset import Dataset
from maskloom.errors import DataError, UsageError
from maskloom.formats.mapping import adopt_taxonomy
from maskloom.store.project import Project
from maskloom.store.project.address import Address
from maskloom.store.project.reading import pinned_address
from maskloom.work import progress


def pinned(address: Address, sequence: int | None = None) -> Address:
    """The address with a sequence number: the given one, its own, or the present one.

    Raises:
        MaskloomError: the project cannot be opened.
    """
    if sequence is not None:
        address = replace(address, at=sequence)
    with Project.open(address.root, readonly=True) as project:
        return pinned_address(project, address)


def project_facts(address: Address, dataset: Dataset) -> dict[str, Any]:
    """What model.json keeps of the state of the project that was trained on."""
    progress.step("hashing the data")
    with Project.open(address.root, readonly=True) as project:
        return {
            "address": f"{project.name or address.root.name}::{address.layer}#{address.at}",
            "project": project.id,
            "layer": address.layer,
            "sequence": address.at,
            "content_sha256": dataset.content_hash(),
        }


def label_changes(address: Address, since: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """How many samples say something else than when another run was trained.

    Args:
        address: what is trained on now, pinned.
        since: `Run.data` of the other run.
        dataset: what is at the address.

    Returns:
        counts of changed, added, removed and all samples, and both sequence numbers; empty where
        the other run was not trained on this layer of this project.
    """
    known = (since.get("project"), since.get("layer"))
    with Project.open(address.root, readonly=True) as project:
        if known != (project.id, address.layer) or not isinstance(since.get("sequence"), int):
            return {}
        try:
            then = project.dataset(address.layer, since["sequence"])
            then = adopt_taxonomy(then, dataset.taxonomy)
        except (DataError, UsageError):
            return {}
        old = {s.key: then.sample_hash(s) for s in then.samples}
        new = {
            s.key: dataset.sample_hash(s)
            for s in progress.track(dataset.samples, "comparing labels", unit="image")
        }
    return {
        "samples": len(new),
        "changed": sum(key in old and old[key] != value for key, value in new.items()),
        "added": len(new.keys() - old.keys()),
        "removed": len(old.keys() - new.keys()),
        "since": since["sequence"],
        "now": address.at,
    }
