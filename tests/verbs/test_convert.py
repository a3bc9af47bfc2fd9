from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import FormatError, MaskloomError, UsageError, WriteError
from maskloom.formats.detect import load_format
from maskloom.formats.transfer import transfer
from maskloom.store.images import write_png
from maskloom.verbs.convert import convert


@pytest.fixture
def source(tmp_path):
    """Two overlapping objects of one image, as object folders."""
    root = tmp_path / "source"
    (root / "images").mkdir(parents=True)
    (root / "masks/a").mkdir(parents=True)
    write_png(root / "images/a.png", np.full((6, 8, 3), 90, np.uint8))
    for i, columns in enumerate((slice(0, 4), slice(3, 6))):
        mask = np.zeros((6, 8), bool)
        mask[1:3, columns] = True
        write_png(root / f"masks/a/{i}.png", mask)
    return root


def left(folder):
    return sorted(p.name for p in folder.iterdir())


def test_an_exact_conversion_tells_its_numbers(source, tmp_path):
    outcome = convert(source, tmp_path / "out", to="coco", set_=("from.category=nucleus",))
    assert outcome.exit_code == 0
    numbers = {
        k: outcome.results[k] for k in ("images", "objects", "exact_objects", "changed_pixels")
    }
    assert numbers == {"images": 1, "objects": 2, "exact_objects": 2, "changed_pixels": 0}
    data = json.loads((tmp_path / "out/annotations/instances.json").read_text())
    assert [c["name"] for c in data["categories"]] == ["nucleus"]
    assert (tmp_path / "out/images/a.png").read_bytes() == (source / "images/a.png").read_bytes()


def test_a_lossy_conversion_writes_nothing_and_ends_with_1(source, tmp_path):
    outcome = convert(source, tmp_path / "out", to="bitmap")
    assert outcome.exit_code == 1
    assert outcome.results["losses"]["overlap"]["pixels"] == 2
    assert (outcome.results["images"], outcome.results["objects"]) == (1, 2)
    assert not {"exact_objects", "changed_pixels", "labelled_pixels"} & set(outcome.results)
    first = outcome.results["losses"]["overlap"]["first"]
    assert [(one["image"], one["object"]) for one in first] == [("a", 1), ("a", 2)]
    assert outcome.tables[0].rows[0][-1] == f"object 1 of a ({first[0]['area']} px)"
    assert left(tmp_path) == ["source"]
    allowed = convert(source, tmp_path / "out", to="bitmap", allow_loss=True)
    assert allowed.exit_code == 0
    assert allowed.results["changed_pixels"] == 2
    assert allowed.results["exact_objects"] == 1


def test_the_line_on_a_class_map_speaks_of_what_is_seen_and_not_of_objects(source, tmp_path):
    data = tmp_path / "data.json"
    convert(source, data, to="coco", set_=("from.category=cell",))
    done = convert(data, tmp_path / "out", to="bitmap", allow_loss=True, set_=("to.kind=class",))
    assert done.results["losses"]["overlap"]["pixels"] == 2
    assert done.lines == (
        f"1 image to {tmp_path / 'out'} as class maps: 0 of 2 objects can still be told, "
        "of the class seen on top 0 pixels changed",
    )


def test_the_line_on_class_maps_without_objects_counts_labelled_pixels(tmp_path):
    (tmp_path / "maps").mkdir()
    write_png(tmp_path / "maps/a.png", np.array([[0, 1, 2, 255]] * 500, np.uint8))
    done = convert(
        tmp_path / "maps", tmp_path / "out", to="bitmap", set_=("to.images=none", "to.kind=class")
    )
    assert done.lines == (f"1 image to {tmp_path / 'out'}: 1,500 labelled pixels, 0 changed",)


def test_a_refused_class_map_tells_its_labelled_pixels(tmp_path):
    (tmp_path / "maps").mkdir()
    names = {"categories": [{"id": i, "name": n} for i, n in enumerate("abc")]}
    (tmp_path / "t.json").write_text(json.dumps(names))
    write_png(tmp_path / "maps/a.png", np.array([[0, 1, 2, 255]] * 5, np.uint8))
    done = convert(
        tmp_path / "maps", tmp_path / "o", to="yolo", set_=(f"from.taxonomy={tmp_path / 't.json'}",)
    )
    assert done.exit_code == 1
    assert done.results["objects"] == 0
    assert done.results["labelled_pixels"] == 15
    assert done.results["losses"]["void"]["pixels"] == 5
    assert "changed_pixels" not in done.results


def test_images_and_volumes_in_one_folder_are_told_apart(tmp_path):
    volume = Sample("v", ImageRef(None, (2, 3, 4)), kind="volume")
    image = Sample("i", ImageRef(None, (3, 4)))
    cell = Taxonomy.from_names(["cell"])

    def labels_of(sample):
        return Labels(sample.image.size, class_map=np.zeros(sample.image.size, np.uint8))

    mixed = Dataset(cell, (image, volume), labels_of)
    for name in ("coco", "nifti"):
        with pytest.raises(WriteError, match=r"1 volume and 1 image lie here together.*--split @"):
            transfer(mixed, tmp_path / name, load_format(name))
    with pytest.raises(WriteError, match="Write --to nifti"):
        transfer(Dataset(cell, (volume,), labels_of), tmp_path / "o", load_format("coco"))


