"""Maps of ids beyond 16 bit that say what was not labelled."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from maskloom.core.labels import Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import load_format
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of


def test_no_data_beside_large_ids_is_a_number_that_readers_of_tiff_take(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
    inside = np.zeros((4, 6), bool)
    inside[0, :2] = True
    seen = np.arange(4)[:, None] < np.full((1, 6), 2)
    rows = Rows.make(Masks.from_dense([inside]), np.zeros(1, np.int32), instance=np.array([70000]))
    labels = Labels((4, 6), rows=rows, coverage=Coverage(area=Masks.from_dense(seen[None])))
    fmt = load_format("geotiff")
    data = dataset_of(NUCLEUS, {"a": labels}, tmp_path / "photos")
    assert transfer(data, tmp_path / "out", fmt, options=fmt.WriteOptions()).written
    file = tmp_path / "out/masks/a.tif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it lies nowhere
        raster = rasterio.open(file)
    with raster:
        values = raster.read(1)
        assert (values[inside] == 70000).all()
        assert (values[~seen] == raster.nodata).all()
        assert (values[seen & ~inside] == 0).all()
    script = "import sys, tifffile; print(tifffile.TiffFile(sys.argv[1]).pages[0].nodata)"
    said = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
    )
    assert (said.stderr, int(said.stdout)) == ("", 2**32 - 1)
