"""Blocks are made once, by any number of workers, and survive kills and damage."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from maskloom.errors import DataError, ImageError, MaskloomError
from maskloom.inference.maker import made
from maskloom.inference.open_run import open_run
from maskloom.inference.tiling.choose import plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.inference.tiling.run import label_tiled
from maskloom.inference.tiling.tiled import block_file, is_complete
from maskloom.inference.tiling.whole import Blocks, whole_labels
from maskloom.store.images import read_image, write_png
from maskloom.store.rasters import whole
from maskloom.store.rasters.whole import WholePicture
from maskloom.work.executors import open_executor

from .conftest import save_run, write_image


def tiled_of(maker, image, folder, *, workers=1, tile=64):
    segmenter = made(maker)
    plan = plan_for(segmenter, read_image(image).shape[:2], TileOptions(tile=tile))
    with open_executor(workers=workers) as executor:
        return label_tiled(maker, image, folder, plan=plan, executor=executor)


def bytes_of(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.glob("*.npz")}


def test_blocks_put_together_are_one_pass(maker, image_file, tmp_path):
    tiled = tiled_of(maker, image_file, tmp_path / "blocks")
    segmenter = made(maker)
    found = whole_labels(Blocks(tiled), "model/m")
    wanted = segmenter.predict(read_image(image_file)).labels
    np.testing.assert_array_equal(found.class_map, wanted.class_map)
    # small inputs may be computed by other kernels: the last bit of a logit, once in 255
    assert np.abs(found.confidence.astype(int) - wanted.confidence).max() <= 1
    assert len(tiled.plan) == 4 * 5
    assert tiled.resumed == 0


def test_a_picture_is_held_once(maker, image_file, tmp_path, monkeypatch):
    """A PNG has no windows: its pixels are the largest thing in memory."""
    write_png(tmp_path / "a.png", read_image(image_file)[:, :, 0])
    held, most = set(), []

    class Counted(WholePicture):
        def __init__(self, path, *, stored):
            super().__init__(path, stored=stored)
            held.add(id(self))
            most.append(len(held))

        def close(self):
            held.discard(id(self))
            super().close()

    monkeypatch.setattr(whole, "WholePicture", Counted)
    assert tiled_of(maker, tmp_path / "a.png", tmp_path / "blocks").seams.pixels
    assert most == [1, 1]  # for the blocks, and for the second reading at seams
    assert not held


def test_per_image_normalisation_is_of_the_whole_image(tmp_path):
    run = save_run(tmp_path / "run", per_image=True)
    image = tmp_path / "image.tif"
    ramp = np.linspace(0, 255, 200 * 200).reshape(200, 200).astype(np.uint8)
    tifffile.imwrite(image, ramp, tile=(64, 64))
    maker = partial(open_run, run.path, device="cpu")
    found = whole_labels(Blocks(tiled_of(maker, image, tmp_path / "blocks")), "model/m")
    wanted = made(maker).predict(read_image(image)).labels
    np.testing.assert_array_equal(found.class_map, wanted.class_map)


def test_two_workers_write_the_same_bytes(maker, image_file, tmp_path):
    tiled_of(maker, image_file, tmp_path / "one")
    tiled_of(maker, image_file, tmp_path / "two", workers=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert len(bytes_of(tmp_path / "one")) == 20


def test_what_is_there_is_not_made_again(maker, image_file, tmp_path):
    folder = tmp_path / "blocks"
    tiled_of(maker, image_file, folder)
    before = bytes_of(folder)
    kept = block_file(folder, 3)
    block_file(folder, 7).unlink()
    mark = kept.stat().st_mtime_ns
    again = tiled_of(maker, image_file, folder)
    assert again.resumed == 19
    assert kept.stat().st_mtime_ns == mark
    assert bytes_of(folder) == before


def test_a_block_that_was_cut_short_is_made_again(maker, image_file, tmp_path):
    folder = tmp_path / "blocks"
    tiled_of(maker, image_file, folder)
    before = bytes_of(folder)
    file = block_file(folder, 5)
    file.write_bytes(file.read_bytes()[:-10])
    assert tiled_of(maker, image_file, folder).resumed == 19
    assert bytes_of(folder) == before


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_corrupt_journal_costs_work_and_no_pixel(maker, image_file, tmp_path, damage):
    folder = tmp_path / "blocks"
    tiled_of(maker, image_file, folder)
    before = bytes_of(folder)
    journal = folder / "journal"
    data = bytearray(journal.read_bytes())
    if damage == "gone":
        journal.unlink()
    else:
        if damage == "flip":
            data[-20] ^= 1
        journal.write_bytes({"cut": data[:-7], "flip": data, "empty": b""}[damage])
    again = tiled_of(maker, image_file, folder)
    assert again.resumed == (19 if damage in ("cut", "flip") else 0)
    assert again.damaged == (1 if damage in ("cut", "flip") else 0)
    assert bytes_of(folder) == before


def test_blocks_of_other_settings_are_not_gone_on_with(maker, image_file, tmp_path):
    folder = tmp_path / "blocks"
    tiled_of(maker, image_file, folder)
    again = tiled_of(maker, image_file, folder, tile=128)
    assert again.resumed == 0
    assert len(bytes_of(folder)) == len(again.plan) == 6


def test_a_block_damaged_within_is_one_clear_error_and_made_anew(maker, image_file, tmp_path):
    folder = tmp_path / "blocks"
    tiled = tiled_of(maker, image_file, folder)
    before = bytes_of(folder)
    file = block_file(folder, 2)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    assert is_complete(folder)  # of a file's inside nothing is known before it is read
    with pytest.raises(DataError, match=r"000002.*a finished tile .* Predict again"):
        whole_labels(Blocks(tiled), "model/m")
    assert not is_complete(folder)
    assert tiled_of(maker, image_file, folder).resumed == 19
    assert is_complete(folder)
    assert bytes_of(folder) == before


@pytest.mark.parametrize("harm", ["a tile is gone", "whole.json is cut", "whole.json is gone"])
def test_an_image_that_was_whole_is_gone_on_with(maker, image_file, tmp_path, harm):
    folder = tmp_path / "blocks"
    tiled_of(maker, image_file, folder)
    before = bytes_of(folder)
    if harm == "a tile is gone":
        block_file(folder, 3).unlink()
    elif harm == "whole.json is cut":
        (folder / "whole.json").write_text("{")
    else:
        (folder / "whole.json").unlink()
    assert not is_complete(folder)
    assert tiled_of(maker, image_file, folder).resumed == (19 if harm == "a tile is gone" else 20)
    assert bytes_of(folder) == before
    assert is_complete(folder)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 5), (64, 64)])
def test_small_and_thin_images(maker, tmp_path, size):
    image = write_image(tmp_path / "small.tif", size)
    tiled = tiled_of(maker, image, tmp_path / "blocks")
    wanted = made(maker).predict(read_image(image)).labels
    np.testing.assert_array_equal(
        whole_labels(Blocks(tiled), "model/m").class_map, wanted.class_map
    )


def test_an_image_of_other_channels_is_told(maker, tmp_path):
    image = tmp_path / "four.tif"
    tifffile.imwrite(
        image, np.zeros((100, 100, 4), np.uint8), planarconfig="contig", photometric="minisblack"
    )
    with pytest.raises(ImageError, match="other channels"):
        tiled_of(maker, image, tmp_path / "blocks")


def test_a_truncated_image_keeps_what_was_made(maker, tmp_path):
    image = write_image(tmp_path / "image.tif", (210, 290))
    segmenter = made(maker)
    plan = plan_for(segmenter, (210, 290), TileOptions(tile=64))
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) * 2 // 3])
    with open_executor() as executor, pytest.raises(ImageError) as caught:
        label_tiled(maker, image, tmp_path / "blocks", plan=plan, executor=executor)
    assert "image.tif" in str(caught.value)


def test_a_full_disk_is_told_and_the_next_call_goes_on(maker, image_file, tmp_path, run_folder):
    code = f"""
