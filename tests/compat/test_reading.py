"""Files of COCO that are no JSON."""

from __future__ import annotations

import pytest

from maskloom.compat.coco.reading import read_json
from maskloom.errors import DataError


@pytest.mark.parametrize("text", [b'[{"image_id": "\xff"}]', b"[" * 100_000, b"[{}", b"\xff"])
def test_bytes_that_are_no_json_are_one_error(tmp_path, text):
    (tmp_path / "results.json").write_bytes(text)
    with pytest.raises(DataError, match="the file is no JSON"):
        read_json(tmp_path / "results.json")
