"""`predict` of images that are cut: the same labels, whoever works and however it ends."""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from maskloom.faces.cli import main
from maskloom.store.images import read_map
from maskloom.store.rasters import open_raster

from .tiling.conftest import save_run, write_image, write_sparse


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run of three classes."""
    return save_run(tmp_path_factory.mktemp("runs") / "classes").path


def maskloom(*arguments: object) -> dict:
    """Results of a command that ends with 0."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*map(str, arguments), "--json", "-"])
    assert code == 0
    return json.loads(out.getvalue())["results"]


def refused(*arguments: object, code: int = 2) -> str:
    """What a command says that ends with another status."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        assert main([*map(str, arguments)]) == code
    return " ".join(out.getvalue().split())


def hashes(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_cut_image_is_labelled_as_a_whole_one(run_folder, tmp_path):
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "a.tif", (200, 230))
    predict = partial(maskloom, "predict", tmp_path / "in", "--model", run_folder, "--out")
    whole = predict(tmp_path / "whole")
    cut = predict(tmp_path / "cut", "--set", "tile=64")
    assert whole["tiled"] == {}
    assert cut["tiled"]["a"]["mode"] == "exact"
    assert cut["tiled"]["a"]["tiles"] == 16
    a, b = (read_map(tmp_path / name / "masks" / "a.png") for name in ("whole", "cut"))
    np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "cut.partial").exists()


def test_shares_divide_the_tiles_and_the_last_one_writes(run_folder, tmp_path):
    image = write_image(tmp_path / "a.tif", (200, 230))
    predict = partial(maskloom, "predict", image, "--model", run_folder, "--set", "tile=64")
    predict("--out", tmp_path / "whole")
    first = predict("--out", tmp_path / "out", "--shard", "2/3")
    assert not first["written"]
    assert first["waiting"] == [1, 3]
    blocks = list((tmp_path / "out.partial").rglob("0*.npz"))
    assert 5 <= len(blocks) <= 6
    predict("--out", tmp_path / "out", "--shard", "1/3")
    assert 10 <= len(list((tmp_path / "out.partial").rglob("0*.npz"))) <= 11
    last = predict("--out", tmp_path / "out", "--shard", "3/3")
    assert last["written"]
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(run_folder, tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.tif", (150, 130), seed=ord(name))
    predict = partial(maskloom, "predict", tmp_path / "*.tif", "--model", run_folder)
    one = predict("--set", "tile=64", "--out", tmp_path / "one")
    two = predict("--set", "tile=64", "--out", tmp_path / "two", "--workers", "2")
    assert one["tiled"] == two["tiled"]
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_a_map_too_large_for_memory_is_written_in_windows(run_folder, tmp_path, monkeypatch):
    from maskloom.inference import finished

    image = write_image(tmp_path / "a.tif", (200, 230))
    predict = partial(maskloom, "predict", image, "--model", run_folder, "--set", "tile=64")
    predict("--out", tmp_path / "small")
    monkeypatch.setattr(finished, "STREAMED_PX", 1000)
    predict("--out", tmp_path / "large")
    wanted = read_map(tmp_path / "small" / "masks" / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "large" / "masks" / "a.tif"), wanted)
    with open_raster(tmp_path / "large" / "confidence" / "a.tif") as raster:
        assert raster.size == (200, 230)
    scores = maskloom("evaluate", tmp_path / "small", tmp_path / "large")
    assert scores["metrics"]["miou"] == 1.0


def test_objects_of_a_large_image_are_rows_or_a_map_of_ids(tmp_path, monkeypatch):
    from maskloom.inference import finished

    run = save_run(tmp_path / "run", "instance")
    image = write_image(tmp_path / "a.tif", (200, 230))
    predict = partial(
        maskloom, "predict", image, "--model", run.path, "--set", "tile=64", "--set", "depth=0.02"
    )
    rows = predict("--out", tmp_path / "coco.json")
    assert rows["objects"] > 5
    monkeypatch.setattr(finished, "STREAMED_PX", 1000)
    predict("--out", tmp_path / "ids", "--format", "bitmap", "--allow-loss")
    ids = read_map(tmp_path / "ids" / "masks" / "a.tif")
    assert ids.dtype == np.uint32
    assert len(np.unique(ids[ids > 0])) == rows["objects"]
    both = maskloom("evaluate", tmp_path / "ids", tmp_path / "coco.json", "--map", "cell=cell")
    assert both["metrics"]["f1_50"] == 1.0


def test_a_zarr_image_is_a_source(run_folder, tmp_path):
    import zarr

    pixels = tifffile.imread(write_image(tmp_path / "a.tif", (200, 230)))
    (tmp_path / "in").mkdir()
    array = zarr.create_array(
        tmp_path / "in" / "b.zarr", shape=pixels.shape, chunks=(64, 64), dtype="uint8"
    )
    array[:] = pixels
    maskloom("predict", tmp_path / "a.tif", "--model", run_folder, "--out", tmp_path / "one")
    for number, source in enumerate((tmp_path / "in", tmp_path / "in" / "b.zarr")):
        out = tmp_path / f"out{number}"
        found = maskloom("predict", source, "--model", run_folder, "--out", out)
        assert found["images"] == 1
        np.testing.assert_array_equal(
            read_map(out / "masks" / "b.png"), read_map(tmp_path / "one" / "masks" / "a.png")
        )


def test_a_truncated_image_of_many_is_named_and_the_rest_is_done(run_folder, tmp_path):
    good = write_image(tmp_path / "good.tif", (150, 130))
    bad = tmp_path / "bad.tif"
    bad.write_bytes(good.read_bytes()[:9000])
    said = refused(
        "predict", tmp_path / "*.tif", "--model", run_folder, "--set", "tile=64",
        "--out", tmp_path / "out", code=1,
    )  # fmt: skip
    assert "bad.tif" in said
    assert (tmp_path / "out" / "masks" / "good.png").is_file()
    assert not (tmp_path / "out" / "masks" / "bad.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("tile=1",), "at least as large as the model's stride"),
        (("tile=-3",), "out of range"),
        (("memory=0.1",), "out of range"),
        (("tile=many",), "many"),
    ],
)
def test_options_that_cannot_be_are_refused(run_folder, tmp_path, options, message):
    image = write_image(tmp_path / "a.tif", (200, 230))
    given = [text for option in options for text in ("--set", option)]
    said = refused("predict", image, "--model", run_folder, "--out", tmp_path / "out", *given)
    assert message in said
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    refused("predict", image, "--model", run_folder, "--out", tmp_path / "out", *given,
            "--shard", "1/2")  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_method_does_not_take_images_it_cannot_hold(tmp_path):
    image = tmp_path / "huge.tif"
    write_sparse(image)
    said = refused("predict", image, "--model", "otsu", "--out", tmp_path / "out")
    assert "as a whole" in said


def blocks_of(out: Path) -> set[Path]:
    return set(out.with_name(out.name + ".partial").rglob("0*.npz"))


def test_tiles_of_an_image_that_fails_at_its_end_are_kept(run_folder, tmp_path):
    image = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).uniform(0, 255, (200, 230)).astype(np.float32)
    pixels[-1, -1] = np.nan
    tifffile.imwrite(image, pixels, tile=(64, 64))
    said = refused(
        "predict", image, "--model", run_folder, "--set", "tile=64", "--set", "white=255",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert "not finite" in said
    assert len(blocks_of(tmp_path / "out")) == 11  # the next one reads the pixel, too


def test_another_memory_goes_on_with_the_tiles_that_are_there(run_folder, tmp_path):
    image = write_image(tmp_path / "a.tif", (200, 230))
    predict = partial(
        maskloom, "predict", image, "--model", run_folder, "--out", tmp_path / "out", "--set"
    )
    predict("tile=64", "--shard", "1/2", "--set", "memory=2")
    first = blocks_of(tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in first}
    predict("tile=64", "--shard", "2/3", "--set", "memory=3")
    assert first < blocks_of(tmp_path / "out")
    assert all(path.stat().st_mtime_ns == when for path, when in times.items())


def test_shares_that_cut_otherwise_do_not_meet(run_folder, tmp_path):
    image = write_image(tmp_path / "a.tif", (200, 230))
    predict = partial(maskloom, "predict", image, "--model", run_folder, "--set")
    predict("tile=64", "--out", tmp_path / "whole")
    predict("tile=128", "--out", tmp_path / "out", "--shard", "1/2")
    last = predict("tile=64", "--out", tmp_path / "out", "--shard", "2/2")
    assert last["written"]
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")


def test_an_image_that_was_mended_between_shares_is_labelled(run_folder, tmp_path):
    images = {name: write_image(tmp_path / f"{name}.tif", (60, 60), seed=n)
              for n, name in enumerate("abcdef")}  # fmt: skip
    from maskloom.work.shards import Share

    bad = next(name for name in images if Share(1, 2).has(name))
    data = images[bad].read_bytes()
    images[bad].write_bytes(data[:60])
    common = ("predict", tmp_path / "*.tif", "--model", run_folder, "--out", tmp_path / "out")
    refused(*common, "--shard", "1/2", code=1)
    images[bad].write_bytes(data)
    done = maskloom(*common, "--shard", "2/2")
    assert done["written"]
    assert done["images"] == 6
    assert done["failed"] == 0


def test_a_worker_that_dies_on_a_tile_costs_that_image_alone(run_folder, tmp_path, monkeypatch):
    from maskloom.core.sample import ImageRef, Sample
    from maskloom.inference.items import Spread, label_items
    from maskloom.inference.partial import open_journal
    from maskloom.inference.tiling.options import TileOptions
    from maskloom.work.executors import open_executor

    (tmp_path / "deadly.py").write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "from maskloom.inference.open_run import open_run\n"
        "class Dies:\n"
        "    def __init__(self, engine): self.engine = engine\n"
        "    def __getattr__(self, name): return getattr(self.engine, name)\n"
        "    def logits(self, image):\n"
        "        if image[0, 0, 0] > 1.9: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return self.engine.logits(image)\n"
        "def make(path, parent):\n"
        "    found = open_run(Path(path), device='cpu')\n"
        "    if os.getpid() != parent: found.engine = Dies(found.engine)\n"
        "    return found\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import deadly

    pixels = {name: np.full((130, 130), 100, np.uint8) for name in ("a", "b")}
    pixels["a"][40, 40] = 255  # where the read of the block begins whose core is at (64, 64)
    samples = []
    for name, array in pixels.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", array, tile=(64, 64))
        samples.append(Sample(name, ImageRef(tmp_path / f"{name}.tif")))
    make = partial(deadly.make, str(run_folder), os.getpid())
    journal = open_journal(tmp_path / "out.partial", {})
    with journal as items, open_executor(workers=2) as executor:
        found = label_items(samples, items, Spread(make, executor, tiles=TileOptions(tile=64)))
    assert [s.key for s in found.done] == ["b"]
    assert "tile" in found.failed["a"]
    assert "a.tif" in found.failed["a"]


def test_what_cannot_be_written_is_refused_before_it_is_computed(run_folder, tmp_path, monkeypatch):
    from maskloom.inference import large

    monkeypatch.setattr(large, "MAX_PIXELS", 1000)
    image = write_image(tmp_path / "a.tif", (200, 230))
    said = refused(
        "predict", image, "--model", run_folder, "--set", "tile=64", "--out", tmp_path / "a.json",
        "--allow-loss",
    )  # fmt: skip
    assert "bitmap only" in said
    assert not blocks_of(tmp_path / "a.json")
