"""Write a data set as three Parquet tables; class maps and confidence are PNG files beside them.

Annotations go out in row groups as they come, so that memory does not grow with their number.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskloom.core.key_column import KeyColumn
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import DataError, UsageError
from maskloom.formats.base import WriteOptions
from maskloom.formats.loss import Holds, Loss, losses_of
from maskloom.formats.parquet.pictures_write import Kind, PicturesWriter
from maskloom.formats.parquet.tables import (
    ANNOTATIONS,
    BATCH,
    CLASS_SCHEMA,
    CLASSES,
    EMPTY,
    IMAGE_SCHEMA,
    IMAGES,
    class_rows,
    image_row,
)
from maskloom.formats.shared.folders import ImagePlacer
from maskloom.formats.shared.spool import Spool
from maskloom.store.files import atomic_file, safe_join, sha256_file
from maskloom.store.images import write_png
from maskloom.store.project.covered import coverage_to_json
from maskloom.store.project.parts import PartWriter
from maskloom.store.project.tables import to_json
from maskloom.store.volumes import image_suffix

HOLDS = Holds(
    dense=True,
    instances=True,
    overlap=True,
    parts=True,
    empty=True,
    void=True,
    crowd=True,
    score=True,
    attributes=True,
    z_order=True,
    tracks=True,
    drawings=True,
    coverage=True,
    looked_for=True,
    vertices=True,
    fields=True,
    confidence=True,
    tags=True,
)
VERSION = 1
# Groups end at 8 MiB of runs and vertices (`parts.py`), or at this many rows.
GROUP_ROWS, MOST_GROUP_ROWS = 1 << 16, 1 << 20


@dataclass(frozen=True, slots=True)
class Write(WriteOptions):
    """How to write tables."""

    group_rows: int = field(
        default=GROUP_ROWS,
        metadata={"help": "annotations a row group: what is decoded to read one image"},
    )
    layout: Literal["tables", "pictures"] = field(
        default="tables",
        metadata={"help": "tables hold everything; pictures are columns of images and masks"},
    )
    kind: Kind = field(
        default="auto", metadata={"help": "of the masks in pictures, as bitmap has it"}
    )


class ParquetWriter:
    """DST/{images,classes,annotations}.parquet, DST/images, DST/maps, DST/confidence."""

    def __init__(
        self, target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
    ) -> None:
        self.target = target
        self.taxonomy = taxonomy
        self.images = ImagePlacer(target / "images", options.images)
        facts = {"maskloom": VERSION, "revision": taxonomy.revision, "extra": dict(extra)}
        if not 1 <= options.group_rows <= MOST_GROUP_ROWS:
            raise UsageError(
                f"a row group has 1 to {MOST_GROUP_ROWS} rows",
                where="to.group_rows",
                seen=options.group_rows,
            )
        self._part = PartWriter(
            target / ANNOTATIONS, taxonomy.keys, facts, group_rows=options.group_rows
        )
        # A conversion that is refused half-way just forgets its writer.
        weakref.finalize(self, self._part.__exit__, None, None, None)
        self._names = {key: key for key in taxonomy.keys}
        self._rows: list[dict[str, Any]] = []
        self._batches = Spool(target / IMAGES)
        self._seen = KeyColumn()

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """Nothing: whatever labels say has its place."""
        return losses_of(HOLDS, sample.key, labels, self.taxonomy)

    def put(self, sample: Sample, labels: Labels) -> None:
        """Write the labels of one sample."""
        try:
            row = self._row(sample, labels)
            if labels.rows is not None:
                self._part.put(sample.key, labels.rows)
        except DataError as error:
            raise DataError(
                error.what, where=sample.key, seen=error.seen, hint=error.hint
            ) from error
        self.images.put(sample)
        row |= self._placed(sample)
        self._seen.append(sample.key)
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self._pack()

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Let the tables appear."""
        self._part.finish()
        self._pack()
        of: dict[str, tuple[str, ...]] = {}
        for name in sorted(splits):
            for key in splits[name]:
                of[key] = (*of.get(key, ()), name)
        empty = sorted(name for name, keys in splits.items() if not keys)
        schema = IMAGE_SCHEMA.with_metadata({EMPTY: to_json(empty)}) if empty else IMAGE_SCHEMA
        with (
            atomic_file(self.target / IMAGES) as temporary,
            _table(temporary, schema) as table,
        ):
            at = IMAGE_SCHEMA.get_field_index("splits")
            for number in range(len(self._batches)):
                batch = self._batches.get(number)
                column = pa.array(
                    [of.get(key) for key in batch["key"].to_pylist()], IMAGE_SCHEMA.field(at).type
                )
                batch = batch.set_column(at, IMAGE_SCHEMA.field(at), column)
                table.write_batch(batch.replace_schema_metadata(schema.metadata))
        with (
            atomic_file(self.target / CLASSES) as temporary,
            _table(temporary, CLASS_SCHEMA) as table,
        ):
            table.write_table(pa.Table.from_pylist(class_rows(self.taxonomy), CLASS_SCHEMA))
        # What was written is read again while this writer is still held.
        self._batches, self._seen = Spool(self.target / IMAGES), KeyColumn()
        return self.images.warnings()

    def _row(self, sample: Sample, labels: Labels) -> dict[str, Any]:
        """The row of an image, but for where it lies."""
        row = image_row(sample, labels.size)
        for name, array in (("map", labels.class_map), ("confidence", labels.confidence)):
            if array is not None:
                row |= self._picture(name, sample.key, array)
        coverage = coverage_to_json(labels.coverage, self._names)
        return {
            **row,
            "layer": labels.layer,
            "revision": labels.revision,
            "coverage": None if coverage is None else to_json(coverage),
            "facts": to_json(dict(labels.extra)) if labels.extra else None,
        }

    def _pack(self) -> None:
        """Rows of images wait on disk until the splits are known."""
        if self._rows:
            batch = pa.RecordBatch.from_pylist(self._rows, IMAGE_SCHEMA)
            self._batches.append(batch)
            self._rows = []

    def _picture(self, name: str, key: str, array: NDArray[Any]) -> dict[str, str]:
        folder = "maps" if name == "map" else name
        path = safe_join(self.target, f"{folder}/{key}.png")
        # Slices of a volume lie one below the other.
        write_png(path, array.reshape(-1, array.shape[-1]))
        return {name: f"{folder}/{key}.png", f"{name}_sha256": sha256_file(path)}

    def _placed(self, sample: Sample) -> dict[str, str]:
        """Where the image is in the target, and what bytes it has."""
        source = sample.image.path
        if source is None or self.images.how == "none":
            return {}
        relative = f"images/{sample.key}{image_suffix(source)}"
        path = safe_join(self.target, relative)
        return {"uri": relative, "sha256": sha256_file(path)} if path.is_file() else {}


def writer(
    target: Path, taxonomy: Taxonomy, options: Write, extra: Mapping[str, Any]
) -> ParquetWriter | PicturesWriter:
    """A writer into the folder `target`."""
    if options.layout == "pictures":
        return PicturesWriter(target, taxonomy, kind=options.kind, images=options.images != "none")
    return ParquetWriter(target, taxonomy, replace(options), extra)


def _table(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=3, write_page_checksum=True
    )
