from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, WriteError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.formats.voc.classes import NAMES, PALETTE
from maskloom.formats.voc.xml import BOUNDS, MAX_BYTES, VocObject, read_xml, xml_text
from maskloom.quality.integrity import examine
from maskloom.store.images import png_bytes, read_map, write_png

from .conftest import dataset_of, folder_bytes, objects, write_photo

CAT, DOG, PERSON = (NAMES.index(name) + 1 for name in ("cat", "dog", "person"))
# A cat (object 1) left, a person (object 2) right, a void border between, background below.
CLASSES = np.array([[CAT, CAT, 255, PERSON], [CAT, 255, PERSON, PERSON], [0, 0, 0, 0]], np.uint8)
OBJECTS = np.array([[1, 1, 255, 2], [1, 255, 2, 2], [0, 0, 0, 0]], np.uint8)
PETS = Taxonomy((Category("cat", "cat"), Category("dog", "dog"), Category("sky", "sky", "stuff")))


def entry(name, box, more=""):
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inside = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    return f"<object><name>{name}</name>{more}<bndbox>{inside}</bndbox></object>"


# 1-based pixels, both ends inside: columns 0 and 1 are 1..2.
CAT_ENTRY = entry("cat", (1, 1, 2, 2), "<pose>Left</pose><difficult>1</difficult>")
PERSON_ENTRY = entry("person", (3, 1, 4, 2), "<truncated>0</truncated><occluded>1</occluded>")
SIZE = "<size><width>4</width><height>3</height><depth>3</depth></size>"


