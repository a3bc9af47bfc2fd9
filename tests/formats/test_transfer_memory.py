"""What a conversion keeps does not grow with its images, but for some numbers and names each.

Buffers that are bounded, and so no growth, are made small here; the peak is that of Python's and
numpy's memory.
"""

from __future__ import annotations

import gc
import tracemalloc
from functools import partial

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.formats.coco import write as coco_write
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.parquet import images as parquet_images
from maskloom.formats.parquet import tables as parquet_tables
from maskloom.formats.parquet import write as parquet_write
from maskloom.formats.shared import spool
from maskloom.formats.transfer import transfer
from maskloom.store.project import parts

FEW, MANY = 200, 600
SIZE = (8, 12)


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    for module, name, value in (
        (parquet_tables, "BATCH", 64),
        (parquet_write, "BATCH", 64),
        (parquet_images, "_BLOCKS", 2),
        (parts, "GROUP_BYTES", 1 << 16),
        (parts, "CACHE_BYTES", 1 << 16),
        (spool, "_QUICK", 1),
    ):
        monkeypatch.setattr(module, name, value)


def tables(folder, n):
    """A data set of n images with three objects each, as Parquet."""
    pixels = np.zeros((3, *SIZE), bool)
    pixels[0, 2:5, 3:9] = pixels[1, 1:3, :4] = pixels[2, 6:, 5:] = True
    masks = Masks.from_dense(pixels)

    def labels_of(sample):
        fields = tuple({"id": 3 * sample.index + i, "note": "seen"} for i in range(3))
        return Labels(SIZE, rows=Rows.make(masks, [0, 1, 0], source=fields))

    samples = tuple(
        Sample(f"images/{i:06d}", ImageRef(None, SIZE), index=i, extra={"coco": {"id": i}})
        for i in range(n)
    )
    data = Dataset(Taxonomy.from_names(["a", "b"]), samples, labels_of, name="many")
    assert transfer(data, folder, load_format("parquet")).exact_objects == 3 * n
    return folder


def peak_of(work):
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def growth(tmp_path, work):
    """Bytes an image by which the peak of `work` grows with their number."""
    peaks = {}
    for n in (20, FEW, MANY):  # the first run imports and compiles
        source, target = tables(tmp_path / f"source{n}", n), tmp_path / f"target{n}"
        peaks[n] = peak_of(partial(work, source, target))
    return (peaks[MANY] - peaks[FEW]) / (MANY - FEW)


def test_tables_to_tables_takes_no_more_memory_for_more_images(tmp_path):
    def convert(source, target):
        done = transfer(read_dataset(source), target, load_format("parquet"))
        assert done.written
        assert done.exact_objects == done.objects == 3 * done.images

    assert growth(tmp_path, convert) < 1200


def test_the_coco_writer_keeps_entries_on_disk(tmp_path):
    def write(source, target):
        data = read_dataset(source)
        target = target.with_suffix(".json")
        writer = coco_write.writer(target, data.taxonomy, coco_write.Write(), data.extra)
        for sample, labels in data:
            writer.put(sample, labels)
        writer.finish({})
        assert target.stat().st_size > 100 * len(data)

    assert growth(tmp_path, write) < 1200
