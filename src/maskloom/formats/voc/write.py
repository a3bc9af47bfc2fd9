"""Write PASCAL VOC: class and object maps with the VOC palette, one XML per image, ImageSets.

Objects are numbered as the XML lists them. Regions of stuff stand in the class map only.
`taxonomy.json` beside them says what VOC has no place for: stuff, void, splits by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, RowKind, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_areas, class_map, instance_rows, nothing_but_drawn
from maskloom.errors import WriteError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.maps import classes_to_values
from maskloom.formats.shared.slabs import cut, paint_slab, slabs
from maskloom.formats.voc.classes import MAX_VALUE, NAMES, PALETTE, VOID_VALUE, label_map_text
from maskloom.formats.voc.listing import Listed, is_box, losses_of_lists, parted, voc_of
from maskloom.formats.voc.match import FITS, box_iou
from maskloom.formats.voc.xml import BOUNDS, Box, VocObject, xml_text
from maskloom.store.files import atomic_write_bytes, safe_join
from maskloom.store.png_rows import png_rows

HOLDS = Holds(dense=True, instances=True, void=True, attributes=True, coverage=True)
FOLDERS = ("SegmentationClass", "SegmentationObject", "Annotations", "JPEGImages")
_CLASSES, _OBJECTS, _BOXES, _IMAGES = FOLDERS


@dataclass(frozen=True, slots=True)
class _Layers:
    """What is painted into the maps.

    Args:
        masks: of R regions, which leave the object map as it is, then of N objects.
        category: (R + N,) positions in the taxonomy.
        values: (N,) of the objects in the object map.
    """

    masks: Masks
    category: NDArray[np.int32]
    values: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write VOC."""


