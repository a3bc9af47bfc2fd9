"""One small data set for each facet of the loss matrix, and what must be the same when it is back.

A probe differs from a plain object, which every format holds, by its facet alone. Where a format
holds more in one of its forms, that form is asked (`WAYS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from maskloom.core.dataset import Dataset
from maskloom.core.labels import VOID, Coverage, Geometry, Labels, Rows, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.formats.objects.write import joined_parts

SIZE = (40, 48)
DEPTH = 3
GROUND = Category("ground", "ground", "stuff")
FORMS = ("objects", "objects on ground", "classes")
"""Objects alone; for formats without a background; for formats that tell no objects apart."""
AFFINE = ((0.0, 2.0, 0.0, 5.0), (-1.5, 0.0, 0.0, 7.0), (0.0, 0.0, 3.0, -2.0), (0.0, 0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Way:
    """How a format is asked for a facet.

    Args:
        options: of its writer.
        volume: a volume, though it holds images.
        frame: a frame of a sequence.
        rules: of the vertices, and of the pixels that the format's readers make of them.
    """

    options: dict = field(default_factory=dict)
    volume: bool = False
    frame: bool = False
    rules: tuple[str, str] = ("coco", "coco")


PLAIN = Way()
WAYS = {
    ("coco", "vertices"): Way({"segmentation": "polygon"}),
    ("cvat", "tracks"): Way({"form": "video"}, frame=True),
    ("labelme", "vertices"): Way(rules=("pil-outline", "pil-outline")),
    ("nnunet", "affine"): Way(volume=True),
    ("supervisely", "vertices"): Way(rules=("supervisely", "opencv-round")),
    ("via", "vertices"): Way(rules=("skimage", "skimage")),
}
TAGS = {"flags": {"night": "true", "blurred": "false"}, "tags": {"site": "north wing, gate 2"}}


def disc(cx=20, cy=18, radius=9):
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (y - cy) ** 2 + (x - cx) ** 2 <= radius**2


def rows(masks, **columns):
    batch = Masks.from_dense([np.asarray(m, bool) for m in masks])
    return Rows.make(batch, np.zeros(len(masks), np.int32), **columns)


def probe(facet, way=PLAIN):
    """The labels of a facet's only image."""
    one, other = disc(), disc(39, 30, 5)
    made = {
        "plain": lambda: rows([one, other]),
        "holes": lambda: rows([one & ~disc(20, 18, 3), other]),
        "parts": lambda: rows([one | other]),
        "overlap": lambda: rows([one, disc(26, 18, 9)]),
        "unlabelled": lambda: rows([one, other]),
        "z_order": lambda: rows([one, disc(26, 18, 9)], z_order=[2, 5]),
        "crowd": lambda: rows([one, other], crowd=[True, False]),
        "group": lambda: rows([one, other, disc(5, 33, 4)], instance=[4, 4, 9]),
        "many": many,
        "lines": lambda: rows([lines()]),
        "vertices": lambda: drawn(*way.rules),
        "attributes": lambda: rows([one, other], attributes=[{"occluded": True}, None]),
        "scores": lambda: rows([one, other], score=[0.8125, 0.5]),
        "tracks": lambda: rows([one, other], track=[3, 17]),
        # Alike in their lower 8 bit.
        "ids": lambda: rows([one, other], instance=[301, 301 + 16 * 256]),
        **dict.fromkeys(("affine", *TAGS), lambda: rows([one, other])),
    }[facet]()
    part = Coverage(area=Masks.from_dense(~disc(8, 8, 5)))
    coverage = part if facet == "unlabelled" else Coverage()
    return Labels(SIZE, rows=made, coverage=coverage)


def many():
    masks, _ = Masks.from_id_map(np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) // 6)
    return Rows.make(masks, np.zeros(len(masks), np.int32))


def lines():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((x == y) & (y < 30)) | ((y == 29) & (x > 28))


def mapped(*, ground):
    """A class map with void pixels, on ground or on background."""
    pixels = np.full(SIZE, 1 if ground else codes(np.dtype(np.uint8))[1], np.uint8)
    pixels[disc()] = 0
    pixels[disc(8, 8, 5)] = VOID
    return Labels(SIZE, class_map=pixels)


def drawn(rule, painter):
    ring = np.array([[3.25, 4.5], [30.75, 6.125], [25.5, 33.0], [9.0, 30.25]])
    masks = Masks.from_polygons([[ring]], SIZE, rule=painter)
    return Rows.make(masks, np.zeros(1, np.int32), geometry=[Geometry((ring,), rule)])


def deep(labels):
    """The same labels in the middle plane of a volume."""
    if labels.class_map is not None:
        planes = [labels.class_map] * DEPTH
        return Labels((DEPTH, *SIZE), class_map=np.stack(planes))
    own = labels.rows
    columns = {n: getattr(own, n) for n in Rows.__slots__ if n not in ("masks", "category")}
    columns["plane"] = np.ones(len(own), np.int32)
    kept = Rows.make(own.masks, own.category, **columns)
    return Labels((DEPTH, *SIZE), rows=kept, coverage=labels.coverage)


