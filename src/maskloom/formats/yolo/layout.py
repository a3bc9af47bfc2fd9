"""Where the images and the label files of YOLO data lie, and which belong together.

The label of IMAGES/a.jpg is LABELS/a.txt, where the last folder `images` of the path becomes
`labels`; without such a folder it lies beside the image. Nothing outside the data's folder is
followed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from maskloom.core.outcome import counted
from maskloom.core.sample import sample_key
from maskloom.errors import FormatError
from maskloom.formats.shared.folders import list_files, subfolder
from maskloom.formats.shared.json_files import SPLITS
from maskloom.formats.yolo.names import YoloConfig
from maskloom.store.files import exists, is_file, stays_below
from maskloom.store.images import IMAGE_SUFFIXES

LABELS = ("labels", "label", "annotations")
IMAGES = ("images", "image", "jpegimages", "imgs")
_TEXT = (".txt",)
_NO_LABELS = re.compile(
    r"(classes|labels|names|readme.*|notes|obj|train|val|valid|test)\.txt", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Item:
    """One image.

    Args:
        key: of the sample.
        label: its label file, or None.
        image: its file, or None.
        name: of the image, as label files would say it.
        split: that it belongs to.
    """

    key: str
    label: Path | None
    image: Path | None
    name: str
    split: str | None = None


def label_name(image: str) -> str:
    """The path of an image's label file, by the rule of Ultralytics, `/` between folders."""
    head, found, tail = f"/{image}".rpartition("/images/")
    path = f"{head}/labels/{tail}" if found else f"/{image}"
    return PurePosixPath(path[1:]).with_suffix(".txt").as_posix()


def items_of_config(config: YoloConfig, root: Path) -> tuple[list[Item], list[str]]:
    """What the splits of a data.yaml list, and notes on what is not there.

    Raises:
        FormatError: a list cannot be read.
    """
    items: list[Item] = []
    notes: list[str] = []
    known: dict[Path, list[Item]] = {}
    for split, entries in config.splits.items():
        for entry in entries:
            place = _place(entry, config.base, root)
            if place is None:
                if split in SPLITS:
                    notes.append(f"{split}: {entry!r} is not there, or leads out of the folder")
                continue
            if place in known and split not in SPLITS and place.is_dir():
                continue  # a field that names the folder once more, and no split
            if place not in known:
                known[place] = (_of_list if place.is_file() else items_of_folder)(place, root)
            items += [_in_split(item, split) for item in known[place]]
    return items, notes + _unlisted(config, items, root)


def _unlisted(config: YoloConfig, items: Iterable[Item], root: Path) -> list[str]:
    """A note on label files of images that no split lists."""
    listed = {item.label for item in items}
    homes = [root]
    if config.base and stays_below(config.base) and (root / config.base).is_dir():
        homes.append(root / config.base)
    folders = {folder for home in homes for folder, _ in label_folders(home) if folder != home}
    files = {file for folder in folders for file in _label_files(folder)} - listed
    if not files:
        return []
    first = min(files).relative_to(root).as_posix()
    return [f"left out, as no split lists it: {counted(len(files), 'label file')}, first {first}"]


def shared_items(
    items: Iterable[Item], *, by_key: bool
) -> tuple[list[Item], dict[str, tuple[str, ...]]]:
    """Each image once, be it listed in several splits, with a key of its own; and the splits.

    Args:
        items: of one data set.
        by_key: keys tell images apart, not files.

    Returns:
        the items, each in the first split that lists it; split → keys, train, val and test first.
    """
    first: dict[object, Item] = {}
    splits: dict[str, dict[object, None]] = {}
    for item in items:
        files = (item.label, item.image)
        same: object = item.key if by_key or files == (None, None) else files
        first.setdefault(same, item)
        if item.split is not None:
            splits.setdefault(item.split, {})[same] = None
    if len({item.key for item in first.values()}) < len(first):
        for same, item in first.items():
            if item.split:
                first[same] = replace(item, key=f"{item.split}/{item.key}")
    order = {"train": 0, "val": 1, "test": 2}
    return list(first.values()), {
        name: tuple(sorted(first[same].key for same in splits[name]))
        for name in sorted(splits, key=lambda name: (order.get(name, 3), name))
    }


def label_folders(root: Path) -> list[tuple[Path, str | None]]:
    """Folders of label files with their splits: `labels`, `SPLIT/labels`, or the root itself."""
    own = subfolder(root, LABELS)
    if own is not None and any(_label_files(own)):
        return [(own, None)]
    inside: list[tuple[Path, str | None]] = [
        (p / "labels", SPLITS[p.name.lower()])
        for p in sorted(root.iterdir())
        if p.name.lower() in SPLITS and (p / "labels").is_dir() and any(_label_files(p / "labels"))
    ]
    if inside:
        return inside
    splits = [p for p in root.iterdir() if p.name.lower() in SPLITS and p.is_dir()]
    bare = any(_label_files(root, "*.txt")) or any(any(_label_files(p)) for p in splits)
    return [(root, None)] if bare else []


