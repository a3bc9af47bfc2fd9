"""`predict` as users run it: sources, formats, bad items, kills, resuming, full disks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from maskloom.errors import DataError, LossRefused, UsageError, WriteError
from maskloom.formats.detect import read_dataset
from maskloom.store.images import read_map, write_png
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.predict import predict


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three photographs in two folders, one name with a space and an umlaut."""
    coins = data.coins()
    write_png(tmp_path / "images/a.png", coins[:120, :160])
    write_png(tmp_path / "images/sub/b ü.png", coins[100:220, :160])
    write_png(tmp_path / "images/sub/c.png", np.zeros((50, 60), np.uint8))
    return tmp_path / "images"


def test_a_folder_a_file_and_a_pattern_are_sources(images: Path, tmp_path: Path) -> None:
    for i, (source, count) in enumerate(
        [(images, 3), (images / "a.png", 1), (f"{images}/**/*.png", 3), (f"{images}/sub/?.png", 1)]
    ):
        done = predict(str(source), model="otsu", out=tmp_path / f"out{i}")
        assert done.results["images"] == count
        assert len(read_dataset(tmp_path / f"out{i}").samples) == count


def test_a_list_names_images_of_a_folder(images: Path, tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text("sub/c\na\n")
    chosen = f"@{tmp_path / 'some.txt'}"
    predict(str(images), model="otsu", out=tmp_path / "out", split=chosen)
    assert [s.key for s in read_dataset(tmp_path / "out").samples] == ["a", "sub/c"]
    (tmp_path / "some.txt").write_text("c\n")
    with pytest.raises(DataError, match=r"no such image \(saw 'c'\).* such as a"):
        predict(str(images), model="otsu", out=tmp_path / "other", split=chosen)


def test_objects_are_written_as_coco_and_as_folders(images: Path, tmp_path: Path) -> None:
    predict(str(images), model="watershed", out=tmp_path / "coco.json")
    predict(str(images), model="watershed", out=tmp_path / "objects", format="objects")
    scores = evaluate(tmp_path / "coco.json", tmp_path / "objects").results["metrics"]
    assert scores["ap50"] == 1.0
    assert scores["miou"] == 1.0


def test_keys_of_predictions_match_the_images(images: Path, tmp_path: Path) -> None:
    predict(str(images), model="otsu", out=tmp_path / "out")
    assert [s.key for s in read_dataset(tmp_path / "out").samples] == ["a", "sub/b ü", "sub/c"]


def test_a_bad_image_is_named_and_the_rest_done(images: Path, tmp_path: Path) -> None:
    whole = (images / "a.png").read_bytes()
    (images / "cut.png").write_bytes(whole[: len(whole) // 2])
    (images / "empty.png").write_bytes(b"")
    done = predict(str(images), model="otsu", out=tmp_path / "out")
    assert done.exit_code == 1
    assert done.results["images"] == 3
    assert [Path(f.split(": ")[0]).name for f in done.failures] == ["cut.png", "empty.png"]


def test_nothing_but_bad_images_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no")
    with pytest.raises(DataError, match="no image could be labelled"):
        predict(str(tmp_path / "bad.png"), model="otsu", out=tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.png"]


def test_a_format_that_cannot_hold_objects_refuses_unless_allowed(
    images: Path, tmp_path: Path
) -> None:
    with pytest.raises(LossRefused, match="camvid cannot hold"):
        predict(str(images), model="watershed", out=tmp_path / "out", format="camvid")
    assert not (tmp_path / "out").exists()
    done = predict(
        str(images), model="watershed", out=tmp_path / "out", format="camvid", allow_loss=True
    )
    assert done.results["losses"]["instances"] >= 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"model": "otsuu"}, UsageError), ({"model": "/nowhere/run"}, UsageError),
        ({"format": "cocoo"}, UsageError), ({"set_": ("blur=-3",)}, UsageError),
        ({"set_": ("nonsense=1",)}, UsageError), ({"split": "val"}, UsageError),
        ({"source": "absent.png"}, DataError), ({"source": "none/*.png"}, DataError),
    ],
)  # fmt: skip
def test_wrong_arguments_are_one_clear_error(
    images: Path, tmp_path: Path, arguments, error
) -> None:
    call = {"source": str(images), "model": "otsu", "out": tmp_path / "out", **arguments}
    with pytest.raises(error):
        predict(call.pop("source"), **call)
    assert not (tmp_path / "out").exists()


def test_an_existing_target_is_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(WriteError, match="exists"):
        predict(str(images), model="otsu", out=tmp_path / "out")


def test_a_target_below_a_file_is_refused(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError):
        predict(str(images), model="otsu", out=tmp_path / "file/out")


