"""Write YOLO segments: images/KEY, labels/KEY.txt, lists of splits, data.yaml, taxonomy.json.

A line is an object. Holes are cut in by bridges on the object's own pixels, where painting the
outline changes nothing; each line is read as its readers do before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import instance_rows
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import MOST_NAMED, Holds, Loss, losses_of
from maskloom.formats.objects.write import joined_parts
from maskloom.formats.shared.boxes import losses_beside_boxes, told_boxes
from maskloom.formats.shared.flat import void_rows
from maskloom.formats.shared.folders import ImagePlacer, image_labels_only, write_side_file
from maskloom.formats.shared.reader_rings import rings_for
from maskloom.formats.yolo.boxes import box_lines, boxes_only
from maskloom.formats.yolo.fields import lines_of
from maskloom.formats.yolo.layout import label_name
from maskloom.formats.yolo.text import (
    YoloRow,
    class_and_box,
    fractions,
    fresh_fractions,
    line_text,
    seen_vertices,
)
from maskloom.formats.yolo.trained_on import train_and_val
from maskloom.store.files import atomic_write_bytes, safe_join

NAME = "yolo"
HOLDS = Holds(instances=True, overlap=True, vertices=True)
READERS = ("opencv", "opencv-round")
_NUDGE_PX = 0.01
_NUDGES = 10


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write YOLO."""

    parts: Literal["bridge", "split"] = field(
        default="bridge",
        metadata={
            "help": "objects whose parts do not touch, both a loss: one line with the parts "
            "joined by painted bridges, or a line for each part"
        },
    )


@dataclass(frozen=True, slots=True)
class _Lines:
    """What one sample becomes."""

    key: str
    rows: tuple[YoloRow, ...]
    losses: tuple[Loss, ...]
    equal: int


