"""Films become sequences of images: the very pixels, numbers and times, or what is missing."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskloom.errors import DataError, FormatError, ImageError, UsageError
from maskloom.formats.detect import detect_format
from maskloom.inference.sources import find_images
from maskloom.store.images import read_image
from maskloom.store.project import Project
from maskloom.store.video import opened_film
from maskloom.verbs.import_ import import_

COUNT, SIZE, FPS = 9, (48, 64), 10.0
KINDS = [("avi", "FFV1"), ("mkv", "FFV1"), ("avi", "png "), ("mov", "png "), ("avi", "HFYU")]


def picture(index: int) -> np.ndarray:
    """(H, W, 3) RGB of noise with the number of the frame burnt into a corner."""
    pixels = np.random.default_rng(index).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    pixels[:8, :8] = index
    return pixels


def film(path: Path, codec: str = "FFV1", count: int = COUNT, fps: float = FPS) -> Path:
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), fps, SIZE[::-1]
    )
    assert writer.isOpened()
    for index in range(count):
        writer.write(np.ascontiguousarray(picture(index)[..., ::-1]))
    writer.release()
    return path


def samples_of(root: Path) -> list:
    with Project.open(root) as project:
        return list(project.samples())


@pytest.mark.parametrize(("suffix", "codec"), KINDS)
def test_frames_are_the_pixels_numbers_and_times_of_the_film(tmp_path, suffix, codec):
    source = film(tmp_path / f"clip.{suffix}", codec)
    outcome = import_(source, tmp_path / "p")
    assert outcome.exit_code == 0
    assert (outcome.results["from"], outcome.results["new_samples"]) == ("video", COUNT)
    assert outcome.warnings == ()
    assert outcome.lines[-1] == f"the frames are PNG files in {tmp_path / 'p/images/clip'}"
    found = samples_of(tmp_path / "p")
    for index, sample in enumerate(found):
        assert sample.key == f"clip/frame_{index:06d}"
        assert (sample.kind, sample.sequence, sample.group) == ("frame", "clip", "clip")
        assert (sample.index, sample.image.size) == (index, SIZE)
        assert sample.time_s == pytest.approx(index / FPS, abs=1e-6)
        assert sample.image.path == tmp_path / f"p/images/{sample.key}.png"
        assert np.array_equal(read_image(sample.image.path), picture(index))
    assert len(found) == COUNT


def test_one_frame_of_so_many_and_the_others_later(tmp_path):
    source = film(tmp_path / "clip.mkv")
    import_(source, tmp_path / "p", set_=("from.every=4",))
    assert [s.index for s in samples_of(tmp_path / "p")] == [0, 4, 8]
    assert [s.time_s for s in samples_of(tmp_path / "p")] == pytest.approx([0, 0.4, 0.8])
    with pytest.raises(UsageError, match="every frame is in the project already"):
        import_(source, tmp_path / "p", set_=("every=8",))
    assert import_(source, tmp_path / "p").results["new_samples"] == COUNT - 3
    assert sorted(s.index for s in samples_of(tmp_path / "p")) == list(range(COUNT))
    with pytest.raises(UsageError, match="one frame of how many"):
        import_(source, tmp_path / "q", set_=("every=0",))
    assert not (tmp_path / "q").exists()


def test_times_are_those_of_the_container(tmp_path):
    source, times = film(tmp_path / "clip.mkv"), [0, 10, 35, 40, 300, 301, 500, 555, 900]
    data, at = bytearray(source.read_bytes()), 0
    for index, time in enumerate(times):  # blocks: track 1, time in ms, flags
        at = data.index(
            b"\x81" + struct.pack(">h", 100 * index) + (b"\0" if index else b"\x80"), at
        )
        data[at + 1 : at + 3] = struct.pack(">h", time)
    source.write_bytes(bytes(data))
    import_(source, tmp_path / "p")
    assert [s.time_s for s in samples_of(tmp_path / "p")] == pytest.approx(np.array(times) / 1000)


@pytest.mark.parametrize(("turn", "times"), [(90, 3), (180, 2), (270, 1)])
def test_films_that_lie_on_their_side_are_upright_once(tmp_path, turn, times):
    source = film(tmp_path / "clip.mov", "png ")
    data, one = bytearray(source.read_bytes()), 1 << 16
    matrix = {
        90: (0, one, 0, -one, 0, 0, SIZE[0] * one, 0, 1 << 30),
        180: (-one, 0, 0, 0, -one, 0, SIZE[1] * one, SIZE[0] * one, 1 << 30),
        270: (0, -one, 0, one, 0, 0, 0, SIZE[1] * one, 1 << 30),
    }[turn]
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", *matrix)
    source.write_bytes(bytes(data))
    import_(source, tmp_path / "p")
    for sample in samples_of(tmp_path / "p"):
        want = np.rot90(picture(sample.index), times)
        assert sample.image.size == want.shape[:2]
        assert np.array_equal(read_image(sample.image.path), want)


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_of_a_damaged_film_the_sound_frames_are_taken_and_the_rest_is_told(
    tmp_path, suffix, damage
):
    source = film(tmp_path / f"clip.{suffix}")
    data = bytearray(source.read_bytes())
    half = len(data) // 2
    if damage == "cut":
        del data[half:]
    else:
        data[half : half + 4000] = bytes(b ^ 0x5A for b in data[half : half + 4000])
    source.write_bytes(bytes(data))
    outcome = import_(source, tmp_path / "p")
    found = samples_of(tmp_path / "p")
    assert 2 <= len(found) < COUNT - 2
    assert outcome.exit_code == 1
    assert f"breaks off after {len(found)} of {COUNT} frames" in outcome.failures[0]
    for sample in found:
        assert np.array_equal(read_image(sample.image.path), picture(sample.index))


@pytest.mark.parametrize("suffix", ["mov", "avi", "mkv"])
@pytest.mark.parametrize("kept", [0, 5, 40, 0.5])
def test_what_has_no_frame_is_one_error_and_leaves_no_project(tmp_path, suffix, kept, capfd):
    source = film(tmp_path / f"clip.{suffix}", "png ")
    data = source.read_bytes()
    if kept == 0.5 and suffix != "mov":  # only there the table of frames stands at the end
        return
    source.write_bytes(data[: kept if isinstance(kept, int) else int(len(data) * kept)])
    with pytest.raises(ImageError, match=rf"clip\.{suffix}: "):
        import_(source, tmp_path / "p")
    assert not (tmp_path / "p").exists()
    assert not re.search("OpenCV|WARN|ERROR", capfd.readouterr().err)


def test_an_empty_film_is_called_empty(tmp_path):
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(ImageError, match=r"clip\.mp4: the film is empty \(saw '0 bytes'\)"):
        import_(tmp_path / "clip.mp4", tmp_path / "p")
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXT-X-VERSION:3\n/etc/passwd\n", "ffconcat version 1"])
def test_lists_of_other_files_are_no_films(tmp_path, text):
    (tmp_path / "a.mp4").write_text(text)
    with (
        pytest.raises(ImageError, match="neither MP4, MOV, AVI, MKV nor WebM"),
        opened_film(tmp_path / "a.mp4"),
    ):
        pass


def test_an_image_of_that_name_in_the_project_is_not_overwritten(tmp_path):
    source = film(tmp_path / "clip.mkv")
    other = tmp_path / "p/images/clip/frame_000003.png"
    import_(source, tmp_path / "p", set_=("every=5",))
    other.write_bytes(b"mine")
    with pytest.raises(DataError, match="another image has the name of this frame"):
        import_(source, tmp_path / "p")
    assert other.read_bytes() == b"mine"
    assert sorted(p.name for p in other.parent.iterdir()) == [
        "frame_000000.png", "frame_000003.png", "frame_000005.png"
    ]  # fmt: skip


def test_the_other_verbs_say_how_films_become_images(tmp_path):
    source = film(tmp_path / "clip.mkv")
    with pytest.raises(DataError, match="maskloom import FILM PROJECT"):
        find_images(str(source))
    with pytest.raises(FormatError, match="maskloom import FILM PROJECT"):
        detect_format(source)
    with pytest.raises(FormatError, match="maskloom import FILM PROJECT"):
        import_(tmp_path, tmp_path.parent / "elsewhere")
