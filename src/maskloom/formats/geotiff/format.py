"""GeoTIFF maps of class ids, object ids or 0/255 beside GeoTIFF images, each where it lies.

Folders, pairing and what numbers mean are those of `bitmap`. Besides, a map must lie where its
image does, and pixels without data are void. Writing is `write.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, codes
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import Format
from maskloom.formats.bitmap.files import MapOptions, bare_maps, layout, pairs_of
from maskloom.formats.bitmap.ids import Coding, coding_of, decode
from maskloom.formats.geotiff import write as geotiff_write
from maskloom.formats.geotiff.place import place_of, placed
from maskloom.formats.geotiff.values import map_values
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    absences,
    read_side_file,
    samples_of,
    side_splits,
    splits_of,
)
from maskloom.formats.shared.maps import check_size
from maskloom.store import tiff
from maskloom.store.images import decoding, is_tiff
from maskloom.store.rasters.metadata import names_in
from maskloom.store.rasters.segments import page_georeference
from maskloom.work.progress import track

LOOKS_FOR = "images + masks whose maps are TIFFs with a transform or coordinate system"


@dataclass(frozen=True, slots=True)
class Read(MapOptions):
    """How to read maps."""

    nodata: Literal["void", "value"] = field(
        default="void",
        metadata={"help": "what pixels of a map's nodata value are: void, or a value like others"},
    )
    band: int | None = field(
        default=None, metadata={"help": "which band of a map holds the ids, from 1"}
    )


def detect(path: Path) -> float:
    """Known by its side file, or as the folders of `bitmap` whose first map lies in the world."""
    if not path.is_dir():
        return 0.0
    side = path / SIDE_FILE
    if side.is_file():
        text = side.read_text("utf-8", "replace")
        if '"format": "geotiff"' in text:
            return 0.98
        # What maskloom wrote as bitmap is one, though its large maps carry tags.
        if '"kind": "' in text:
            return 0.0
    # A bare folder of GeoTIFFs may be images as well: it is asked about as `bitmap`.
    folders = layout(path)
    first = next((p for _, masks, _ in folders for p in bare_maps(masks)), None)
    return 0.85 if first is not None and is_tiff(first) and _is_placed(first) else 0.0


def _is_placed(path: Path) -> bool:
    try:
        return bool(decoding(path, lambda: _tags(path)))
    except DataError:
        return False


def _tags(path: Path) -> object:
    with tiff.opened_page(path) as page:
        return page_georeference(page)


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a folder.

    Raises:
        FormatError: no maps, ids without meaning, or a damaged side file.
        MissingExtra: rasterio is not installed.
    """
    pairs, n_images = pairs_of(path, options, images)
    if not pairs:
        raise FormatError("no label maps found", where=path, hint=LOOKS_FOR)
    places = {
        p.key: place_of(p, options.band) for p in track(pairs, "reading headers", unit="maps")
    }
    by_key = {p.key: p.labels for p in pairs}
    void = options.nodata == "void"
    nodata = {p.labels: places[p.key].no_id for p in pairs if void}
    by_file = {p.labels: places[p.key] for p in pairs}
    side = read_side_file(path) or read_side_file(pairs[0].labels.parent)

    def counted(file: Path) -> NDArray[Any]:
        values, valid = map_values(file, by_file[file], options.band, void=void)
        none = nodata.get(file)
        if valid is not None:
            values = values[valid][None]
        elif values.ndim == 2 and none is not None:
            values = values[np.not_equal(values, none)]
        return values

    coding = coding_of(options, side, list(by_key.values()), where=path, read=counted)
    coding = _colored(coding, pairs[0].labels, named=bool(side) or options.taxonomy is not None)

    def labels_of(sample: Sample) -> Labels:
        file, place = by_key[sample.key], places[sample.key]
        place.check()
        values, valid = map_values(file, place, options.band, void=void)
        check_size(file, values.shape[:2], place.size)
        if valid is not None:
            return _shown(values, valid, coding, file)
        return decode(values, _without_data(coding, nodata.get(file)), where=file)

    return Dataset(
        coding.taxonomy,
        tuple(placed(s, places[s.key]) for s in samples_of(pairs)),
        labels_of,
        splits_of(pairs) or side_splits(side, (p.key for p in pairs)),
        name=path.name,
        warnings=(
            *coding.warnings,
            *(absences(pairs, n_images) if n_images >= 0 else ()),
            *_named_nodata(coding, nodata),
        ),
        extra={"geotiff": {"kind": coding.kind}},
    )


def _without_data(coding: Coding, nodata: int | None) -> Coding:
    """The coding under which pixels without data are void."""
    if nodata is None or coding.kind == "color":
        return coding
    return replace(coding, ids={**coding.ids, nodata: -1})


def _shown(values: NDArray[Any], valid: NDArray[np.bool_], coding: Coding, file: Path) -> Labels:
    """The labels of pixels that a mask shows; all others are void, or in no area of objects."""
    if valid.all():
        return decode(values, coding, where=file)
    if coding.kind == "instance":
        labels = decode(np.where(valid, values, 0).astype(values.dtype), coding, where=file)
        seen = Masks.from_dense(valid[None])
        area = labels.coverage.area
        both = seen if area is None else seen.intersection(area)
        return labels.replace(coverage=replace(labels.coverage, area=both))
    if not valid.any():
        empty = np.full(valid.shape, codes(np.dtype(np.uint8))[0], np.uint8)
        return Labels((valid.shape[0], valid.shape[1]), class_map=empty)
    # What is hidden means nothing: it takes a value that has a meaning, and is void then.
    values[~valid] = values[valid][0]
    labels = decode(values, coding, where=file)
    assert labels.class_map is not None
    classes = labels.class_map.copy()
    classes[~valid] = codes(classes.dtype)[0]
    return labels.replace(class_map=classes)


def _colored(coding: Coding, file: Path, *, named: bool) -> Coding:
    """Classes that were found as bare numbers take the colours of the map's palette."""
    if named or coding.kind != "class" or not is_tiff(file):
        return coding
    with tiff.opened_page(file) as page:
        table = None if page.photometric != 3 else page.colormap
    if table is None:
        return coding
    colors = (np.asarray(table).T >> 8).tolist()
    categories = []
    for category in coding.taxonomy:
        value = category.id_in("bitmap")
        known = value is not None and 0 <= value < len(colors)
        categories.append(
            replace(category, color=tuple(colors[value]))
            if known and value is not None
            else category
        )
    return replace(coding, taxonomy=Taxonomy(tuple(categories)))


def _named_nodata(coding: Coding, nodata: Mapping[Path, int | None]) -> tuple[str, ...]:
    """A warning where the value of no data is a class, too."""
    values = sorted({v for v in nodata.values() if v is not None and coding.ids.get(v, -1) >= 0})
    if not values or coding.kind == "color":
        return ()
    name = coding.taxonomy[coding.ids[values[0]]].name
    return (
        f"pixels of value {values[0]} are void: the maps say that it is no data, though it is "
        f"also the class {name!r}; --set from.nodata=value takes them as that class",
    )


FORMAT = Format(
    "geotiff",
    "GeoTIFF images + GeoTIFF maps (class index, instance id or binary), placed in the world",
    geotiff_write.HOLDS,
    LOOKS_FOR,
    Read,
    geotiff_write.Write,
    detect,
    read,
    geotiff_write.writer,
    large=True,
    kept=Kept(
        ("geotiff", "void_classes"),
        Facts(notes=("geotiff",), more=names_in),
        Facts(notes=("geotiff",)),
    ),
)