class YoloWriter:
    """Label files at once; lists and data.yaml at the end."""

    def __init__(self, target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> None:
        self.target = target
        self.extra = extra
        self.taxonomy = taxonomy
        self.options = options
        self.images = ImagePlacer(target / "images", options.images)
        self.numbers = class_numbers(taxonomy)
        self.names: dict[str, str] = {}
        self.sizes: dict[str, list[int]] = {}
        self.equal = 0
        self._last: _Lines | None = None

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What lines of polygons cannot hold, and pixels that their readers would see changed."""
        if labels.rows is not None and boxes_only(self._seen(labels.rows)):
            boxes = told_boxes(labels.rows)
            found = losses_beside_boxes(HOLDS, sample.key, labels, self.taxonomy, boxes)
        else:
            found = losses_of(HOLDS, sample.key, labels, self.taxonomy)
        return [*found, *self._lines(sample, labels).losses]

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the lines of one image and place the image."""
        image_labels_only(labels.size, self.target)
        lines = self._lines(sample, labels)
        self.equal += lines.equal
        suffix = Path(sample.file_name).suffix or ".png"
        if sample.image.path is not None:
            suffix = sample.image.path.suffix
        name = f"{sample.key}{suffix}"
        placed = self.images.missing
        self.images.put(sample, name)
        if self.options.images == "none" or self.images.missing > placed:
            self.sizes[sample.key] = list(labels.size)
        text = "".join(f"{line_text(row)}\n" for row in lines.rows)
        atomic_write_bytes(safe_join(self.target, label_name(f"images/{name}")), text.encode())
        self.names[sample.key] = name

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write lists of splits, data.yaml and the side file."""
        known = {
            name: tuple(key for key in keys if key in self.names) for name, keys in splits.items()
        }
        entries: dict[str, Any] = {}
        for name, keys in known.items():
            text = "".join(f"./images/{self.names[key]}\n" for key in sorted(keys))
            atomic_write_bytes(self.target / f"{name}.txt", text.encode())
            entries[name] = f"{name}.txt"
        asked_for, note = train_and_val(entries)
        entries = asked_for | entries
        names = {self.numbers[i]: self.taxonomy[i].name for i in self.numbers}
        entries |= {"nc": len(names), "names": dict(sorted(names.items()))}
        # YAML folds some signs that are not escaped as if they were blanks (U+0085).
        plain = all(category.name.isprintable() for category in self.taxonomy)
        text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=plain)
        text += "".join(lines_of(self.extra, entries))
        atomic_write_bytes(self.target / "data.yaml", text.encode())
        taxonomy = self.taxonomy.with_ids(NAME, self.numbers)
        write_side_file(self.target, taxonomy, known, kind=NAME, sizes=self.sizes)
        return (*self.images.warnings(), *self._notes(), *([note] if note else []))

    def _notes(self) -> Iterator[str]:
        if self.equal:
            yield f"{self.equal} lines equal others in class and box; Ultralytics drops them"

    def _lines(self, sample: Sample, labels: Labels) -> _Lines:
        """Made once for the losses and the file."""
        if self._last is None or self._last.key != sample.key:
            self._last = self._made(sample.key, labels)
        return self._last

    def _made(self, key: str, labels: Labels) -> _Lines:
        rows = self._seen(instance_rows(labels))
        size = (int(labels.size[0]), int(labels.size[1]))
        if boxes_only(rows):
            boxes = box_lines(key, rows, self.numbers, size)
            return _Lines(key, boxes.rows, boxes.losses, boxes.equal)
        rows = joined_parts(rows)
        rows = rows.take(rows.masks.areas > 0)
        taken: set[tuple[int, ...]] = set()
        listed, lost = [], _Lost()
        for i in range(len(rows)):
            number = self.numbers[int(rows.category[i])]
            geometry = rows.geometry[i] if rows.geometry else None
            own = _author_row(rows.masks[i], geometry, number, size)
            if own is not None and class_and_box(own) not in taken:
                taken.add(class_and_box(own))
                listed.append(own)
                continue
            lost.vertices += geometry is not None
            for ring in self._rings(rows, i, lost):
                row = _fresh_row(ring, number, size, taken)
                taken.add(class_and_box(row))
                listed.append(row)
        return _Lines(key, tuple(listed), tuple(lost.told(key)), 0)

    def _seen(self, rows: Rows) -> Rows:
        """Rows of classes that have a number."""
        return rows.take(~void_rows(rows, self.taxonomy))

    def _rings(self, rows: Rows, i: int, lost: _Lost) -> tuple[NDArray[np.float64], ...]:
        mask, own = rows.masks[i], int(rows.instance[i])
        found = rings_for(mask, READERS[0], single=True)
        if found.exact is not None:
            return found.exact
        if self.options.parts == "split":
            parts, _ = mask.components(8)
            lost.split.append(own)
            lost.pieces += len(parts)
            return tuple(rings_for(part, READERS[0], single=True).rings[0] for part in _each(parts))
        lost.objects.append(own)
        lost.pixels += found.changed
        return found.rings


@dataclass(slots=True)
class _Lost:
    objects: list[int] = field(default_factory=list)
    pixels: int = 0
    split: list[int] = field(default_factory=list)
    pieces: int = 0
    vertices: int = 0

    def told(self, key: str) -> Iterator[Loss]:
        if self.objects:
            count, named = len(self.objects), tuple(self.objects[:MOST_NAMED])
            detail = f"{count} objects of parts that do not touch get painted bridges"
            yield Loss(key, "pixels", count, self.pixels, detail, instances=named)
        if self.split:
            count, named = len(self.split), tuple(self.split[:MOST_NAMED])
            detail = f"{count} objects become {self.pieces}, one for each part"
            yield Loss(key, "parts", count, 0, detail, instances=named)
        if self.vertices:
            yield Loss(key, "vertices", self.vertices)


def writer(target: Path, taxonomy: Taxonomy, options: Write, extra: Any = None) -> YoloWriter:
    """A writer into the folder `target`; `extra` has the other fields of a data.yaml."""
    return YoloWriter(target, taxonomy, options, extra)


def class_numbers(taxonomy: Taxonomy) -> dict[int, int]:
    """Position → class number from 0 without gaps, as trainers demand.

    The order is that of the numbers in YOLO files; what has none comes after, as it stands.
    """
    own = {i: dict(c.ids).get(NAME) for i, c in enumerate(taxonomy) if not c.void}
    ordered = sorted(own, key=lambda i: ((n := own[i]) is None, n or 0, i))
    return {i: number for number, i in enumerate(ordered)}


def _each(masks: Masks) -> Iterator[Masks]:
    for i in range(len(masks)):
        yield masks[i]


def _author_row(
    mask: Masks, geometry: Geometry | None, number: int, size: tuple[int, int]
) -> YoloRow | None:
    """The author's own vertices, where they were drawn for this reader and make this mask."""
    if geometry is None or geometry.rule != READERS[0] or len(geometry.parts) != 1:
        return None
    row = YoloRow(number, fractions(geometry.parts[0], size))
    if not ((row.values >= 0) & (row.values <= 1)).all():
        return None
    seen = Masks.from_polygons([[seen_vertices(row.values, size)]], size, rule=READERS[0])
    return row if seen == mask else None


def _fresh_row(
    ring: NDArray[np.float64], number: int, size: tuple[int, int], taken: set[tuple[int, ...]]
) -> YoloRow:
    """A row of whole pixels that no other row equals in class and box.

    Ultralytics keeps one of equal rows: the vertices lie at another place in the same pixels.
    """
    row = YoloRow(number, fresh_fractions(ring, size))
    for step in range(1, (2 * _NUDGES + 1) ** 2):
        if class_and_box(row) not in taken:
            break
        down, right = divmod(step, 2 * _NUDGES + 1)
        nudge = ((right - _NUDGES) * _NUDGE_PX, (down - _NUDGES) * _NUDGE_PX)
        row = YoloRow(number, fresh_fractions(ring, size, nudge))
    return row