def grounded(labels):
    """What no row covers becomes a region of ground."""
    own = labels.rows
    free = own.masks.merge().complement()
    if labels.coverage.area is not None:
        free = free.intersection(labels.coverage.area)
        own = own.take(own.masks.areas > 0)
    columns = {n: getattr(own, n) for n in Rows.__slots__ if n not in ("masks", "category")}
    for name, value in columns.items():
        if isinstance(value, tuple):
            columns[name] = (*value, None) if value else ()
        else:
            last = {"score": np.nan, "instance": 9999}.get(name)
            fill = last if last is not None else (-1 if (value == -1).all() and len(value) else 0)
            columns[name] = np.append(value, np.asarray(fill, value.dtype))
    masks = Masks.concatenate([own.masks, free])
    made = Rows.make(masks, np.append(own.category, 1), **columns)
    return Labels(labels.size, rows=made, coverage=labels.coverage)


def dataset(facet, folder, form, way=PLAIN, *, volume):
    """The probe as a data set with one image, or one volume, beside it."""
    from .conftest import write_photo

    ground = form != "objects"
    kind = "stuff" if form == "classes" or facet == "void" else "thing"
    categories = (Category("cell", "cell", kind), *([GROUND] if ground else []))
    if facet == "void":
        labels = mapped(ground=ground)
    else:
        labels = probe(facet, way)
        if form == "classes" and facet in ("plain", "holes", "unlabelled", "affine", *TAGS):
            labels = labels.replace(rows=labels.rows.take(slice(0, 1)))
        labels = grounded(labels) if ground else labels
    if volume or way.volume:
        labels = deep(labels)
        image = ImageRef(None, labels.size, affine=AFFINE, unit="mm")
    else:
        path = folder / "a.png"
        write_photo(path, SIZE)
        flat = ((0.5, 0.0, 400000.0), (0.0, -0.5, 5000000.0), (0.0, 0.0, 1.0))
        affine, crs = (flat, "EPSG:32633") if facet == "affine" else ((), None)
        image = ImageRef(path, SIZE, affine=affine, crs=crs)
    key, sequence = (
        ("frame_000000", {"kind": "frame", "sequence": "probe", "index": 0})
        if (way.frame)
        else ("a", {})
    )
    sample = Sample(key, image, tags=TAGS.get(facet, {}), **sequence)
    return Dataset(Taxonomy(categories), (sample,), lambda _: labels, name="probe")


def kept(facet, source, back):
    """Whether what the facet is about came back."""
    (sample,), (other,) = source.samples, back.samples
    one, two = source.labels_of(sample), back.labels_of(other)
    if facet in TAGS:
        return dict(other.tags) == TAGS[facet]
    if facet == "affine":
        said, found = sample.image, other.image
        near = bool(found.affine) and np.allclose(said.affine, found.affine, atol=1e-9)
        return near and (said.crs is None) == (found.crs is None)
    if facet in ("void", "unlabelled"):
        pixels = [class_map(a, d.taxonomy) for a, d in ((one, source), (two, back))]
        return bool(((pixels[0] == VOID) == (pixels[1] == VOID)).all())
    ours, theirs = one.rows, two.rows
    if theirs is None:
        theirs = instance_rows(two)
    if facet == "group":
        return _objects(ours) == _objects(theirs)
    columns = {"z_order": "z_order", "crowd": "crowd", "scores": "score", "tracks": "track"}
    if facet in columns:
        return _by_mask(ours, columns[facet]) == _by_mask(theirs, columns[facet])
    if facet == "attributes":
        found = [dict(a or {}) for a in theirs.attributes] or [{}, {}]
        return all(found[0].get(k) == v for k, v in ours.attributes[0].items())
    if facet == "vertices":
        return bool(theirs.geometry) and _same_rings(ours.geometry[0], theirs.geometry[0])
    return _same(joined_parts(instance_rows(one)), joined_parts(instance_rows(two)))


def _same(ours, theirs):
    """The same masks in any order."""
    return sorted(hash(m) for m in _each(ours)) == sorted(hash(m) for m in _each(theirs))


def _objects(own):
    """The masks of each object."""
    found = {}
    for i, number in enumerate(own.instance.tolist()):
        found.setdefault(number, []).append(hash(own.masks[i]))
    return sorted(sorted(masks) for masks in found.values())


def _by_mask(own, column):
    """Mask → value, as text so that NaN equals NaN."""
    values = getattr(own, column).tolist()
    return {hash(own.masks[i]): str(value) for i, value in enumerate(values)}


def _each(own):
    return [own.masks[i] for i in range(len(own))]


def _same_rings(one, two):
    return (
        two is not None
        and one.rule == two.rule
        and len(one.parts) == len(two.parts)
        and all(np.allclose(a, b, atol=1e-9) for a, b in zip(one.parts, two.parts, strict=True))
    )
