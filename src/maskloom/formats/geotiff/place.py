"""Where a map and its image lie, what the map's header says besides, and both on the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskloom.core.sample import ImageRef, Sample
from maskloom.formats.shared.folders import Pair
from maskloom.formats.shared.maps import check_size
from maskloom.store.images import is_tiff
from maskloom.store.rasters.metadata import metadata_of
from maskloom.store.rasters.opening import raster_size
from maskloom.store.rasters.placement import Placement, placement_of, refuse_other_place

NAME = "geotiff"


@dataclass(frozen=True, slots=True)
class Place:
    """What the headers of a map and of its image say.

    Args:
        affine, crs, size: of the image, else of the map.
        nodata: the map's value of pixels without data, where no mask says it.
        masked: a mask of the map says which pixels have data.
        said: what the map's header says and the image's does not, as JSON can hold it.
        check: refuses a map that lies elsewhere than its image.
    """

    affine: tuple[tuple[float, ...], ...]
    crs: str | None
    size: tuple[int, int] | None
    nodata: float | None
    masked: bool
    said: Mapping[str, Any]
    check: Callable[[], None]

    @property
    def no_id(self) -> int | None:
        """The number that says no data among whole ones."""
        value = self.nodata
        return int(value) if value is not None and value.is_integer() else None


def place_of(pair: Pair, band: int | None) -> Place:
    """The place of a map: its image's, else its own; how they differ is told when it is read."""
    mask = placement_of(pair.labels)
    image = placement_of(pair.image) if pair.image is not None else None
    size = raster_size(pair.image) if pair.image is not None else None

    def check() -> None:
        if mask is not None and image is not None and pair.image is not None:
            check_size(pair.labels, mask.size, size)
            refuse_other_place(pair.labels, mask, pair.image, image)

    known = [place for place in (image, mask) if place is not None]
    return Place(
        next((place.affine for place in known if place.affine), ()),
        next((place.crs for place in known if place.crs), None),
        size,
        mask.nodata if mask is not None and not mask.masked else None,
        mask is not None and mask.masked,
        _said(pair, mask, image, band or 1),
        check,
    )


def placed(sample: Sample, place: Place) -> Sample:
    """A sample that knows where it lies."""
    image = sample.image
    image = ImageRef(image.path, size=place.size, affine=place.affine, crs=place.crs)
    said = dict(place.said)
    # Maps are written without dots per inch: it stands apart from what is written again.
    dots = said.pop("resolution", None)
    own = {NAME: said, "resolution": dots}
    extra = {**sample.extra, **{name: value for name, value in own.items() if value}}
    return replace(sample, image=image, extra=extra)


def _said(
    pair: Pair, mask: Placement | None, image: Placement | None, band: int
) -> Mapping[str, Any]:
    """What the map's header says, without a place that is the image's own or poorer."""
    if mask is None or not is_tiff(pair.labels):
        return {}
    found = metadata_of(pair.labels, band)
    other = _tags(pair.image)
    poorer = image is not None and (
        (bool(image.affine) and not mask.affine) or (image.crs is not None and mask.crs is None)
    )
    if poorer or found.get("tags") == other:
        found.pop("tags", None)
    return found


def _tags(path: Path | None) -> Any:
    return None if path is None or not is_tiff(path) else metadata_of(path).get("tags")
