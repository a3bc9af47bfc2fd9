from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from maskloom.core.labels import BACKGROUND, VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.cityscapes.labels import LABELS, OFFICIAL, numbers_of, train_ids
from maskloom.formats.cityscapes.polygons import MAX_BYTES
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes, read_map, write_png

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, random_objects, write_photo

CAR, PERSON, ROAD, SKY, STATIC, CARAVAN = (
    OFFICIAL.find(name) for name in ("car", "person", "road", "sky", "static", "caravan")
)
# Two cars, a region of cars, a person, road, static (void), unlabeled.
NUMBERS = np.array([[26000, 26000, 26003, 26], [24000, 7, 7, 26], [0, 4, 29000, 23]], np.uint16)
PLACE = "gtFine/train/ulm/ulm_000001_000019_gtFine"


def put(root, numbers=NUMBERS, place=PLACE, *, polygons=None, **maps):
    image = place.replace("gtFine/", "leftImg8bit/").replace("_gtFine", "_leftImg8bit")
    write_photo(root / f"{image}.png", (3, 4))
    if numbers is not None:
        maps["instanceIds"] = numbers
    for kind, values in maps.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        write_png(root / f"{place}_{kind}.png", values)
    if polygons is not None:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{place}_polygons.json").write_text(
            polygons if isinstance(polygons, str) else json.dumps(polygons)
        )
    return root


def one(data):
    return data.labels_of(data.samples[0])


def write(data, target, **more):
    return transfer(data, target, load_format("cityscapes"), **more)


# Transcribed from cityscapesScripts, preparation/json2instanceImg.py and json2labelImg.py.
NAME_TO_LABEL = {label.name: label for label in LABELS}


def json_to_instance_image(data):
    image = Image.new("I", (data["imgWidth"], data["imgHeight"]), 0)
    drawer = ImageDraw.Draw(image)
    counts = {label.name: 0 for label in LABELS if label.has_instances}
    for one in data["objects"]:
        label, polygon = one["label"], [tuple(p) for p in one["polygon"]]
        if one.get("deleted"):
            continue
        is_group = False
        if label not in NAME_TO_LABEL and label.endswith("group"):
            label, is_group = label[: -len("group")], True
        number = NAME_TO_LABEL[label].id
        if NAME_TO_LABEL[label].has_instances and not is_group:
            number = number * 1000 + counts[label]
            counts[label] += 1
        if number < 0:
            continue
        drawer.polygon(polygon, fill=number)
    return np.asarray(image)


def json_to_label_image(data, *, train=False):
    empty = NAME_TO_LABEL["unlabeled"]
    image = Image.new(
        "L", (data["imgWidth"], data["imgHeight"]), empty.train_id if train else empty.id
    )
    drawer = ImageDraw.Draw(image)
    for one in data["objects"]:
        label = one["label"]
        if one.get("deleted"):
            continue
        if label not in NAME_TO_LABEL and label.endswith("group"):
            label = label[: -len("group")]
        if NAME_TO_LABEL[label].id < 0:
            continue
        value = NAME_TO_LABEL[label].train_id if train else NAME_TO_LABEL[label].id
        drawer.polygon([tuple(p) for p in one["polygon"]], fill=value)
    return np.asarray(image)


def random_polygons(seed, n=40, size=(60, 90)):
    """Objects of any label, some deleted, groups among them, and polygons that leave the frame."""
    rng = np.random.default_rng(seed)
    names = [label.name for label in LABELS] + ["cargroup", "persongroup", "bicyclegroup"]
    listed = []
    for _ in range(n):
        corners = int(rng.integers(3, 9))
        centre, spread = rng.integers(-5, 95, 2), int(rng.integers(1, 40))
        polygon = centre + rng.integers(-spread, spread + 1, (corners, 2))
        entry = {"label": str(rng.choice(names)), "polygon": polygon.tolist(), "id": len(listed)}
        if rng.random() < 0.1:
            entry["deleted"] = 1
        listed.append(entry)
    return {"imgHeight": size[0], "imgWidth": size[1], "objects": listed, "draft": "kept"}


