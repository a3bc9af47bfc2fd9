"""What goes into a project comes out of it, byte for byte, wherever and whenever."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from maskloom.errors import UsageError, WriteError
from maskloom.formats.detect import read_dataset
from maskloom.verbs.convert import convert
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_
from maskloom.verbs.init import init

from .conftest import SOURCES, folder_bytes


def both(source, project, tmp_path, to, **options):
    """The bytes of a direct conversion, and of an export of the same data."""
    straight, around = tmp_path / "straight", tmp_path / "around"
    options = {"allow_loss": True, **options}
    assert convert(source, straight, to=to, **options).results["written"]
    assert export(project, around, to=to, **options).results["written"]
    return folder_bytes(straight), folder_bytes(around)


@pytest.mark.parametrize("to", sorted(SOURCES))
def test_import_and_export_give_the_bytes_of_a_direct_conversion(source, tmp_path, to):
    import_(source[1], tmp_path / "p")
    straight, around = both(source[1], tmp_path / "p", tmp_path, to)
    assert straight == around
    assert straight


def test_polygons_come_out_as_they_went_in(coco, tmp_path):
    import_(coco, tmp_path / "p")
    set_ = ("to.segmentation=polygon",)
    straight, around = both(coco, tmp_path / "p", tmp_path, "coco", set_=set_)
    assert straight == around
    told = json.loads(around["annotations/instances_train.json"])
    first = next(a for a in told["annotations"] if a["id"] == 1000)
    assert first["segmentation"] == [[1.25, 1.5, 20.13, 2.0, 17.7, 15.9, 3.0, 12.0]]
    assert first["ours"] == {"z": 1, "a": "ü"}
    assert first["score"] == 0.1 + 0.2
    assert told["info"] == {"year": 2017, "who": "train"}
    assert {c["id"]: c.get("supercategory") for c in told["categories"]} == {18: "animal", 3: None}


@pytest.mark.parametrize("copy", [False, True])
def test_a_split_and_renamed_classes_are_exported_as_converted(coco, tmp_path, copy):
    import_(coco, tmp_path / "p", copy=copy)
    options = {"split": "val", "map_": ("Dog=beast", "car=beast")}
    straight, around = both(coco, tmp_path / "p", tmp_path, "coco", **options)
    assert straight == around


def test_the_project_has_the_content_hash_of_its_source(source, tmp_path):
    import_(source[1], tmp_path / "p")
    whole = read_dataset(source[1])
    assert read_dataset(tmp_path / "p").content_hash() == whole.content_hash()
    outcome = export(tmp_path / "p", tmp_path / "out", to=source[0], allow_loss=True)
    assert outcome.results["content_hash"] == whole.content_hash()
    assert outcome.results["taxonomy_hash"] == whole.taxonomy.hash
    assert outcome.results["sequence"] == 3


@pytest.mark.shared
@pytest.mark.parametrize(("name", "to"), [("dsb2018", "objects"), ("coco_mini", "coco")])
def test_real_objects_come_out_as_they_went_in(shared, tmp_path, name, to):
    import_(shared / name, tmp_path / "p")
    straight, around = both(shared / name, tmp_path / "p", tmp_path, to)
    assert straight == around
    whole = read_dataset(shared / name)
    assert read_dataset(tmp_path / "p").content_hash() == whole.content_hash()


@pytest.mark.shared
def test_real_class_maps_come_out_as_they_went_in(shared, tmp_path):
    """A hundred frames of camvid, imported and exported as a split."""
    import_(shared / "camvid", tmp_path / "p", split="val")
    straight, around = both(shared / "camvid", tmp_path / "p", tmp_path, "camvid", split="val")
    assert straight == around
    whole = read_dataset(shared / "camvid", split="val")
    assert read_dataset(tmp_path / "p").content_hash() == whole.content_hash()
    assert len(whole) == 101


ELSEWHERE = """
import os, sys
from pathlib import Path
listdir, scandir, iterdir = os.listdir, os.scandir, Path.iterdir
class Backwards:
    def __init__(self, found):
        with found:
            self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=True))
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def __iter__(self): return self
    def __next__(self): return next(self.entries)
    def close(self): pass
