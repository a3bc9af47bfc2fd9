"""Write CVAT XML 1.1: `annotations.xml` with images or with the tracks of a video.

Masks are written as <mask>, which is always exact; the author's polygon where pycocotools makes
the very same mask of it. Parts of one object share a group. A row of a video without a track is
a track of one frame, as CVAT itself writes shapes. In folders `taxonomy.json` says what CVAT has
no place for: void and stuff.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from maskloom.core.labels import Labels, Rows
from maskloom.core.sample import Sample, sample_key
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.cvat.kept import group_of, is_kept, lost_by_form
from maskloom.formats.cvat.meta import meta_for
from maskloom.formats.cvat.shapes import element_of
from maskloom.formats.cvat.tags import UNLABELLED, elements_of, is_said, labels_used, tags_of
from maskloom.formats.cvat.track_write import Drawn, tracks_of
from maskloom.formats.loss import Holds, Loss
from maskloom.formats.shared.drawn import (
    attributes_of,
    kept_of,
    lies_in_images,
    losses_of_told,
    lost_groups,
    object_groups,
    whole_objects,
)
from maskloom.formats.shared.folders import ImagePlacer, write_side_file
from maskloom.formats.shared.memberships import beyond, empty_note, one_each
from maskloom.formats.shared.safe_xml import Element, from_lists, is_verbatim, xml_lines
from maskloom.formats.tags import fresh_tags
from maskloom.store.files import atomic_file

HOLDS = Holds(
    instances=True,
    overlap=True,
    parts=True,
    empty=True,
    void=True,
    attributes=True,
    z_order=True,
    tracks=True,
    drawings=True,
    vertices=True,
    fields=True,
    tags=True,
)


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write CVAT XML."""

    form: Literal["auto", "images", "video"] = field(
        default="auto",
        metadata={"help": "images, or video with tracks; auto is the form of the source"},
    )


@dataclass(frozen=True, slots=True)
class _Image:
    """One image or frame that waits to be written."""

    sample: Sample
    name: str
    size: tuple[int, int]
    shapes: list[Drawn]
    others: list[Element]