def test_the_label_table_is_that_of_the_scripts():
    assert len(LABELS) == 35
    assert [label.id for label in LABELS] == [*range(34), -1]
    assert [x.name for x in LABELS if x.has_instances] == [
        "person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle",
        "bicycle",
    ]  # fmt: skip
    assert [x.train_id for x in LABELS if not x.ignored] == list(range(19))
    assert {x.train_id for x in LABELS if x.ignored} == {255, -1}
    assert sorted({x.group for x in LABELS}) == [
        "construction", "flat", "human", "nature", "object", "sky", "vehicle", "void",
    ]  # fmt: skip
    assert len(OFFICIAL.scored) == 19


def test_numbers_say_class_object_group_and_nothing(tmp_path):
    data = read_dataset(put(tmp_path))
    assert detect_format(tmp_path).name == "cityscapes"
    assert data.splits == {"train": ("ulm/ulm_000001_000019",)}
    assert data.samples[0].group == "ulm_000001"
    labels = one(data)
    rows = labels.rows
    assert rows.instance.tolist() == [4, 7, 23, 26, 24000, 26000, 26003, 29000]
    assert rows.category.tolist() == [STATIC, ROAD, SKY, CAR, PERSON, CAR, CAR, CARAVAN]
    assert rows.crowd.tolist() == [False] * 3 + [True] + [False] * 4
    assert labels.coverage.area.dense(0).sum() == 11
    classes = class_map(labels, data.taxonomy)
    # Unlabeled, static and caravan, which scores ignore, are void.
    assert np.argwhere(classes == VOID).tolist() == [[2, 0], [2, 1], [2, 2]]


def test_classes_that_scores_ignore_can_be_read_as_classes(tmp_path):
    data = read_dataset(put(tmp_path), settings=["ignored=true"])
    assert len(data.taxonomy.scored) == 27
    classes = class_map(one(data), data.taxonomy)
    assert np.argwhere(classes == VOID).tolist() == [[2, 0], [2, 1]]


def test_label_maps_alone_are_class_maps_and_keep_which_void_it_was(tmp_path):
    labels = np.array([[7, 26, 0, 4], [1, 9, 29, 23]], np.uint8)
    write_png(tmp_path / "src/gtFine/val/a/a_gtFine_labelIds.png", labels)
    data = read_dataset(tmp_path / "src")
    assert one(data).class_map.tolist() == [[ROAD, CAR, VOID, VOID], [VOID, VOID, VOID, SKY]]
    done = write(data, tmp_path / "out")
    assert done.written
    assert done.losses == ()
    assert read_map(tmp_path / "out/gtFine/val/a/a_gtFine_labelIds.png").tolist() == labels.tolist()
    assert not list((tmp_path / "out").rglob("*instanceIds.png"))


def test_train_ids_alone_are_class_maps(tmp_path):
    write_png(tmp_path / "gtFine/a/a_gtFine_labelTrainIds.png", np.array([[0, 13, 255]], np.uint8))
    assert one(read_dataset(tmp_path)).class_map.tolist() == [[ROAD, CAR, VOID]]


