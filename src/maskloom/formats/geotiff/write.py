"""Write one GeoTIFF map per image, where its image lies, and `taxonomy.json`.

Numbers are those of `bitmap/write.py`; ids of objects may have 32 bit. Maps are tiled and
compressed, with reduced levels when large; void is the value of no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from maskloom.core.labels import Labels, codes
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_map
from maskloom.formats.base import LargeMap
from maskloom.formats.bitmap import write as bitmap_write
from maskloom.formats.bitmap.object_ids import id_losses
from maskloom.formats.bitmap.write import BitmapWriter
from maskloom.formats.geotiff.place import NAME
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.shared.flat import hidden_objects
from maskloom.formats.shared.numbered_files import VOID_CLASSES
from maskloom.formats.shared.void_classes import void_losses
from maskloom.store import tiff
from maskloom.store.files import safe_join
from maskloom.store.images import decoding, is_tiff
from maskloom.store.pyramid import write_pyramid
from maskloom.store.rasters.metadata import place_tags, tags_of_metadata
from maskloom.store.rasters.raster import Georeference
from maskloom.store.rasters.segments import page_georeference

_MOST_ID = 2**31 - 2  # the number after it says that a pixel is not labelled
HOLDS = Holds(dense=True, void=True, coverage=True)
_HOLDS = {
    "class": HOLDS,
    "binary": Holds(dense=True),
    "instance": Holds(instances=True, coverage=True, max_ids=_MOST_ID),
}
_GDAL_NODATA, _ASCII = 42113, 2


@dataclass(frozen=True, slots=True)
class Write(bitmap_write.Write):
    """How to write maps."""


class GeoTiffWriter:
    """DST/images, DST/masks/KEY.tif, DST/taxonomy.json."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write) -> None:
        self.taxonomy = taxonomy
        self.maps = BitmapWriter(target, taxonomy, options)

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What a map of the chosen kind cannot hold."""
        kind = self.maps.kind_of(labels)
        found = losses_of(_HOLDS[kind], sample.key, labels, self.taxonomy)
        found += void_losses(sample.key, labels.extra.get(VOID_CLASSES, {}), self.maps.voids)
        if kind == "instance":
            found += hidden_objects(sample.key, labels, self.taxonomy)
            found += id_losses(sample.key, labels, self.taxonomy, _MOST_ID)
        return found

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write one map."""
        path = self._path(sample.key)
        values = self.maps.values(path, labels, most=_MOST_ID)
        nodata = None
        if self.maps.kind == "instance" and not labels.coverage.full:
            values, nodata = self._uncovered(values, labels)
        elif self.maps.kind == "class":
            nodata = self.maps.void
        if values.dtype == bool:
            values = values.astype(np.uint8) * np.uint8(255)
        self._write(path, lambda y0, y1, x0, x1: values[y0:y1, x0:x1], values, sample, nodata)

    def put_large(self, sample: Sample, large: LargeMap) -> None:
        """Write one map of any size by windows."""
        read, dtype = self.maps.large_values(sample.key, large)
        empty: NDArray[Any] = np.broadcast_to(np.zeros((), dtype), large.size)
        nodata = self.maps.void if self.maps.kind == "class" else None
        self._write(self._path(sample.key), read, empty, sample, nodata, large.georeference)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write the side file."""
        return self.maps.finish(splits, format="geotiff")

    def _write(
        self,
        path: Path,
        read: Any,
        frame: NDArray[Any],
        sample: Sample,
        nodata: int | None,
        tags: Georeference | None = None,
    ) -> None:
        """Write windows of a map; `frame` has its size and type."""
        said = sample.extra.get(NAME)
        said = said if isinstance(said, Mapping) else {}
        found = dict(tags or place_tags(said) or _tags(sample) or {}) | dict(tags_of_metadata(said))
        if nodata is not None:
            text = str(nodata)
            found[_GDAL_NODATA] = (_ASCII, len(text) + 1, text)
        size = int(frame.shape[0]), int(frame.shape[1])
        palette = self._palette() if self.maps.kind == "class" and frame.dtype == np.uint8 else None
        write_pyramid(path, read, size, frame.dtype, palette=palette, georeference=found)
        self.maps.images.put(sample)

    def _uncovered(self, values: NDArray[Any], labels: Labels) -> tuple[NDArray[Any], int]:
        """Ids in which what was not labelled has a value of its own, the highest."""
        top = int(values.max(initial=0))
        wide = np.uint8 if top < 255 else np.uint16 if top < 65535 else np.uint32
        nodata = int(np.iinfo(wide).max)
        classes = class_map(labels.replace(rows=None, class_map=_nothing(labels)), self.taxonomy)
        out: NDArray[Any] = values.astype(wide)
        out[(classes == codes(classes.dtype)[0]) & (out == 0)] = nodata
        return out, nodata

    def _palette(self) -> NDArray[np.uint8]:
        """The colours of the categories at their ids; void grey, background black."""
        table = np.zeros((256, 3), np.uint8)
        for position, value in self.maps.ids.items():
            table[value] = self.taxonomy.colors()[position]
        for position, value in self.maps.void_ids().items():
            table[value] = self.taxonomy.colors()[position]
        table[self.maps.void] = 128
        return table

    def _path(self, key: str) -> Path:
        return safe_join(self.maps.folder, f"{key}.tif")


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> GeoTiffWriter:
    """A writer into the folder `target`; `extra` is not used."""
    del extra
    return GeoTiffWriter(target, taxonomy, replace(options))


def _nothing(labels: Labels) -> NDArray[np.uint8]:
    """A class map of background alone."""
    return np.full(labels.size, codes(np.dtype(np.uint8))[1], np.uint8)


def _tags(sample: Sample) -> Georeference | None:
    """The image's own tags, byte for byte, else tags of what is known of its place."""
    path = sample.image.path
    if path is not None and path.is_file() and is_tiff(path):
        found = decoding(path, lambda: _page_tags(path))
        if found is not None:
            return cast("Georeference", found)
    from maskloom.store.rasters.placement import geo_tags

    return geo_tags(sample.image.affine, sample.image.crs)


def _page_tags(path: Path) -> Georeference | None:
    with tiff.opened_page(path) as page:
        return page_georeference(page) if tiff.orientation(page) == 1 else None