class VocWriter:
    """Maps and XML as they come, lists and the label map at the end."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.tails = extra.get("voc", {}).get("parts:actions", {})
        self.target = target
        self.taxonomy = taxonomy
        self.images = ImagePlacer(target / _IMAGES, options.images)
        self.numbers = _numbers(taxonomy)
        self.mapped: list[str] = []
        self.boxed: list[str] = []
        self.unlabelled: dict[str, list[int]] = {}
        # Without an object, before it is known whether the set has maps.
        self.empty: list[tuple[Sample, Labels]] = []

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What two maps of 8 bit and a list of boxes cannot hold."""
        image_labels_only(labels.size, self.target)
        if labels.rows is None:
            found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        else:
            holds = replace(HOLDS, fields="voc" in labels.extra)
            kept = ("bbox", "voc") if "voc" in labels.extra else ("bbox",)
            found = losses_of_lists(holds, sample.key, labels, self.taxonomy, kept)
        beyond = [i for i in self.taxonomy.scored if i not in self.numbers]
        if beyond and (pixels := _area(labels, self.taxonomy, beyond)):
            detail = f"{len(self.taxonomy.scored)} classes, at most {MAX_VALUE}: the rest is void"
            found.append(Loss("", "classes", pixels=pixels, detail=detail))
        return [replace(loss, key=sample.key) for loss in found]

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write maps and XML of one image, the class map last, and place the image."""
        image_labels_only(labels.size, self.target)
        self.images.put(sample)
        if labels.rows is None:
            self._put_maps(sample.key, labels, None)
            return
        regions, listed = parted(labels, self.taxonomy)
        if _is_unmapped(labels) and not len(regions) and all(map(is_box, listed)):
            self._put_boxes(sample, labels, listed)
        elif not len(labels.rows) and not self.mapped:
            self.empty.append((sample, labels))
        else:
            self._put_empty()
            self._put_xml(sample, labels, listed, mapped=True)
            self._put_maps(sample.key, labels, self._layers(regions, listed))

    def _put_boxes(self, sample: Sample, labels: Labels, listed: list[Listed]) -> None:
        """An image without maps, which would say background where boxes are."""
        if labels.coverage.nothing and not listed:
            self.unlabelled[sample.key] = list(labels.size)
            if "head" not in labels.extra.get("voc", {}):
                # To other readers an XML without an object is an image that was looked at.
                return
        self._put_xml(sample, labels, listed, mapped=False)
        self.boxed.append(sample.key)

    def _put_empty(self) -> None:
        """Those without an object have maps where the others have: in a set of boxes none has."""
        for sample, labels in self.empty:
            self._put_xml(sample, labels, [], mapped=True)
            self._put_maps(sample.key, labels, self._layers(instance_rows(labels), []))
        self.empty.clear()

    def _put_maps(self, key: str, labels: Labels, layers: _Layers | None) -> None:
        """Both maps, slab by slab; of labels that are a class map there is no object map."""
        ids = {i: self.numbers.get(i, VOID_VALUE) for i in range(len(self.taxonomy))}
        with ExitStack() as files:

            def opened(folder: str) -> Any:
                path = self._path(folder, key, "png")
                return files.enter_context(png_rows(path, labels.size, palette=PALETTE))

            # What is opened first is closed last: the class map says that the image is done.
            add_classes = opened(_CLASSES)
            add_objects = opened(_OBJECTS) if layers is not None else None
            for y0, y1 in slabs(labels.size):
                pixels = class_map(cut(labels, y0, y1), self.taxonomy)
                if layers is not None and add_objects is not None:
                    add_objects(_paint(layers, pixels, y0))
                values = classes_to_values(pixels, ids, void=VOID_VALUE, background=0)
                add_classes(values)
        self.mapped.append(key)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write lists, label map and side file."""
        if self.boxed and not self.mapped:
            for sample, labels in self.empty:
                self._put_boxes(sample, labels, [])
        else:
            self._put_empty()
        for folder, keys in (("Segmentation", self.mapped), ("Main", self.boxed)):
            written = set(keys)
            parts = {n: [k for k in members if k in written] for n, members in splits.items()}
            rest = sorted(written - {k for members in parts.values() for k in members})
            if rest:
                # A list of its own beside those of splits; `taxonomy.json` knows that it is none.
                name = "rest" if splits else "trainval"
                parts[name if name not in parts else f"{name}-unsplit"] = rest
            for name, members in parts.items():
                if members:
                    file = safe_join(self.target / "ImageSets" / folder, f"{name}.txt")
                    atomic_write_bytes(file, "".join(f"{key}\n" for key in members).encode())
        names = {value: self.taxonomy[i].name for i, value in self.numbers.items()}
        if set(names.items()) <= set(enumerate(NAMES, 1)):
            names = dict(enumerate(NAMES, 1))
        atomic_write_bytes(self.target / "labelmap.txt", label_map_text(names, self.tails).encode())
        fields: dict[str, Any] = {"kind": "voc", **({"boxes": True} if self.boxed else {})}
        if self.unlabelled:
            fields |= {"unlabelled": sorted(self.unlabelled), "sizes": self.unlabelled}
        if not self.mapped:
            # Where nothing is labelled, it is what the folder is known by.
            (self.target / _BOXES).mkdir(parents=True, exist_ok=True)
        taxonomy = self.taxonomy.with_ids("voc", self.numbers)
        write_side_file(self.target, taxonomy, splits, **fields)
        return self.images.warnings()

    def _layers(self, regions: Rows, listed: list[Listed]) -> _Layers:
        values = []
        for value, (rows, i) in enumerate(listed, 1):
            unnamed = int(rows.category[i]) not in self.numbers
            values.append(VOID_VALUE if unnamed else value if value <= MAX_VALUE else 0)
        own = [rows.category[i] for rows, i in listed]
        return _Layers(
            Masks.concatenate([regions.masks, *(rows.masks[i] for rows, i in listed)]),
            np.concatenate([regions.category, np.array(own, np.int32)]),
            np.array(values, np.int64),
        )

    def _put_xml(
        self, sample: Sample, labels: Labels, listed: list[Listed], *, mapped: bool
    ) -> None:
        own = labels.extra.get("voc", {})
        path = sample.image.path
        head = own.get("head") or [
            ["filename", sample.key + (path.suffix if path is not None else ".jpg"), []],
            ["source", "", [["database", "Unknown", []]]],
            ["size", "", []],
            ["segmented", str(int(mapped)), []],
        ]
        objects = [self._object(rows, i, kept="voc" in labels.extra) for rows, i in listed]
        text = xml_text((labels.size[0], labels.size[1]), objects, head)
        # What is written must be read again.
        elements, size = text.count("<") - text.count("</"), len(text.encode())
        if elements > BOUNDS.elements or size > BOUNDS.size:
            raise WriteError(
                "more objects than an annotation of VOC may list",
                where=sample.key,
                seen=f"{len(objects):,} objects",
                hint="write --to coco, say",
            )
        atomic_write_bytes(self._path(_BOXES, sample.key, "xml"), text.encode())

    def _object(self, rows: Rows, i: int, *, kept: bool) -> VocObject:
        """The entry of a row; the box that its XML gave is kept while it fits the pixels."""
        pixels = tuple(float(side) for side in rows.masks.boxes[i])
        box: Box = (pixels[0], pixels[1], pixels[2], pixels[3])
        source = (rows.source[i] or {}) if rows.source else {}
        if "bbox" in source and (kept or rows.kind[i] == RowKind.BOX):
            x, y, w, h = (float(v) for v in source["bbox"])
            own: Box = (x, y, x + w, y + h)
            if rows.kind[i] == RowKind.BOX or box_iou(own, box) >= FITS:
                box = own
        name = self.taxonomy[int(rows.category[i])].name
        attributes = (rows.attributes[i] or {}) if rows.attributes else {}
        return VocObject(name, box, attributes, voc_of(rows, i).get("rest", ()) if kept else ())

    def _path(self, folder: str, key: str, suffix: str) -> Path:
        return safe_join(self.target / folder, f"{key}.{suffix}")


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> VocWriter:
    """A writer into the folder `target`; `extra` is that of the source data set."""
    return VocWriter(target, taxonomy, options, extra or {})