def items_of_labels(root: Path) -> list[Item]:
    """Label files of a folder without data.yaml, with images beside or in `images`."""
    items: list[Item] = []
    for folder, split in label_folders(root):
        labels = {
            k: p for k, p in list_files(folder, _TEXT).items() if not _NO_LABELS.fullmatch(p.name)
        }
        images = _images_of(folder, labels)
        for key in sorted({*labels, *images}):
            image = images.get(key)
            name = image.name if image is not None else f"{key}.jpg"
            items.append(Item(key, labels.get(key), image, name, split))
    return _by_subfolder(items)


def with_images(items: Iterable[Item], folder: Path) -> list[Item]:
    """The items with their images looked for in a folder that the user named."""
    images = list_files(folder)
    by_name: dict[str, list[Path]] = {}
    for path in images.values():
        by_name.setdefault(path.stem, []).append(path)
    out = []
    for item in items:
        same = by_name.get(PurePosixPath(item.key).name, [])
        found = images.get(item.key) or (same[0] if len(same) == 1 else None)
        out.append(
            Item(item.key, item.label, found, found.name if found else item.name, item.split)
        )
    return out


def first_labels(root: Path, count: int = 4) -> list[Path]:
    """Some label files that are not empty, for a look at what they say."""
    found: list[Path] = []
    for folder, _ in label_folders(root):
        for path in _label_files(folder):
            if path.stat().st_size and len(found) < count:
                found.append(path)
    return found


def _label_files(folder: Path, pattern: str = "**/*.txt") -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)):
        if not _NO_LABELS.fullmatch(path.name) and not path.name.startswith("."):
            yield path


def _images_of(folder: Path, labels: Mapping[str, Path]) -> dict[str, Path]:
    """The images of a folder of labels: of the usual places the one that has most of them."""
    home = folder.parent
    named = next((p for p in [subfolder(home, IMAGES)] if p is not None), None)
    places = [p for p in (named, folder) if p is not None]
    listed = [list_files(place) for place in places]
    return max(listed, key=lambda images: len(images.keys() & labels.keys()), default={})


def _by_subfolder(items: list[Item]) -> list[Item]:
    """Folders train, val and test below a folder of labels are splits."""
    heads = {item.key.partition("/")[0] if "/" in item.key else "" for item in items}
    if any(item.split for item in items) or not heads or not heads <= SPLITS.keys():
        return items
    out = []
    for item in items:
        head, _, rest = item.key.partition("/")
        out.append(Item(rest, item.label, item.image, item.name, SPLITS[head]))
    return out


def _in_split(item: Item, split: str) -> Item:
    return replace(item, split=SPLITS.get(split, split))


def _place(entry: str, base: str, root: Path) -> Path | None:
    """A folder or list below the root; `../` in front and folders of other machines are cut."""
    text = entry.replace("\\", "/")
    inner = re.sub(r"^(\.{1,2}/)+", "", text)
    tails = [posixpath.join(base, inner), inner, inner.partition("/")[2]]
    if text.startswith("/") and Path(text).is_relative_to(root):
        tails.insert(0, Path(text).relative_to(root).as_posix())
    for tail in (re.sub(r"^(\./)+", "", tail) for tail in tails):
        if stays_below(tail) and exists(root / tail):
            return root / tail
    return None


def items_of_folder(folder: Path, root: Path, *, every: bool = False) -> list[Item]:
    """Images of a folder, and label files where theirs should lie.

    Args:
        folder: of images, or one that holds a folder `images`.
        root: of the data.
        every: label files without an image, too, be they called train.txt.
    """
    if (folder / "images").is_dir():
        folder = folder / "images"
    relative = folder.relative_to(root).as_posix()
    home = root / label_name(f"{relative}/x.jpg")
    labels = list_files(home.parent, _TEXT) if home.parent.is_dir() else {}
    images = list_files(folder) if folder.is_dir() else {}
    for key, image in images.items():
        own = root / label_name(image.relative_to(root).as_posix())
        if key not in labels and own.is_file():
            labels[key] = own
    return [
        Item(key, labels.get(key), images.get(key), _name(images.get(key), key))
        for key in sorted({*labels, *images})
        if every or key in images or not _NO_LABELS.fullmatch(labels[key].name)
    ]


def _name(image: Path | None, key: str) -> str:
    return f"{key}.jpg" if image is None else f"{key}{image.suffix}"


def _of_list(path: Path, root: Path) -> list[Item]:
    """Images of a list, one a line."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("the list of images cannot be read", where=path, seen=error) from error
    items = []
    for number, line in enumerate(lines, start=1):
        text = re.sub(r"^(\./)+", "", line.strip().replace("\\", "/"))
        if not text:
            continue
        name = _listed_name(text, root)
        if not stays_below(name) or PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES:
            raise FormatError(
                "not an image below the data's folder",
                where=f"{path}: line {number}",
                seen=line,
                hint="list paths below the folder of the list",
            )
        label, image = root / label_name(name), root / name
        key = sample_key(re.sub(r"^(images|obj_\w+_data)/", "", name))
        items.append(
            Item(
                key,
                label if is_file(label) else None,
                image if is_file(image) else None,
                PurePosixPath(name).name,
            )
        )
    return items


def _listed_name(text: str, root: Path) -> str:
    """The path below the root; folders in front that are not here (`data/`) are cut."""
    parts = text.split("/")
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        if tail and stays_below(tail) and exists(root / parts[start]):
            return tail
    return text
