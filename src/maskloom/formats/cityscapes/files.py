"""Where Cityscapes keeps its files: SPLIT/CITY/NAME_gtFine_KIND below the folder of labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from maskloom.errors import UsageError

IMAGES = "leftImg8bit"
ANNOTATIONS = ("gtFine", "gtCoarse")
KINDS = {
    "instanceIds.png": "instances",
    "labelIds.png": "labels",
    "labelTrainIds.png": "train_ids",
    "polygons.json": "polygons",
}
_SPLITS = frozenset({"train", "val", "test", "train_extra"})
_NAME = re.compile(
    r"(.+)_gt[A-Z][A-Za-z]*_(instanceIds\.png|labelIds\.png|labelTrainIds\.png|polygons\.json)"
)
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """The label files of one image; at least one is there."""

    instances: Path | None = None
    labels: Path | None = None
    train_ids: Path | None = None
    polygons: Path | None = None

    @property
    def any(self) -> Path:
        """The file that says most."""
        path = self.instances or self.polygons or self.labels or self.train_ids
        assert path is not None
        return path

    @property
    def objects(self) -> bool:
        """Whether they tell objects apart."""
        return self.instances is not None or self.polygons is not None


def label_root(path: Path, named: str | None) -> Path:
    """The folder of label files: the one named, gtFine, gtCoarse, or the path itself.

    Raises:
        UsageError: the one named is not there.
    """
    if named is not None:
        if not (path / named).is_dir() or ".." in Path(named).parts:
            raise UsageError("no such folder", where=path, seen=named, hint="correct --set labels=")
        return path / named
    return next((path / name for name in ANNOTATIONS if (path / name).is_dir()), path)


def has_labels(path: Path) -> bool:
    """Whether label files lie in a folder, or in its first sub-folders."""
    for parent, folders, names in os.walk(path):
        if any(_NAME.fullmatch(name) for name in names):
            return True
        depth = len(Path(parent).relative_to(path).parts)
        # Data sets are deep or wide: the first branches tell what a folder is.
        folders[:] = [] if depth >= _DEPTH else sorted(folders)[:8]
    return False


def labelled(root: Path) -> dict[str, tuple[str | None, str, LabelFiles]]:
    """Place below the root without ending → (split, key, files), sorted.

    The split is the first of three folders or more, or of any with a known name.
    """
    found: dict[str, LabelFiles] = {}
    for place, kind, path in _files(root):
        found[place] = replace(found.get(place, LabelFiles()), **{kind: path})
    out: dict[str, tuple[str | None, str, LabelFiles]] = {}
    for place in sorted(found):
        first, _, rest = place.partition("/")
        inside = bool(rest) and ("/" in rest or first in _SPLITS)
        out[place] = (first, rest, found[place]) if inside else (None, place, found[place])
    return out


def _files(root: Path) -> Iterator[tuple[str, str, Path]]:
    """(place without ending, kind, path) of every label file."""
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        for name in sorted(names):
            match = _NAME.fullmatch(name)
            if match is not None:
                place = Path(parent, match[1]).relative_to(root).as_posix()
                yield place, KINDS[match[2]], Path(parent, name)
