from __future__ import annotations

import io
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.errors import ImageError, UsageError
from maskloom.labelling.decoding import weigh
from maskloom.labelling.pictures import Pictures
from maskloom.labelling.tiles import Source, Thumbnails, cut_tile, look_at, make_overview
from maskloom.store.images import read_image, write_png


@pytest.fixture
def noise(tmp_path):
    """Writes an RGB PNG of noise and gives its path."""

    def write(name, height=100, width=100):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (height, width, 3), np.uint8)
        write_png(tmp_path / name, pixels)
        return tmp_path / name

    return write


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_image_used_longest_ago_goes_first(noise):
    paths = [noise(f"{i}.png") for i in range(3)]
    weight = weigh(paths[0])
    pictures = Pictures(limit=weight.peak + 2 * weight.kept - 1)
    arrays = {}
    for path in (paths[0], paths[1], paths[0], paths[2]):
        with pictures.open(path) as picture:
            arrays[path] = picture.array
    with pictures.open(paths[0]) as picture:
        assert picture.array is arrays[paths[0]]
    with pictures.open(paths[1]) as picture:
        assert picture.array is not arrays[paths[1]]
    assert pictures.used <= pictures.limit


def test_many_threads_stay_below_the_limit(noise):
    paths = [noise(f"{i}.png") for i in range(6)]
    weight = weigh(paths[0])
    pictures = Pictures(limit=weight.peak + weight.kept)
    seen, faults = [], []

    def look(start):
        try:
            for step in range(40):
                with pictures.open(paths[(start * 7 + step) % 6]) as picture:
                    seen.append(pictures.used)
                    assert picture.array.shape == (100, 100, 3)
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=look, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(seen) == 320
    assert max(seen) <= pictures.limit


def test_threads_that_want_one_image_share_its_decoding(noise):
    path, pictures, arrays = noise("one.png", 800, 800), Pictures(), []

    def look():
        with pictures.open(path) as picture:
            arrays.append(picture.array)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(array) for array in arrays}) == 1
    assert pictures.used == arrays[0].nbytes


def test_an_image_over_the_limit_is_refused_before_it_is_decoded(noise):
    pictures = Pictures(limit=1000)
    with pytest.raises(ImageError, match="too large to be shown"), pictures.open(noise("a.png")):
        pass
    assert pictures.used == 0


def test_a_damaged_image_leaves_no_room_taken(noise, tmp_path):
    path = noise("a.png")
    path.write_bytes(path.read_bytes()[:400])
    pictures = Pictures()
    for _ in range(2):
        with pytest.raises(ImageError), pictures.open(path):
            pass
    with pytest.raises(ImageError), pictures.open(tmp_path / "absent.png"):
        pass
    assert pictures.used == 0


def test_a_file_written_anew_is_read_anew(tmp_path):
    path, pictures = tmp_path / "a.png", Pictures()
    for value in (3, 200):
        write_png(path, np.full((4 + value, 4), value, np.uint8))
        with pictures.open(path) as picture:
            assert picture.array[0, 0, 0] == value


FILES = ["gray.png", "rgb.png", "palette.png", "alpha.png", "deep.png", "bits.png", "deep-rgb.png",
         "a.jpg", "gray.tif", "many.tif", "float.tif", "a.webp", "alpha.webp", "a.bmp", "palette.bmp"]  # fmt: skip


