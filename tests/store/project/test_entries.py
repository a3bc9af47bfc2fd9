"""What a class map of a layer says is found without holding it many times."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from maskloom.core.labels import codes
from maskloom.errors import DataError
from maskloom.store.project.entries import _legend


def test_a_legend_names_what_occurs_and_holds_little_beside_the_map() -> None:
    pixels = np.zeros((3000, 4000), np.uint8)
    pixels[-1, -1] = 2
    pixels[1500, 7] = codes(pixels.dtype)[0]
    tracemalloc.start()
    try:
        found = _legend(pixels, ["a", "b", "c"], "k")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == (["a", None, "c"], True)
    assert peak < 2 * pixels.nbytes
    with pytest.raises(DataError, match="a category that the taxonomy of 2 lacks"):
        _legend(pixels, ["a", "b"], "k")
