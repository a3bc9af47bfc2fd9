from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.cityscapes.labels import OFFICIAL
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.mapillary.config import taxonomy_of
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes, read_map, write_png

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, random_objects, write_photo

CAR, ROAD, STATIC = (OFFICIAL.find(name) for name in ("car", "road", "static"))
# Class 26 (car) with objects 1 and 7 and a region, 7 (road), 4 (static, void), 0 (unlabeled).
KITTI = np.array([[26 * 256 + 1, 26 * 256 + 7, 26 * 256], [7 * 256, 4 * 256, 0]], np.uint16)
LABELS = [
    {"name": "animal--bird", "readable": "Bird", "color": [165, 42, 42], "instances": True, "evaluate": True},
    {"name": "a--sign", "readable": "Sign", "color": [1, 2, 3], "instances": True, "evaluate": True},
    {"name": "b--sign", "readable": "Sign", "color": [4, 5, 6], "instances": False, "evaluate": True, "x": [1]},
    {"name": "void--car-mount", "readable": "Car Mount", "color": [32, 32, 32], "instances": False, "evaluate": False},
    {"name": "void--unlabeled", "readable": "Unlabeled", "color": [0, 0, 0], "instances": False, "evaluate": False},
]  # fmt: skip
# Birds 0 and 3, a sign 0, stuff, void, unlabeled.
VISTAS = np.array([[0, 3, 256], [512, 768, 1024]], np.uint16)


def put_kitti(root, numbers=KITTI, key="000030_10", split="training", semantic=None):
    write_photo(root / f"{split}/image_2/{key}.png", (2, 3))
    for folder, values in (("instance", numbers), ("semantic", semantic)):
        if values is not None:
            (root / split / folder).mkdir(parents=True, exist_ok=True)
            write_png(root / f"{split}/{folder}/{key}.png", values)
    return root


def put_vistas(
    root, numbers=VISTAS, key="a", split="training", version="v1.2", labels=LABELS, **more
):
    write_photo(root / f"{split}/images/{key}.png", (2, 3))
    name = f"config_{version}.json" if version else "config.json"
    (root / name).write_text(
        json.dumps({"labels": labels, "version": "1.1", "folder_structure": "{split}"})
    )
    for folder, values in {"instances": numbers, **more}.items():
        if values is not None:
            path = root / split / version / folder / f"{key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, values)
    return root


def one(data):
    return data.labels_of(data.samples[0])


def write(data, target, to, **more):
    return transfer(data, target, load_format(to), **more)


def test_kitti_numbers_say_class_object_region_and_nothing(tmp_path):
    data = read_dataset(put_kitti(tmp_path))
    assert detect_format(tmp_path).name == "kitti"
    assert data.splits == {"training": ("000030_10",)}
    labels = one(data)
    assert labels.rows.category.tolist() == [STATIC, ROAD, CAR, CAR, CAR]
    assert labels.rows.crowd.tolist() == [False, False, True, False, False]
    assert labels.rows.instance.tolist() == [1024, 1792, 6656, 6657, 6663]
    assert class_map(labels, data.taxonomy)[1].tolist() == [ROAD, VOID, VOID]
    assert len(read_dataset(tmp_path / "training")) == 1


def test_datumaro_kitti_has_no_extra_object_of_class_0(tmp_path):
    # Background that collides with class 0 must not become an object.
    put_kitti(tmp_path, np.array([[0, 0, 6657], [0, 0, 0]], np.uint16))
    assert one(read_dataset(tmp_path)).rows.instance.tolist() == [6657]


def test_vistas_numbers_count_objects_from_0(tmp_path):
    data = read_dataset(put_vistas(tmp_path))
    assert detect_format(tmp_path).name == "mapillary"
    assert [c.name for c in data.taxonomy] == ["Bird", "a--sign", "b--sign", "Car Mount"]
    assert [c.kind for c in data.taxonomy] == ["thing", "thing", "stuff", "stuff"]
    assert [c.void for c in data.taxonomy] == [False, False, False, True]
    labels = one(data)
    assert labels.rows.category.tolist() == [0, 0, 1, 2, 3]
    assert not labels.rows.crowd.any()
    assert labels.coverage.area.dense(0).tolist() == [[True] * 3, [True, True, False]]
    assert class_map(labels, data.taxonomy).tolist() == [[0, 0, 1], [2, VOID, VOID]]


