"""WebP and BMP: the pixels that other readers see, and what is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskloom.errors import ImageError
from maskloom.store.endings import has_end
from maskloom.store.images import image_bytes, image_size, is_color, read_image, read_map

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (37, 53, 3)).astype(np.uint8)
ALPHA = RNG.integers(0, 256, (37, 53)).astype(np.uint8)
UNDO = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}


def webp(path: Path, array=RGB, **options) -> Path:
    Image.fromarray(array).save(path, "WEBP", **options)
    return path


KINDS = {
    "lossless": lambda p: webp(p, lossless=True),
    "lossy": lambda p: webp(p, quality=80),
    "lossless, alpha": lambda p: webp(p, np.dstack([RGB, ALPHA]), lossless=True, exact=True),
    "lossy, alpha": lambda p: webp(p, np.dstack([RGB, ALPHA]), quality=80),
    "one pixel": lambda p: webp(p, RGB[:1, :1], lossless=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["webp", "png", "jpg"])
def test_webp_by_any_name_is_what_pillow_sees(tmp_path: Path, kind: str, suffix: str) -> None:
    path = KINDS[kind](tmp_path / f"a.{suffix}")
    with Image.open(path) as image:
        want = np.asarray(image.convert("RGB"))
    got = read_image(path)
    assert np.array_equal(got, want)
    assert image_size(path) == want.shape[:2]
    assert image_bytes(path) == got.nbytes
    if "lossless" in kind:
        assert np.array_equal(got, RGB)
    assert has_end(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_is_turned_upright_once(tmp_path: Path, orientation: int) -> None:
    stored = Image.fromarray(RGB)
    if UNDO[orientation] is not None:
        stored = stored.transpose(Image.Transpose(UNDO[orientation]))
    exif = Image.Exif()
    exif[274] = orientation
    stored.save(tmp_path / "a.webp", lossless=True, exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.webp"), RGB)
    assert np.array_equal(read_map(tmp_path / "a.webp"), RGB)
    assert image_size(tmp_path / "a.webp") == RGB.shape[:2]


def test_lossless_webp_is_a_map_of_colours_and_lossy_none(tmp_path: Path) -> None:
    assert np.array_equal(read_map(webp(tmp_path / "a.webp", lossless=True)), RGB)
    assert is_color(tmp_path / "a.webp")
    with pytest.raises(ImageError, match=r"b\.webp: a label map stored as lossy WebP has lost"):
        read_map(webp(tmp_path / "b.webp", quality=100))
    Image.fromarray(RGB[..., 0]).save(tmp_path / "c.png", "JPEG")
    with pytest.raises(ImageError, match=r"c\.png: a label map stored as JPEG has lost its ids"):
        read_map(tmp_path / "c.png")


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF"])
@pytest.mark.parametrize("read", [read_image, read_map, image_size, image_bytes])
def test_films_are_refused_and_not_read_as_their_first_frame(tmp_path: Path, kind, read) -> None:
    path = tmp_path / ("a.webp" if kind == "WEBP" else "a.png")
    first, *others = (Image.fromarray(np.roll(RGB, i, 0)) for i in range(3))
    first.save(path, kind, save_all=True, append_images=others, lossless=True)
    with pytest.raises(ImageError, match="is a film, not an image"):
        read(path)


@pytest.mark.parametrize("kind", ["lossless", "lossy", "lossy, alpha"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_webp_that_was_cut_off_is_one_error(tmp_path: Path, kind: str, share: float) -> None:
    whole = KINDS[kind](tmp_path / "a.webp").read_bytes()
    for mended in (False, True):
        data = bytearray(whole[: 12 + int((len(whole) - 13) * share)])
        if mended:  # the length of the container fits, that of its last chunk does not
            data[4:8] = struct.pack("<I", len(data) - 8)
        (tmp_path / "b.webp").write_bytes(bytes(data))
        assert mended or not has_end(tmp_path / "b.webp")
        with pytest.raises(ImageError, match=r"b\.webp"):
            read_image(tmp_path / "b.webp")


def test_webp_with_any_byte_changed_is_read_or_one_error(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    buffer = io.BytesIO()
    Image.fromarray(RGB[:9, :9]).save(buffer, "WEBP", lossless=True, exif=exif)
    whole, path = buffer.getvalue(), tmp_path / "b.webp"
    for at in [*range(60), *range(len(whole) - 60, len(whole))]:
        for value in (0, 0x7F, 0xFF):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                size = image_size(path)
                assert read_image(path).shape[:2] == size
            except ImageError as error:
                said = str(error)
                assert said.count("b.webp") == 1


def bmp(indexes, bits, palette, *, top=False, core=False) -> bytes:
    """An uncompressed BMP of palette indexes, by the document of the format."""
    height, width = indexes.shape
    stride = -(-width * bits // 32) * 4
    rows = []
    for row in (indexes if top else indexes[::-1]).astype(np.uint8):
        pairs = np.append(row, row[:1])[: width + width % 2].reshape(-1, 2)
        packed = {1: np.packbits(row), 4: pairs[:, 0] << 4 | pairs[:, 1], 8: row}[bits]
        rows.append(packed.tobytes().ljust(stride, b"\0"))
    data, each = b"".join(rows), 3 if core else 4
    table = b"".join(bytes([b, g, r, 0][:each]) for r, g, b in palette)
    if core:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        tall = -height if top else height
        info = struct.pack("<IiiHHIIiiII", 40, width, tall, 1, bits, 0, 0, 1, 1, len(palette), 0)
    offset = 14 + len(info) + len(table)
    head = struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset)
    return head + info + table + data


PALETTES = {
    "ramp": lambda n: [(i,) * 3 for i in range(n)],
    "spread": lambda n: [(i * 255 // (n - 1),) * 3 for i in range(n)],
    "white first": lambda n: [(255 - i * 255 // (n - 1),) * 3 for i in range(n)],
    "colours": lambda n: [tuple(map(int, c)) for c in RNG.integers(0, 256, (n, 3))],
}


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("kind", PALETTES)
@pytest.mark.parametrize("top", [False, True])
def test_palettes_of_bmp_are_colours_in_images_and_indexes_in_maps(
    tmp_path: Path, bits: int, kind: str, top: bool
) -> None:
    path = tmp_path / "a.bmp"
    for n in {2, min(3, 1 << bits), 1 << bits}:
        palette = PALETTES[kind](n)
        indexes = RNG.integers(0, n, (7, 13))
        path.write_bytes(bmp(indexes, bits, palette, top=top))
        want = np.array(palette, np.uint8)[indexes]
        got = read_image(path)
        assert np.array_equal(np.broadcast_to(got, want.shape), want)
        assert np.array_equal(
            cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], want
        )
        assert image_bytes(path) == got.nbytes
        found = read_map(path)
        if bits == 1 and kind == "spread":  # black and white, as other 1-bit files
            found = found // 255
        assert np.array_equal(found, indexes)
        colors = read_map(path, colors=True)
        assert np.array_equal(colors, want if colors.ndim == 3 else read_map(path))


def test_bmp_of_os2_with_8_bit_and_a_short_palette(tmp_path: Path) -> None:
    indexes = RNG.integers(0, 256, (5, 6))
    palette = PALETTES["colours"](256)
    (tmp_path / "a.bmp").write_bytes(bmp(indexes, 8, palette, core=True))
    assert np.array_equal(read_image(tmp_path / "a.bmp"), np.array(palette, np.uint8)[indexes])
    assert np.array_equal(read_map(tmp_path / "a.bmp"), indexes)


def true_colour(bits: int, *, top: bool, masks: bool) -> bytes:
    height, width = RGB.shape[:2]
    pixels = np.dstack([RGB[..., ::-1], ALPHA])[..., : bits // 8]
    pixels = pixels if top else pixels[::-1]
    rows = [row.tobytes().ljust(-(-width * bits // 32) * 4, b"\0") for row in pixels]
    tall = -height if top else height
    info = struct.pack("<IiiHHIIiiII", 108 if masks else 40, width, tall, 1, bits,
                       3 if masks else 0, 0, 1, 1, 0, 0)  # fmt: skip
    if masks:
        info += struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52)
    data = b"".join(rows)
    offset = 14 + len(info)
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + data


@pytest.mark.parametrize("top", [False, True])
@pytest.mark.parametrize(("bits", "masks"), [(24, False), (32, False), (32, True)])
def test_true_colour_bmp_drops_alpha(tmp_path: Path, bits: int, masks: bool, top: bool) -> None:
    (tmp_path / "a.bmp").write_bytes(true_colour(bits, top=top, masks=masks))
    assert np.array_equal(read_image(tmp_path / "a.bmp"), RGB)
    assert np.array_equal(read_map(tmp_path / "a.bmp"), RGB)
    assert is_color(tmp_path / "a.bmp")


@pytest.mark.parametrize("cut", [1, 40, 500])
def test_bmp_that_was_cut_off_is_one_error(tmp_path: Path, cut: int) -> None:
    path, indexes = tmp_path / "a.bmp", RNG.integers(0, 256, (37, 53))
    whole = bmp(indexes, 8, PALETTES["ramp"](256))
    path.write_bytes(whole)
    assert has_end(path)
    path.write_bytes(whole[:-cut])
    assert not has_end(path)
    for read in (read_image, read_map):
        with pytest.raises(ImageError, match=r"a\.bmp: .*too short for the pixels"):
            read(path)


def test_bmp_with_any_byte_changed_is_read_or_one_error(tmp_path: Path) -> None:
    whole, path = bmp(RNG.integers(0, 16, (9, 9)), 4, PALETTES["colours"](16)), tmp_path / "b.bmp"
    for at in range(80):
        for value in (0, 1, 0x7F, 0xFF):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                size = image_size(path)
                assert read_image(path).shape[:2] == read_map(path).shape[:2] == size
            except ImageError as error:
                said = str(error)
                assert said.count("b.bmp") == 1


@pytest.mark.parametrize("read", [read_image, read_map])
def test_sizes_that_no_file_has_are_refused_by_the_header(tmp_path: Path, read) -> None:
    body = struct.pack("<IiiHHIIiiII", 40, 16_000, 16_000, 1, 24, 0, 0, 1, 1, 0, 0)
    (tmp_path / "a.bmp").write_bytes(struct.pack("<2sIHHI", b"BM", 999, 0, 0, 54) + body)
    with pytest.raises(ImageError, match="too short for the pixels"):
        read(tmp_path / "a.bmp")
    big = struct.pack("<4s3s3s", bytes([0] * 4), b"\xff\xff\xff", b"\xff\xff\xff")
    data = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + big
    (tmp_path / "a.webp").write_bytes(b"RIFF" + struct.pack("<I", len(data)) + data)
    with pytest.raises(ImageError, match="claims more than"):
        read(tmp_path / "a.webp")
