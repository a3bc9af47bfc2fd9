"""Write one Parquet row per image, its picture and its mask as files, as Hugging Face stores them.

`datasets.load_dataset("parquet", data_dir=DST)` gives columns of pictures: the schema names the
feature `Image` for both. What the numbers of masks mean is decided as for `bitmap`, and stands in
`taxonomy.json`; reading is `pictures.py`.

Source: huggingface/datasets, `Features.arrow_schema` and `features/image.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from maskloom.core.key_column import KeyColumn
from maskloom.core.labels import Labels
from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError
from maskloom.formats.bitmap import write as bitmap_write
from maskloom.formats.loss import Loss
from maskloom.formats.shared.spool import Spool
from maskloom.store.files import atomic_file
from maskloom.store.images import png_bytes

LAYOUT = "pictures"
IMAGE, MASK = "image", "mask"
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_NAMES = {"val": "validation"}  # the hub's word for it
_GROUP_BYTES, _GROUP_ROWS = 1 << 25, 100

Kind = Literal["auto", "class", "instance", "binary"]


class PicturesWriter:
    """DST/data/SPLIT-00000-of-00001.parquet, DST/taxonomy.json."""

    writes: tuple[str, ...] = ("void_classes",)

    def __init__(self, target: Path, taxonomy: Taxonomy, *, kind: Kind, images: bool) -> None:
        self.target = target
        self._maps = bitmap_write.BitmapWriter(
            target, taxonomy, bitmap_write.Write(images="none", kind=kind)
        )
        self._images = images
        self._missing = 0
        self._rows = Spool(target / "data")
        self._numbers: dict[str, int] = {}
        self._seen = KeyColumn()

    def losses(self, sample: Sample, labels: Labels) -> list[Loss]:
        """What a map of the chosen kind cannot hold."""
        return self._maps.losses(sample, labels)

    def holds_tag(self, sample: Sample, labels: Labels, name: str, text: str) -> bool:
        """No: there are two columns, of images and of masks."""
        del sample, labels, name, text
        return False

    def put(self, sample: Sample, labels: Labels) -> None:
        """Keep the row of one sample until the splits are known."""
        values = self._maps.values(self.target / f"{sample.key}.png", labels)
        row = {MASK: {"bytes": png_bytes(values), "path": f"{sample.key}.png"}}
        if self._images:
            row[IMAGE] = self._picture(sample)
        self._numbers[sample.key] = len(self._rows)
        self._rows.append(row)
        self._seen.append(sample.key)

    def finish(self, splits: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        """Write a table for each split; a sample stands in the first that lists it, by name."""
        for split, numbers in _by_split(self._numbers, splits).items():
            name = f"{_NAMES.get(split, split)}-00000-of-00001.parquet"
            with (
                atomic_file(self.target / "data" / name) as temporary,
                pq.ParquetWriter(temporary, self._schema(), write_page_checksum=True) as table,
            ):
                for rows in self._groups(numbers):
                    table.write_table(pa.Table.from_pylist(rows, self._schema()))
        self._maps.finish(splits, layout=LAYOUT)
        missing = f"{self._missing} images are missing and were not put into the tables"
        return (missing,) if self._missing else ()

    def _picture(self, sample: Sample) -> dict[str, Any]:
        """The image's file, byte for byte."""
        path = sample.image.path
        if path is None or not path.is_file():
            self._missing += 1
            return {"bytes": None, "path": f"{sample.key}.png"}
        try:
            return {"bytes": path.read_bytes(), "path": f"{sample.key}{path.suffix}"}
        except OSError as error:
            raise ImageError(f"cannot read: {error.strerror}", where=path) from error

    def _schema(self) -> pa.Schema:
        names = [IMAGE, MASK] if self._images else [MASK]
        features = {name: {"_type": "Image"} for name in names}
        return pa.schema(
            [(name, _PICTURE) for name in names],
            {"huggingface": json.dumps({"info": {"features": features}})},
        )

    def _groups(self, numbers: list[int]) -> Iterator[list[dict[str, Any]]]:
        """Rows in groups that are not much larger than a picture or 32 MiB."""
        rows: list[dict[str, Any]] = []
        size = 0
        for number in numbers:
            row = self._rows.get(number)
            own = sum(len(one["bytes"] or b"") for one in row.values())
            if rows and (size + own > _GROUP_BYTES or len(rows) == _GROUP_ROWS):
                yield rows
                rows, size = [], 0
            rows.append(row)
            size += own
        if rows:
            yield rows


def _by_split(
    numbers: Mapping[str, int], splits: Mapping[str, tuple[str, ...]]
) -> dict[str, list[int]]:
    """Split → numbers of its rows; what none lists is `train`, or `rest` beside others."""
    first: dict[str, str] = {}
    for split in sorted(splits):  # the side file, too, has them so
        for key in splits[split]:
            first.setdefault(key, split)
    rest = "rest" if splits else "train"
    found: dict[str, list[int]] = {}
    for key, number in numbers.items():
        found.setdefault(first.get(key, rest), []).append(number)
    return found