def test_categories_are_renamed_and_merged(tmp_path):
    (tmp_path / "maps").mkdir()
    write_png(tmp_path / "maps/a.png", np.array([[0, 1, 2, 255]], np.uint8))
    outcome = convert(
        tmp_path / "maps",
        tmp_path / "out",
        to="bitmap",
        map_=("0=sky", "1=ground", "2=ground"),
        set_=("to.images=none",),
    )
    assert outcome.exit_code == 0
    from maskloom.formats.detect import read_dataset

    back = read_dataset(tmp_path / "out")
    assert [c.name for c in back.taxonomy] == ["sky", "ground"]
    assert back.labels_of(back.samples[0]).class_map.tolist() == [[0, 1, 1, 255]]
    with pytest.raises(UsageError, match="no such category"):
        convert(tmp_path / "maps", tmp_path / "o2", to="bitmap", map_=("9=x",))
    with pytest.raises(UsageError, match="OLD=NEW"):
        convert(tmp_path / "maps", tmp_path / "o2", to="bitmap", map_=("9",))


def test_targets_that_exist_or_lie_in_the_source_are_refused(source, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(WriteError, match="exists"):
        convert(source, tmp_path / "there", to="coco")
    with pytest.raises(UsageError, match="inside the source"):
        convert(source, source / "out", to="coco")
    assert left(tmp_path) == ["source", "there"]


@pytest.mark.parametrize("name", ["out", "out.json"])
def test_a_target_below_a_file_cannot_be_written(source, tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="cannot write"):
        convert(source, tmp_path / "file" / name, to="coco")
    assert (tmp_path / "file").read_text() == "x"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 40 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small disk needs more rights")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("to", ["coco", "objects", "bitmap"])
def test_a_full_disk_is_one_error_and_leaves_nothing(source, small_disk, to):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    write_png(source / "images/a.png", noise)
    (source / "masks/a/1.png").unlink()
    write_png(source / "masks/a/0.png", np.eye(200, dtype=bool))
    with pytest.raises(WriteError, match=r"[Ss]pace"):
        convert(source, small_disk / "out", to=to)
    assert left(small_disk) == []


def test_bad_annotations_stop_the_conversion_or_are_left_out(tmp_path):
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 4}],
        "categories": [{"id": 1, "name": "x"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2]]},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [[0, 0, float("nan"), 2, 2, 2]],
            },
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(FormatError, match="annotation 2"):
        convert(tmp_path / "a.json", tmp_path / "o.json", to="coco")
    assert left(tmp_path) == ["a.json"]
    outcome = convert(tmp_path / "a.json", tmp_path / "o.json", to="coco", skip_bad=True)
    assert outcome.exit_code == 0
    assert "1 invalid annotation was left out" in " ".join(outcome.warnings)
    assert outcome.results["objects"] == 1


@pytest.mark.parametrize("damage", ["truncated", "empty", "absent image"])
def test_damaged_input_leaves_no_target(source, tmp_path, damage):
    mask = source / "masks/a/0.png"
    if damage == "absent image":
        (source / "images/a.png").unlink()
        outcome = convert(
            source, tmp_path / "out", to="coco", from_="objects", set_=("masks=masks",)
        )
        assert outcome.exit_code == 0
        assert any("missing" in warning for warning in outcome.warnings)
        return
    mask.write_bytes(mask.read_bytes()[:40] if damage == "truncated" else b"")
    with pytest.raises(MaskloomError, match=r"0\.png"):
        convert(source, tmp_path / "out", to="coco")
    assert left(tmp_path) == ["source"]


def test_a_killed_conversion_leaves_no_target_and_the_next_one_works(tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for i in range(400):
        write_png(maps / f"{i}.png", np.full((64, 64), i % 7, np.uint8))
    code = (
        "from pathlib import Path; from maskloom.verbs.convert import convert;"
        f"convert(Path({str(maps)!r}), Path({str(tmp_path / 'out')!r}), to='bitmap')"
    )
    worker = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    partial = tmp_path / "out.partial/whole/masks"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and worker.poll() is None:
        if partial.is_dir() and len(list(partial.iterdir())) > 20:
            worker.kill()
            break
        time.sleep(0.005)
    assert worker.wait() == -9
    assert not (tmp_path / "out").exists()
    assert convert(maps, tmp_path / "out", to="bitmap").exit_code == 0
    assert left(tmp_path) == ["maps", "out"]


@pytest.mark.shared
def test_who_writes_panoptic_files_converts_those_that_lie_beside_instances(shared, tmp_path):
    done = convert(shared / "coco_mini", tmp_path / "out", to="coco-panoptic").results
    assert (done["from"], done["written"]) == ("coco-panoptic", True)
    assert done["exact_objects"] == done["objects"] == 192
    other = convert(shared / "coco_mini", tmp_path / "other", to="datumaro", allow_loss=True)
    assert other.results["from"] == "coco"


def test_errors_of_writing_name_the_target_and_not_its_unfinished_form(source, tmp_path):
    taxonomy = ("from.category=nucleus", "to.kind=instance")
    two = convert(source, tmp_path / "two", to="coco", set_=taxonomy[:1])
    assert two.exit_code == 0
    path = tmp_path / "two/annotations/instances.json"
    data = json.loads(path.read_text())
    data["categories"].append({"id": 99, "name": "other"})
    path.write_text(json.dumps(data))
    with pytest.raises(MaskloomError) as caught:
        convert(tmp_path / "two", tmp_path / "out", to="bitmap", set_=taxonomy[1:], allow_loss=True)
    assert str(caught.value).startswith(f"{tmp_path / 'out'}: instance maps hold one category")
    assert caught.value.where == str(tmp_path / "out")
