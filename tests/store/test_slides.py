"""Slides that OpenSlide reads: every door shows the same pixels, and copies take all files along."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.formats.coco_boxes import coco_boxes
from tests.store.slide_files import TILE, aperio_jpeg_2000, hamamatsu_jpeg, leica, mirax

from maskloom.errors import ImageError
from maskloom.formats.bare import bare_images
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.labelling.decoding import weigh
from maskloom.store.image_kinds import files_beside
from maskloom.store.images import image_size, is_color, read_image, read_map
from maskloom.store.project import Project
from maskloom.store.rasters import open_raster, raster_size
from maskloom.verbs.check import check
from maskloom.verbs.import_ import import_

pytest.importorskip("openslide", reason="needs the extra slides")
PICTURE = np.random.default_rng(8).integers(0, 256, (3 * TILE, 5 * TILE, 3)).astype(np.uint8)
SLIDES = {"a.mrxs": mirax, "a.scn": leica, "a.svs": aperio_jpeg_2000, "a.ndpi": hamamatsu_jpeg}


@pytest.mark.parametrize("name", SLIDES)
def test_every_door_shows_the_pixels_of_the_full_level(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    want = SLIDES[name](path, PICTURE)
    assert image_size(path) == raster_size(path) == want.shape[:2]
    assert np.array_equal(read_image(path), want)
    with open_raster(path) as raster:
        assert (raster.size, raster.channels, raster.dtype) == (want.shape[:2], 3, np.uint8)
        assert np.array_equal(raster.read(30, 170, 50, 251), want[30:170, 50:251])
    assert is_color(path)
    assert weigh(path).kept == want.size


def test_what_was_not_photographed_has_the_slides_own_colour(tmp_path: Path) -> None:
    want = mirax(tmp_path / "a.mrxs", PICTURE, holes=(1, 7), fill=0x0A64C8)
    assert want[0, TILE].tolist() == [0xC8, 0x64, 0x0A]
    assert np.array_equal(read_image(tmp_path / "a.mrxs"), want)


def test_windows_larger_than_a_square_are_put_together(tmp_path: Path) -> None:
    picture = np.tile(PICTURE, (4, 4, 1))
    want = leica(tmp_path / "a.scn", picture)
    with open_raster(tmp_path / "a.scn") as raster:
        assert raster.chunk == (512, 512)
        assert np.array_equal(raster.read(0, want.shape[0], 0, want.shape[1]), want)


@pytest.mark.parametrize("name", ["a.mrxs", "a.scn"])
def test_a_slide_is_no_label_map(tmp_path: Path, name: str) -> None:
    SLIDES[name](tmp_path / name, PICTURE)
    with pytest.raises(ImageError, match=rf"{name}: a slide is a photograph, not a label map"):
        read_map(tmp_path / name)


@pytest.mark.parametrize("name", SLIDES)
def test_converted_sets_hold_the_slide_with_all_of_its_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "images").mkdir()
    want = SLIDES[name](tmp_path / "images" / name, PICTURE)
    source = read_dataset(coco_boxes(tmp_path / "labels.json", name, size=want.shape[:2]))
    transfer(source, tmp_path / "out", load_format("bitmap"), allow_loss=True)
    shutil.rmtree(tmp_path / "images")
    (sample,) = read_dataset(tmp_path / "out").samples
    assert sample.image.path == tmp_path / "out/images" / name
    assert np.array_equal(read_image(sample.image.path), want)


@pytest.mark.parametrize("name", SLIDES)
def test_a_project_takes_slides_and_keeps_copies_of_them(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    want = SLIDES[name](tmp_path / "in" / name, PICTURE)
    assert bare_images(tmp_path / "in")[1] == ()
    outcome = import_(tmp_path / "in", tmp_path / "p", copy=True)
    assert (outcome.exit_code, outcome.results["new_samples"]) == (0, 1)
    shutil.rmtree(tmp_path / "in")
    with Project.open(tmp_path / "p") as project:
        (sample,) = project.samples()
    assert sample.image.size == want.shape[:2]
    assert np.array_equal(read_image(sample.image.path), want)
    import_(coco_boxes(tmp_path / "labels.json", name, size=want.shape[:2]), tmp_path / "p")
    assert check(tmp_path / "p", deep=True).exit_code == 0


def test_a_slide_without_its_folder_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mrxs"
    mirax(path, PICTURE)
    assert [p.name for p in files_beside(path)] == ["Data0000.dat", "Index.dat", "Slidedat.ini"]
    shutil.rmtree(path.with_suffix(""))
    with pytest.raises(ImageError, match=r"a\.mrxs: not a slide that OpenSlide can read"):
        read_image(path)


def test_a_damaged_photograph_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.mrxs"
    mirax(path, PICTURE)
    data = path.with_suffix("") / "Data0000.dat"
    data.write_bytes(bytes(9000) + data.read_bytes()[9000:])
    with pytest.raises(ImageError, match=r"a\.mrxs: the slide is damaged .* at row 0, column 0"):
        read_image(path)


@pytest.mark.parametrize("name", ["a.mrxs", "a.scn", "a.bif", "a.svslide", "a.czi"])
@pytest.mark.parametrize("content", [b"", b"II+\0 and nothing more", b"\xff\xd8\xff" + bytes(99)])
def test_other_files_are_no_slides(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=f"{name}: (not a slide|the image file is empty)"):
        read_image(tmp_path / name)


PARTS = r"Slidedat\.ini: the slide claims more parts"


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"IMAGENUMBER_X = 5": "IMAGENUMBER_X = 2000000000"}, PARTS),
        ({"IMAGENUMBER_Y = 3": " IMAGENUMBER_Y=0030000000"}, PARTS),
        ({"R_X = 5": "R_X = 999999", "R_Y = 3": "R_Y = 999999"}, PARTS),
        ({"HIER_0_COUNT = 1": "HIER_0_COUNT = 2147483646"}, PARTS),
        ({"FILE_COUNT = 1": "FILE_COUNT = 2147483646"}, PARTS),
        ({"_WIDTH = 64": "_WIDTH = 1000000000", "_HEIGHT = 64": "_HEIGHT = 1000000"},
         r"a\.mrxs: the image claims more than 1099511627776 pixels"),
    ],
)  # fmt: skip
def test_a_slide_of_absurd_numbers_is_refused_at_once(tmp_path, claims, said: str) -> None:
    path = tmp_path / "a.mrxs"
    mirax(path, PICTURE)
    index = path.with_suffix("") / "Slidedat.ini"
    for told, claimed in claims.items():
        index.write_text(index.read_text().replace(told, claimed))
    with pytest.raises(ImageError, match=said):
        image_size(path)


def test_without_openslide_the_error_names_the_extra(tmp_path: Path) -> None:
    leica(tmp_path / "a.scn", PICTURE)
    script = (
        "import sys; sys.modules['openslide'] = None; from maskloom.faces.cli import main; "
        f"sys.exit(main(['import', {str(tmp_path / 'a.scn')!r}, {str(tmp_path / 'p')!r}]))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "a.scn" in done.stderr
    assert "pip install 'maskloom[slides]'" in done.stderr
