"""Fields of images and data sets that nobody interprets: kept, or told by name."""

from __future__ import annotations

import json

import pytest

from maskloom import registry
from maskloom.core.dataset import Dataset
from maskloom.core.sample import ImageRef, Sample
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.facts import FactLosses
from maskloom.formats.kept import Facts, facts_in, unread_note
from maskloom.formats.loss import Loss
from maskloom.formats.tally import Tally
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, objects, write_photo
from .test_tags import cvat, datumaro, labelstudio, opened
from .tool_cases import hard_masks

SIZE = (40, 56)
HEAD = {"info": {"year": 2026}, "licenses": [{"id": 3, "name": "CC"}], "odd": 1}


def coco(root, name="coco.json", more=None, categories=None):
    """A COCO file with one image that has more fields than maskloom knows."""
    write_photo(root / "a.png", SIZE)
    entry = {"id": 4, "file_name": "a.png", "height": 40, "width": 56, "license": 3}
    entry |= {"date_captured": "2026-01-01", "coco_url": "", "flickr_url": None} | (more or {})
    box = {"id": 1, "image_id": 4, "category_id": 2, "iscrowd": 0, "bbox": [1, 1, 8, 8], "area": 64}
    polygon = {"segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]}
    cat = {"id": 2, "name": "cat", "supercategory": "animal", "isthing": 1}
    data = {**HEAD, "images": [entry], "annotations": [box | polygon]}
    data["categories"] = categories or [cat]
    (root / name).write_text(json.dumps(data))
    return read_dataset(root / name)


def kinds(done):
    return {loss.kind: loss for loss in done.losses}


def test_fields_of_coco_are_told_by_name_and_never_refused(tmp_path):
    done = transfer(coco(tmp_path), tmp_path / "out", load_format("cvat"))
    assert done.written
    loss = kinds(done)["fields"]
    assert (loss.samples, loss.refused) == (1, False)
    assert loss.named == (
        "of objects: area, bbox, id; of images: date_captured, license; "
        "of the data set: info, licenses, odd, supercategory"
    )


@pytest.mark.parametrize("target", ["coco", "lvis", "coco-panoptic", "parquet"])
def test_the_family_of_coco_and_parquet_keep_them(tmp_path, target):
    fmt = load_format(target)
    done = transfer(coco(tmp_path), tmp_path / "out", fmt, allow_loss=True)
    named = kinds(done)["fields"].named if "fields" in kinds(done) else ""
    assert named == ""
    back = read_dataset(tmp_path / "out", target)
    assert back.samples[0].extra["coco"]["date_captured"] == "2026-01-01"
    assert back.extra["coco"]["categories"]["cat"]["supercategory"] == "animal"
    assert next(iter(back.extra["coco"]["heads"].values()))["licenses"] == HEAD["licenses"]


def test_what_parquet_keeps_is_told_where_the_next_format_drops_it(tmp_path):
    transfer(coco(tmp_path), tmp_path / "tables", load_format("parquet"))
    back = read_dataset(tmp_path / "tables")
    done = transfer(back, tmp_path / "out", load_format("via"))
    assert "date_captured, license" in kinds(done)["fields"].named
    fmt = load_format("parquet")
    pictures = fmt.WriteOptions(layout="pictures", kind="instance")
    done = transfer(back, tmp_path / "two", fmt, options=pictures, allow_loss=True)
    assert "supercategory" in kinds(done)["fields"].named


def test_shapes_that_are_not_read_are_refused_by_other_formats(tmp_path):
    (tmp_path / "cvat").mkdir()
    cvat(tmp_path / "cvat")
    path = tmp_path / "cvat/annotations.xml"
    text = path.read_text().replace("</image>", '<cuboid label="cat"/><skeleton/></image>')
    track = '<track id="0" label="cat"><skeleton frame="0"/></track></annotations>'
    path.write_text(text.replace("</annotations>", track))
    data = read_dataset(tmp_path / "cvat", "cvat")
    assert transfer(data, tmp_path / "same", load_format("cvat")).written
    refused = transfer(data, tmp_path / "out", load_format("via"))
    loss = kinds(refused)["drawings"]
    assert (refused.written, loss.samples, loss.objects) == (False, 1, 3)
    assert loss.example == "a: kinds that are not read: 1 cuboid, 1 skeleton"


def test_regions_and_other_annotators_of_label_studio_are_told(tmp_path):
    (tmp_path / "ls").mkdir()
    labelstudio(tmp_path / "ls")
    path = tmp_path / "ls/export.json"
    (task,) = json.loads(path.read_text())
    sides = {"original_width": 56, "original_height": 40}
    entry = task["annotations"][0]
    entry["result"].append({"id": "v", "type": "vectorlabels", "value": {"x": 1}, **sides})
    entry["completed_by"] = 7
    task["annotations"].insert(0, {"id": 2, "result": []})
    task["data"]["depot"] = "B"
    path.write_text(json.dumps([task]))
    data = read_dataset(path, "labelstudio")
    done = transfer(data, tmp_path / "out", load_format("datumaro"), allow_loss=True)
    assert kinds(done)["drawings"].objects == 1
    assert kinds(done)["fields"].named == (
        "of objects: others, result; of images: completed_by, depot, other annotations, relations"
    )


def test_numbers_of_datumaro_s_items_are_fields(tmp_path):
    _, data = opened(datumaro.__name__, tmp_path)
    done = transfer(data, tmp_path / "out", load_format("via"))
    assert kinds(done)["fields"].named == "of images: frame"


def test_a_nifti_header_and_pairs_of_nrrd_are_told(tmp_path):
    labels = objects(hard_masks())
    for kept, names in (
        ({"nifti": "aGk="}, ("nifti",)),
        ({"nrrd": {"Segment0_ID": "1", "by": "x"}}, ("by", "Segment ID")),
    ):
        sample = Sample("a", ImageRef(None, SIZE), extra={"volume": kept})
        (loss,) = FactLosses(load_format("dicom-seg"), object()).of_image(sample, labels)
        assert (loss.kind, loss.names) == ("fields", names)
        own = "nifti" if "nifti" in kept else "nrrd"
        assert FactLosses(load_format(own), object()).of_image(sample, labels) == []


def test_every_family_that_readers_keep_is_declared_by_its_format():
    """A path that a format writes begins with its name, or one that labels keep on their own."""
    shared = {"*", "volume", "void_classes", "nnunet_numbers", "coco", "frame"}
    for name in registry.FORMATS:
        for path in load_format(name).kept.writes:
            assert path.split(".")[0] in shared | {name}


def test_what_nobody_declares_is_one_fact(tmp_path):
    write_photo(tmp_path / "a.png", SIZE)
    sample = Sample("a", ImageRef(tmp_path / "a.png", SIZE), extra={"mine": {"x": 1}, "none": {}})
    labels = objects(hard_masks()).replace(extra={"notes": ("odd",)})
    data = Dataset(NUCLEUS, (sample,), lambda _: labels, extra={"ours": [1]})
    done = transfer(data, tmp_path / "out", load_format("objects"))
    assert kinds(done)["fields"].named == "of images: mine; of the data set: ours"


def test_facts_are_found_by_their_paths():
    own = {"id": 3, "meta": {"a": 1, "b": "", "c.d": [2]}, "list": [], "x": False}
    facts = Facts(notes=("f.id", "f.meta.a*"), opened=("f", "f.meta"))
    assert list(facts_in("f", own, facts, ())) == ["c.d", "x"]
    assert list(facts_in("f", own, facts, ("f.meta",))) == ["x"]
    assert list(facts_in("f", own, facts, ("f",))) == []
    assert list(facts_in("f", own, facts, ("*",))) == []
    assert list(facts_in("f", own, Facts(), ())) == ["f"]


def test_sums_name_everything_once_and_count_no_sample_for_the_data_set():
    tally = Tally()
    tally += [Loss("a", "fields", 2, detail="rows"), Loss("a", "fields", names=("x", "y"))]
    tally += [Loss("b", "fields", names=("y", "z")), Loss("", "fields", names=("info",))]
    (total,) = tally.totals()
    assert (total.samples, total.objects) == (2, 2)
    assert total.named == "of images: x, y, z; of the data set: info"
    assert total.example == f"a: rows; {total.named}"
    assert total.what == f"fields that maskloom does not interpret are dropped ({total.named})"
    tally += [Loss("c", "tags", names=tuple(f"t{i:02}" for i in range(12)))]
    assert tally.totals()[0].named == "of images: t00, t01, t02, t03, t04, t05, t06, t07 and 4 more"


def test_a_note_of_what_is_not_read():
    assert unread_note([], "cvat") == []
    (note,) = unread_note(["b", "a", "b"], "cvat")
    assert note == (
        "3 annotations of kinds that are not read (1 a, 2 b); of all formats, only cvat writes "
        "them again"
    )


def test_the_place_of_a_frame_is_told_where_it_is_dropped(tmp_path):
    labels = objects(hard_masks())
    sample = Sample("frame_000004", ImageRef(None, SIZE), "frame", "v", 4, 0.25)
    data = Dataset(NUCLEUS, (sample,), lambda _: labels)
    cvat = load_format("cvat")
    for fmt, options, named in (
        (load_format("objects"), {}, "of images: index, sequence, time_s"),
        (cvat, {"form": "images"}, "of images: index, sequence, time_s"),
        (cvat, {"form": "video"}, "of images: time_s"),
        (load_format("parquet"), {}, ""),
    ):
        target = tmp_path / f"{fmt.name}{options}"
        done = transfer(data, target, fmt, options=fmt.WriteOptions(**options), allow_loss=True)
        assert (kinds(done)["fields"].named if "fields" in kinds(done) else "") == named


def test_what_the_old_labelme_says_of_an_image_is_kept(tmp_path):
    write_photo(tmp_path / "Images/set/a.jpg.png", SIZE)
    (tmp_path / "Annotations/set").mkdir(parents=True)
    (tmp_path / "Annotations/set/a.xml").write_text(
        "<annotation><filename>a.png</filename><folder>set</folder><source><sourceImage>The web"
        "</sourceImage></source><scenedescription>street</scenedescription><imagesize><nrows>40"
        "</nrows><ncols>56</ncols></imagesize><object><name>cat</name><deleted>0</deleted><id>0"
        "</id><polygon><username>x</username><pt><x>3</x><y>3</y></pt><pt><x>30</x><y>4</y></pt>"
        "<pt><x>9</x><y>20</y></pt></polygon></object></annotation>"
    )
    data = read_dataset(tmp_path, "labelme")
    done = transfer(data, tmp_path / "out", load_format("datumaro"))
    assert (
        kinds(done)["fields"].named == "of objects: username; of images: scenedescription, source"
    )
    transfer(data, tmp_path / "json", load_format("labelme"))
    said = json.loads((tmp_path / "json/set/a.json").read_text())
    assert said["source"] == {"sourceImage": "The web"}
