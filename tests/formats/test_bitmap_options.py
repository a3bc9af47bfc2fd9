"""Options of `bitmap` for what real sets do with masks, and those sets."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.core.labels import BACKGROUND, VOID
from maskloom.errors import FormatError, UsageError
from maskloom.formats.bitmap.names import read_color_table, read_names
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes, write_png

from .conftest import folder_bytes, write_photo

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def save(path, values, dtype=np.uint8):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.array(values, dtype))


def save_palette(path, values, colors):
    """A palette PNG whose colours stand in the order given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png_bytes(np.array(values, np.uint8), palette=np.array(colors, np.uint8)))


def first(path, *settings, **more):
    data = read_dataset(path, "bitmap", settings=settings, **more)
    return data, data.labels_of(data.samples[0])


def table(tmp_path, *lines):
    path = tmp_path / "table.txt"
    path.write_text("\n".join(lines))
    return path


def test_grey_masks_are_cut_at_a_threshold(tmp_path):
    save(tmp_path / "a.png", [[0, 127, 128, 255]])
    data, labels = first(tmp_path, "threshold=128", "category=crack")
    assert [c.name for c in data.taxonomy] == ["crack"]
    assert labels.class_map.tolist() == [[BACKGROUND, BACKGROUND, 0, 0]]
    deep = tmp_path / "deep"
    save(deep / "a.png", [[0, 999, 1000, 65535]], np.uint16)
    assert first(deep, "threshold=1000")[1].class_map.tolist() == [[BACKGROUND, BACKGROUND, 0, 0]]


def test_grey_masks_without_a_threshold_are_refused_with_the_way_out(tmp_path):
    save(tmp_path / "a.png", [[0, 127, 255]])
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw 127\)\. Say which .* threshold=128"):
        first(tmp_path, "kind=binary")


def test_grey_masks_in_three_channels_are_cut_and_colours_refused(tmp_path):
    save(tmp_path / "a.png", np.array([[[9] * 3, [200] * 3]]))
    assert first(tmp_path, "threshold=100")[1].class_map.tolist() == [[BACKGROUND, 0]]
    save(tmp_path / "a.png", np.array([[[9, 9, 9], [200, 1, 200]]]))
    with pytest.raises(FormatError, match="a colour map without a colour table"):
        first(tmp_path, "threshold=100")


def test_inverted_masks_have_foreground_0(tmp_path):
    Image.fromarray(np.array([[False, True, True]])).save(tmp_path / "a.png")
    assert first(tmp_path, "invert=true")[1].class_map.tolist() == [[0, BACKGROUND, BACKGROUND]]
    assert first(tmp_path)[1].class_map.tolist() == [[BACKGROUND, 0, 0]]


def test_a_trimap_has_void_between_background_and_foreground(tmp_path):
    save_palette(tmp_path / "a.png", [[0, 128, 255]], [(i, i, i) for i in range(256)])
    assert first(tmp_path, "kind=binary", "void=128")[1].class_map.tolist() == [
        [BACKGROUND, VOID, 0]
    ]
    cut = first(tmp_path, "threshold=200", "void=128")[1].class_map
    assert cut.tolist() == [[BACKGROUND, VOID, 0]]
    turned = first(tmp_path, "invert=true", "void=128")[1].class_map
    assert turned.tolist() == [[0, VOID, BACKGROUND]]


@pytest.mark.parametrize(
    "settings", [["threshold=1", "kind=class"], ["invert=true", "kind=instance"]]
)
def test_threshold_and_invert_are_for_binary_masks(tmp_path, settings):
    save(tmp_path / "a.png", [[0, 1]])
    with pytest.raises(UsageError, match="for binary masks"):
        first(tmp_path, *settings)


def test_palettes_whose_order_differs_from_file_to_file_are_read_by_their_colours(tmp_path):
    save_palette(tmp_path / "maps/a.png", [[0, 1]], [RED, GREEN])
    save_palette(tmp_path / "maps/b.png", [[0, 1]], [GREEN, RED])
    save(tmp_path / "maps/c.png", np.array([[GREEN, RED]]))
    colors = table(tmp_path, "255 0 0 rust", "0 255 0 moss")
    data = read_dataset(tmp_path / "maps", settings=[f"colors={colors}"])
    found = [labels.class_map.tolist() for _, labels in data]
    assert found == [[[0, 1]], [[1, 0]], [[1, 0]]]


