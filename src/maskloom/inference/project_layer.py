"""A model's labels of a project's images as a layer of the project: all of it, or nothing.

Finished items lie in predictions/LAYER.partial until one transaction adds the layer; a killed
run goes on with them. A layer of a machine never changes: its name holds the hash of what made
it. Images that came later are added to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from maskloom.core.category_names import refuse_ambiguous
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.segmenter import Segmenter
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import translate
from maskloom.errors import CheckpointError, MaskloomError
from maskloom.inference.assembly import Author
from maskloom.inference.batch import failures_of, label_all, spread_of
from maskloom.inference.finished import load
from maskloom.inference.items import (
    Labelled,
    NothingLabelled,
    Plans,
    Spread,
    cut_of,
    label_items,
)
from maskloom.inference.partial import discard, discard_if_empty, open_journal
from maskloom.inference.shares import assembling, finish_share
from maskloom.store.files import PARTIAL
from maskloom.store.project import Project, database, layers
from maskloom.store.project.address import DEFAULT_LAYER, Address
from maskloom.store.project.layout import Layout, safe_name
from maskloom.version import __version__


@dataclass(frozen=True, slots=True)
class LayerRequest:
    """How a layer is made.

    Args:
        root: the project's folder.
        name: of the model, for people; `hash` tells what made the labels.
        renames: category of the project → name that the model has for it.
        confidence: keep how sure the model is of each pixel.
        depends: what else the labels depend on; a broken call of others is refused.
    """

    root: Path
    name: str
    hash: str
    renames: Mapping[str, str]
    confidence: bool = True
    depends: Mapping[str, str] = field(default_factory=dict)

    @property
    def layer(self) -> str:
        """`model/NAME@HASH`."""
        return f"model/{self.name}@{self.hash}"


@dataclass(frozen=True, slots=True)
class LayerAdded:
    """What became of it.

    Args:
        address: of the layer.
        images: samples that the layer labels now; `new` of them were added by this call.
        objects: that were added.
        resumed: items that an earlier, broken run had finished.
        failures: the bad images, each named.
        warnings: what was odd.
        written: whether the layer has them; a share leaves that to the last one.
        waiting: numbers of the shares that are not done yet.
        shared: large images that the share made its part of.
        adopted: keys of the model's categories that a project without any has now.
    """

    address: Address
    images: int
    new: int = 0
    objects: int = 0
    resumed: int = 0
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    written: bool = True
    waiting: tuple[int, ...] = ()
    shared: int = 0
    adopted: tuple[str, ...] = ()


def settings_hash(weights: str | None, settings: Mapping[str, object]) -> str:
    """12 hex digits of what decides the labels.

    Args:
        weights: sha256 of a network's weights, None of a method, whose labels depend on the
            version of maskloom.
        settings: that differ from the defaults; without any, a network has its weights' own hash.
    """
    if weights is not None and not settings:
        return weights[:12]
    said = [weights or __version__, dict(settings)]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]


def predict_layer(
    author: Segmenter | Author,
    samples: Sequence[Sample],
    request: LayerRequest,
    *,
    spread: Spread | None = None,
) -> LayerAdded:
    """Label those images of a project that the model's layer does not label yet.

    Args:
        author: whose labels they are; without a spread, the segmenter itself.
        samples: of the project, each with an image path.
        request: project, name and terms.
        spread: which workers label, and which share; None is this process, and all.

    Raises:
        CheckpointError: the model predicts categories that the project does not have.
        DataError: no image could be labelled.
        UsageError: another call is at work for the same layer.
        WriteError: the project cannot be written.
    """
    spread = spread_of(author, spread)
    with Project.open(request.root) as project:
        layer = _present(project, request.hash) or request.layer
        partial = _partial(project.root, layer)
        known = _labelled(project, layer)
        wanted = [sample for sample in samples if sample.key not in known]
        address = Address(project.root, layer)
        if not wanted:
            discard(partial)
            return LayerAdded(address, len(known))
        ours = project.taxonomy()
        adopts = not len(ours)  # then the project's categories are to be the model's
        taxonomy = author.taxonomy if adopts else ours
        targets = _targets(author.taxonomy, taxonomy, request)
        addition = _Addition(project, address, request, taxonomy, targets, len(known), adopts)
        depends = {"layer": layer, **request.depends}
        plans = cut_of(wanted, spread)
        with open_journal(partial, depends, shared=spread.share is not None) as items:
            return _label(addition, wanted, items, (spread, plans))


def _label(
    addition: _Addition, wanted: Sequence[Sample], items: Path, how: tuple[Spread, Plans]
) -> LayerAdded:
    """Label images, and add them unless other shares are to come."""
    spread, plans = how
    share, partial = spread.share, items.parent
    before = LayerAdded(addition.address, addition.known)
    try:
        labelled = label_items(wanted, items, spread, plans)
    except MaskloomError as error:
        if share is None:
            discard_if_empty(partial)
        if not isinstance(error, NothingLabelled) or not addition.known:
            raise
        # the layer is there; only the images that are still to come are bad
        return replace(before, failures=error.failures)
    if share is None:
        return addition.add(labelled, items)
    left = replace(
        before,
        new=len(labelled.done),
        resumed=labelled.resumed,
        failures=labelled.failures,
        written=False,
        waiting=finish_share(partial, share, failures_of(labelled, wanted, items)),
        shared=labelled.shared,
    )
    if left.waiting:
        return left
    with assembling(partial) as mine:
        if not mine:
            return left
        whole = label_all(wanted, items, spread, plans)
        return addition.add(replace(whole, resumed=labelled.resumed), items)


@dataclass(frozen=True, slots=True, eq=False)
class _Addition:
    """What the labelled items become part of.

    Args:
        project: open.
        address: of the layer.
        request: its terms.
        taxonomy: of the project; of one without categories, the model's, which it adopts.
        targets: position in the taxonomy of each category of the model.
        known: images that the layer has.
        adopts: whether the project takes the taxonomy over with the labels, in one transaction.
    """

    project: Project
    address: Address
    request: LayerRequest
    taxonomy: Taxonomy
    targets: list[int | None]
    known: int
    adopts: bool = False

    def add(self, labelled: Labelled, items: Path) -> LayerAdded:
        """Add the items to the layer in one transaction and remove them."""
        taxonomy, layer = self.taxonomy, self.address.layer

        def labels_of(sample: Sample) -> Labels:
            found = load(labelled.items[sample.key], sample, layer)
            labels = found if isinstance(found, Labels) else found.labels(layer)
            if not self.request.confidence:
                labels = labels.replace(confidence=None)
            return translate(labels, self.targets, taxonomy, where=sample.key)

        predicted = Dataset(taxonomy, tuple(labelled.done), labels_of, name=layer)
        added = self.project.add(predicted, layer, author=self.request.name, immutable=True)
        if self.adopts:
            _follow(self.project, layer)
        discard(items.parent)
        return LayerAdded(
            self.address,
            self.known + len(labelled.done),
            len(labelled.done),
            added.objects,
            labelled.resumed,
            labelled.failures,
            added.warnings,
            adopted=taxonomy.keys if self.adopts else (),
        )


def _follow(project: Project, layer: str) -> None:
    """People go on in the form of the project's first labels, unless they have begun."""
    known = {info.name: info for info in project.layers()}
    main, form = known.get(DEFAULT_LAYER), known[layer].form
    if main is not None and not main.samples and main.form != form:
        with database.write(project) as connection:
            layers.make(connection, DEFAULT_LAYER, form)