os.listdir = lambda *a: sorted(listdir(*a), reverse=True)
os.scandir = lambda *a: Backwards(scandir(*a))
Path.iterdir = lambda self: iter(sorted(iterdir(self), reverse=True))
import json
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_
source, project, out, to = sys.argv[1:]
import_(Path(source), Path(project))
print(json.dumps(export(Path(project), Path(out), to=to, allow_loss=True).results["content_hash"]))
"""

WORLDS = [
    {"LC_ALL": "C", "TZ": "Pacific/Apia", "PYTHONHASHSEED": "1"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2"},
]


def copied_backwards(source, target):
    """The same files, made in another order."""
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.relative_to(source))


@pytest.mark.parametrize("world", WORLDS, ids=["C", "Turkish"])
def test_another_locale_time_zone_and_file_order_change_no_byte(source, tmp_path, world):
    form, root = source
    import_(root, tmp_path / "p")
    here = export(tmp_path / "p", tmp_path / "out", to=form, allow_loss=True)
    other = tmp_path / "elsewhere" / "deep"
    copied_backwards(root, other / "source")
    run = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, "source", "q", "out", form],
        cwd=other,
        env={**os.environ, **world},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == here.results["content_hash"]
    assert folder_bytes(other / "out") == folder_bytes(tmp_path / "out")
    assert read_dataset(other / "q").content_hash() == read_dataset(tmp_path / "p").content_hash()


def test_a_pinned_revision_gives_the_same_bytes_after_a_second_import(coco, tmp_path):
    import_(coco, tmp_path / "p")
    first = export(tmp_path / "p", tmp_path / "first", to="coco")
    import_(coco, tmp_path / "p", replace=True, map_=("Dog=wolf",), split="val")
    address = tmp_path / f"p::main#{first.results['sequence']}"
    again = export(address, tmp_path / "again", to="coco")
    assert folder_bytes(tmp_path / "again") == folder_bytes(tmp_path / "first")
    assert again.results["content_hash"] == first.results["content_hash"]
    now = export(tmp_path / "p", tmp_path / "now", to="coco")
    assert now.results["sequence"] > first.results["sequence"]
    assert now.results["content_hash"] != first.results["content_hash"]


def test_what_the_target_cannot_hold_is_refused_and_leaves_nothing(coco, tmp_path):
    import_(coco, tmp_path / "p")
    outcome = export(tmp_path / "p", tmp_path / "out", to="bitmap")
    assert outcome.exit_code == 1
    assert outcome.results["content_hash"] is None
    assert "crowd" in outcome.results["losses"]
    assert not (tmp_path / "out").exists()


def test_an_export_that_cannot_be_is_refused(coco, tmp_path):
    import_(coco, tmp_path / "p")
    with pytest.raises(UsageError, match="no such project"):
        export(coco, tmp_path / "out", to="coco")
    with pytest.raises(UsageError, match="no such revision"):
        export(tmp_path / "p::main#99", tmp_path / "out", to="coco")
    with pytest.raises(UsageError, match="no such layer"):
        export(tmp_path / "p::model/none@ab", tmp_path / "out", to="coco")
    with pytest.raises(UsageError, match="inside the source"):
        export(tmp_path / "p", tmp_path / "p" / "out", to="coco")
    with pytest.raises(UsageError, match="not written by conversion"):
        export(tmp_path / "p", tmp_path / "out", to="project")
    with pytest.raises(WriteError, match="exists"):
        export(tmp_path / "p", coco, to="coco")


def test_a_project_that_is_begun_empty_takes_what_comes(coco, tmp_path):
    made = init(tmp_path / "p", name="cells")
    assert made.results["categories"] == []
    import_(coco, tmp_path / "p")
    assert read_dataset(tmp_path / "p").content_hash() == read_dataset(coco).content_hash()


def test_a_project_can_begin_with_a_taxonomy(coco, tmp_path):
    words = {"categories": [{"id": 0, "name": "Car"}, {"id": 1, "name": "dog"}]}
    (tmp_path / "words.json").write_text(json.dumps(words))
    made = init(tmp_path / "p", taxonomy=tmp_path / "words.json")
    assert made.results["categories"] == ["car", "dog"]
    import_(coco, tmp_path / "p")
    dataset = read_dataset(tmp_path / "p")
    assert [c.name for c in dataset.taxonomy] == ["Car", "dog"]
    first = dataset.labels_of(dataset.samples[0])
    assert first.rows.category.tolist() == [1, 0, 1]
    with pytest.raises(WriteError, match="exists"):
        init(tmp_path / "p")