@pytest.mark.parametrize(("put", "name"), [(put_kitti, "kitti"), (put_vistas, "mapillary")])
def test_what_is_written_is_the_same_twice_and_numbers_stay(tmp_path, put, name):
    put(tmp_path / "src")
    put(tmp_path / "src", key="deep/b", split="validation")
    data = read_dataset(tmp_path / "src")
    done = write(data, tmp_path / "a", name)
    assert (done.written, done.losses, done.exact_objects) == (True, (), done.objects)
    for file in (*(tmp_path / "src").rglob("inst*/**/*.png"), *(tmp_path / "src").rglob("config*")):
        other = tmp_path / "a" / file.relative_to(tmp_path / "src")
        if file.suffix == ".png":
            assert read_map(other).tolist() == read_map(file).tolist()
        else:
            assert json.loads(other.read_text()) == json.loads(file.read_text())
    back = read_dataset(tmp_path / "a")
    assert (
        back.splits
        == data.splits
        == {"training": (data.samples[0].key,), "validation": ("deep/b",)}
    )
    assert back.content_hash() == data.content_hash()
    assert write(back, tmp_path / "b", name).written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_cityscapes_and_kitti_hold_the_same(tmp_path):
    put_kitti(tmp_path / "src")
    data = read_dataset(tmp_path / "src")
    for source, target, fmt in ((data, "a", "cityscapes"), (None, "b", "kitti")):
        done = write(source or read_dataset(tmp_path / "a"), tmp_path / target, fmt)
        assert {told.kind for told in done.losses} == {"numbers"}
    found = read_map(tmp_path / "b/training/instance/000030_10.png")
    # Objects are counted anew: their numbers mean nothing in the other packing.
    assert found.tolist() == [[6657, 6658, 6656], [1792, 1024, 0]]
    again = write(read_dataset(tmp_path / "b"), tmp_path / "c", "cityscapes")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "c")
    assert [told.kind for told in again.losses] == ["numbers"]


@pytest.mark.parametrize("name", ["kitti", "mapillary"])
def test_class_maps_keep_which_void_it_was(tmp_path, name):
    if name == "kitti":
        values = np.array([[7, 26, 0], [4, 9, 23]], np.uint8)
        put_kitti(tmp_path / "src", None, semantic=values)
        place = "training/semantic/000030_10.png"
    else:
        values = np.array([[0, 1, 2], [3, 4, 0]], np.uint8)
        put_vistas(tmp_path / "src", None, labels_=None)
        (tmp_path / "src/training/v1.2/labels").mkdir(parents=True)
        write_png(tmp_path / "src/training/v1.2/labels/a.png", values)
        place = "training/v1.2/labels/a.png"
    data = read_dataset(tmp_path / "src")
    assert one(data).rows is None
    done = write(data, tmp_path / "a", name)
    assert (done.written, done.losses) == (True, ())
    assert read_map(tmp_path / "a" / place).tolist() == values.tolist()


@pytest.mark.parametrize("name", ["kitti", "mapillary"])
def test_other_taxonomies_and_keys_come_back(tmp_path, name):
    taxonomy = Taxonomy((Category("t", "t"), Category("x", "road", "stuff"), Category("blur", "blur", "stuff", void=True)))  # fmt: skip
    labels = random_objects(np.random.default_rng(1), 6)
    count = len(labels.rows)
    labels = labels.replace(
        rows=Rows.make(labels.rows.masks, np.arange(count) % 3),
        coverage=Coverage(area=labels.rows.masks.merge()),
    )
    data = dataset_of(
        taxonomy, {"im0": labels, "deep/er/im1": labels}, tmp_path / "photos", {"fold-1": ("im0",)}
    )
    # Of six objects two are regions of stuff, which become one, and two of blur likewise.
    assert {x.kind: x.objects for x in write(data, tmp_path / "a", name).refused} == {"parts": 4}
    done = write(data, tmp_path / "b", name, allow_loss=True)
    assert (done.written, done.changed_pixels) == (True, 0)
    back = read_dataset(tmp_path / "b")
    assert [s.key for s in back.samples] == ["deep/er/im1", "im0"]
    assert back.splits == {"fold-1": ("im0",), "rest": ("deep/er/im1",)}
    assert [(c.key, c.void) for c in back.taxonomy] == [("t", False), ("x", False), ("blur", True)]
    assert write(back, tmp_path / "c", name).written
    assert folder_bytes(tmp_path / "b") == folder_bytes(tmp_path / "c")