class CvatWriter:
    """Collects elements and writes the file at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.taxonomy = taxonomy
        self.target = target
        self.extra = extra.get("cvat", {})
        video = options.form == "video" or (options.form == "auto" and self.extra.get("video"))
        self.video = bool(video)
        self.writes = ("cvat", "frame.sequence", "frame.index") if self.video else ("cvat",)
        self.single = target.suffix.lower() == ".xml"
        self.images = ImagePlacer(target / "images", "none" if self.single else options.images)
        self.labels = {n: from_lists(one)[0] for n, one in self.extra.get("labels", {}).items()}
        self.written: dict[str, _Image] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.tags: dict[str, bool] = {}

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What CVAT cannot hold; images have no tracks, videos no parts."""
        holds = replace(HOLDS, tracks=self.video, parts=not self.video, void=not self.single)
        rows = labels.rows
        count = 0 if rows is None else len(rows)
        told = [element_of(rows, i, asked=True)[1] for i in range(count)] if rows else []
        found = losses_of_told(holds, sample.key, labels, self.taxonomy, told)
        if rows is not None:
            found += lost_by_form(sample.key, rows, video=self.video)
        if self.video and rows is not None:
            linked = int(((rows.parent >= 0) | (rows.amodal_of >= 0)).sum())
            found += [Loss(sample.key, "tracks", linked)] if linked else []
        if rows is not None and not self.video:
            found += lost_groups(sample.key, rows, *_groups(rows), "group_id")
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the elements of one image and place the image."""
        rows = instance_rows(labels)
        if self.video:
            rows = whole_objects(rows)
        shapes = []
        for i, group in enumerate(_groups(rows)[1]):
            element, _ = element_of(rows, i)
            if element is None:
                continue
            name = self.taxonomy[int(rows.category[i])].name
            kept = kept_of(rows, i, "cvat", is_kept)
            label = "" if name == UNLABELLED and kept.get("label") == "" else name
            shapes.append(Drawn(element, label, group, int(rows.track[i]), kept.get("track", {})))
            self._note(name, attributes_of(rows, i))
        name = self._name(sample)
        subset = sample.extra.get("cvat", {}).get("image", {}).get("subset")
        apart = subset and name == sample.file_name and not lies_in_images(sample, name)
        relative = f"{subset}/{name}" if apart else name
        self.images.put(sample, relative)
        height, width = labels.size
        others = [] if self.video else _others(sample)
        for label, valued in labels_used(others).items():
            self.tags[label] = self.tags.get(label, False) or valued
        self.written[sample.key] = _Image(sample, name, (height, width), shapes, others)

    def holds_tag(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        """Images have tags, frames of a video none."""
        del labels
        own = sample.extra.get("cvat", {}).get("others", [])
        return not self.video and (is_said(name, text) or tags_of(own).get(name) == text)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the file."""
        subset = {} if self.video else one_each(splits)
        ordered = [self.written[key] for key in sorted(self.written)]
        frames = None
        if self.video:
            frames = self._frames(ordered)
            body = tracks_of({one.sample.index or 0: one.shapes for one in ordered}, frames)
        else:
            subsets = [subset.get(one.sample.key) for one in ordered]
            numbers = _image_ids(ordered, subsets)
            body = [self._image(*each) for each in zip(ordered, numbers, subsets, strict=True)]
        kept = from_lists(self.extra.get("meta", []))
        meta = meta_for(kept, self.taxonomy, self.labels, self.attributes, frames, self.tags)
        if frames is not None and ordered:
            meta = _sized(meta, ordered[0].size)
        others = from_lists(self.extra.get("others", []))
        root = Element("annotations", {}, "", [Element("version", {}, "1.1"), meta, *body, *others])
        file = self.target if self.single else self.target / "annotations.xml"
        with atomic_file(file) as temporary, temporary.open("w", encoding="utf-8") as out:
            out.write('<?xml version="1.0" encoding="utf-8"?>\n')
            out.writelines(xml_lines(root))
        more = beyond(splits, subset, self.written)
        if not self.single:
            write_side_file(self.target, self.taxonomy, more, kind="cvat")
        return self.images.warnings() + (empty_note(more) if self.single else ())

    def _name(self, sample: Sample) -> str:
        """The source's own name where it is the key's, so that no two images share one."""
        own = sample.extra.get("cvat")
        if own is not None:
            subset = own.get("image", {}).get("subset")
            key = sample_key(sample.file_name)
            if sample.key in (key, f"{subset}/{key}"):
                return sample.file_name
        if self.video:
            if sample.index is None:
                raise WriteError(
                    "an image that is not known to be a frame of a video: the source tells no "
                    "number (frame.index) of it",
                    where=self.target,
                    seen=sample.key,
                    hint="write --set to.form=images",
                )
            name = f"frame_{sample.index:06d}"
            if sample.key.rpartition("/")[2] != name:
                raise WriteError(
                    "a video names frames by their number alone, frame_000000 and so on",
                    where=self.target,
                    seen=sample.key,
                    hint="write --set to.form=images",
                )
            return name + Path(sample.image.path or sample.file_name or "a.png").suffix
        if sample.image.path is not None:
            return sample.key + sample.image.path.suffix
        return sample.key + (Path(sample.file_name).suffix or ".png")

    def _note(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Remember the input type of attributes, for labels that do not declare them."""
        known = self.attributes.setdefault(name, {})
        for key, value in attributes.items():
            if (key == "occluded" and isinstance(value, bool)) or not is_verbatim(key):
                continue
            plain = isinstance(value, int | float)
            kind = "checkbox" if isinstance(value, bool) else "number" if plain else "text"
            known[key] = kind if known.get(key, kind) == kind else "text"

    def _image(self, one: _Image, number: int, subset: str | None) -> Element:
        own = one.sample.extra.get("cvat", {})
        said = {"id": str(number), "name": one.name}
        if subset:
            said["subset"] = subset
        known = {"id", "name", "subset", "width", "height"}
        said |= {k: v for k, v in own.get("image", {}).items() if k not in known}
        said |= {"width": str(one.size[1]), "height": str(one.size[0])}
        shapes = [drawn.in_image() for drawn in one.shapes]
        return Element("image", said, "", [*shapes, *one.others])

    def _frames(self, ordered: list[_Image]) -> range:
        """The numbers of the frames, which one step must part."""
        numbers = sorted(one.sample.index or 0 for one in ordered)
        sequences = {one.sample.sequence for one in ordered}
        if len(numbers) < 2:
            return range(numbers[0], numbers[0] + 1) if numbers else range(0)
        steps = {b - a for a, b in itertools.pairwise(numbers)}
        if len(sequences) > 1 or len(steps) > 1 or 0 in steps:
            raise WriteError(
                "a video is one sequence of frames that one step parts",
                where=self.target,
                seen=f"{len(sequences)} sequences, steps {sorted(steps)[:5]}",
                hint="write --set to.form=images",
            )
        return range(numbers[0], numbers[-1] + 1, steps.pop())


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any] | None = None
) -> CvatWriter:
    """A writer into an .xml file or a folder; `extra` is that of the source data set."""
    return CvatWriter(target, taxonomy, options, extra or {})


def _others(sample: Sample) -> list[Element]:
    """What an image has beside shapes: as it was read, and tags that this does not say."""
    own = sample.extra.get("cvat", {}).get("others", [])
    return [*from_lists(own), *elements_of(fresh_tags(sample.tags, tags_of(own)))]


def _image_ids(images: list[_Image], subsets: list[str | None]) -> list[int]:
    """The source's own ids, which each subset has of its own, else the next free number."""
    own = [str(o.sample.extra.get("cvat", {}).get("image", {}).get("id", "")) for o in images]
    told = [int(text) if re.fullmatch(r"\d{1,9}", text) else None for text in own]
    fresh = itertools.count(max((n for n in told if n is not None), default=-1) + 1)
    taken: set[tuple[str | None, int]] = set()
    out = []
    for number, subset in zip(told, subsets, strict=True):
        kept = number if number is not None and (subset, number) not in taken else next(fresh)
        taken.add((subset, kept))
        out.append(kept)
    return out


def _groups(rows: Rows) -> tuple[list[int], list[int]]:
    """The source's group of each row, and the one that is written; new ones are behind those."""
    said = [group_of(rows, i) for i in range(len(rows))]
    fresh = itertools.count(max(said, default=0) + 1)
    return said, object_groups(rows, said, lambda _: next(fresh))


def _sized(meta: Element, size: tuple[int, int]) -> Element:
    """A meta that tells the size of the frames."""
    sides = [Element("width", {}, str(size[1])), Element("height", {}, str(size[0]))]
    told = Element("original_size", {}, "", sides)
    children = [
        replace(c, children=[*(x for x in c.children if x.tag != "original_size"), told])
        if c.tag in ("task", "project", "job")
        else c
        for c in meta.children
    ]
    return replace(meta, children=children)