@pytest.mark.parametrize("seed", range(12))
def test_polygons_alone_make_the_maps_of_the_scripts(tmp_path, seed):
    polygons = random_polygons(seed)
    put(tmp_path / "src", None, polygons=polygons)
    write_photo(tmp_path / "src/leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png", (60, 90))
    data = read_dataset(tmp_path / "src")
    assert one(data).rows.geometry
    done = write(data, tmp_path / "out")
    assert (done.written, done.losses, done.exact_objects) == (True, (), done.objects)
    stem = tmp_path / "out" / PLACE
    np.testing.assert_array_equal(read_map(stem.with_name(stem.name + "_instanceIds.png")), json_to_instance_image(polygons))  # fmt: skip
    np.testing.assert_array_equal(read_map(stem.with_name(stem.name + "_labelIds.png")), json_to_label_image(polygons))  # fmt: skip
    np.testing.assert_array_equal(read_map(stem.with_name(stem.name + "_labelTrainIds.png")), json_to_label_image(polygons, train=True))  # fmt: skip
    # The author's own file is kept with every field, and a second pass writes the same bytes.
    assert json.loads(stem.with_name(stem.name + "_polygons.json").read_text()) == polygons
    assert write(read_dataset(tmp_path / "out"), tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_the_authors_vertices_stand_beside_the_pixels(tmp_path):
    square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    listed = [
        {"label": "car", "polygon": square},
        {"label": "car", "polygon": [[1, 1], [3, 1], [3, 2]]},
    ]
    polygons = {"imgHeight": 3, "imgWidth": 4, "objects": listed}
    put(tmp_path, json_to_instance_image(polygons).astype(np.uint16), polygons=polygons)
    rows = one(read_dataset(tmp_path)).rows
    assert rows.instance.tolist() == [26000, 26001]
    assert [g.rule for g in rows.geometry] == ["pil", "pil"]
    assert rows.geometry[0].parts[0].tolist() == square


def test_cityscapesscripts_29_released_maps_differ_from_their_polygons_and_both_are_kept(tmp_path):
    # An older Pillow painted the maps of the release; they decide, the polygons stay beside them.
    listed = [{"label": "car", "polygon": [[0, 0], [2, 0], [2, 2]]}]
    polygons = {"imgHeight": 3, "imgWidth": 4, "objects": listed}
    put(tmp_path / "src", polygons=polygons)
    data = read_dataset(tmp_path / "src")
    done = write(data, tmp_path / "a")
    assert (done.written, done.losses) == (True, ())
    assert read_map(tmp_path / f"a/{PLACE}_instanceIds.png").tolist() == NUMBERS.tolist()
    assert json.loads((tmp_path / f"a/{PLACE}_polygons.json").read_text()) == polygons
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b").losses == ()
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_polygons_of_changed_pixels_are_left_out_and_told(tmp_path):
    listed = [{"label": "car", "polygon": [[0, 0], [2, 0], [2, 2]]}]
    put(tmp_path / "src", polygons={"imgHeight": 3, "imgWidth": 4, "objects": listed})
    data = read_dataset(tmp_path / "src")

    def fewer(sample):
        labels = data.labels_of(sample)
        rows = labels.rows.take(labels.rows.instance != 26003)
        return labels.replace(rows=rows, coverage=Coverage(area=rows.masks.merge()))

    done = write(replace(data, labels_of=fewer), tmp_path / "out")
    assert done.written
    assert [(x.kind, x.refused) for x in done.losses] == [("vertices", False)]
    assert not list((tmp_path / "out").rglob("*polygons*"))


def test_cityscapesscripts_32_instance_maps_have_16_bit(tmp_path):
    put(tmp_path / "src", np.full((3, 4), 7, np.uint16))
    assert write(read_dataset(tmp_path / "src"), tmp_path / "a", allow_loss=True).written
    with Image.open(tmp_path / f"a/{PLACE}_instanceIds.png") as image:
        assert image.mode == "I;16"


def test_what_is_written_is_the_same_bytes_twice_and_numbers_stay(tmp_path):
    put(tmp_path / "src")
    put(tmp_path / "src", place=PLACE.replace("train", "val").replace("ulm", "jena"))
    done = write(read_dataset(tmp_path / "src"), tmp_path / "a")
    assert (done.written, done.losses, done.exact_objects) == (True, (), done.objects)
    assert read_map(tmp_path / f"a/{PLACE}_instanceIds.png").tolist() == NUMBERS.tolist()
    back = read_dataset(tmp_path / "a")
    assert back.splits == {"train": ("ulm/ulm_000001_000019",), "val": ("jena/jena_000001_000019",)}
    assert back.taxonomy.keys == OFFICIAL.keys
    assert write(back, tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert read_dataset(tmp_path / "src").content_hash() == back.content_hash()


def test_images_of_one_name_in_two_splits_keep_their_keys(tmp_path):
    put(tmp_path / "src")
    put(tmp_path / "src", place=PLACE.replace("train", "val"))
    data = read_dataset(tmp_path / "src")
    assert [s.key.partition("/")[0] for s in data.samples] == ["train", "val"]
    assert write(data, tmp_path / "a").written
    assert read_dataset(tmp_path / "a").content_hash() == data.content_hash()


def test_keys_without_a_city_and_other_taxonomies_come_back(tmp_path):
    taxonomy = Taxonomy((*(Category(f"t{i}", f"t{i}") for i in range(3)), Category("x", "road", "stuff"), Category("blur", "blur", "stuff", void=True)))  # fmt: skip
    rng = np.random.default_rng(1)
    labels = random_objects(rng, 6)
    count = len(labels.rows)
    labels = labels.replace(
        rows=Rows.make(labels.rows.masks, np.arange(count) % 5),
        coverage=Coverage(area=labels.rows.masks.merge()),
    )
    data = dataset_of(taxonomy, {"im0": labels, "deep/er/im1": labels}, tmp_path / "photos")
    done = write(data, tmp_path / "a")
    assert (done.written, done.exact_objects, done.changed_pixels) == (True, 2 * count, 0)
    assert {x.kind for x in done.losses} <= {"parts"}
    back = read_dataset(tmp_path / "a")
    assert [s.key for s in back.samples] == ["deep/er/im1", "im0"]
    assert [c.name for c in back.taxonomy] == ["t0", "t1", "t2", "road", "blur"]
    assert write(back, tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def torture():
    """A ring with a hole, two parts, a 1-px line, a border frame, a speck: they do not overlap."""
    size = (40, 50)
    masks = np.zeros((5, *size), bool)
    masks[0, 5:15, 5:15], masks[0, 8:12, 8:12] = True, False
    masks[1, 20:24, 3:6] = masks[1, 30:33, 40:44] = True
    masks[2, 26, 10:40] = True
    masks[3, [0, -1], :] = masks[3, :, [0, -1]] = True
    masks[4, 9, 9] = True
    return objects(list(masks))


def test_holes_parts_lines_borders_and_specks_are_exact(tmp_path):
    empty = objects([np.zeros((5, 5), bool)]).rows.take(slice(0, 0))
    whole = Coverage(area=torture().rows.masks.merge())
    nothing = Labels((5, 5), rows=empty, coverage=Coverage(nothing=True))
    data = dataset_of(NUCLEUS, {"a": torture().replace(coverage=whole), "b": nothing})
    done = write(data, tmp_path / "a")
    assert (done.written, done.losses, done.exact_objects) == (True, (), 5)
    back = read_dataset(tmp_path / "a")
    assert back.labels_of(back.samples[0]).rows.masks == torture().rows.masks
    assert len(back.labels_of(back.samples[1]).rows) == 0


def test_a_thousand_objects_of_a_class_fit_and_more_are_refused(tmp_path):
    for n in (1000, 1001):
        masks, _ = Masks.from_id_map(np.arange(1, n + 1).reshape(1, n))
        data = dataset_of(NUCLEUS, {"a": Labels((1, n), rows=Rows.make(masks, np.zeros(n)))})
        done = write(data, tmp_path / str(n))
        assert done.written == (n == 1000)
    assert [(x.kind, x.objects) for x in done.refused] == [("ids", 1)]
    assert "1001 objects of nucleus, at most 1000" in done.refused[0].example
    assert write(data, tmp_path / "x", allow_loss=True).written
    back = one(read_dataset(tmp_path / "x")).rows
    assert (len(back), int(back.crowd.sum()), int(back.masks.areas.sum())) == (1001, 1, 1001)


def test_background_overlap_and_several_crowds_are_losses_with_counts(tmp_path):
    left, right = np.zeros((2, 4, 4), bool)
    left[:2], right[1:3] = True, True
    done = write(dataset_of(NUCLEUS, {"a": objects([left, right])}), tmp_path / "a")
    told = {x.kind: (x.objects, x.pixels) for x in done.refused}
    assert told == {"overlap": (2, 4), "background": (0, 4)}
    corners = np.zeros((2, 1, 3), bool)
    corners[0, 0, 0] = corners[1, 0, 2] = True
    area = Coverage(area=Masks.from_dense(corners.any(axis=0)))
    crowds = objects(list(corners), crowd=[True, True]).replace(coverage=area)
    done = write(dataset_of(NUCLEUS, {"a": crowds}), tmp_path / "a")
    assert [(x.kind, x.objects) for x in done.refused] == [("parts", 1)]
    stuff = Taxonomy((Category("sky", "sky", "stuff"),))
    done = write(dataset_of(stuff, {"a": crowds}), tmp_path / "a")
    assert {x.kind for x in done.refused} == {"crowd", "parts"}


def test_groups_are_crowds_in_coco_and_groups_again(tmp_path):
    numbers = np.array([[26, 26, 26000], [26, 26001, 7]], np.uint16)
    write_png(tmp_path / "src/gtFine/train/a/a_gtFine_instanceIds.png", numbers)
    coco = transfer(
        read_dataset(tmp_path / "src"), tmp_path / "c", load_format("coco"), allow_loss=True
    )
    assert [(told.kind, told.objects) for told in coco.losses] == [("numbers", 4)]
    assert one(read_dataset(tmp_path / "c")).rows.crowd.tolist() == [False, True, False, False]
    assert write(read_dataset(tmp_path / "c"), tmp_path / "b").written
    found = list((tmp_path / "b").rglob("*instanceIds.png"))
    assert read_map(found[0]).tolist() == numbers.tolist()


def test_numbers_keep_their_own_take_the_official_and_then_free_ones():
    own = Category("a", "a", ids=(("cityscapes", 50),))
    official = Category("b", "Traffic_Light", "stuff")
    free = Category("c", "nucleus")
    taxonomy = Taxonomy((free, own, official))
    assert numbers_of(taxonomy) == {0: 34, 1: 50, 2: 19}
    assert train_ids(taxonomy, numbers_of(taxonomy)) == {34: 0, 50: 1, 19: 2}
    assert train_ids(OFFICIAL, numbers_of(OFFICIAL))[26] == 13
    many = Taxonomy.from_names([f"t{i}" for i in range(70)])
    assert len(numbers_of(many)) == 64
    assert max(numbers_of(many).values()) == 64


def test_classes_without_a_number_are_counted(tmp_path):
    many = Taxonomy.from_names([f"t{i}" for i in range(70)])
    mask = np.ones((2, 3), bool)
    done = write(dataset_of(many, {"a": objects([mask], [69])}), tmp_path / "a")
    (loss,) = done.refused
    assert (loss.kind, loss.objects, loss.pixels) == ("classes", 1, 6)
    assert loss.what == "more classes than the format has numbers (of images: t69)"
    assert loss.example.startswith("a: 70 classes, 64 numbers: none is left for t69")


def test_objects_of_classes_without_a_number_are_counted_once_and_classes_named(tmp_path):
    many = Taxonomy.from_names([f"t{i}" for i in range(70)])
    masks = [np.eye(1, 6, n, dtype=bool) for n in range(6)]
    labels = {
        "a": objects(masks, [64, 65, 66, 67, 68, 0], instance=[1, 2, 3, 4, 5, 6]),
        "b": objects(masks[:3], [68, 68, 69], instance=[1, 1, 2]),
        "c": Labels((1, 3), class_map=np.array([[69, 69, 1]], np.uint8)),
    }
    (total,) = [
        x for x in write(dataset_of(many, labels), tmp_path / "a").refused if x.kind == "classes"
    ]
    assert (total.samples, total.objects, total.pixels) == (3, 5 + 2, 5 + 3 + 2)
    assert total.named == "of images: t64, t65, t66, t67, t68, t69"
    assert "none is left for t64, t65, t66, t67, ...; of images" in total.example


def test_another_label_table_is_read_by_option(tmp_path):
    put(tmp_path, np.array([[1000, 2, 0]] * 3, np.uint16)[:, [0, 0, 1, 2]])
    table = tmp_path / "labels.json"
    table.write_text('{"categories": [{"id": 1, "name": "cow"}, {"id": 2, "name": "grass", "isthing": 0}]}')  # fmt: skip
    data = read_dataset(tmp_path, settings=[f"taxonomy={table}"])
    assert [data.taxonomy[c].name for c in one(data).rows.category] == ["grass", "cow"]


def test_an_unknown_class_is_named_with_its_place_or_left_out(tmp_path):
    put(tmp_path, np.where(NUMBERS == 26003, 40001, NUMBERS).astype(np.uint16))
    with pytest.raises(
        FormatError, match=r"instanceIds\.png: .*not have, 40, at x=2, y=0 \(saw 40001\)"
    ):
        one(read_dataset(tmp_path))
    labels = one(read_dataset(tmp_path, skip_bad=True))
    assert labels.extra["notes"] == ("1 px of unknown classes are left out",)
    assert not labels.coverage.area.dense(0)[0, 2]
    write_png(tmp_path / "b/gtFine/a/a_gtFine_labelIds.png", np.array([[7, 77]], np.uint8))
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw 77\)"):
        one(read_dataset(tmp_path / "b"))
    labels = one(read_dataset(tmp_path / "b", skip_bad=True))
    assert labels.class_map.tolist() == [[ROAD, VOID]]
    assert labels.extra["notes"] == ("1 px of unknown classes are left out",)


def test_maps_that_contradict_each_other_are_told(tmp_path):
    labels = np.where(NUMBERS >= 1000, NUMBERS // 1000, NUMBERS).astype(np.uint8)
    labels[0, 0] = 7
    data = read_dataset(put(tmp_path / "src", labelIds=labels))
    assert one(data).extra["notes"] == ("1 px have another class in ulm_000001_000019_gtFine_labelIds.png",)  # fmt: skip
    done = write(data, tmp_path / "out")
    assert "1 contradiction in the source" in done.warnings[-1]


BAD_POLYGONS = [
    ("[", "not valid JSON"),
    ("[" * 100_000, "too deep"),
    ("{}", 'no list "objects"'),
    ('{"objects": [], "imgHeight": 3}', "imgHeight and imgWidth"),
    ('{"objects": [], "imgHeight": true, "imgWidth": 4}', "imgHeight and imgWidth"),
    ('{"objects": [], "imgHeight": 99999999, "imgWidth": 99999999}', "more than"),
    ('{"objects": [], "imgHeight": 3, "imgWidth": 5}', "the mask is 5 × 3 px, its image 4 × 3"),
]
BAD_OBJECTS = [
    ([], "an object without a label"),
    ({"label": "cow", "polygon": [[0, 0], [1, 0], [1, 1]]}, r"objects\[1\]: a label .*saw 'cow'"),
    ({"label": "car", "polygon": [[0, 0], [1, 1]]}, "at least three points"),
    ({"label": "car", "polygon": [0, 0, 1, 1]}, "at least three points"),
    ({"label": "car"}, "at least three points"),
    ({"label": "car", "polygon": [[0, 0], [1, 0], ["x", 1]]}, "at least three points"),
    ({"label": "car", "polygon": [[0, 0], [1, 0], [float("nan"), 1]]}, "not finite"),
    ({"label": "car", "polygon": [[0, 0], [1, 0], [float("inf"), 1]]}, "not finite"),
    ({"label": "car", "polygon": [[0, 0], [1, 0], [1e300, 1]]}, "not finite"),
]


@pytest.mark.parametrize(("text", "told"), BAD_POLYGONS)
def test_a_damaged_polygon_file_is_one_error_with_its_name(tmp_path, text, told):
    put(tmp_path, None, polygons=text)
    with pytest.raises(FormatError, match=told) as caught:
        one(read_dataset(tmp_path))
    assert "_polygons.json" in caught.value.message


@pytest.mark.parametrize(("entry", "told"), BAD_OBJECTS)
def test_a_bad_object_is_refused_or_left_out_and_counted(tmp_path, entry, told):
    good = {"label": "road", "polygon": [[0, 0], [3, 0], [3, 2], [0, 2]]}
    put(tmp_path, None, polygons={"imgHeight": 3, "imgWidth": 4, "objects": [good, entry]})
    with pytest.raises(FormatError, match=told):
        one(read_dataset(tmp_path))
    labels = one(read_dataset(tmp_path, skip_bad=True))
    assert labels.rows.masks.areas.tolist() == [12]
    assert len(labels.extra["notes"]) == 1


def test_more_objects_of_a_class_than_numbers_are_refused_in_polygons(tmp_path):
    # The scripts would go on counting into the numbers of the next class.
    square = [[0, 0], [1, 0], [1, 1]]
    listed = [{"label": "car", "polygon": square}] * 1001
    put(tmp_path, None, polygons={"imgHeight": 3, "imgWidth": 4, "objects": listed})
    with pytest.raises(FormatError, match=r"objects\[1000\]: more than 1000 objects"):
        one(read_dataset(tmp_path))


def test_polygon_files_of_many_bytes_are_refused_unread(tmp_path):
    put(tmp_path, None, polygons="")
    with (tmp_path / f"{PLACE}_polygons.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(FormatError, match="more than"):
        one(read_dataset(tmp_path))


def test_damaged_maps_and_other_sizes_are_named(tmp_path):
    put(tmp_path / "1", NUMBERS[:, :3])
    with pytest.raises(FormatError, match="the mask is 3 × 3 px, its image 4 × 3 px"):
        one(read_dataset(tmp_path / "1"))
    put(tmp_path / "2")
    body = png_bytes(NUMBERS)
    (tmp_path / f"2/{PLACE}_instanceIds.png").write_bytes(body[: len(body) // 2])
    with pytest.raises(DataError, match=r"instanceIds\.png: .*damaged"):
        one(read_dataset(tmp_path / "2"))
    put(tmp_path / "3", np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(FormatError, match="no colours"):
        one(read_dataset(tmp_path / "3"))
    with pytest.raises(UsageError, match="no such folder"):
        read_dataset(put(tmp_path / "4"), settings=["labels=../3"])


def test_a_side_file_cannot_lead_out_of_the_target(tmp_path):
    put(tmp_path / "src")
    side = {**OFFICIAL.to_json(), "kind": "cityscapes", "keys": {PLACE.removeprefix("gtFine/").removesuffix("_gtFine"): "../../x"}}  # fmt: skip
    (tmp_path / "src/taxonomy.json").write_text(json.dumps(side))
    with pytest.raises(DataError, match="leads out"):
        write(read_dataset(tmp_path / "src"), tmp_path / "deep/er/out")
    assert not (tmp_path / "deep/er/out").exists()


def test_missing_images_are_counted_and_the_rest_is_read(tmp_path):
    put(tmp_path / "src")
    put(tmp_path / "src", place=PLACE.replace("ulm", "jena"))
    next((tmp_path / "src/leftImg8bit").rglob("jena*.png")).unlink()
    data = read_dataset(tmp_path / "src")
    assert data.warnings == ("1 of 2 images are missing, first 'jena/jena_000001_000019'",)
    assert len(read_dataset(tmp_path / "src/gtFine")) == 2


def test_background_of_class_maps_becomes_unlabeled_and_is_counted(tmp_path):
    sky = Taxonomy((Category("sky", "sky", "stuff"),))
    classes = np.array([[0, BACKGROUND, VOID]], np.uint8)
    data = dataset_of(sky, {"a": Labels((1, 3), class_map=classes)})
    done = write(data, tmp_path / "a")
    assert [(x.kind, x.pixels) for x in done.refused] == [("background", 1)]
    assert write(data, tmp_path / "a", allow_loss=True).written
    assert read_map(tmp_path / "a/gtFine/train/a/a_gtFine_labelIds.png").tolist() == [[23, 0, 0]]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "count"), [("dataset", 9), ("train_dataset", 10)])
def test_the_sets_of_datumaro_have_their_numbers(shared, tmp_path, name, count):
    root = shared / "conformance/datumaro/cityscapes_dataset" / name
    data = read_dataset(root)
    assert detect_format(root).name == "cityscapes"
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 1, "val": 1, "test": 2}
    assert sum(len(labels.rows) for _, labels in data) == count
    assert not data.warnings
    assert write(data, tmp_path / "a").written
    for file in sorted((root / "gtFine").rglob("*instanceIds.png")):
        back = tmp_path / "a" / file.relative_to(root)
        ours, theirs = read_map(back), read_map(file)
        # 1024 is an object of a class of stuff: its number becomes that of the class.
        np.testing.assert_array_equal(ours, np.where(theirs == 1024, 1, theirs))
