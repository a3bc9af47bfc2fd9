"""Images of floats: nothing guesses their range, whoever reads them and however they are cut."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.core.run import Preprocessing, Run
from maskloom.errors import ImageError, UsageError
from maskloom.faces.cli import main
from maskloom.inference.asked import ModelOptions
from maskloom.inference.open_run import open_run
from maskloom.inference.preprocess import image_moments, normalize, to_unit
from maskloom.models import checkpoint
from maskloom.store.images import read_map

from .test_decode_detector import run_of
from .tiling.conftest import save_run

BYTES = np.random.default_rng(0).integers(0, 256, (200, 230, 1)).astype(np.uint8)
FLOATS = {1: BYTES / np.float32(255), 255: BYTES.astype(np.float32)}
OF_BYTES = Preprocessing(("gray",), 255.0, (0.5,), (0.25,), 4)
RANGE = r"floats, and the model was trained on whole numbers up to 255.*model\.white=1"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of three classes, trained on bytes."""
    return save_run(tmp_path_factory.mktemp("runs") / "classes").path


def predict(*arguments: object) -> tuple[int, str]:
    """The status of `predict` and what it says."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = main(["predict", *map(str, arguments)])
    return code, " ".join(out.getvalue().split())


@pytest.mark.parametrize("per_image", [False, True])
def test_a_grey_network_sees_colours_as_pillow_makes_them_grey(per_image: bool) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (90, 70, 3)).astype(np.uint8)
    grey = np.asarray(Image.fromarray(colors).convert("L"))[..., None]
    pre = replace(OF_BYTES, per_image=per_image)
    assert np.array_equal(to_unit(colors, pre), to_unit(grey, pre))
    moments = [
        image_moments(lambda y0, y1, x0, x1, of=one: of[y0:y1, x0:x1], (90, 70), pre)
        for one in (colors, grey)
    ]
    assert repr(moments[0]) == repr(moments[1])
    assert (moments[0] is None) != per_image
    deep = to_unit(colors.astype(np.uint16) * 257, pre)
    np.testing.assert_allclose(deep, to_unit(grey, pre), atol=0.5 / 255)
    for other in (colors.astype(np.float32), np.zeros((9, 9, 4), np.uint8)):
        with pytest.raises(ImageError, match="other channels than the model"):
            to_unit(other, replace(pre, white=255.0))


@pytest.mark.parametrize("scale", [255.0, 65535.0])
@pytest.mark.parametrize("white", FLOATS)
def test_floats_are_refused_by_a_network_of_whole_numbers(white: int, scale: float) -> None:
    pre = replace(OF_BYTES, scale=scale)
    with pytest.raises(ImageError, match=f"whole numbers up to {scale:.0f}.*model.white=1"):
        to_unit(FLOATS[white], pre)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("white", FLOATS)
def test_floats_are_divided_by_the_white_that_is_asked(white: int, dtype: type) -> None:
    pre = replace(OF_BYTES, white=float(white))
    found = to_unit(FLOATS[white].astype(dtype), pre)
    np.testing.assert_allclose(found, to_unit(BYTES, OF_BYTES), atol=1e-3)
    assert found.dtype == np.float32


def test_white_says_nothing_of_8_bit() -> None:
    assert np.array_equal(to_unit(BYTES, replace(OF_BYTES, white=3.0)), to_unit(BYTES, OF_BYTES))


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_a_camera_of_fewer_bits_than_its_file_shows_the_same_picture(bits: int) -> None:
    top = (1 << bits) - 1
    deep = np.rint(BYTES.astype(float) * top / 255).astype(np.uint16)
    assert deep.max() > top // 2  # by which the bits are known
    white = to_unit(deep, replace(OF_BYTES, white=float(top)))
    np.testing.assert_allclose(white, to_unit(BYTES, OF_BYTES), atol=1 / top)
    pre = replace(OF_BYTES, per_image=True)
    seen = []
    for image in (BYTES, deep):
        read = lambda y0, y1, x0, x1, image=image: image[y0:y1, x0:x1]  # noqa: E731
        moments = image_moments(read, image.shape[:2], pre)
        seen.append(normalize(to_unit(image, pre), pre, moments))
    np.testing.assert_allclose(seen[1], seen[0], atol=0.02)


def test_a_network_of_floats_takes_them_as_they_are() -> None:
    assert np.array_equal(to_unit(FLOATS[255], replace(OF_BYTES, scale=1.0)), FLOATS[255])


def test_moments_are_refused_before_the_image_is_read_and_follow_white() -> None:
    asked = []

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        asked.append(y0)
        return np.zeros((y1 - y0, x1 - x0, 1), np.float32)

    pre = replace(OF_BYTES, per_image=True)
    with pytest.raises(ImageError, match=RANGE):
        image_moments(read, (1 << 14, 1 << 12), pre)
    assert asked == [0]
    wanted = image_moments(lambda y0, y1, x0, x1: BYTES[y0:y1, x0:x1], (200, 230), pre)
    for white, image in FLOATS.items():
        found = image_moments(
            lambda y0, y1, x0, x1, image=image: image[y0:y1, x0:x1],
            (200, 230),
            replace(pre, white=float(white)),
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("settings", [(), ("--set", "tile=64")], ids=["whole", "tiled"])
def test_floats_are_labelled_as_bytes_once_white_is_told(
    run_folder: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", BYTES[:, :, 0], tile=(64, 64))
    options = ["--model", run_folder, *settings, "--out"]
    assert predict(tmp_path / "a.tif", *options, tmp_path / "bytes")[0] == 0
    wanted = read_map(tmp_path / "bytes" / "masks" / "a.png")
    assert len(np.unique(wanted)) > 1
    for white, image in FLOATS.items():
        path = tmp_path / f"f{white}.tif"
        tifffile.imwrite(path, image[:, :, 0], tile=(64, 64))
        code, said = predict(path, *options, tmp_path / "refused")
        assert code != 0
        assert "whole numbers up to 255" in said
        assert "--set model.white=1" in said
        assert not (tmp_path / "refused").exists()
        out = tmp_path / f"out{white}"
        code, said = predict(path, *options, out, "--set", f"model.white={white}")
        assert code == 0, said
        assert np.array_equal(read_map(out / "masks" / f"f{white}.png"), wanted)


def test_detectors_refuse_floats_and_follow_white(tmp_path: Path) -> None:
    import torch

    run = run_of(tmp_path)
    torch.manual_seed(0)
    checkpoint.save(run, checkpoint.build(run).state_dict())
    image = np.repeat(BYTES[:60, :80], 3, axis=2)
    wanted = open_run(tmp_path, device="cpu").predict(image).labels.rows
    assert len(wanted)
    floats = image.astype(np.float32)
    with pytest.raises(ImageError, match=RANGE):
        open_run(tmp_path, device="cpu").predict(floats)
    found = open_run(tmp_path, device="cpu", white=255).predict(floats).labels.rows
    assert np.array_equal(found.masks.areas, wanted.masks.areas)
    assert np.array_equal(found.score, wanted.score)


def test_white_is_of_a_call_and_not_kept_with_the_run(run_folder: Path) -> None:
    run = Run.load(run_folder)
    asked = replace(run, preprocessing=replace(run.preprocessing, white=7.0))
    assert asked.to_json() == run.to_json()
    assert "white" not in run.to_json()["preprocessing"]


@pytest.mark.parametrize("white", [0.0, -1.0, float("inf"), float("nan")])
def test_a_white_that_cannot_be_is_refused(white: float) -> None:
    with pytest.raises(UsageError, match="option white is out of range"):
        ModelOptions(white=white)