def _present(project: Project, digest: str) -> str | None:
    """The layer that the same model made before, perhaps under another folder's name."""
    names = (info.name for info in project.layers() if info.immutable)
    return next((name for name in names if name.endswith(f"@{digest}")), None)


def _labelled(project: Project, layer: str) -> set[str]:
    if layer not in {info.name for info in project.layers()}:
        return set()
    return {sample.key for sample in project.dataset(layer).samples}


def _partial(root: Path, layer: str) -> Path:
    return Layout(root).predictions / f"{safe_name(layer)}{PARTIAL}"


def _targets(model: Taxonomy, project: Taxonomy, request: LayerRequest) -> list[int | None]:
    """Position in the project's taxonomy of each category of the model."""
    for old, new in request.renames.items():
        refuse_ambiguous(model, new, where=f"--map {old}={new}, the model")
    given = {model.find(new): old for old, new in request.renames.items()}
    targets = project.match(model, {model[i].key: old for i, old in given.items() if i is not None})
    lacking = [c.name for c, t in zip(model, targets, strict=True) if t is None and not c.void]
    if lacking:
        raise CheckpointError(
            "the model predicts categories that the project does not have",
            where=request.layer,
            seen=", ".join(lacking[:8]),
            hint=f"map them with --map OLD=NEW from the project's to the model's (the project has "
            f"{', '.join(project.keys[:12]) or 'no categories'}), or add them with "
            f"`maskloom taxonomy {quote(str(request.root))} --add {quote(lacking[0])}`",
        )
    return targets