def write_kind(path: Path, name: str) -> Path:
    rng = np.random.default_rng(0)
    rgb, gray = (
        rng.integers(0, 256, (40, 60, 3), np.uint8),
        rng.integers(0, 256, (40, 60), np.uint8),
    )
    deep = gray.astype(np.uint16) * 257
    path = path / name
    plain = {
        "gray.png": lambda: Image.fromarray(gray).save(path),
        "rgb.png": lambda: Image.fromarray(rgb).save(path),
        "palette.png": lambda: Image.fromarray(rgb).quantize(16).save(path),
        "alpha.png": lambda: Image.fromarray(np.dstack([rgb, gray])).save(path),
        "deep.png": lambda: Image.fromarray(deep).save(path),
        "bits.png": lambda: Image.fromarray(gray > 128).save(path),
        "deep-rgb.png": lambda: cv2.imwrite(str(path), np.dstack([deep] * 3)),
        "a.jpg": lambda: Image.fromarray(rgb).save(path),
        "a.webp": lambda: Image.fromarray(rgb).save(path),
        "alpha.webp": lambda: Image.fromarray(np.dstack([rgb, gray])).save(path, lossless=True),
        "a.bmp": lambda: Image.fromarray(rgb).save(path),
        "palette.bmp": lambda: Image.fromarray(rgb).quantize(16).save(path),
        "gray.tif": lambda: tifffile.imwrite(path, deep),
        "many.tif": lambda: tifffile.imwrite(
            path,
            rng.random((40, 60, 7), np.float32),
            photometric="minisblack",
            planarconfig="contig",
        ),
        "float.tif": lambda: tifffile.imwrite(path, gray.astype(np.float32) / 255),
    }
    plain[name]()
    return path


@pytest.mark.parametrize("name", FILES)
def test_the_weight_from_the_header_is_that_of_the_array(name, tmp_path):
    path = write_kind(tmp_path, name)
    weight = weigh(path)
    assert weight.kept == read_image(path).nbytes
    assert weight.peak > 2 * weight.kept


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_image_is_shown_in_eight_bits(name, tmp_path):
    source = Source(write_kind(tmp_path, name), (40, 60))
    pictures = Pictures()
    look = look_at(pictures, source)
    array = read_image(source.path)
    assert (look.size_hw, look.levels, look.tile) == ((40, 60), 1, 512)
    assert (look.channels, look.dtype) == (array.shape[2], str(array.dtype))
    shown = pixels(cut_tile(pictures, source, (0, 0, 0)))
    assert shown.dtype == np.uint8
    assert shown.shape == ((40, 60, 3) if array.shape[2] >= 3 else (40, 60))
    if array.dtype == np.uint8:
        assert np.array_equal(shown.reshape(40, 60, -1), array)
    else:
        assert (shown.min(), shown.max()) == (0, 255)
    small = pixels(Thumbnails(pictures).get(source.path))
    assert small.shape[:2] == (40, 60)


def test_a_window_chosen_by_the_user_is_applied(tmp_path):
    source = Source(tmp_path / "a.png", (1, 3))
    write_png(source.path, np.array([[1000, 2000, 3000]], np.uint16))
    pictures = Pictures()
    assert pixels(cut_tile(pictures, source, (0, 0, 0), low=1000, high=3000)).tolist() == [
        [0, 128, 255]
    ]
    assert pixels(cut_tile(pictures, source, (0, 0, 0), low=0, high=6000)).tolist() == [
        [42, 85, 128]
    ]
    with pytest.raises(UsageError):
        cut_tile(pictures, source, (0, 0, 0), low=9000)


