"""What `predict` may be pointed at: a file, a folder, a glob, or a data set."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskloom.core.sample import ImageRef, Sample, sample_key
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.formats.detect import PROJECT, detect_format, listed_keys, load_format, read_dataset
from maskloom.formats.shared.folders import list_files
from maskloom.store.images import IMAGE_SUFFIXES
from maskloom.store.project.runs import project_address
from maskloom.store.video import IMPORT_HINT, is_video

ZARR = ".zarr"


@dataclass(frozen=True, slots=True)
class Images:
    """Samples to be labelled.

    Args:
        samples: in key order, each with an image path.
        taxonomy: of the data set they come from; None for bare images.
        splits: of the data set.
        absent: images that the data set names and that are not there.
    """

    samples: tuple[Sample, ...]
    taxonomy: Taxonomy | None = None
    splits: dict[str, tuple[str, ...]] | None = None
    absent: tuple[str, ...] = ()


def find_images(
    source: str,
    *,
    fmt: str | None = None,
    options: Any = None,
    images: Path | None = None,
    split: str | None = None,
) -> Images:
    """The samples of a source.

    A project gives all its images. A folder is a data set if a format knows it and its samples
    have images; otherwise every image file below it is one, and every zarr image.

    Args:
        source: path of a file or folder, a project or a layer of one, or a pattern with `*`,
            `?`, `[`, `**`.
        fmt: treat the source as a data set of this format.
        options: the format's read options.
        images: where a data set's images lie.
        split: of the data set; `@FILE` lists keys of bare images, too.

    Raises:
        DataError: nothing is there, or no image is found.
        UsageError: a split of something that has none.
    """
    path = Path(source)
    if fmt in (None, PROJECT) and project_address(path) is not None:
        # Of a project, images without labels are what is predicted first.
        options = replace(options or load_format(PROJECT).ReadOptions(), unlabelled=True)
        return _of_dataset(path, PROJECT, options, images, split)
    if fmt is not None or (path.exists() and _is_dataset(path)):
        return _of_dataset(path, fmt, options, images, split)
    if split is not None and not split.startswith("@"):
        raise UsageError(
            "only a data set has splits",
            where=source,
            seen=split,
            hint="list keys of images in a text file: --split @FILE",
        )
    if is_video(path):
        raise DataError("a film is labelled frame by frame", where=source, hint=IMPORT_HINT)
    if _is_image(path):
        found = [(sample_key(path.name), path)]
    elif path.is_dir():
        found = _below(path)
    else:
        names = glob.glob(source, recursive=True)  # noqa: PTH207 - patterns may be absolute
        files = [p for p in sorted(Path(name) for name in names) if _is_image(p)]
        root = _shared_root(files)
        found = [(sample_key(p.relative_to(root)), p) for p in files]
    if not found:
        raise DataError(
            "no image found", where=source, hint="give an image, a folder, a pattern or a data set"
        )
    samples = _distinct(found)
    return Images(tuple(samples if split is None else _listed(samples, split, source)))


def _listed(samples: list[Sample], split: str, source: str) -> list[Sample]:
    """The images that a text file names by their keys, in key order."""
    wanted = set(listed_keys(split, of=Path(source)))
    if absent := sorted(wanted - {sample.key for sample in samples}):
        raise DataError(
            "no such image",
            where=source,
            seen=absent[0],
            hint=f"{split} lists keys, here such as {samples[0].key}",
        )
    return [sample for sample in samples if sample.key in wanted]


def _is_image(path: Path) -> bool:
    """A file, whatever it holds, or the folder that a zarr image is."""
    return path.is_file() or (path.suffix.lower() == ZARR and path.is_dir())


def _below(folder: Path) -> list[tuple[str, Path]]:
    """(key, image) of all images below a folder; what lies in a zarr image is none."""
    zarrs = [p for p in sorted(folder.rglob(f"*{ZARR}")) if _is_image(p)]
    outer = [p for p in zarrs if not any(q in p.parents for q in zarrs)]
    files = list_files(folder).items()
    plain = [(key, p) for key, p in files if not any(q in p.parents for q in outer)]
    return [*plain, *((sample_key(p.relative_to(folder)), p) for p in outer)]


def _is_dataset(path: Path) -> bool:
    if path.suffix.lower() == ZARR:
        return False
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        return False
    try:
        fmt = detect_format(path)
        samples = read_dataset(path, fmt.name).samples
    except DataError:
        return False
    return any(s.image.path is not None and s.image.path.is_file() for s in samples)


def _of_dataset(
    path: Path, fmt: str | None, options: Any, images: Path | None, split: str | None
) -> Images:
    dataset = read_dataset(path, fmt, options=options, images=images, split=split)
    present = [s for s in dataset.samples if s.image.path is not None and s.image.path.is_file()]
    absent = sorted({s.key for s in dataset.samples} - {s.key for s in present})
    if not present:
        raise DataError(
            "the data set's images are not there",
            where=path,
            seen=", ".join(absent[:3]),
            hint="say where they lie with --images ROOT",
        )
    return Images(tuple(present), dataset.taxonomy, dict(dataset.splits), tuple(absent))


def read_options(source: str, fmt: str | None) -> type | None:
    """The read options of a source's format, if it is a data set."""
    path = Path(source)
    if fmt is not None:
        return load_format(fmt).ReadOptions
    if project_address(path) is not None:
        return load_format(PROJECT).ReadOptions
    if path.exists() and _is_dataset(path):
        return detect_format(path).ReadOptions
    return None


def _shared_root(files: list[Path]) -> Path:
    if not files:
        return Path()
    parents = [p.parent.parts for p in files]
    depth = 0
    while all(len(p) > depth and p[depth] == parents[0][depth] for p in parents):
        depth += 1
    return Path(*parents[0][:depth])


def _distinct(found: list[tuple[str, Path]]) -> list[Sample]:
    seen: dict[str, Path] = {}
    for key, path in found:
        if key in seen:
            raise DataError(
                "two images differ only in their suffix",
                where=seen[key],
                seen=path.name,
                hint="predict them into two targets",
            )
        seen[key] = path
    return [
        Sample(key, ImageRef(path), file_name=key + path.suffix)
        for key, path in sorted(seen.items())
    ]