def _is_unmapped(labels: Labels) -> bool:
    """Whether the labels speak of no pixel, or the image came without maps and objects."""
    bare = labels.extra.get("voc", {}).get("maps") is False
    nothing = labels.coverage.nothing or nothing_but_drawn(labels)
    return nothing or (bare and not len(labels.rows or ()))


def _paint(layers: _Layers, pixels: NDArray[Any], y0: int) -> NDArray[np.uint8]:
    """Paint a slab of the class map anew where it is not void; the slab of the object map."""
    void, background = codes(pixels.dtype)
    gone = pixels == void
    numbers = np.where(gone, np.uint8(VOID_VALUE), np.uint8(0))
    pixels[~gone] = background
    paint_slab(layers.masks, pixels, layers.category, y0)
    objects = layers.masks[len(layers.masks) - len(layers.values) :]
    paint_slab(objects, numbers, layers.values, y0)
    return numbers


def _area(labels: Labels, taxonomy: Taxonomy, positions: list[int]) -> int:
    """Pixels of some categories; rows that overlap count in full."""
    return sum(
        int(class_areas(cut(labels, y0, y1), taxonomy)[positions].sum())
        for y0, y1 in slabs(labels.size)
    )


def _numbers(taxonomy: Taxonomy) -> dict[int, int]:
    """Position → value in class maps: the category's own, else the next free one up to 254.

    Where every category has the name of a VOC class, its own is that of VOC.
    """
    own = {i: dict(taxonomy[i].ids).get("voc") for i in taxonomy.scored}
    if all(taxonomy[i].name in NAMES for i in own):
        own = {i: NAMES.index(taxonomy[i].name) + 1 for i in own}
    found: dict[int, int] = {}
    for i, value in own.items():
        if value is not None and 0 < value <= MAX_VALUE and value not in found.values():
            found[i] = value
    taken = set(found.values())
    free = iter([v for v in range(1, MAX_VALUE + 1) if v not in taken])
    for i in own:
        if i not in found and (value := next(free, None)) is not None:
            found[i] = value
    return found
