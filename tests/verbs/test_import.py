"""Labels and images on their way into a project: all of them or none, upright, and never astray."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskloom.edits.gestures import delete_object, make
from maskloom.errors import DataError, FormatError, ImageError, UsageError, WriteError
from maskloom.formats.detect import read_dataset
from maskloom.store.images import read_image, write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_
from maskloom.verbs.init import init

from .conftest import SIZE, coco_source, folder_bytes, photo


def left(folder):
    return sorted(p.name for p in folder.iterdir())


def test_an_import_tells_its_numbers(coco, tmp_path):
    outcome = import_(coco, tmp_path / "p")
    assert outcome.exit_code == 0
    numbers = ("from", "layer", "samples", "new_samples", "objects", "sequence")
    assert [outcome.results[n] for n in numbers] == ["coco", "main", 6, 6, 16, 3]
    with Project.open(tmp_path / "p") as project:
        assert [(one.name, one.objects, one.samples) for one in project.layers()] == [
            ("main", 16, 6)
        ]
        rows, total = project.page(split="val")
        assert (total, rows[0].key, rows[0].objects, rows[0].state) == (3, "003", 3, "todo")
        document = project.document("003", "main")
        assert sorted(document.objects) == ["3-0", "3-1", "3-2"]
        assert document.value("", "state") == rows[0].state


def test_images_are_referred_to_where_they_lie_or_copied(coco, tmp_path):
    import_(coco, tmp_path / "p")
    import_(coco, tmp_path / "q", copy=True)
    assert not (tmp_path / "p/images").exists()
    assert folder_bytes(tmp_path / "q/images") == folder_bytes(coco / "images")
    with Project.open(tmp_path / "p") as refers, Project.open(tmp_path / "q") as copies:
        assert refers.image_path("001") == coco / "images/001.png"
        assert copies.image_path("001") == tmp_path / "q/images/001.png"
        assert [s.image.sha256 for s in refers.samples()] == [
            s.image.sha256 for s in copies.samples()
        ]


def test_a_project_moves_together_with_its_images(tmp_path):
    (tmp_path / "here/source").mkdir(parents=True)
    coco_source(tmp_path / "here/source")
    import_(tmp_path / "here/source", tmp_path / "here/p")
    (tmp_path / "here").rename(tmp_path / "there")
    dataset = read_dataset(tmp_path / "there/p")
    assert all(sample.image.path.is_file() for sample in dataset.samples)
    assert dataset.warnings == ()


@pytest.mark.parametrize("copy", [False, True], ids=["referred", "copied"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright_once(tmp_path, orientation, copy):
    upright = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    (tmp_path / "photos").mkdir()
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(np.ascontiguousarray(undo(upright)))
    stored.save(tmp_path / "photos/a.png", exif=exif)
    import_(tmp_path / "photos", tmp_path / "p", copy=copy)
    with Project.open(tmp_path / "p") as project:
        row = project.sample("a")
        assert (row.height, row.width) == (6, 10)
        path = project.image_path("a")
    assert path.is_relative_to(tmp_path / "p") == copy
    assert path.read_bytes() == (tmp_path / "photos/a.png").read_bytes()
    assert np.array_equal(read_image(path), upright)


def test_missing_images_are_counted_in_one_warning_and_labels_kept(coco, tmp_path):
    whole = read_dataset(coco).content_hash()
    for name in ("001.png", "004.png"):
        (coco / "images" / name).unlink()
    outcome = import_(coco, tmp_path / "p", copy=True)
    assert outcome.exit_code == 0
    assert outcome.warnings == ("2 of 6 images are missing, first '001.png'",)
    assert read_dataset(tmp_path / "p").content_hash() == whole
    assert left(tmp_path / "p/images") == ["000.png", "002.png", "003.png", "005.png"]


@pytest.mark.parametrize("keep", [0.6, 0.01], ids=["body", "header"])
def test_a_truncated_image_is_told_and_its_labels_are_kept(coco, tmp_path, keep):
    whole = read_dataset(coco).content_hash()
    data = (coco / "images/002.png").read_bytes()
    (coco / "images/002.png").write_bytes(data[: int(len(data) * keep)])
    outcome = import_(coco, tmp_path / "p")
    assert len(outcome.warnings) == 1
    assert "1 of 6 images are damaged" in outcome.warnings[0]
    assert "002.png" in outcome.warnings[0]
    with Project.open(tmp_path / "p") as project:
        assert len(project.document("002", "main").objects) == 2
        row = project.sample("002")
        assert (row.height, row.width) == SIZE
    if keep > 0.5:
        assert read_dataset(tmp_path / "p").content_hash() == whole


def test_a_damaged_label_map_is_refused_and_leaves_nothing(tmp_path):
    from .conftest import bitmap_source

    (tmp_path / "source").mkdir()
    root = bitmap_source(tmp_path / "source")
    (root / "masks/im2.png").write_bytes((root / "masks/im2.png").read_bytes()[:60])
    with pytest.raises(ImageError, match=r"im2\.png"):
        import_(root, tmp_path / "p")
    assert left(tmp_path) == ["source"]
    init(tmp_path / "q")
    before = folder_bytes(tmp_path / "q")
    with pytest.raises(ImageError, match=r"im2\.png"):
        import_(root, tmp_path / "q")
    assert set(folder_bytes(tmp_path / "q")) - set(before) <= {".writer.lock"}
    with Project.open(tmp_path / "q") as project:
        assert project.samples() == ()
        assert len(project.taxonomy()) == 0


def test_labels_of_another_size_than_their_image_are_refused(coco, tmp_path):
    photo(coco / "images/001.png", 0, (5, 5))
    with pytest.raises(FormatError, match="5 × 5"):
        import_(coco, tmp_path / "p")
    assert left(tmp_path) == ["source"]


def test_images_alone_come_in_without_labels(tmp_path):
    for i in range(3):
        photo(tmp_path / "photos" / f"day {i % 2}" / f"{i}.png", i)
    (tmp_path / "photos/readme.md").write_text("x")
    outcome = import_(tmp_path / "photos", tmp_path / "p")
    assert outcome.results["from"] == "images"
    assert outcome.results["layer"] is None
    assert outcome.results["new_samples"] == 3
    assert outcome.warnings == ("images alone were taken; files that were not: 1 .md",)
    with Project.open(tmp_path / "p") as project:
        rows, total = project.page()
        assert (total, [row.key for row in rows]) == (3, ["day 0/0", "day 0/2", "day 1/1"])
        assert {row.revision for row in rows} == {0}
        with pytest.raises(DataError, match="no labels yet"):
            read_dataset(tmp_path / "p")
        bare = read_dataset(tmp_path / "p", settings=("from.unlabelled=true",))
        assert [labels.coverage.nothing for _, labels in bare] == [True] * 3
    with pytest.raises(UsageError, match="in the project already"):
        import_(tmp_path / "photos", tmp_path / "p")
    photo(tmp_path / "photos/new.png", 9)
    assert import_(tmp_path / "photos", tmp_path / "p").results["new_samples"] == 1


def test_a_damaged_image_without_labels_is_left_out_by_name(tmp_path):
    photo(tmp_path / "photos/a.png", 0)
    (tmp_path / "photos/b.png").write_bytes(b"")
    outcome = import_(tmp_path / "photos", tmp_path / "p")
    assert outcome.exit_code == 1
    assert outcome.results["samples"] == 1
    assert "b.png" in " ".join(outcome.failures)
    (tmp_path / "photos/a.png").unlink()
    with pytest.raises(ImageError, match=r"b\.png: the image file is empty"):
        import_(tmp_path / "photos", tmp_path / "q")
    with pytest.raises(ImageError, match=r"no image can be read, first .*b\.png"):
        import_(tmp_path / "photos", tmp_path / "q", from_="images")
    assert left(tmp_path) == ["p", "photos"]


@pytest.mark.parametrize(
    "options", [{"split": "val"}, {"layer": "gold"}, {"map_": ("a=b",)}, {"replace": True}]
)
def test_options_of_labels_are_refused_for_images_alone(tmp_path, options):
    photo(tmp_path / "photos/a.png", 0)
    with pytest.raises(UsageError, match="images alone have no labels"):
        import_(tmp_path / "photos", tmp_path / "p", **options)
    with pytest.raises(FormatError, match="neither labels of a known format nor images"):
        (tmp_path / "empty").mkdir()
        import_(tmp_path / "empty", tmp_path / "p")


def test_grey_images_are_not_taken_for_label_maps(tmp_path):
    (tmp_path / "cells").mkdir()
    for i in range(2):
        grey = np.random.default_rng(i).integers(0, 256, (9, 9), dtype=np.uint8)
        write_png(tmp_path / "cells" / f"{i}.png", grey)
    with pytest.raises(UsageError, match="--from images or --from bitmap"):
        import_(tmp_path / "cells", tmp_path / "p")
    assert left(tmp_path) == ["cells"]
    assert import_(tmp_path / "cells", tmp_path / "p", from_="images").results["samples"] == 2
    maps = import_(tmp_path / "cells", tmp_path / "q", from_="bitmap")
    assert maps.results["layer"] == "main"


def test_labels_find_the_images_that_came_before_them(coco, tmp_path):
    import_(coco / "images", tmp_path / "p", from_="images", copy=True)
    outcome = import_(coco, tmp_path / "p")
    assert (outcome.results["new_samples"], outcome.results["samples"]) == (0, 6)
    with Project.open(tmp_path / "p") as project:
        assert project.image_path("001") == tmp_path / "p/images/001.png"
        assert [*project.splits()] == ["train", "val"]


def test_importing_twice_is_refused_and_replacing_keeps_history(coco, tmp_path):
    import_(coco, tmp_path / "p")
    before = read_dataset(tmp_path / "p").content_hash()
    with pytest.raises(UsageError, match=r"6 of 6 samples have labels in the layer already"):
        import_(coco, tmp_path / "p")
    changed = json.loads((coco / "annotations/instances_val.json").read_text())
    changed["annotations"] = changed["annotations"][:1]
    (coco / "annotations/instances_val.json").write_text(json.dumps(changed))
    with pytest.raises(UsageError, match="3 of 3 samples"):
        import_(coco, tmp_path / "p", split="val")
    outcome = import_(coco, tmp_path / "p", split="val", replace=True)
    assert outcome.results["sequence"] == 4
    with Project.open(tmp_path / "p") as project:
        assert [project.sample(key).revision for key in ("000", "003")] == [1, 2]
        assert [project.sample(key).objects for key in ("003", "004")] == [1, 0]
    address = f"{tmp_path / 'p'}::main#3"
    assert read_dataset(address).content_hash() == before
    assert read_dataset(tmp_path / "p").content_hash() != before


def test_machine_layers_are_imported_once(coco, tmp_path):
    import_(coco, tmp_path / "p")
    name = "model/unet@ab12"
    import_(coco, tmp_path / "p", layer=name)
    with Project.open(tmp_path / "p") as project:
        assert [(one.name, one.immutable) for one in project.layers()] == [
            ("main", False),
            (name, True),
        ]
    assert len(list((tmp_path / "p/predictions").rglob("*.parquet"))) == 1
    with pytest.raises(UsageError, match="imported once"):
        import_(coco, tmp_path / "p", layer=name, replace=True)
    assert len(list((tmp_path / "p/predictions").rglob("*.parquet"))) == 1


def test_a_project_is_imported_into_another_but_not_into_itself(coco, tmp_path):
    import_(coco, tmp_path / "p")
    (tmp_path / "link").symlink_to(tmp_path / "p")
    for src, dst in (("p", "p"), ("p::main", "p"), ("link", "p"), ("p", "link")):
        with pytest.raises(UsageError, match="into itself"):
            import_(tmp_path / src, tmp_path / dst, layer="gold")
    with pytest.raises(UsageError, match="inside the source"):
        import_(coco, coco / "p")
    with pytest.raises(UsageError, match="layer by --layer"):
        import_(coco, Path("p::main"))
    import_(Path(f"{tmp_path / 'p'}::main"), tmp_path / "q", layer="gold")
    assert read_dataset(f"{tmp_path / 'q'}::gold").content_hash() == (
        read_dataset(coco).content_hash()
    )
    assert left(tmp_path) == ["link", "p", "q", "source"]


def test_a_layer_that_nobody_edited_changes_its_form_with_all_that_it_says(tmp_path):
    for key in ("a", "b"):
        photo(tmp_path / f"data/images/{key}.png", 1)
        ids = np.zeros(SIZE, np.uint8)
        ids[:4, :4], ids[8:12, :4] = 1, 2
        write_png(tmp_path / f"data/masks/{key}.png", ids)
    root = tmp_path / "p"
    said = {"from_": "bitmap", "replace": True}
    first = import_(tmp_path / "data", root, from_="bitmap", set_=("from.kind=class",))
    import_(tmp_path / "data", root, set_=("from.kind=instance",), **said)
    assert len(read_dataset(root).labels_of(read_dataset(root).samples[0]).rows) == 2
    then = read_dataset(f"{root}::main#{first.results['sequence']}")
    assert then.labels_of(then.samples[0]).class_map is not None
    with Project.open(root) as project:
        assert [one.form for one in project.layers()] == ["rows"]
        document = project.document("a", "main")
        assert document.form == "rows"
        gone = make(document, "main", "delete", [delete_object(min(document.objects))])
        project.commit("a", gone, author="ann")
    with pytest.raises(UsageError, match=r"objects, not class maps, and people edited it.*by/NAME"):
        import_(tmp_path / "data", root, set_=("from.kind=class",), **said)


def test_a_part_of_a_layer_does_not_change_its_form(tmp_path):
    for key in ("a", "b"):
        photo(tmp_path / f"data/images/{key}.png", 1)
        write_png(tmp_path / f"data/masks/{key}.png", np.eye(*SIZE, dtype=np.uint8))
    import_(tmp_path / "data", tmp_path / "p", from_="bitmap", set_=("from.kind=class",))
    (tmp_path / "data/masks/b.png").unlink()
    (tmp_path / "data/images/b.png").unlink()
    with pytest.raises(UsageError, match="1 of its 2 images would keep the old form"):
        import_(
            tmp_path / "data",
            tmp_path / "p",
            from_="bitmap",
            replace=True,
            set_=("from.kind=instance",),
        )


def test_a_layer_of_an_unusual_name_is_told(coco, tmp_path):
    import_(coco, tmp_path / "p")
    told = import_(coco, tmp_path / "p", layer="mian").warnings
    assert any("'mian' is a new layer" in text and "did you mean main?" in text for text in told)
    again = import_(coco, tmp_path / "p", layer="mian", replace=True).warnings
    usual = import_(coco, tmp_path / "p", layer="by/ann").warnings
    assert not any("is a new layer" in text for text in (*again, *usual))


def test_class_maps_do_not_go_into_a_layer_of_objects(coco, tmp_path):
    import_(coco, tmp_path / "p")
    (tmp_path / "maps").mkdir()
    write_png(tmp_path / "maps/000.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(UsageError, match="holds objects, not class maps"):
        import_(tmp_path / "maps", tmp_path / "p", from_="bitmap", replace=True)
    import_(tmp_path / "maps", tmp_path / "p", from_="bitmap", layer="gold")


HOSTILE = ("../../x.png", "/etc/passwd.png", "a\nb.png", "<img src=x onerror=alert(1)>.png",
           "..\\..\\w.png", "C:\\x.png", "a\u202e.png", "x" * 300 + ".png")  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("copy", [False, True])
def test_hostile_file_names_stay_under_the_project(tmp_path, name, copy):
    root = tmp_path / "deep/down/source"
    root.mkdir(parents=True)
    photo(tmp_path / "x.png", 0)
    data = {
        "images": [{"id": 1, "file_name": name, "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [],
        "categories": [{"id": 1, "name": "<script>alert(1)</script>"}],
    }
    (root / "labels.json").write_text(json.dumps(data))
    try:
        photo(root / "images" / name, 1)
    except OSError:
        assert len(name) > 255
    before, around = folder_bytes(root), left(tmp_path / "deep/down")
    import_(root, tmp_path / "deep/down/p", copy=copy)
    with Project.open(tmp_path / "deep/down/p") as project:
        (sample,) = project.samples()
        assert sample.file_name == name
        assert sample.image.path is None or sample.image.path.is_relative_to(tmp_path / "deep/down")
    assert folder_bytes(root) == before
    assert left(tmp_path) == ["deep", "x.png"]
    assert left(tmp_path / "deep") == ["down"]
    assert left(tmp_path / "deep/down") == sorted([*around, "p"])


@pytest.mark.parametrize("name", ["a\0b.png", "a\udc80.png"])
def test_names_that_no_database_keeps_are_refused(tmp_path, name):
    data = {
        "images": [{"id": 1, "file_name": name, "height": 4, "width": 4}],
        "annotations": [],
        "categories": [{"id": 1, "name": "x"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"cannot be kept|leads out"):
        import_(tmp_path / "labels.json", tmp_path / "p")
    assert left(tmp_path) == ["labels.json"]


@pytest.fixture
def disk(tmp_path):
    """Makes a disk of some size in memory; gone at the end."""
    made = []

    def make(size):
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a disk needs more rights")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("copy", [False, True])
def test_a_full_disk_is_one_error_and_the_project_stays_as_it_was(tmp_path, disk, copy):
    place = disk("1200k")
    (tmp_path / "source").mkdir()
    coco_source(tmp_path / "source")
    import_(tmp_path / "source", place / "p", split="val")
    before, files = read_dataset(place / "p").content_hash(), own_files(place / "p")
    if copy:
        photo(tmp_path / "source/images/001.png", 0, SIZE)
        with (tmp_path / "source/images/001.png").open("ab") as file:
            file.write(bytes(2_000_000))
    else:
        stat = os.statvfs(place)
        (place / "filler").write_bytes(bytes(stat.f_bavail * stat.f_frsize - 40_000))
    with pytest.raises(WriteError, match=r"[Ss]pace"):
        import_(tmp_path / "source", place / "p", split="train", layer="main", copy=copy)
    (place / "filler").unlink(missing_ok=True)
    assert read_dataset(place / "p").content_hash() == before
    assert own_files(place / "p") == files
    import_(tmp_path / "source", place / "p", split="train")
    assert len(own_files(place / "p")) == len(files) + 1


def own_files(project):
    """What an import writes."""
    places = [project / name for name in ("images", "blobs", "snapshots", "predictions")]
    return {p for place in places for p in place.rglob("*") if p.is_file()}


def test_a_disk_too_small_for_a_project_holds_none(coco, disk):
    place = disk("64k")
    with pytest.raises(WriteError, match=r"[Ss]pace"):
        import_(coco, place / "p")
    assert left(place) == []


def test_a_read_only_target_is_one_error(coco, disk):
    place = disk("4m")
    import_(coco, place / "p", split="val")
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    for project in (place / "p", place / "q"):
        with pytest.raises(WriteError, match=r"[Rr]ead-only"):
            import_(coco, project, split="train")
    assert len(read_dataset(place / "p")) == 3


def test_two_imports_at_once_are_not_mixed(coco, tmp_path):
    from maskloom.store.project.lock import writer_lock

    init(tmp_path / "p")
    with (
        writer_lock(tmp_path / "p"),
        pytest.raises(UsageError, match="another program is adding files"),
    ):
        import_(coco, tmp_path / "p")
    import_(coco, tmp_path / "p")


def state_of(project, whole):
    """What a project holds after a kill: nothing of an import, or all of it."""
    with Project.open(project) as opened:
        if opened.page()[1] == 0:
            assert len(opened.taxonomy()) == 0
            return "nothing"
    assert read_dataset(project).content_hash() == whole
    return "all"


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_all_or_nothing(tmp_path):
    (tmp_path / "source").mkdir()
    root = coco_source(tmp_path / "source")
    whole = read_dataset(root).content_hash()
    clock = random.Random(7)
    command = [sys.executable, "-m", "maskloom", "import", str(root), "--copy"]
    usual = 0.0
    for i in range(11):
        project = tmp_path / f"p{i}"
        init(project)
        process = subprocess.Popen(
            [*command, str(project)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not (project / ".import.journal").exists():
            time.sleep(0.001)
        if i == 0:  # how long it takes once it has begun
            start = time.monotonic()
            process.wait()
            usual = time.monotonic() - start
            continue
        time.sleep(clock.uniform(0, 1) * usual)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if state_of(project, whole) == "nothing":
            import_(root, project, copy=True)
            assert state_of(project, whole) == "all"
        assert len(own_files(project)) == len(own_files(tmp_path / "p0"))
        assert not (project / ".import.journal").exists()


def test_a_prediction_keeps_how_sure_it_was(coco, tmp_path):
    sure = np.full(SIZE, 204, np.uint8)
    sure[0, 0] = 1
    write_png(coco / "confidence/001.png", sure)
    import_(coco, tmp_path / "p", layer="model/unet@1")
    dataset = read_dataset(f"{tmp_path / 'p'}::model/unet@1")
    maps = {sample.key: dataset.labels_of(sample).confidence for sample in dataset.samples}
    assert np.array_equal(maps.pop("001"), sure)
    assert len(maps) == 5
    assert all(one is None for one in maps.values())


def test_work_that_is_imported_over_is_in_the_result(coco, tmp_path):
    import_(coco, tmp_path / "p")
    with Project.open(tmp_path / "p") as project:
        document = project.document("001", "main")
        change = delete_object(next(iter(document.objects)))
        done = make(document, "main", "delete", [change])
        number = project.commit("001", done, author="ann").seq
    outcome = import_(coco, tmp_path / "p", replace=True)
    assert outcome.results["superseded"] == 1
    address = f"{tmp_path / 'p'}::main#{number}"
    assert any(line.endswith(address) for line in outcome.warnings)
    assert read_dataset(address).content_hash() != read_dataset(tmp_path / "p").content_hash()
