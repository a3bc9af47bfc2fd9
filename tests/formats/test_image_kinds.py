"""Every kind of image, wherever formats meet images: found, measured, copied, read as maps."""

from __future__ import annotations

import json
import struct

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.formats.coco_boxes import coco_boxes

from maskloom.errors import ImageError
from maskloom.formats.bare import bare_images
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.inference.sources import find_images
from maskloom.store.image_kinds import (
    IMAGE_SUFFIXES,
    SLIDE_SUFFIXES,
    TIFF_SLIDES,
    TIFF_SUFFIXES,
)
from maskloom.store.images import read_image
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_

SIZE = (20, 30)
RGB = np.random.default_rng(3).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
IDS = np.random.default_rng(4).integers(0, 3, SIZE).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 7]], np.uint8)
PICTURES = sorted(IMAGE_SUFFIXES - SLIDE_SUFFIXES)  # slides of OpenSlide: test_slides.py
EXACT = sorted(set(PICTURES) - {".jpg", ".jpeg"})


def hamamatsu(path, array):
    """NDPI: a TIFF whose tables lead on by 64 bits, with the upper halves of values behind."""
    height, width, _ = array.shape
    pixels, bits = array.tobytes(), struct.pack("<3H", 8, 8, 8)
    values = {256: width, 257: height, 258: 12 + len(pixels), 259: 1, 262: 2, 273: 12, 277: 3,
              278: height, 279: len(pixels), 65420: 1}  # fmt: skip
    tags = b"".join(
        struct.pack("<HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, value)
        for tag, value in values.items()
    )
    table = struct.pack("<H", len(values)) + tags + bytes(8) + bytes(4 * len(values))
    start = 12 + len(pixels) + len(bits)
    path.write_bytes(b"II*\0" + struct.pack("<Q", start) + pixels + bits + table)
    return path


def picture(path, array=RGB):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ndpi":
        return hamamatsu(path, array)
    kind = "TIFF" if path.suffix in TIFF_SUFFIXES else None
    options = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(array).save(path, kind, **options)
    return path


def indexed(path, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(IDS)
    image.putpalette(COLORS.tobytes())
    image.save(path, kind)


def test_folders_of_images_hold_every_kind(tmp_path):
    for i, suffix in enumerate(PICTURES):
        picture(tmp_path / f"in/{i:02d}{suffix}")
    found, warnings = bare_images(tmp_path / "in")
    assert [s.image.path.suffix for s in found] == PICTURES
    assert warnings == ()
    assert len(find_images(str(tmp_path / "in")).samples) == len(found)
    outcome = import_(tmp_path / "in", tmp_path / "p")
    assert (outcome.exit_code, outcome.results["new_samples"]) == (0, len(found))
    with Project.open(tmp_path / "p") as project:
        for sample in project.samples():
            assert sample.image.size == SIZE
            if sample.image.path.suffix in EXACT:
                assert np.array_equal(read_image(sample.image.path), RGB)


@pytest.mark.parametrize("suffix", EXACT)
def test_images_that_labels_name_are_found_measured_and_copied(tmp_path, suffix):
    picture(tmp_path / f"images/a{suffix}")
    coco_boxes(tmp_path / "a.json", f"a{suffix}", size=SIZE)
    source = read_dataset(tmp_path / "a.json")
    transfer(source, tmp_path / "out", load_format("bitmap"), allow_loss=True)
    assert np.array_equal(read_image(tmp_path / f"out/images/a{suffix}"), RGB)
    (sample,) = read_dataset(tmp_path / "out").samples
    assert sample.image.path == tmp_path / f"out/images/a{suffix}"


@pytest.mark.parametrize("image", [".webp", ".bmp", ".jpg"])
def test_maps_in_bmp_are_indexes(tmp_path, image):
    picture(tmp_path / f"images/a{image}")
    indexed(tmp_path / "masks/a.bmp", "BMP")
    data = read_dataset(tmp_path)
    assert data.labels_of(data.samples[0]).class_map.tolist() == IDS.tolist()
    assert data.samples[0].image.path == tmp_path / f"images/a{image}"


@pytest.mark.parametrize("image", [".webp", ".bmp"])
def test_png_maps_lie_beside_images_of_other_kinds(tmp_path, image):
    picture(tmp_path / f"a{image}")
    indexed(tmp_path / "a.png", "PNG")
    data = read_dataset(tmp_path, "bitmap", settings=["masks=.", "images=."])
    assert data.labels_of(data.samples[0]).class_map.tolist() == IDS.tolist()
    assert data.samples[0].image.path == tmp_path / f"a{image}"


def test_lossless_webp_holds_colours_of_classes_and_lossy_webp_no_labels(tmp_path):
    picture(tmp_path / "images/a.png")
    picture(tmp_path / "masks/a.webp", COLORS[IDS])
    lines = (" ".join(map(str, c)) + f" class{i}\n" for i, c in enumerate(COLORS.tolist()))
    (tmp_path / "colors.txt").write_text("".join(lines))
    settings = [f"colors={tmp_path / 'colors.txt'}"]
    data = read_dataset(tmp_path, "bitmap", settings=settings)
    assert data.labels_of(data.samples[0]).class_map.tolist() == IDS.tolist()
    Image.fromarray(COLORS[IDS]).save(tmp_path / "masks/a.webp", quality=95)
    with pytest.raises(ImageError, match=r"a\.webp: a label map stored as lossy WebP"):
        read_dataset(tmp_path, "bitmap", settings=settings).labels_of(data.samples[0])


def test_slides_are_images_like_others():
    assert TIFF_SLIDES < TIFF_SUFFIXES < IMAGE_SUFFIXES
    assert SLIDE_SUFFIXES < IMAGE_SUFFIXES - TIFF_SUFFIXES


def film_with_labels(folder):
    """A project `p` of a film of three frames, and what CVAT wrote of them."""
    writer = cv2.VideoWriter(
        str(folder / "clip.mkv"), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"FFV1"), 10, SIZE[::-1]
    )
    for shift in range(3):
        writer.write(np.roll(RGB, shift, 0)[..., ::-1].copy())
    writer.release()
    import_(folder / "clip.mkv", folder / "p")
    box = '<box frame="{}" keyframe="1" outside="0" occluded="0" xtl="2" ytl="3" xbr="9" ybr="8"/>'
    (folder / "clip.xml").write_text(
        "<annotations><version>1.1</version><meta><task><size>3</size><mode>interpolation</mode>"
        "<start_frame>0</start_frame><stop_frame>2</stop_frame><labels><label><name>car</name>"
        "</label></labels><original_size><width>30</width><height>20</height></original_size>"
        '</task></meta><track id="0" label="car">' + box.format(0) + "</track></annotations>"
    )


def test_labels_of_a_cvat_video_find_the_frames_of_a_film(tmp_path):
    film_with_labels(tmp_path)
    data = read_dataset(tmp_path / "clip.xml", images=tmp_path / "p/images/clip")
    for sample in data.samples:
        assert sample.image.path == tmp_path / f"p/images/clip/frame_{sample.index:06d}.png"
        assert np.array_equal(read_image(sample.image.path), np.roll(RGB, sample.index, 0))
        assert len(data.labels_of(sample).rows) == 1
    assert [s.index for s in data.samples] == [0, 1, 2]


def test_labels_of_a_film_are_those_of_its_frames_in_the_project(tmp_path):
    film_with_labels(tmp_path)
    outcome = import_(tmp_path / "clip.xml", tmp_path / "p", images=tmp_path / "p/images/clip")
    assert (outcome.results["samples"], outcome.results["new_samples"]) == (3, 0)
    assert "'frame_000000' as 'clip/frame_000000'" in " ".join(outcome.warnings)
    with Project.open(tmp_path / "p") as project:
        samples = list(project.samples())
        data = project.dataset("main")
    assert [s.key for s in samples] == [f"clip/frame_{i:06d}" for i in range(3)]
    assert [len(data.labels_of(s).rows) for s in data.samples] == [1, 1, 1]


def test_labels_of_frames_that_were_not_taken_wait_for_them(tmp_path):
    film_with_labels(tmp_path)
    import_(tmp_path / "clip.mkv", tmp_path / "q", set_=("from.every=2",))
    outcome = import_(tmp_path / "clip.xml", tmp_path / "q", images=tmp_path / "q/images/clip")
    assert outcome.results["new_samples"] == 1  # of the frame between, whose picture comes later
    import_(tmp_path / "clip.mkv", tmp_path / "q")
    with Project.open(tmp_path / "q") as project:
        data = project.dataset("main")
    assert sorted(s.key for s in data.samples) == [f"clip/frame_{i:06d}" for i in range(3)]
    assert all(s.image.path.is_file() and len(data.labels_of(s).rows) == 1 for s in data.samples)


@pytest.mark.parametrize("suffix", [".svs", ".webp", ".bmp", ".btf"])
def test_geojson_of_pathology_lies_beside_its_slide(tmp_path, suffix):
    picture(tmp_path / f"a{suffix}")
    ring = [[2, 3], [12, 3], [12, 9], [2, 9], [2, 3]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    one = {"type": "Feature", "properties": {"category": "gland"}, "geometry": shape}
    text = json.dumps({"type": "FeatureCollection", "features": [one]})
    (tmp_path / "a.geojson").write_text(text)
    data = read_dataset(tmp_path, settings=["crs=pixel"])
    (sample,) = data.samples
    assert sample.image.path == tmp_path / f"a{suffix}"
    rows = data.labels_of(sample).rows
    assert [int(n) for n in rows.masks.areas] == [60]