def put(root, *entries, classes=CLASSES, numbers=OBJECTS, xml=None, key="a"):
    write_photo(root / f"JPEGImages/{key}.png", (3, 4))
    for folder, values in (("SegmentationClass", classes), ("SegmentationObject", numbers)):
        if values is not None:
            (root / folder).mkdir(exist_ok=True)
            write_png(root / folder / f"{key}.png", values, palette=PALETTE)
    (root / "Annotations").mkdir(exist_ok=True)
    body = "".join(entries or (CAT_ENTRY, PERSON_ENTRY))
    text = f"<annotation><folder>VOC2012</folder>{SIZE}{body}</annotation>" if xml is None else xml
    (root / f"Annotations/{key}.xml").write_text(text)
    (root / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
    return root


def one(dataset):
    return dataset.labels_of(dataset.samples[0])


def write(dataset, target, *, allow_loss=False, to="voc"):
    return transfer(dataset, target, load_format(to), allow_loss=allow_loss)


def test_the_colour_map_is_that_of_the_development_kit():
    assert PALETTE[[0, 1, 2, 3, 15, 20, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0],
        [192, 128, 128], [0, 64, 128], [224, 224, 192],
    ]  # fmt: skip


def test_objects_have_class_pixels_box_and_attributes(tmp_path):
    data = read_dataset(put(tmp_path))
    assert [c.name for c in data.taxonomy] == list(NAMES)
    labels = one(data)
    rows = labels.rows
    assert [data.taxonomy[c].name for c in rows.category] == ["cat", "person"]
    assert rows.instance.tolist() == [1, 2]
    assert rows.masks.decode().tolist() == [(OBJECTS == 1).tolist(), (OBJECTS == 2).tolist()]
    assert rows.attributes == (
        {"pose": "Left", "difficult": True},
        {"truncated": False, "occluded": True},
    )
    assert rows.source[0]["bbox"] == [0, 0, 2, 2]
    assert rows.source[1]["bbox"] == [2, 0, 2, 2]
    assert "notes" not in labels.extra


def test_void_is_kept_and_background_is_said(tmp_path):
    data = read_dataset(put(tmp_path))
    labels = one(data)
    assert labels.coverage.area.dense(0).tolist() == (CLASSES != 255).tolist()
    seen = class_map(labels, data.taxonomy)
    assert (seen == VOID).tolist() == (CLASSES == 255).tolist()
    assert (seen[2] == BACKGROUND).all()


def test_class_maps_alone_are_class_maps(tmp_path):
    (put(tmp_path, numbers=None) / "Annotations/a.xml").unlink()
    data = read_dataset(tmp_path)
    wanted = np.where(CLASSES == 255, VOID, np.where(CLASSES == 0, BACKGROUND, CLASSES - 1))
    assert one(data).rows is None
    assert one(data).class_map.tolist() == wanted.tolist()
    assert write(data, tmp_path / "out").written
    assert not (tmp_path / "out/SegmentationObject").exists()
    assert read_map(tmp_path / "out/SegmentationClass/a.png").tolist() == CLASSES.tolist()


def test_what_is_read_is_written_and_read_again_as_the_same_bytes(tmp_path):
    part = "<part><name>head &amp; ear</name></part>"
    src = put(tmp_path / "src", CAT_ENTRY.replace("<bndbox>", part + "<bndbox>"), PERSON_ENTRY)
    (src / "ImageSets/Segmentation/val.txt").write_text("a\n")
    done = write(read_dataset(src), tmp_path / "a")
    assert (done.written, done.changed_pixels, done.losses, done.warnings) == (True, 0, (), ())
    for folder in ("SegmentationClass", "SegmentationObject"):
        made, given = (read_map(root / folder / "a.png") for root in (tmp_path / "a", src))
        assert made.tolist() == given.tolist()
    assert read_xml(tmp_path / "a/Annotations/a.xml") == read_xml(src / "Annotations/a.xml")
    assert (tmp_path / "a/ImageSets/Segmentation/val.txt").read_text() == "a\n"
    assert detect_format(tmp_path / "a").name == "voc"
    back = read_dataset(tmp_path / "a")
    assert back.splits == {"val": ("a",)}
    assert write(back, tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_maps_are_palette_pngs_and_the_label_map_alone_gives_the_classes(tmp_path):
    from PIL import Image

    write(read_dataset(put(tmp_path / "src")), tmp_path / "a")
    with Image.open(tmp_path / "a/SegmentationObject/a.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    lines = (tmp_path / "a/labelmap.txt").read_text().splitlines()
    assert lines[1:3] == ["background:0,0,0::", "aeroplane:128,0,0::"]
    (tmp_path / "a/taxonomy.json").unlink()
    data = read_dataset(tmp_path / "a")
    assert [c.name for c in data.taxonomy] == list(NAMES)
    assert [data.taxonomy[c].name for c in one(data).rows.category] == ["cat", "person"]


def test_where_the_xml_tells_otherwise_pixels_are_believed_and_it_is_said(tmp_path):
    data = read_dataset(put(tmp_path, PERSON_ENTRY, CAT_ENTRY))
    labels = one(data)
    assert [data.taxonomy[c].name for c in labels.rows.category] == ["person", "cat"]
    assert labels.rows.attributes[1] == {"pose": "Left", "difficult": True}
    assert labels.extra["notes"][0] == (
        "object 1: its pixels are cat in x 0-2, y 0-2, <object> 1 of the XML is person in "
        "x 2-4, y 0-2; taken for <object> 2"
    )
    found = [f for f in examine(data).ledger.kept if f.check == "contradiction"]
    assert len(found) == 2
    assert "2 contradictions" in write(data, tmp_path / "out").warnings[-1]


def test_an_entry_without_pixels_stays_a_box_and_keeps_the_numbers_of_the_others(tmp_path):
    dog = entry("dog", (1, 3, 4, 3))
    numbers = np.where(OBJECTS == 2, 3, OBJECTS)
    data = read_dataset(put(tmp_path / "src", CAT_ENTRY, dog, PERSON_ENTRY, numbers=numbers))
    rows = one(data).rows
    assert rows.kind.tolist() == [RowKind.MASK, RowKind.BOX, RowKind.MASK]
    assert rows.masks.areas.tolist() == [3, 0, 3]
    assert one(data).extra["notes"] == ("<object> 2 of the XML, dog, has no pixels: a box",)
    done = write(data, tmp_path / "a")
    assert (done.written, done.losses) == (True, ())
    assert read_map(tmp_path / "a/SegmentationObject/a.png").tolist() == numbers.tolist()
    assert read_xml(tmp_path / "a/Annotations/a.xml").objects[1].box == (0, 2, 4, 3)


def test_the_class_is_that_of_most_pixels_and_strays_are_told(tmp_path):
    classes = CLASSES.copy()
    classes[0, 0] = DOG
    labels = one(data := read_dataset(put(tmp_path, classes=classes)))
    assert data.taxonomy[labels.rows.category[0]].name == "cat"
    assert labels.extra["notes"] == ("object 1: 1 of 3 px are not cat",)


def test_an_object_without_class_pixels_is_of_the_xml_or_refused(tmp_path):
    classes = np.where(CLASSES == CAT, 0, CLASSES).astype(np.uint8)
    labels = one(data := read_dataset(put(tmp_path, classes=classes)))
    assert data.taxonomy[labels.rows.category[0]].name == "cat"
    assert labels.extra["notes"] == (
        "object 1 is background in the class map, its class is of the XML",
    )
    (tmp_path / "Annotations/a.xml").unlink()
    with pytest.raises(FormatError, match=r"object 1 of a\.png has no class"):
        one(read_dataset(tmp_path))


def test_class_pixels_without_an_object_are_one_region_per_class(tmp_path):
    classes = CLASSES.copy()
    classes[2] = [DOG, 0, DOG, 0]
    data = read_dataset(put(tmp_path / "src", classes=classes))
    assert one(data).rows.masks.areas.tolist() == [3, 3, 2]
    assert write(data, tmp_path / "a").written
    assert read_map(tmp_path / "a/SegmentationObject/a.png").tolist() == OBJECTS.tolist()
    assert read_map(tmp_path / "a/SegmentationClass/a.png").tolist() == classes.tolist()


def test_xml_alone_gives_boxes_of_pixels_that_are_not_labelled(tmp_path):
    src = put(tmp_path / "src", classes=None, numbers=None)
    (src / "ImageSets/Main").mkdir()
    (src / "ImageSets/Main/train.txt").write_text("# all of them\na\n")
    (src / "ImageSets/Main/cat_train.txt").write_text("a -1\n")
    assert detect_format(src).name == "voc"
    data = read_dataset(src)
    assert data.splits == {"train": ("a",)}
    assert [c.name for c in data.taxonomy] == ["cat", "person"]
    labels = one(data)
    assert labels.coverage.nothing
    assert labels.rows.kind.tolist() == [RowKind.BOX] * 2
    assert write(data, tmp_path / "a").losses == ()
    assert not (tmp_path / "a/SegmentationClass").exists()
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_images_with_boxes_alone_are_left_out_unless_asked_for(tmp_path):
    src = put(tmp_path / "src")
    put(src, classes=None, numbers=None, key="b")
    data = read_dataset(src)
    assert len(data) == 1
    assert "1 annotations have no maps and are left out" in data.warnings[0]
    assert len(both := read_dataset(src, settings=["boxes=true"])) == 2
    assert write(both, tmp_path / "out").written
    assert [labels.coverage.nothing for _, labels in read_dataset(tmp_path / "out")] == [
        False,
        True,
    ]


def test_maps_in_colours_are_looked_up(tmp_path):
    put(tmp_path)
    for folder, values in (("SegmentationClass", CLASSES), ("SegmentationObject", OBJECTS)):
        write_png(tmp_path / folder / "a.png", PALETTE[values])
    assert one(read_dataset(tmp_path)).rows.masks.areas.tolist() == [3, 3]
    wrong = PALETTE[CLASSES]
    wrong[0, 1] = (1, 2, 3)
    write_png(tmp_path / "SegmentationClass/a.png", wrong)
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw \(1, 2, 3\)\).*labelmap"):
        one(read_dataset(tmp_path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labelmap.txt", "# label:color\nbackground:0,0,0::\nnail:9,9,9::\ncrack::a,b:\nignored:224,224,192::\n"),
        ("labelmap.txt", "nail:9,9,9::\ncrack:8,8,8::\nvoid\n"),
        ("labels.txt", "nail\ncrack\nignore\n"),
        ("class_names.txt", "__ignore__\n_background_\nnail\ncrack\nvoid\n"),
    ],
)  # fmt: skip
def test_label_maps_give_classes_void_and_background(tmp_path, name, text):
    put(tmp_path, classes=np.array([[0, 1, 2, 3]] * 3, np.uint8), numbers=None, xml="<annotation/>")
    (tmp_path / name).write_text(text)
    data = read_dataset(tmp_path)
    assert [c.name for c in data.taxonomy] == ["nail", "crack"]
    assert one(data).class_map[0].tolist() == [BACKGROUND, 0, 1, VOID]


@pytest.mark.parametrize("text", ["a:1,2:x\n", "a\na\n", ":1,2,3::\n"])
def test_a_damaged_label_map_is_named_by_line(tmp_path, text):
    put(tmp_path)
    (tmp_path / "labelmap.txt").write_text("# first\n" + text)
    with pytest.raises(FormatError, match=r"labelmap\.txt: line [23]"):
        read_dataset(tmp_path)


def test_an_unknown_class_and_sizes_that_differ_are_named(tmp_path):
    with pytest.raises(FormatError, match=r"SegmentationClass/a\.png: .*x=3, y=2 \(saw 77\)"):
        one(read_dataset(put(tmp_path / "1", classes=np.where(np.arange(12).reshape(3, 4) == 11, 77, CLASSES).astype(np.uint8))))  # fmt: skip
    with pytest.raises(FormatError, match=r"SegmentationObject/a\.png: the mask is 3 × 3 px"):
        one(read_dataset(put(tmp_path / "2", numbers=OBJECTS[:, :3])))
    wrong = f"<annotation>{SIZE.replace('>4<', '>5<')}</annotation>"
    with pytest.raises(FormatError, match=r"a\.xml: the XML says 5 × 3 px"):
        one(read_dataset(put(tmp_path / "3", xml=wrong)))
    body = png_bytes(CLASSES)
    (put(tmp_path / "4") / "SegmentationClass/a.png").write_bytes(body[: len(body) // 2])
    with pytest.raises(DataError, match=r"SegmentationClass/a\.png: .*damaged"):
        one(read_dataset(tmp_path / "4"))


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><annotation>&c;</annotation>'
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/hostname"><annotation/>'
BAD_XML = [
    (BOMB, "a DTD or entities"),
    (OUTSIDE, "a DTD or entities"),
    ("<annotation>&c;</annotation>", "not valid XML"),
    ("<annotation>", "not valid XML"),
    ("", "not valid XML"),
    ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not valid XML"),
    ("<annotation>" + "<a>" * 40 + "</a>" * 40 + "</annotation>", "32 levels"),
    ("<html/>", r"not a VOC annotation \(saw '<html>'\)"),
    ("<annotation><size><width>x</width></size></annotation>", "two whole numbers"),
    ("<annotation><object/></annotation>", "object 1: an object without a name"),
    ("<annotation><object><name>cat</name></object></annotation>", "object 1, cat: .*bndbox"),
    (f"<annotation>{entry('cat', (1, 1, 'nan', 2))}</annotation>", "xmax is not a finite number"),
    (f"<annotation>{entry('cat', (1, '', 2, 2))}</annotation>", "ymin is not a finite number"),
    (f"<annotation>{entry('cat', (3, 1, 2, 2))}</annotation>", "ends before it begins"),
]


@pytest.mark.parametrize(("text", "told"), BAD_XML)
def test_bad_xml_is_one_error_that_names_the_file_and_can_be_skipped(tmp_path, text, told):
    put(tmp_path, xml=text)
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(tmp_path)
    assert "Annotations/a.xml" in caught.value.message
    data = read_dataset(tmp_path, skip_bad=True)
    assert data.warnings[0].startswith("1 invalid annotation was left out")
    assert one(data).rows.masks.areas.tolist() == [3, 3]


def test_xml_of_many_elements_is_refused(tmp_path):
    put(tmp_path, xml="<annotation>" + "<a/>" * (BOUNDS.elements + 1) + "</annotation>")
    with pytest.raises(FormatError, match=f"more than {BOUNDS.elements} elements"):
        read_dataset(tmp_path)


def test_xml_of_many_bytes_is_refused_unread(tmp_path):
    put(tmp_path, xml="<annotation>" + " " * MAX_BYTES + "</annotation>")
    with pytest.raises(FormatError, match=f"more than {MAX_BYTES} bytes"):
        read_dataset(tmp_path)


def test_boxes_and_attributes_survive_their_text(tmp_path):
    attributes = {
        "pose": "Left & <up>", "difficult": True, "occluded": "partly", "n": 3, "text": "3",
        "empty": "", "space": " a ", "list": [1, {"a": None}],
    }  # fmt: skip
    listed = (VocObject("é & <cat>", (0.0, 2.5, 7.1, 9.0), attributes),)
    (tmp_path / "a.xml").write_text(xml_text((9, 8), listed, []), encoding="utf-8")
    back = read_xml(tmp_path / "a.xml")
    assert back.size == (9, 8)
    assert back.objects == (VocObject("é & <cat>", (0.0, 2.5, 7.1, 9.0), attributes, []),)
    assert "<xmin>1</xmin>" in (tmp_path / "a.xml").read_text()
    with pytest.raises(WriteError, match="control character"):
        xml_text((1, 1), [VocObject("a\x00", (0, 0, 1, 1), {})], [])


def test_classes_of_voc_keep_its_numbers_and_others_are_counted(tmp_path):
    for names, numbers in ((["dog", "cat"], [DOG, CAT]), (["nail", "cat"], [1, 2])):
        classes = np.array([[0, 1]], np.uint8)
        taxonomy = Taxonomy.from_names(names, kind="stuff")
        data = dataset_of(taxonomy, {"a": Labels((1, 2), class_map=classes)})
        target = tmp_path / names[0]
        assert write(data, target).written
        assert read_map(target / "SegmentationClass/a.png").tolist() == [numbers]
    assert len((tmp_path / "dog/labelmap.txt").read_text().splitlines()) == 22
    assert len((tmp_path / "nail/labelmap.txt").read_text().splitlines()) == 4


def test_stuff_is_class_pixels_and_comes_back_as_stuff(tmp_path):
    cat, sky = np.zeros((2, 3, 4), bool)
    cat[0, :2], sky[1:] = True, True
    data = dataset_of(PETS, {"k/a": objects([cat, sky], [0, 2])})
    done = write(data, tmp_path / "a")
    assert (done.written, done.losses, done.exact_objects) == (True, (), 2)
    back = read_dataset(tmp_path / "a")
    assert [c.kind for c in back.taxonomy] == ["thing", "thing", "stuff"]
    assert len(read_xml(tmp_path / "a/Annotations/k/a.xml").objects) == 1


def test_more_than_254_objects_are_refused_and_else_keep_their_class(tmp_path):
    masks, _ = Masks.from_id_map(np.arange(1, 301).reshape(15, 20))
    data = dataset_of(PETS, {"a": Labels((15, 20), rows=Rows.make(masks, np.zeros(300)))})
    done = write(data, tmp_path / "a")
    assert [(x.kind, x.objects) for x in done.refused] == [("ids", 46)]
    assert not done.written
    assert write(data, tmp_path / "a", allow_loss=True).written
    rows = one(read_dataset(tmp_path / "a")).rows
    assert rows.masks.areas[rows.kind == RowKind.MASK].tolist() == [1] * 254 + [46]


def test_more_than_254_classes_are_refused_and_else_become_void(tmp_path):
    taxonomy = Taxonomy.from_names([f"c{i}" for i in range(260)], kind="stuff")
    classes = np.array([[0, 253, 254, 259]], np.uint16)
    data = dataset_of(taxonomy, {"a": Labels((1, 4), class_map=classes)})
    done = write(data, tmp_path / "a")
    assert [(x.kind, x.pixels) for x in done.refused] == [("classes", 2)]
    assert write(data, tmp_path / "a", allow_loss=True).written
    assert read_map(tmp_path / "a/SegmentationClass/a.png").tolist() == [[1, 254, 255, 255]]


def test_what_voc_has_no_place_for_is_refused_or_told(tmp_path):
    left, right = np.zeros((2, 1, 3), bool)
    left[0, :2], right[0, 1:] = True, True
    crowded = objects([left, right], [0, 1], crowd=[True, False], score=[0.5, np.nan])
    done = write(dataset_of(PETS, {"a": crowded}), tmp_path / "a")
    assert {x.kind for x in done.refused} == {"crowd", "score", "overlap"}
    point = objects([left, ~left & right], [0, 1], kind=[RowKind.POINT, RowKind.MASK])
    done = write(dataset_of(PETS, {"a": point}), tmp_path / "a")
    assert {x.kind for x in done.refused} == {"drawings"}
    region = objects([left], [2], attributes=[{"wet": 1}])
    done = write(dataset_of(PETS, {"a": region}), tmp_path / "a")
    assert [(x.kind, x.objects) for x in done.refused] == [("attributes", 1)]


def test_the_only_voc_folder_inside_is_read_and_old_labelme_xml_is_not_voc(tmp_path):
    put(tmp_path / "VOCdevkit/VOC2012")
    assert detect_format(tmp_path / "VOCdevkit").name == "voc"
    assert len(read_dataset(tmp_path / "VOCdevkit")) == 1
    other = put(tmp_path / "b", classes=None, numbers=None, xml="<annotation><object><polygon><pt></pt></polygon></object></annotation>")  # fmt: skip
    assert load_format("voc").detect(other) == 0.0
    assert detect_format(other).name == "labelme"


def test_trainval_is_no_split_beside_train_and_val(tmp_path):
    put(tmp_path)
    put(tmp_path, key="b")
    lists = tmp_path / "ImageSets/Segmentation"
    (lists / "train.txt").write_text("a\nabsent\n")
    (lists / "val.txt").write_text("b.jpg\n")
    (lists / "trainval.txt").write_text("a\nb\n")
    assert read_dataset(tmp_path).splits == {"train": ("a",), "val": ("b",)}


@pytest.mark.shared
def test_the_sets_of_datumaro_have_their_numbers(shared, tmp_path):
    root = shared / "conformance/datumaro/voc_dataset"
    first = read_dataset(root / "voc_dataset1")
    assert first.splits == {"train": ("2007_000001",)}
    labels = one(first)
    assert labels.size == (10, 20)
    assert labels.rows.masks.areas.tolist() == [200, 0, 0]
    assert [first.taxonomy[c].name for c in labels.rows.category] == ["bicycle", "cat", "person"]
    actions = labels.rows.source[2]["voc"]["rest"]
    assert [element[0] for element in actions] == ["part", "actions"]
    assert write(first, tmp_path / "a").written
    second = read_dataset(root / "voc_dataset2", settings=[])
    assert second.splits == {"trainval": ("@", "a", "b", "c", "d")}
    assert len(second.taxonomy) == 21
    with pytest.raises(FormatError, match="the size is not known"):
        one(second)
    third = one(read_dataset(root / "voc_dataset3"))
    assert third.rows.source[0]["bbox"] == [0, 1, 3, 3]
    assert third.coverage.nothing
