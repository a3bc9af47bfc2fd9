from __future__ import annotations

import numpy as np
import pytest

from maskloom.errors import WriteError
from maskloom.store.images import png_bytes, read_image, read_map
from maskloom.store.png_rows import png_rows

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 5, (9, 70)).astype(np.uint8) * np.uint8(60)
COLOR = RNG.integers(0, 256, (9, 70, 3), dtype=np.uint8)
PALETTE = RNG.integers(0, 256, (256, 3), dtype=np.uint8)
KINDS = pytest.mark.parametrize(
    ("array", "palette", "mode"),
    [(GRAY, None, "L"), (COLOR, None, "RGB"), (GRAY, PALETTE, "P")],
    ids=["gray", "color", "palette"],
)


def write(path, array, pieces, palette=None):
    with png_rows(path, array.shape, palette=palette) as add:
        for piece in pieces:
            add(piece)


@KINDS
def test_one_piece_has_the_bytes_of_png_bytes(tmp_path, array, palette, mode):
    write(tmp_path / "a.png", array, [array], palette)
    assert (tmp_path / "a.png").read_bytes() == png_bytes(array, palette=palette)


@KINDS
@pytest.mark.parametrize("ends", [[4], [1, 2, 8], range(1, 9)])
def test_pieces_are_read_back_as_the_whole_by_two_readers(tmp_path, array, palette, mode, ends):
    import cv2
    from PIL import Image

    path = tmp_path / "a.png"
    write(path, array, np.split(array, ends), palette)
    with Image.open(path) as image:
        assert image.mode == mode
        image.verify()  # checksums of the chunks
    with Image.open(path) as image:
        assert palette is None or image.getpalette() == palette.ravel().tolist()
    np.testing.assert_array_equal(read_map(path), array)
    shown = array if palette is None else palette[array]
    np.testing.assert_array_equal(read_image(path).squeeze(), shown)
    other = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(other[..., ::-1] if other.ndim == 3 else other, shown)
    assert path.read_bytes().count(b"IDAT") > 1


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ([GRAY[:4]], r"a\.png: rows are missing of 9 \(saw .*4 rows"),
        ([GRAY[:4], GRAY], "do not fit into 70 × 9 px"),
        ([GRAY[:, :5]], "do not fit into 70 × 9 px"),
    ],
)
def test_rows_that_do_not_make_up_the_image_leave_no_file(tmp_path, pieces, told):
    with pytest.raises(WriteError, match=told):
        write(tmp_path / "a.png", GRAY, pieces)
    assert list(tmp_path.iterdir()) == []