@pytest.mark.parametrize(("name", "most"), [("kitti", 255), ("mapillary", 256)])
def test_more_objects_of_a_class_than_numbers_are_refused_with_their_count(tmp_path, name, most):
    for n in (most, most + 3):
        masks, _ = Masks.from_id_map(np.arange(1, n + 1).reshape(1, n))
        data = dataset_of(NUCLEUS, {"a": Labels((1, n), rows=Rows.make(masks, np.zeros(n)))})
        done = write(data, tmp_path / str(n), name)
        assert done.written == (n == most)
    assert [(x.kind, x.objects) for x in done.refused] == [("ids", 3)]
    assert write(data, tmp_path / "x", name, allow_loss=True).written
    rows = one(read_dataset(tmp_path / "x")).rows
    assert int(rows.masks.areas.sum()) == most + 3


def test_crowds_are_a_loss_of_mapillary_and_none_of_kitti(tmp_path):
    mask = np.ones((2, 2), bool)
    data = dataset_of(NUCLEUS, {"a": objects([mask], crowd=[True])})
    assert [x.kind for x in write(data, tmp_path / "m", "mapillary").refused] == ["crowd"]
    assert write(data, tmp_path / "k", "kitti").losses == ()
    assert one(read_dataset(tmp_path / "k")).rows.crowd.tolist() == [True]


@pytest.mark.parametrize("name", ["kitti", "mapillary"])
def test_background_is_a_loss_with_its_pixels(tmp_path, name):
    classes = np.array([[0, BACKGROUND, VOID]], np.uint8)
    sky = Taxonomy((Category("sky", "sky", "stuff"),))
    done = write(dataset_of(sky, {"a": Labels((1, 3), class_map=classes)}), tmp_path / "a", name)
    assert [(x.kind, x.pixels) for x in done.refused] == [("background", 1)]


def test_the_version_is_the_latest_or_the_one_named(tmp_path):
    put_vistas(tmp_path / "src")
    put_vistas(tmp_path / "src", version="v2.0", labels=[*LABELS[:4], {**LABELS[0], "name": "new", "readable": "New"}, LABELS[4]])  # fmt: skip
    data = read_dataset(tmp_path / "src")
    assert "read v2.0, not v1.2" in data.warnings[0]
    assert len(data.taxonomy) == 5
    write_png(
        tmp_path / "src/training/v2.0/instances/a.png",
        np.array([[0, 3, 256], [512, 768, 1280]], np.uint16),
    )
    assert write(data, tmp_path / "a", "mapillary").written
    assert (tmp_path / "a/config_v2.0.json").is_file()
    assert len(read_dataset(tmp_path / "src", settings=["version=v1.2"]).taxonomy) == 4
    with pytest.raises(UsageError, match=r"There are: v1\.2, v2\.0"):
        read_dataset(tmp_path / "src", settings=["version=v3"])


def test_the_first_release_has_no_version_in_its_folders(tmp_path):
    put_vistas(tmp_path, version="")
    assert detect_format(tmp_path).name == "mapillary"
    assert len(one(read_dataset(tmp_path)).rows) == 5


def test_a_configuration_without_unlabeled_gets_one_behind_its_labels(tmp_path):
    put_vistas(
        tmp_path / "src", np.array([[0, 3, 256], [512, 768, 0]], np.uint16), labels=LABELS[:4]
    )
    assert write(read_dataset(tmp_path / "src"), tmp_path / "a", "mapillary").written
    labels = json.loads((tmp_path / "a/config_v1.2.json").read_text())["labels"]
    assert labels[:4] == LABELS[:4]
    assert labels[4]["name"] == "void--unlabeled"


def test_renamed_categories_get_a_configuration_of_their_own(tmp_path):
    from maskloom.formats.rename import renamed

    put_vistas(tmp_path / "src")
    data = renamed(read_dataset(tmp_path / "src"), ["Bird=Crow"])
    assert write(data, tmp_path / "a", "mapillary").written
    back = read_dataset(tmp_path / "a")
    assert [c.name for c in back.taxonomy] == ["Crow", "a--sign", "b--sign", "Car Mount"]
    listed = json.loads((tmp_path / "a/config_v1.2.json").read_text())["labels"]
    assert [x["readable"] for x in listed][-1] == "Unlabeled"