def test_colours_that_the_table_lacks_are_refused_or_left_out_and_counted(tmp_path):
    save(tmp_path / "maps/a.png", np.array([[RED, (1, 2, 3), (1, 2, 3), BLUE]]))
    colors = table(tmp_path, "255 0 0 rust", "0 0 255 sea")
    with pytest.raises(FormatError, match=r"x=1, y=0 \(saw \(1, 2, 3\)\)"):
        first(tmp_path / "maps", f"colors={colors}")
    _, labels = first(tmp_path / "maps", f"colors={colors}", skip_bad=True)
    assert labels.class_map.tolist() == [[0, VOID, VOID, 1]]
    assert labels.extra["notes"] == ("2 px of unknown classes are left out",)


def test_ids_that_the_taxonomy_lacks_are_left_out_and_counted(tmp_path):
    save(tmp_path / "maps/a.png", [[0, 5, 1]])
    names = table(tmp_path, "0: sky", "1: road")
    _, labels = first(tmp_path / "maps", f"taxonomy={names}", skip_bad=True)
    assert labels.class_map.tolist() == [[0, VOID, 1]]


def test_released_maps_of_coco_stuff_count_one_less_than_their_names(tmp_path):
    names = table(tmp_path, "0: unlabeled", "1: person", "92: banner")
    save(tmp_path / "maps/a.png", [[0, 91, 255]])
    data, labels = first(tmp_path / "maps", f"taxonomy={names}", "offset=1")
    person, banner = (data.taxonomy.find(name) for name in ("person", "banner"))
    assert labels.class_map.tolist() == [[person, banner, VOID]]
    bare, labels = first(tmp_path / "maps", "offset=1", "kind=class")
    assert bare.taxonomy.keys == ("1", "92")
    assert labels.class_map.tolist() == [[0, 1, VOID]]
    for value, offset in ((254, 1), (0, -1)):
        save(tmp_path / "b/a.png", [[value, 255]])
        with pytest.raises(FormatError, match=rf"plus the offset .*\(saw {value}\)"):
            first(tmp_path / "b", f"offset={offset}")


def test_names_that_start_and_end_otherwise_are_paired(tmp_path):
    for name in ("0001", "0002"):
        write_photo(tmp_path / f"x/images/image_{name}_rgb.png", (1, 2))
        save(tmp_path / f"x/masks/deep/gt_{name}_m.png", [[0, 255]])
    save(tmp_path / "x/masks/deep/other_0001_m.png", [[0, 255]])
    data = read_dataset(tmp_path / "x", "bitmap", settings=["masks=masks/deep", "images=images", "prefix=gt_", "suffix=_m", "image_prefix=image_", "image_suffix=_rgb"])  # fmt: skip
    assert [s.key for s in data.samples] == ["0001", "0002"]
    assert all(s.image.path is not None for s in data.samples)
    assert not data.warnings


def test_sub_folders_with_images_and_masks_each_are_parts_of_one_set(tmp_path):
    for part in ("Tile 1", "Tile 2"):
        write_photo(tmp_path / f"{part}/images/a.png", (1, 2))
        save(tmp_path / f"{part}/masks/a.png", [[0, 255]])
    data = read_dataset(tmp_path)
    assert detect_format(tmp_path).name == "bitmap"
    assert [s.key for s in data.samples] == ["Tile 1/a", "Tile 2/a"]
    assert data.splits == {}
    (tmp_path / "another set").mkdir()
    write_photo(tmp_path / "another set/photo.jpg.png")
    assert detect_format(tmp_path / "Tile 1").name == "bitmap"
    assert (
        len(
            read_dataset(
                tmp_path, "bitmap", settings=["masks=Tile 1/masks", "images=Tile 1/images"]
            )
        )
        == 1
    )


def test_the_folders_of_mmsegmentation_are_splits(tmp_path):
    for split in ("train", "val"):
        write_photo(tmp_path / f"img_dir/{split}/{split}1.png", (1, 2))
        save(tmp_path / f"ann_dir/{split}/{split}1.png", [[0, 1]])
    assert read_dataset(tmp_path).splits == {"train": ("train1",), "val": ("val1",)}


def meta(root, colors=True, **more):
    data = {"label_map": {"0": "background", "1": "rust", "2": "moss"}, "background_label": "0"}
    if colors:
        data["segmentation_colors"] = [[0, 0, 0], [*RED], [*GREEN]]
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset_meta.json").write_text(json.dumps({**data, **more}))


