from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from maskloom.store.endings import has_end


def picture(kind, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_thumbnail():
    """A JPEG whose EXIF holds another whole JPEG."""
    exif = Image.Exif()
    exif[0x010E] = "before " + picture("JPEG", quality=5).decode("latin-1") + " after"
    return picture("JPEG", exif=exif)


WHOLE = {
    "png": picture("PNG"),
    "jpeg": picture("JPEG"),
    "progressive": picture("JPEG", progressive=True),
    "restarts": picture("JPEG", restart_marker_rows=1),
    "thumbnail": with_thumbnail(),
    "webp": picture("WEBP"),
    "webp lossless": picture("WEBP", lossless=True),
    "bmp": picture("BMP"),
}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_whole_picture_has_its_end(tmp_path, name):
    (tmp_path / "a").write_bytes(WHOLE[name])
    assert has_end(tmp_path / "a")


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_is_appended_raises_no_alarm(tmp_path, name):
    (tmp_path / "a").write_bytes(WHOLE[name] + bytes(3_000_000))
    assert has_end(tmp_path / "a")


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_a_picture_that_was_cut_off_is_noticed(tmp_path, name, share):
    data = WHOLE[name]
    (tmp_path / "a").write_bytes(data[: int(len(data) * share) - 1])
    assert not has_end(tmp_path / "a")


def test_other_files_are_not_judged(tmp_path):
    (tmp_path / "a").write_bytes(b"II*\0")
    assert has_end(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    assert has_end(tmp_path / "b")