BAD_CONFIGS = [
    ("[", "not valid JSON"),
    ('{"labels": {}}', '"labels" is not a list'),
    ('{"labels": []}', '"labels" is not a list'),
    (json.dumps({"labels": [LABELS[0]] * 257}), r"1 to 256 \(saw 257\)"),
    (json.dumps({"labels": [LABELS[0]] * 2}), "listed twice"),
    ('{"labels": [{"name": "a"}]}', r"labels\[0\]: a label without a colour"),
    ('{"labels": [{"name": "a", "color": [1, 2, 300]}]}', "three numbers"),
    ('{"labels": [{"color": [1, 2, 3]}]}', "without a name"),
    ('{"labels": [3]}', "without a colour"),
]


@pytest.mark.parametrize(("text", "told"), BAD_CONFIGS)
def test_a_damaged_configuration_is_one_error(tmp_path, text, told):
    put_vistas(tmp_path)
    (tmp_path / "config_v1.2.json").write_text(text)
    with pytest.raises(FormatError, match=told) as caught:
        read_dataset(tmp_path, "mapillary")
    assert "config_v1.2.json" in caught.value.message


@pytest.mark.parametrize(("put", "wrong"), [(put_kitti, 99 * 256 + 1), (put_vistas, 9 * 256 + 2)])
def test_unknown_classes_damage_and_other_sizes_are_named(tmp_path, put, wrong):
    base = KITTI if put is put_kitti else VISTAS
    values = base.copy()
    values[0, 1] = wrong
    put(tmp_path / "1", values)
    with pytest.raises(FormatError, match=rf"not have, {wrong >> 8}, at x=1, y=0 \(saw {wrong}\)"):
        one(read_dataset(tmp_path / "1"))
    labels = one(read_dataset(tmp_path / "1", skip_bad=True))
    assert labels.extra["notes"] == ("1 px of unknown classes are left out",)
    put(tmp_path / "2", base[:, :2])
    with pytest.raises(FormatError, match="the mask is 2 × 2 px, its image 3 × 2 px"):
        one(read_dataset(tmp_path / "2"))
    put(tmp_path / "3")
    file = next((tmp_path / "3").rglob("inst*/*.png"))
    body = png_bytes(base)
    file.write_bytes(body[: len(body) // 2])
    with pytest.raises(DataError, match=r"\.png: .*damaged"):
        one(read_dataset(tmp_path / "3"))


def test_a_label_map_that_contradicts_is_told(tmp_path):
    semantic = (KITTI >> 8).astype(np.uint8)
    semantic[1, 0] = 8
    assert one(read_dataset(put_kitti(tmp_path, semantic=semantic))).extra["notes"] == (
        "1 px have another class in 000030_10.png",
    )


def test_all_of_256_labels_are_categories_and_names_are_unique():
    labels = [{**LABELS[0], "name": f"n{i}", "readable": f"r{i % 200}"} for i in range(256)]
    taxonomy = taxonomy_of(labels)
    assert len(taxonomy) == 256
    assert taxonomy[0].name == "n0"
    assert taxonomy[199].name == "r199"


@pytest.mark.shared
def test_the_sets_of_datumaro_have_their_numbers(shared, tmp_path):
    root = shared / "conformance/datumaro"
    kitti = read_dataset(root / "kitti_dataset/kitti_segmentation")
    assert kitti.splits == {"training": ("000030_10", "000030_11")}
    assert [labels.rows.instance.tolist() for _, labels in kitti] == [[768, 6913, 6914], [768, 3073, 7937]]  # fmt: skip
    done = write(kitti, tmp_path / "k", "kitti")
    # An object of a class of stuff becomes a region of it: same pixels, same class.
    assert (done.written, done.exact_objects) == (True, 6)
    vistas = read_dataset(root / "mapillary_vistas_dataset")
    assert {k: len(v) for k, v in vistas.splits.items()} == {"train": 1, "val": 2}
    assert [len(labels.rows) for _, labels in vistas] == [2, 3, 5]
    assert write(vistas, tmp_path / "m", "mapillary").losses == ()
    for file in (root / "mapillary_vistas_dataset").rglob("v2.0/instances/*.png"):
        back = tmp_path / "m" / file.relative_to(root / "mapillary_vistas_dataset")
        assert read_map(back).tolist() == read_map(file).tolist()