import resource, signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from maskloom.errors import WriteError
from maskloom.inference.open_run import open_run
from maskloom.inference.maker import made
from maskloom.inference.tiling import run
from maskloom.inference.tiling.choose import plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.work.executors import open_executor
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
maker = partial(open_run, Path({str(run_folder)!r}), device="cpu")
plan = plan_for(made(maker), (210, 290), TileOptions(tile=64))
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))  # the journal reaches it first
try:
    with open_executor() as executor:
        run.label_tiled(maker, Path({str(image_file)!r}), Path({str(tmp_path / "blocks")!r}),
                        plan=plan, executor=executor)
except WriteError as error:
    print(error)
    raise SystemExit(3)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "cannot" in done.stdout
    again = tiled_of(maker, image_file, tmp_path / "blocks")
    tiled_of(maker, image_file, tmp_path / "other")
    assert bytes_of(tmp_path / "blocks") == bytes_of(tmp_path / "other")
    assert again.resumed < 20


def test_windows_across_blocks_are_the_image(maker, image_file, tmp_path):
    tiled = tiled_of(maker, image_file, tmp_path / "blocks")
    whole = whole_labels(Blocks(tiled), "model/m").class_map
    read = Blocks(tiled, cache_bytes=1).layer("classes")
    rng = np.random.default_rng(0)
    for _ in range(30):
        y0, x0 = int(rng.integers(0, 210)), int(rng.integers(0, 290))
        y1, x1 = int(rng.integers(y0 + 1, 211)), int(rng.integers(x0 + 1, 291))
        np.testing.assert_array_equal(read(y0, y1, x0, x1), whole[y0:y1, x0:x1])


