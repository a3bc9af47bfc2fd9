"""GeoJSON areas beside the images whose transform makes them pixels.

One file an image (same name), or one file for all images of a folder. Files are parsed by
`features.py`, placed by `place.py`, written by `write.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from maskloom.core.category_names import positions_of
from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError
from maskloom.formats.base import Format, ReadOptions
from maskloom.formats.geojson import write as geojson_write
from maskloom.formats.geojson.features import MEMBER, Collection, read_collection
from maskloom.formats.geojson.outside import in_none
from maskloom.formats.geojson.place import Frame
from maskloom.formats.geojson.rows import CATEGORY, UNNAMED, Naming, labels_of_collection, left_out
from maskloom.formats.kept import Facts, Kept
from maskloom.formats.shared.class_names import some_name
from maskloom.formats.shared.documents import taxonomy_of_names, with_names
from maskloom.formats.shared.folders import (
    SIDE_FILE,
    is_marked,
    list_files,
    read_side_file,
    side_splits,
    subfolder,
)
from maskloom.store.image_kinds import IMAGE_SUFFIXES, SLIDE_SUFFIXES, TIFF_SUFFIXES
from maskloom.store.rasters.gdal import DRIVERS
from maskloom.store.rasters.opening import raster_size
from maskloom.work.progress import track

RASTERS = TIFF_SUFFIXES | SLIDE_SUFFIXES | set(DRIVERS)
LABEL_FOLDERS = ("labels", "geojson", "annotations", "vectors", "buildings")
IMAGE_FOLDERS = ("images", "image", "imgs", "rasters", "tiles")
LOOKS_FOR = "*.geojson of polygons beside the images in which they lie"
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Read(ReadOptions):
    """How to read areas."""

    category: str | None = field(
        default=None, metadata={"help": "property that names the category; found by itself"}
    )
    name: str = field(
        default=UNNAMED, metadata={"help": "category of areas that no property names"}
    )
    crs: str | None = field(
        default=None,
        metadata={"help": "system of the coordinates, e.g. EPSG:32616, or pixel; else the file's"},
    )
    suffix: str = field(default="", metadata={"help": "end of a label file's name, e.g. _labels"})


@dataclass(frozen=True, slots=True)
class _Source:
    """Labels and image of one sample.

    Args:
        file: the label file.
        image: None where the file itself says the frame.
        shared: the file is that of several images, so that areas outside are no fault.
    """

    file: Path
    image: Path | None
    shared: bool


def detect(path: Path) -> float:
    """Known by the ending .geojson (of one file also .json) and the first bytes."""
    if path.is_file():
        named = path.suffix.lower()
        if named == ".json":
            return 0.9 if _looks(path, b'"FeatureCollection"') else 0.0
        return 0.9 if named == ".geojson" and _looks(path) else 0.0
    if not path.is_dir():
        return 0.0
    if is_marked(path, '"kind": "geojson"'):
        return 0.98
    first = next(iter(sorted(path.glob("*.geojson"))), None)
    first = first or next(iter(sorted(path.glob("*/*.geojson"))), None)
    return 0.9 if first is not None and _looks(first) else 0.0


def _looks(path: Path, *words: bytes) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return b'"type"' in head and any(word in head for word in words or (b"Feature", b"Polygon"))


def read(path: Path, options: Read, images: Path | None) -> Dataset:
    """The data set of a file or folder.

    Raises:
        FormatError: invalid GeoJSON, or no image in which the areas lie.
    """
    sources, warnings = _sources(path, options, images)
    side = read_side_file(path) if path.is_dir() else {}

    @lru_cache(maxsize=2)
    def collection(file: Path) -> Collection:
        return read_collection(file, skip_bad=options.skip_bad)

    naming = Naming(options.category, options.name)
    names: dict[str, None] = {}
    frames: dict[Path, Frame | None] = {}
    for file in track(sorted({s.file for s in sources.values()}), "reading areas", unit="files"):
        found = collection(file)
        naming = naming.settled(found.features)
        names |= dict.fromkeys(naming.of(f) for f in found.features)
        frames[file] = _own_frame(found, file)
        warnings += _notes(found, file)
    taxonomy = _taxonomy(side, names, path, options)
    positions = positions_of(taxonomy)
    samples, placed = _samples(sources, frames)
    for file in {s.file for s in sources.values() if s.shared}:  # one at most
        found = collection(file)
        warnings += _in_no_image(found, options.crs or found.crs, placed, file)

    def labels_of(sample: Sample) -> Labels:
        source = sources[sample.key]
        found = collection(source.file)
        crs = options.crs or found.crs
        return labels_of_collection(
            found, crs, placed[sample.key], naming, positions, shared=source.shared
        )

    return Dataset(
        taxonomy,
        samples,
        labels_of,
        side_splits(side, sources),
        name=path.name,
        warnings=tuple(warnings),
        extra={"geojson": {"category": naming.property or CATEGORY}},
    )


def _taxonomy(
    side: Mapping[str, object], names: Mapping[str, None], path: Path, options: Read
) -> Taxonomy:
    if side.get("categories"):
        return with_names(Taxonomy.from_json(side, where=path / SIDE_FILE), names)
    return taxonomy_of_names(names or [options.name], fmt="geojson")


def _sources(
    path: Path, options: Read, images: Path | None
) -> tuple[dict[str, _Source], list[str]]:
    """Key → files of each sample, and warnings about files without a partner."""
    root = path if path.is_dir() else path.parent
    labels = _label_files(path, options)
    folder = images or subfolder(root, IMAGE_FOLDERS) or root
    pictures = _pictures(folder, deep=folder != root or images is not None or path.is_dir())
    matched = {key: file for key, file in labels.items() if key in pictures}
    if not matched and len(labels) == 1 and pictures:
        file = next(iter(labels.values()))
        many = len(pictures) > 1
        return {key: _Source(file, image, many) for key, image in pictures.items()}, []
    out = {}
    missing = []
    for key, file in labels.items():
        if key in matched or _frame_of_file(file):
            out[key] = _Source(file, pictures.get(key), shared=False)
        else:
            missing.append(key)
    if not out:
        raise FormatError(
            "no image in which these areas lie",
            where=path,
            seen=", ".join(missing[:5]) or None,
            hint="put the images beside them under the same names, or give --images ROOT",
        )
    told = f"{len(missing)} label files have no image and are left out"
    return out, [f"{told}, first {missing[0]!r}"] if missing else []


def _label_files(path: Path, options: Read) -> dict[str, Path]:
    if path.is_file():
        stem = path.stem
        return {stem.removesuffix(options.suffix) if options.suffix else stem: path}
    named = subfolder(path, LABEL_FOLDERS)
    inside = list_files(named, (".geojson",), ending=options.suffix) if named is not None else {}
    return inside or list_files(path, (".geojson",), ending=options.suffix)


def _pictures(folder: Path, *, deep: bool) -> dict[str, Path]:
    """Key → image; a raster goes before a picture of the same name."""
    out: dict[str, Path] = {}
    for suffixes in (RASTERS, IMAGE_SUFFIXES - RASTERS):
        found = list_files(folder, suffixes) if deep else {
            p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in suffixes
        }  # fmt: skip
        out = {**found, **out}
    return dict(sorted(out.items()))


def _frame_of_file(file: Path) -> bool:
    """Whether a file says its own frame, by its first bytes."""
    with file.open("rb") as opened:
        return f'"{MEMBER}"'.encode() in opened.read(_HEAD)


def _own_frame(found: Collection, file: Path) -> Frame | None:
    """The frame that maskloom wrote into the file."""
    own = found.members.get(MEMBER)
    if not isinstance(own, Mapping) or "size" not in own:
        return None
    size, rows, crs = own["size"], own.get("affine", []), own.get("image_crs")
    numbers = [v for row in rows for v in row] if isinstance(rows, list) else [None]
    good = isinstance(size, list) and len(size) == 2 and len(numbers) in (0, 9)
    if (
        not good
        or not all(type(v) is int and 0 <= v < 1 << 31 for v in size)
        or not all(isinstance(v, int | float) for v in numbers)
        or not (crs is None or isinstance(crs, str))
    ):
        raise FormatError("not the frame of an image", where=f"{file}: {MEMBER}", seen=own)
    return Frame((size[0], size[1]), tuple(tuple(map(float, row)) for row in rows), crs)


def _samples(
    sources: Mapping[str, _Source], frames: Mapping[Path, Frame | None]
) -> tuple[tuple[Sample, ...], dict[str, Frame]]:
    """Samples, and the frame of each; the image decides, else the label file."""
    from maskloom.store.rasters.placement import placement_of

    samples, placed = [], {}
    for key in sorted(sources):
        source = sources[key]
        frame = frames[source.file]
        if source.image is not None:
            place, size = placement_of(source.image), raster_size(source.image)
            if frame is not None and frame.size != size:
                raise FormatError(
                    "the labels are of an image of another size",
                    where=source.file,
                    seen=f"{frame.size}, {source.image.name}: {size}",
                    hint="pair them with their own image",
                )
            if place is not None and place.affine:
                frame = Frame(size, place.affine, place.crs)
            elif frame is None:
                frame = Frame(size)
        assert frame is not None
        image = ImageRef(source.image, size=frame.size, affine=frame.affine, crs=frame.crs)
        name = source.image.name if source.image is not None else ""
        samples.append(Sample(key, image, file_name=name))
        placed[key] = frame
    return tuple(samples), placed


def _notes(found: Collection, file: Path) -> list[str]:
    out = []
    if found.unplaced:
        told = f"{len(found.unplaced)} features without geometry are left out"
        out.append(f"{file.name}: {told}, first {found.unplaced[0]}")
    if found.bad:
        out.append(f"{file.name}: {len(found.bad)} bad features are left out, first {found.bad[0]}")
    return out


def _in_no_image(found: Collection, crs: str, placed: Mapping[str, Frame], file: Path) -> list[str]:
    outside = in_none(found.features, crs, list(placed.values()))
    return [f"{file.name}: {left_out(outside, found, 'all images')}"] if outside else []


FORMAT = Format(
    "geojson",
    "GeoJSON polygons in map coordinates beside the images in which they lie",
    geojson_write.HOLDS,
    LOOKS_FOR,
    Read,
    geojson_write.Write,
    detect,
    read,
    geojson_write.writer,
    kept=Kept(
        ("geojson",),
        Facts(
            notes=("geojson.crs", f"geojson.members.{MEMBER}"),
            opened=("geojson", "geojson.members"),
        ),
        Facts(notes=("geojson.category",), opened=("geojson",)),
    ),
    names=some_name,
)