def test_dataset_meta_names_colours_or_ids_by_itself(tmp_path):
    for root, values in (
        (tmp_path / "a", [[(0, 0, 0), RED, GREEN]]),
        (tmp_path / "b", [[0, 1, 2]]),
    ):
        write_photo(root / "images/1.png", (1, 3))
        save(root / "masks/1.png", np.array(values))
        meta(root)
        data, labels = first(root)
        assert [c.name for c in data.taxonomy] == ["rust", "moss"]
        assert labels.class_map.tolist() == [[BACKGROUND, 0, 1]]
        done = transfer(data, root / "out", load_format("bitmap"))
        assert (done.written, done.losses) == (True, ())
        assert transfer(read_dataset(root / "out"), root / "again", load_format("bitmap")).written
        assert folder_bytes(root / "out") == folder_bytes(root / "again")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n.txt", "# ids\n0: sky\n1: traffic light\n"),
        ("n.txt", "0\tsky\n1 traffic light\n"),
        ("n.yaml", "train: {a: b}\nclasses:\n  0: sky\n  1: traffic light\n"),
        ("n.yml", "names: [sky, traffic light]\n"),
        ("n.json", '{"names": ["sky", "traffic light"]}'),
        ("n.json", '{"label_map": {"0": "sky", "1": "traffic light"}}'),
        (
            "n.json",
            '{"categories": [{"id": 0, "name": "sky"}, {"id": 1, "name": "traffic light"}]}',
        ),
    ],
)
def test_names_of_other_tools_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = read_names(tmp_path / name)
    assert [(c["id"], c["name"]) for c in found["categories"]] == [(0, "sky"), (1, "traffic light")]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("n.txt", "0: sky\nwhat\n", "line 2: not a line"),
        ("n.txt", "0: sky\n0: sea\n", "line 2: .*listed twice"),
        ("n.txt", "", "no names"),
        ("n.json", "[", "not valid JSON"),
        ("n.json", "3", "no names"),
        ("n.json", '{"names": 3}', "no names"),
        ("n.json", '{"names": {"x": "sky"}}', "not an id with its name"),
        ("n.json", '{"names": {"1": 3}}', "not an id with its name"),
        ("n.yaml", "names: [", "not valid YAML"),
    ],
)
def test_damaged_files_of_names_are_one_error(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=told):
        read_names(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"label_map": {"0": "a"}}', "not 1 colours"),
        ('{"label_map": {"0": "a"}, "segmentation_colors": [[1, 2]]}', "not three numbers"),
        ('{"label_map": {"0": "a"}, "segmentation_colors": [[1, 2, 256]]}', "not three numbers"),
        ('{"label_map": {"0": "a", "1": "b"}, "segmentation_colors": [[1, 2, 3], [1, 2, 3]]}', "listed twice"),
        ('{"classes": [{"title": "a", "color": "red"}]}', "#RRGGBB"),
        ('{"classes": [{"title": "a", "color": "#010203"}, {"title": "a", "color": "#010204"}]}', "listed twice"),
        ('{"classes": [3]}', "#RRGGBB"),
    ],
)  # fmt: skip
def test_damaged_colour_tables_are_one_error(tmp_path, text, told):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(FormatError, match=told):
        read_color_table(tmp_path / "c.json")


def test_classes_of_supervisely_are_a_colour_table(tmp_path):
    (tmp_path / "c.json").write_text('{"classes": [{"title": "Water", "color": "#50E3C2"}]}')
    assert read_color_table(tmp_path / "c.json") == ([("Water", (80, 227, 194))], None)


def grey(path):
    return np.asarray(Image.open(path).convert("L"))


@pytest.mark.shared
def test_magnetic_tile_is_cut_at_128(shared):
    root = shared / "magnetic_tile"
    data = read_dataset(root, "bitmap", settings=["images=.", "masks=.", "threshold=128"])
    assert (len(data), data.warnings) == (24, ())
    for sample, labels in data:
        np.testing.assert_array_equal(
            labels.class_map == 0, grey(root / f"{sample.key}.png") >= 128
        )


@pytest.mark.shared
def test_dubai_landcover_is_read_by_colour(shared, tmp_path):
    colors = {
        "building": (60, 16, 152), "land": (132, 41, 246), "road": (110, 193, 228),
        "vegetation": (254, 221, 58), "water": (226, 169, 41), "unlabeled": (155, 155, 155),
    }  # fmt: skip
    lines = [f"{r} {g} {b} {name}" for name, (r, g, b) in colors.items()]
    root = shared / "dubai_landcover"
    data = read_dataset(root, settings=[f"colors={table(tmp_path, *lines)}"])
    assert len(data) == 10
    for sample, labels in data:
        part, _, name = sample.key.partition("/")
        rgb = np.asarray(Image.open(root / part / "masks" / f"{name}.png").convert("RGB"))
        for i, color in enumerate(colors.values()):
            value = VOID if i == 5 else i
            np.testing.assert_array_equal(labels.class_map == value, (rgb == color).all(axis=-1))