def many(root: Path, count: int = 60) -> Path:
    rng = np.random.default_rng(0)
    for i in range(count):
        write_png(root / f"{i:03d}.png", np.roll(data.coins(), int(rng.integers(300)), 1))
    return root


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


@pytest.mark.parametrize("form", ["coco", "objects"])
def test_a_killed_predict_leaves_no_target_and_goes_on_to_the_same_bytes(
    tmp_path: Path, form: str
) -> None:
    source = many(tmp_path / "images")
    predict(str(source), model="watershed", out=tmp_path / "whole", format=form)
    command = [sys.executable, "-m", "maskloom", "predict", str(source), "--model", "watershed",
               "--format", form, "--out", str(tmp_path / "out")]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    items = tmp_path / "out.partial/items"
    deadline = time.monotonic() + 60
    while len(list(items.glob("*.npz"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    assert not (tmp_path / "out").exists()
    done = predict(str(source), model="watershed", out=tmp_path / "out", format=form)
    assert 5 <= done.results["resumed"] < 60
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.parametrize(
    ("other", "seen"),
    [
        ({"model": "watershed", "set_": ("depth=3",)}, r"depth .*, now 3"),
        ({"model": "otsu"}, "watershed.*, now .*otsu"),
    ],
)
def test_unfinished_work_of_another_model_or_of_other_settings_is_refused_and_kept(
    images: Path, tmp_path: Path, other, seen
) -> None:
    with pytest.raises(LossRefused):
        predict(str(images), model="watershed", out=tmp_path / "out", format="camvid")
    before = tree(tmp_path / "out.partial")
    with pytest.raises(WriteError, match=f"unfinished work.*{seen}.*remove the folder"):
        predict(str(images), out=tmp_path / "out", format="coco", **other)
    assert tree(tmp_path / "out.partial") == before
    done = predict(str(images), model="watershed", out=tmp_path / "out", format="coco")
    assert done.results["resumed"] == 3
    assert done.lines[0] == f"3 of 3 images were there already ({tmp_path / 'out.partial'})"
    assert not done.warnings


def test_a_repaired_image_is_labelled_alone_and_its_map_copied(
    images: Path, tmp_path: Path
) -> None:
    """What docs/inference.md says of images that were left out."""
    whole = (images / "a.png").read_bytes()
    predict(str(images), model="otsu", out=tmp_path / "whole")
    (images / "a.png").write_bytes(whole[: len(whole) // 2])
    assert predict(str(images), model="otsu", out=tmp_path / "out").exit_code == 1
    (images / "a.png").write_bytes(whole)
    predict(str(images / "a.png"), model="otsu", out=tmp_path / "more")
    shutil.copytree(tmp_path / "more/masks", tmp_path / "out/masks", dirs_exist_ok=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_changed_image_is_labelled_again(images: Path, tmp_path: Path) -> None:
    with pytest.raises(LossRefused):
        predict(str(images), model="watershed", out=tmp_path / "out", format="camvid")
    write_png(images / "a.png", np.zeros((20, 20), np.uint8))
    done = predict(str(images), model="watershed", out=tmp_path / "out", format="coco")
    assert done.results["resumed"] == 2


def test_confidence_is_written_beside_class_maps(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from maskloom.verbs.train import train

    for i in range(4):
        write_png(tmp_path / f"d/images/{i}.png", np.roll(data.coins()[:64, :64], i * 9, 0))
        write_png(
            tmp_path / f"d/masks/{i}.png",
            (np.roll(data.coins()[:64, :64], i * 9, 0) > 100) * np.uint8(255),
        )
    train(
        tmp_path / "d",
        out=tmp_path / "run",
        steps=2,
        val="0.25",
        set_=("encoder=plain", "width=4", "depth=2", "batch=2", "precision=fp32"),
    )
    predict(str(tmp_path / "d/images"), model=str(tmp_path / "run"), out=tmp_path / "out")
    confidence = read_map(tmp_path / "out/confidence/0.png")
    assert confidence.shape == (64, 64)
    assert confidence.min() >= 127  # two classes: the winner has at least one half
    assert len(read_dataset(tmp_path / "out").samples) == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_clear_error_and_leaves_no_target(images: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "maskloom", "predict", str(images), "--model", "otsu",
             "--out", str(disk / "out")], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 2
        assert "No space left on device" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert ran.stderr.strip().count("\n") == 0
        assert not (disk / "out").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_machine_form_is_json(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images, tmp_path / "copy")
    ran = subprocess.run(
        [sys.executable, "-m", "maskloom", "predict", str(tmp_path / "copy"), "--model", "otsu",
         "--out", str(tmp_path / "out"), "--json", "-"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    envelope = json.loads(ran.stdout)
    assert envelope["verb"] == "predict"
    assert envelope["results"]["images"] == 3