def test_tiles_of_all_levels_put_together_are_the_image(noise):
    path = noise("big.png", 1300, 1100)
    source, pictures, full = Source(path, (1300, 1100)), Pictures(), read_image(path)
    look = look_at(pictures, source)
    assert look.levels == 3
    for level in range(look.levels):
        height, width = -(-1300 >> level), -(-1100 >> level)
        whole = np.zeros((height, width, 3), np.uint8)
        for y in range(-(-height // 512)):
            for x in range(-(-width // 512)):
                tile = pixels(cut_tile(pictures, source, (level, x, y)))
                whole[y * 512 : (y + 1) * 512, x * 512 : (x + 1) * 512] = tile
        side = 1 << level
        # A pixel in the middle, one of the last column and one of the last row, by hand.
        for r, c in ((height // 2, width // 2), (3, width - 1), (height - 1, 5)):
            block = full[r * side : (r + 1) * side, c * side : (c + 1) * side].reshape(-1, 3)
            assert np.abs(whole[r, c] - block.mean(0)).max() <= 0.51
        if level == 0:
            assert np.array_equal(whole, full)
    assert cut_tile(pictures, source, (0, 3, 0)) is None
    assert cut_tile(pictures, source, (3, 0, 0)) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_shown_upright(orientation, tmp_path):
    stored = np.zeros((30, 50, 3), np.uint8)
    stored[:10, :10] = 255
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "photo.jpg"
    Image.fromarray(stored).save(path, quality=100, exif=exif)
    upright = read_image(path)
    pictures = Pictures()
    assert upright.shape[:2] == ((50, 30) if orientation > 4 else (30, 50))
    tile = pixels(cut_tile(pictures, Source(path, upright.shape[:2]), (0, 0, 0)))
    assert np.array_equal(tile, upright)
    small = pixels(Thumbnails(pictures).get(path))
    whole = pixels(make_overview(pictures, Source(path, upright.shape[:2])))
    for shown in (small, whole):
        assert shown.shape == upright.shape
        assert np.abs(shown.astype(int) - upright).mean() < 12


@pytest.mark.parametrize(
    ("size", "shown"),
    [((2400, 3000), (600, 750)), ((1000, 6000), (341, 2048)), ((700, 900), (700, 900))],
)
def test_an_overview_of_a_photograph_needs_no_full_decoding(size, shown, tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (size[0] // 100, size[1] // 100, 3), np.uint8)
    whole = np.kron(coarse, np.ones((100, 100, 1), np.uint8))
    path = tmp_path / "photo.jpg"
    Image.fromarray(whole).save(path, quality=95)
    monkeypatch.setattr(Pictures, "open", None)
    made = pixels(make_overview(Pictures(), Source(path, size)))
    assert made.shape == (*shown, 3)
    expected = cv2.resize(whole, shown[::-1], interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(made - expected).mean() < 8


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_an_overview_of_any_other_image_leaves_it_decoded_for_the_tiles(kind, tmp_path):
    path = tmp_path / "a.png"
    ramp = np.linspace(0, np.iinfo(kind).max, 3000).astype(kind)
    write_png(path, np.tile(ramp, (2600, 1)))
    pictures, source = Pictures(), Source(path, (2600, 3000))
    made = pixels(make_overview(pictures, source))
    assert made.shape == (1300, 1500)
    assert np.abs(made[0].astype(int) - np.linspace(0, 255, 1500)).max() < 4
    assert pictures.used == 2600 * 3000 * ramp.itemsize


def test_an_image_of_another_size_than_its_labels_is_refused(noise):
    source = Source(noise("a.png", 20, 30), (30, 20))
    works = (look_at, lambda p, source: cut_tile(p, source, (0, 0, 0)), make_overview)
    for work in works:
        with pytest.raises(ImageError, match="30 × 20, not 20 × 30"):
            work(Pictures(), source)


def test_a_photograph_of_another_size_than_its_labels_has_no_overview(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((900, 600, 3), np.uint8)).save(path)
    with pytest.raises(ImageError, match="600 × 900, not 900 × 600"):
        make_overview(Pictures(), Source(path, (600, 900)))


def test_thumbnails_are_small_and_do_not_push_out_the_open_image(noise):
    opened = noise("open.png", 300, 300)
    pictures = Pictures()
    with pictures.open(opened) as picture:
        array = picture.array
    thumbnails = Thumbnails(pictures, limit=60_000)
    for at in range(8):
        small = pixels(thumbnails.get(noise(f"{at}.png", 700, 1400)))
        assert small.shape[:2] == (128, 256)
    assert pictures.used == array.nbytes
    assert thumbnails._used <= 60_000


def test_a_damaged_photograph_has_no_thumbnail(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((900, 900, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ImageError):
        Thumbnails(Pictures()).get(path)
    with pytest.raises(ImageError):
        make_overview(Pictures(), Source(path, (900, 900)))