@pytest.mark.shared
def test_two_observers_of_chase_are_read_one_by_one(shared):
    counts = []
    for ending in ("_1stHO", "_2ndHO"):
        settings = ["images=.", "masks=.", f"suffix={ending}", "category=vessel"]
        data = read_dataset(shared / "chase_db1", "bitmap", settings=settings)
        assert data.warnings == ()
        counts.append(0)
        for sample, labels in data:
            values = np.asarray(Image.open(shared / f"chase_db1/{sample.key}{ending}.png"))
            np.testing.assert_array_equal(labels.class_map == 0, values)
            counts[-1] += int(values.sum())
            assert sample.image.path.name == f"{sample.key}.jpg"
    assert counts == [1378468, 1257349]


@pytest.mark.shared
def test_cwfid_is_inverted_and_coloured(shared, tmp_path):
    root = shared / "cwfid"
    images = ["images=images", "image_suffix=_image"]
    _, labels = first(root, *images, "masks=masks", "suffix=_mask", "invert=true")
    mask = np.asarray(Image.open(root / "masks/001_mask.png"))
    np.testing.assert_array_equal(labels.class_map == 0, ~mask)
    colors = table(tmp_path, "0 0 0 soil", "0 255 0 crop", "255 0 0 weed")
    _, labels = first(root, *images, "masks=annotations", "suffix=_annotation", f"colors={colors}")
    assert np.bincount(labels.class_map.ravel()).tolist() == [1047760, 30589, 173587]


@pytest.mark.shared
def test_alphamatting_is_a_trimap_or_cut(shared):
    root, images = shared / "alphamatting", "images=input_training_lowres"
    trimap = "masks=trimap_training_lowres/Trimap1"
    _, labels = first(root, images, trimap, "kind=binary", "void=128")
    values = np.asarray(Image.open(root / "trimap_training_lowres/Trimap1/GT01.png"))
    for code, stored in ((0, 255), (VOID, 128), (BACKGROUND, 0)):
        np.testing.assert_array_equal(labels.class_map == code, values == stored)
    _, labels = first(root, images, "masks=gt_training_lowres", "threshold=128")
    np.testing.assert_array_equal(labels.class_map == 0, grey(root / "gt_training_lowres/GT01.png") >= 128)  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "settings", "folder", "count"),
    [
        ("em_isbi2012", ["invert=true"], "label", 8),
        ("change_dsifn", ["images=B", "masks=label"], "label", 3),
        ("change_levir", ["images=B", "masks=label"], "label", 4),
        ("davis2016", [], "Annotations", 40),
    ],
)
def test_other_binary_sets_are_their_pixels(shared, name, settings, folder, count):
    data = read_dataset(shared / name, "bitmap", settings=settings)
    assert len(data) == count
    for sample, labels in data:
        values = grey(shared / name / folder / f"{sample.key}.png") > 0
        np.testing.assert_array_equal(labels.class_map == 0, values != ("invert=true" in settings))


@pytest.mark.shared
def test_coco_stuff_maps_get_their_names_from_yaml(shared):
    root = shared / "coco_mini"
    data, labels = first(
        root,
        "images=images",
        "masks=semantic_masks",
        f"taxonomy={root}/semantic_config.yaml",
        "void=0",
    )
    assert len(data) == 13
    values = np.asarray(Image.open(root / f"semantic_masks/{data.samples[0].key}.png"))
    for value in np.unique(values).tolist():
        place = VOID if value == 0 else data.taxonomy.ids("bitmap")[value]
        np.testing.assert_array_equal(labels.class_map == place, values == value)
    assert data.taxonomy[data.taxonomy.ids("bitmap")[1]].name == "person"


@pytest.mark.shared
def test_the_semantic_sets_of_datumaro_have_their_numbers(shared):
    root = shared / "conformance/datumaro/common_semantic_segmentation_dataset"
    meant = json.loads((root / "dataset/dataset_meta.json").read_text())
    data = read_dataset(root / "dataset")
    assert len(data) == 2
    for sample, labels in data:
        rgb = np.asarray(Image.open(root / f"dataset/masks/{sample.key}.png"))
        for number, name in meant["label_map"].items():
            color = meant["segmentation_colors"][int(number)]
            value = VOID if name == "Void" else data.taxonomy.find(name)
            np.testing.assert_array_equal(labels.class_map == value, (rgb == color).all(axis=-1))
    other, _ = first(root / "non_standard_dataset", "images=images", "masks=masks", "prefix=gt_", "image_prefix=image_")  # fmt: skip
    assert [s.key for s in other.samples] == ["0001", "0002"]
    assert all(s.image.path is not None for s in other.samples)