@pytest.mark.slow
def test_killed_at_random_blocks_the_bytes_are_the_same(maker, run_folder, tmp_path):
    image = write_image(tmp_path / "image.tif", (600, 600))
    tiled_of(maker, image, tmp_path / "whole", tile=32)
    wanted = bytes_of(tmp_path / "whole")
    code = f"""
from dataclasses import replace
from functools import partial
from pathlib import Path
from maskloom.inference.open_run import open_run
from maskloom.inference.maker import made
from maskloom.inference.tiling import run
from maskloom.inference.tiling.choose import plan_for
from maskloom.inference.tiling.options import TileOptions
from maskloom.work.executors import open_executor
maker = partial(open_run, Path({str(run_folder)!r}), device="cpu")
plan = plan_for(made(maker), (600, 600), TileOptions(tile=32))
with open_executor() as executor:
    run.label_tiled(maker, Path({str(image)!r}), Path({str(tmp_path / "killed")!r}), plan=plan,
                    executor=executor)
"""
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code])
        goal = len(bytes_of(tmp_path / "killed")) + int(rng.integers(10, 60))
        while process.poll() is None and len(list((tmp_path / "killed").glob("*.npz"))) < goal:
            time.sleep(0.01)
        if process.poll() is None:
            kills += 1
            process.kill()
        process.wait()
    assert kills == 3
    again = tiled_of(maker, image, tmp_path / "killed", tile=32)
    assert 0 < again.resumed < len(again.plan)
    assert bytes_of(tmp_path / "killed") == wanted


def test_seams_are_checked_and_blocks_that_see_too_little_are_found_out(
    maker, image_file, tmp_path
):
    good = tiled_of(maker, image_file, tmp_path / "good")
    assert good.seams.pixels == 3 * 64 * 64
    assert good.seams.differing == 0
    plan = replace(good.plan, before=(0, 0), after=(0, 0))
    with open_executor() as executor:
        blind = label_tiled(maker, image_file, tmp_path / "blind", plan=plan, executor=executor)
    # the check reads no more than the blocks did, but elsewhere
    assert blind.seams.differing > 100


def test_an_image_without_a_plan_of_its_segmenter_is_refused():
    class Otsu:
        name = "model/otsu@0"

    with pytest.raises(MaskloomError, match="as a whole"):
        plan_for(Otsu(), (20_000, 20_000), TileOptions())
