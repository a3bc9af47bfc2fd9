"""YOLO: what its readers see of what we write, what we see of what they write."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import pytest
import yaml

from maskloom.core.labels import Geometry, RowKind, Rows
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, FormatError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.formats.yolo.text import LabelLines, fresh_fractions, parse_line
from maskloom.formats.yolo.write import class_numbers

from . import tool_cases
from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, write_photo
from .torture import FAMILIES, hard_masks, mask_of, torture

write = partial(tool_cases.put, to="yolo")


SQUARE = "0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5"
SIZE = (40, 60)


def put(root, *lines, names=("cell", "nucleus"), key="a", size=SIZE, config=True):
    """One image of a data set in the usual folders."""
    write_photo(root / f"images/train/{key}.png", size)
    label = root / f"labels/train/{key}.txt"
    label.parent.mkdir(parents=True, exist_ok=True)
    label.write_text("".join(f"{line}\n" for line in lines))
    if config:
        text = {"train": "images/train", "val": "images/val", "names": dict(enumerate(names))}
        (root / "data.yaml").write_text(yaml.safe_dump(text))
    return root


def rows_of(root, **settings):
    data = read_dataset(root, "yolo", settings=[f"{k}={v}" for k, v in settings.items()])
    return data.labels_of(data.samples[0]).rows


def ultralytics(path, size):
    """(class, mask) of every row that is left, as its reader has them.

    Numbers in single precision; the rows sorted and made unique by class and box; vertices times
    the sides, cut off to whole numbers; filled by one call of fillPoly each.
    """
    rows = [line.split() for line in path.read_text().strip().splitlines()]
    if not rows:
        return []
    segments = [np.array(row[1:], np.float32).reshape(-1, 2) for row in rows]
    boxes = []
    for row, points in zip(rows, segments, strict=True):
        low, high = points.min(axis=0), points.max(axis=0)
        boxes.append([float(row[0]), *((low + high) / 2), *(high - low)])
    table = np.array(boxes, np.float32)
    assert table.min() >= 0
    assert table[:, 1:].max() <= 1
    _, kept = np.unique(table, axis=0, return_index=True)
    out = []
    for i in kept.tolist():
        pixels = segments[i] * np.array(size[::-1], np.float32)
        canvas = np.zeros(size, np.uint8)
        cv2.fillPoly(canvas, np.asarray([pixels], np.int32), 1)
        out.append((int(rows[i][0]), canvas > 0))
    return out


def as_set(pairs):
    return sorted((number, np.packbits(mask).tobytes()) for number, mask in pairs)


def test_what_is_written_is_seen_exactly_by_the_rule_of_ultralytics(tmp_path):
    data = torture(tmp_path / "photos", parts=False, families=3)
    done = write(data, tmp_path / "y")
    assert (done.written, done.losses, done.changed_pixels) == (True, (), 0)
    assert done.exact_objects == done.objects > 600
    for sample, labels in data:
        seen = ultralytics(tmp_path / f"y/labels/{sample.key}.txt", labels.size)
        rows = labels.rows
        wanted = [(int(c), rows.masks.dense(i)) for i, c in enumerate(rows.category)]
        assert as_set(seen) == as_set(wanted)


def test_supervision_which_rounds_sees_the_same(tmp_path):
    sv = pytest.importorskip("supervision", reason="an oracle that the extra dev brings")
    hard = [m for name, m in hard_masks().items() if name not in ("two parts", "island in a hole")]
    data = dataset_of(
        NUCLEUS, {f"{i:02d}": objects([m]) for i, m in enumerate(hard)}, tmp_path / "p"
    )
    assert write(data, tmp_path / "y").written
    theirs = sv.DetectionDataset.from_yolo(
        str(tmp_path / "y/images"), str(tmp_path / "y/labels"), str(tmp_path / "y/data.yaml"),
        force_masks=True,
    )  # fmt: skip
    assert list(theirs.classes) == ["nucleus"]
    seen = {path.rpartition("/")[2]: found for path, _, found in theirs}
    for i, mask in enumerate(hard):
        np.testing.assert_array_equal(seen[f"{i:02d}.png"].mask[0], mask)


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_supervision_and_maskloom_read_the_same_polygons(tmp_path, family):
    sv = pytest.importorskip("supervision", reason="an oracle that the extra dev brings")
    rng = np.random.default_rng(5)
    lines = []
    for _ in range(12):
        points = rng.random((int(rng.integers(3, 9)), 2))
        lines.append("0 " + " ".join(f"{v:.6f}" for v in points.ravel()))
    mask = mask_of(family, rng, SIZE)
    put(tmp_path, *lines)
    theirs = sv.DetectionDataset.from_yolo(
        str(tmp_path / "images/train"), str(tmp_path / "labels/train"), str(tmp_path / "data.yaml"),
        force_masks=True,
    )  # fmt: skip
    found = next(iter(theirs))[2]
    rows = rows_of(tmp_path, rule="opencv-round")
    np.testing.assert_array_equal(rows.masks.decode(), found.mask)
    assert mask.shape == SIZE


def test_numbers_are_the_same_pixels_cut_off_and_rounded_in_widths_to_20000():
    for width in (1, 2, 3, 7, 640, 641, 999, 1333, 3000, 8192, 12345, 19999, 20000):
        ring = np.stack([np.arange(width), np.arange(width)], axis=1).astype(np.float64)
        for nudge in (-0.1, 0.0, 0.1):
            values = fresh_fractions(ring, (width, width), (nudge, nudge))
            text = [f"{v:.12g}" for v in values]
            for kind in (np.float32, np.float64):
                pixels = np.array(text, np.float64).astype(kind) * kind(width)
                assert (np.trunc(pixels) == ring.ravel()).all()
                assert (np.rint(pixels) == ring.ravel()).all()


def test_numbers_with_six_digits_move_pixels_which_a_quarter_of_a_pixel_does_not():
    width = 640
    usual = np.array([float(f"{x / width:g}") for x in range(width)]).astype(np.float32)
    assert (np.trunc(usual * np.float32(width)) != np.arange(width)).mean() > 0.1


def test_ultralytics_1862_and_1106_and_json2yolo_38_holes_stay_holes(tmp_path):
    hard = hard_masks()
    names = ["ring", "two holes", "grid", "frame"]
    data = dataset_of(
        NUCLEUS, {n.replace(" ", "-"): objects([hard[n]]) for n in names}, tmp_path / "p"
    )
    assert write(data, tmp_path / "y").written
    for name in names:
        path = tmp_path / f"y/labels/{name.replace(' ', '-')}.txt"
        assert len(path.read_text().splitlines()) == 1
        np.testing.assert_array_equal(ultralytics(path, hard[name].shape)[0][1], hard[name])


def test_ultralytics_6289_and_16826_parts_that_do_not_touch_are_refused_with_their_pixels(tmp_path):
    mask = hard_masks()["two parts"]
    data = dataset_of(NUCLEUS, {"a": objects([mask, hard_masks()["disc"]])}, tmp_path / "p")
    done = write(data, tmp_path / "y")
    assert not done.written
    (told,) = done.refused
    assert (told.kind, told.objects) == ("pixels", 1)
    assert not (tmp_path / "y").exists()
    allowed = write(data, tmp_path / "z", allow_loss=True)
    assert (allowed.exact_objects, allowed.changed_pixels) == (1, told.pixels)
    seen = ultralytics(tmp_path / "z/labels/a.txt", mask.shape)
    assert len(seen) == 2
    assert min(int((one != mask).sum()) for _, one in seen) == told.pixels


def test_parts_can_become_objects_of_their_own_which_is_a_loss_too(tmp_path):
    mask = hard_masks()["two parts"]
    data = dataset_of(NUCLEUS, {"a": objects([mask])}, tmp_path / "p")
    assert [loss.kind for loss in write(data, tmp_path / "y", parts="split").refused] == ["parts"]
    write(data, tmp_path / "y", parts="split", allow_loss=True)
    seen = ultralytics(tmp_path / "y/labels/a.txt", mask.shape)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0][1] | seen[1][1], mask)


def test_ultralytics_14858_and_8515_objects_of_one_class_and_box_are_all_kept(tmp_path):
    size = (30, 30)
    masks = []
    for hole in range(1, 13):
        mask = np.zeros(size, bool)
        mask[5:20, 5:20] = True
        mask[10, 5 + hole] = False
        masks.append(mask)
    data = dataset_of(NUCLEUS, {"a": objects(masks)}, tmp_path / "p")
    done = write(data, tmp_path / "y")
    assert (done.written, done.exact_objects, done.losses) == (True, 12, ())
    seen = ultralytics(tmp_path / "y/labels/a.txt", size)
    assert as_set(seen) == as_set([(0, mask) for mask in masks])


def test_ultralytics_14858_authors_rows_of_one_class_and_box_are_told_apart(tmp_path):
    other = SQUARE.replace("0.5 0.1 0.5 0.5", "0.5 0.1 0.3 0.3 0.5 0.5")
    put(tmp_path / "src", f"0 {SQUARE}", f"0 {other}")
    assert len(ultralytics(tmp_path / "src/labels/train/a.txt", SIZE)) == 1
    data = read_dataset(tmp_path / "src")
    done = write(data, tmp_path / "y")
    assert any("1 lines equal others in class and box" in w for w in done.warnings)
    assert len(ultralytics(tmp_path / "y/labels/a.txt", SIZE)) == 2
    again = write(read_dataset(tmp_path / "y"), tmp_path / "z").warnings
    assert not any("equal others" in w for w in again)


def test_boxes_beside_polygons_are_read_and_told(tmp_path):
    put(tmp_path, f"0 {SQUARE}", "0 0.5 0.5 0.2 0.2")
    data = read_dataset(tmp_path)
    (note,) = data.labels_of(data.samples[0]).extra["notes"]
    assert note.startswith("1 boxes stand beside polygons")


def test_equal_boxes_are_kept_and_told(tmp_path):
    put(tmp_path / "src", "0 0.5 0.5 0.2 0.2", "0 0.5 0.5 0.2 0.2")
    done = write(read_dataset(tmp_path / "src"), tmp_path / "y")
    assert [w for w in done.warnings if "Ultralytics drops them" in w]
    assert (tmp_path / "y/labels/a.txt").read_text() == "0 0.5 0.5 0.2 0.2\n" * 2


def test_ultralytics_23930_class_numbers_go_by_name_and_have_no_gaps(tmp_path):
    sparse = {1: "person", 18: "dog", 90: "toothbrush"}
    put(tmp_path / "src", f"18 {SQUARE}", f"90 {SQUARE}", config=False)
    (tmp_path / "src/data.yaml").write_text(
        yaml.safe_dump({"train": "images/train", "names": sparse})
    )
    data = read_dataset(tmp_path / "src")
    assert [(c.name, dict(c.ids)["yolo"]) for c in data.taxonomy] == [
        ("person", 1), ("dog", 18), ("toothbrush", 90),
    ]  # fmt: skip
    write(data, tmp_path / "y")
    told = yaml.safe_load((tmp_path / "y/data.yaml").read_text())
    assert told["names"] == {0: "person", 1: "dog", 2: "toothbrush"}
    assert told["nc"] == 3
    back = read_dataset(tmp_path / "y")
    rows = back.labels_of(back.samples[0]).rows
    assert [back.taxonomy[c].name for c in rows.category] == ["dog", "toothbrush"]


def test_class_numbers_go_in_order_of_those_of_yolo_files():
    names = Taxonomy(
        (
            Category("a", "a"),
            Category("b", "b", ids=(("yolo", 0),)),
            Category("void", "void", void=True),
            Category("c", "c", ids=(("yolo", 7), ("coco", 1))),
        )
    )
    assert class_numbers(names) == {0: 2, 1: 0, 3: 1}


def test_supervision_574_2322_and_285_holes_stay_and_parts_are_one_object_or_refused(tmp_path):
    hard = hard_masks()
    ring, parts = objects([hard["ring"]]), objects([hard["two parts"]])
    assert (
        write(dataset_of(NUCLEUS, {"a": ring}, tmp_path / "p"), tmp_path / "y").exact_objects == 1
    )
    data = dataset_of(NUCLEUS, {"a": parts}, tmp_path / "q")
    write(data, tmp_path / "z", allow_loss=True)
    assert len((tmp_path / "z/labels/a.txt").read_text().splitlines()) == 1


def test_supervision_2587_a_pixel_and_a_line_are_not_shifted_or_lost(tmp_path):
    hard = hard_masks()
    shapes = [hard["pixel"], hard["row"], hard["column"], hard["diagonal"], hard["two pixels"]]
    data = dataset_of(NUCLEUS, {str(i): objects([m]) for i, m in enumerate(shapes)}, tmp_path / "p")
    assert write(data, tmp_path / "y").exact_objects == 5
    for i, mask in enumerate(shapes):
        seen = ultralytics(tmp_path / f"y/labels/{i}.txt", mask.shape)
        np.testing.assert_array_equal(seen[0][1], mask)


def test_polygons_boxes_and_vertices_are_read(tmp_path):
    put(tmp_path, f"1 {SQUARE}", "0 0.5 0.5 0.5 0.25", "")
    rows = rows_of(tmp_path)
    assert rows.kind.tolist() == [RowKind.MASK, RowKind.BOX]
    assert rows.category.tolist() == [1, 0]
    # Columns 6 to 30 and rows 4 to 20, outlines painted.
    assert rows.masks.areas.tolist() == [25 * 17, 0]
    assert rows.geometry[0].parts[0][0].tolist() == [6, 4]
    assert rows.source[1]["bbox"] == [15, 15, 30, 10]


def test_scores_are_read_if_said_so(tmp_path):
    put(tmp_path, f"1 {SQUARE} 0.75", "0 0.5 0.5 0.2 0.2 0.5")
    with pytest.raises(FormatError, match=r"line 1: an odd number.*from.scores=true"):
        rows_of(tmp_path)
    assert rows_of(tmp_path, scores="true").score.tolist() == [0.75, 0.5]


def test_authors_vertices_come_back_as_they_were_written(tmp_path):
    line = "0 0.284375 0.108333 0.2 0.145833 0.103125 0.2 0.7 0.9"
    put(tmp_path / "src", line)
    assert write(read_dataset(tmp_path / "src"), tmp_path / "y").losses == ()
    assert (tmp_path / "y/labels/a.txt").read_text() == line + "\n"


def test_splits_names_stuff_and_images_survive_and_bytes_are_stable(tmp_path):
    data = torture(tmp_path / "p", parts=False)
    keys = sorted(s.key for s in data.samples)
    split = dataset_of(
        data.taxonomy,
        {
            k: data.labels_of(s)
            for k, s in zip(keys, sorted(data.samples, key=lambda s: s.key), strict=True)
        },
        tmp_path / "q",
        {"train": tuple(keys[:9]), "holdout": tuple(keys[9:12])},
    )
    assert write(split, tmp_path / "a").written
    assert detect_format(tmp_path / "a").name == "yolo"
    back = read_dataset(tmp_path / "a")
    assert back.splits == split.splits
    assert [(c.name, c.kind) for c in back.taxonomy] == [(c.name, c.kind) for c in data.taxonomy]
    assert write(back, tmp_path / "b").losses == ()
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert (tmp_path / "a/labels/without objects.txt").read_bytes() == b""


def test_images_that_are_missing_leave_their_size(tmp_path):
    data = torture(None, parts=False, many=False)
    assert write(data, tmp_path / "a").exact_objects > 20
    assert write(data, tmp_path / "b", images="none").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_facts_that_lines_cannot_say_are_refused(tmp_path):
    data = torture(
        None, parts=False, many=False, facts=("crowd", "void", "attributes", "scores", "nothing")
    )
    told = {loss.kind: loss.objects for loss in write(data, tmp_path / "a").refused}
    assert told == {"crowd": 1, "coverage": 0, "attributes": 1, "score": 2, "empty": 1}
    mixed = objects([hard_masks()["disc"]] * 2, kind=[0, 1])
    corners = Geometry((np.array([[1.0, 2], [5, 6]]),), "box")
    rows = Rows.make(mixed.rows.masks, mixed.rows.category, kind=[0, 1], geometry=(None, corners))
    data = dataset_of(NUCLEUS, {"a": mixed.replace(rows=rows)})
    assert [loss.kind for loss in write(data, tmp_path / "b").refused] == ["drawings"]


def test_layouts_of_other_tools_are_read(tmp_path):
    put(tmp_path / "bare", f"1 {SQUARE}", config=False)
    (tmp_path / "bare/classes.txt").write_text("cell\nnucleus\n")
    data = read_dataset(tmp_path / "bare")
    assert (detect_format(tmp_path / "bare").name, data.splits) == ("yolo", {"train": ("a",)})
    for split in ("train", "valid"):
        write_photo(tmp_path / f"robo/{split}/images/{split}1.png", SIZE)
        (tmp_path / f"robo/{split}/labels").mkdir()
        (tmp_path / f"robo/{split}/labels/{split}1.txt").write_text(f"0 {SQUARE}\n")
    config = {"train": "../train/images", "val": "../valid/images", "nc": 1, "names": ["x"]}
    (tmp_path / "robo/data.yaml").write_text(yaml.safe_dump(config))
    data = read_dataset(tmp_path / "robo")
    assert data.splits == {"train": ("train1",), "val": ("valid1",)}
    (tmp_path / "robo/data.yaml").unlink()
    assert read_dataset(tmp_path / "robo").splits == {"train": ("train1",), "val": ("valid1",)}


def test_darknet_lists_and_images_that_have_no_label_file(tmp_path):
    write_photo(tmp_path / "obj_train_data/1.png", SIZE)
    write_photo(tmp_path / "obj_train_data/2.png", SIZE)
    (tmp_path / "obj_train_data/1.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/1.png\ndata/obj_train_data/2.png\n")
    (tmp_path / "obj.names").write_text("a\nb\n")
    (tmp_path / "obj.data").write_text(
        "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n"
    )
    data = read_dataset(tmp_path)
    assert [(s.key, len(labels.rows)) for s, labels in data] == [("1", 1), ("2", 0)]
    assert any("1 images have no label file and are taken as empty" in w for w in data.warnings)
    fewer = read_dataset(tmp_path, settings=["unlabelled=skip"])
    assert len(fewer) == 1


def test_without_names_classes_are_called_by_their_numbers(tmp_path):
    put(tmp_path, f"7 {SQUARE}", f"3 {SQUARE}", config=False)
    data = read_dataset(tmp_path)
    assert [c.name for c in data.taxonomy] == ["class 3", "class 7"]
    assert any("nothing names the 2 classes" in w for w in data.warnings)
    (tmp_path / "own.txt").write_text("\n".join("abcdefgh"))
    named = read_dataset(tmp_path, "yolo", settings=[f"names={tmp_path / 'own.txt'}"])
    assert [named.taxonomy[c].name for c in named.labels_of(named.samples[0]).rows.category] == [
        "h",
        "d",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.1 nan 0.5 0.1 0.5 0.5", "not finite"),
        ("0 0.1 inf 0.5 0.1 0.5 0.5", "not finite"),
        ("0 10 20 30 40 50 60", "no fraction"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.2", "odd number of coordinates"),
        ("0 0.1 0.1", "neither a box"),
        ("0", "neither a box"),
        ("0.5 0.1 0.1 0.5 0.1 0.5 0.5", "a class is a whole number"),
        ("-1 0.1 0.1 0.5 0.1 0.5 0.5", "a class is a whole number"),
        ("1e300 0.1 0.1 0.5 0.1 0.5 0.5", "a class is a whole number"),
        ("cat 0.1 0.1 0.5 0.1 0.5 0.5", "not numbers"),
        ("0 0.1 0.1 0.5 O.1 0.5 0.5", "not numbers"),
        ("9 0.1 0.1 0.5 0.1 0.5 0.5", "a class that has no name"),
        ("0 0.5 0.5 -0.005 0.1", "negative size"),
    ],
)
def test_a_bad_line_is_one_error_with_its_place_or_is_left_out(tmp_path, line, said):
    put(tmp_path, f"0 {SQUARE}", line)
    with pytest.raises(FormatError, match=rf"a\.txt: line 2: .*{said}"):
        rows_of(tmp_path)
    data = read_dataset(tmp_path, "yolo", skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 1
    assert any("1 invalid annotation was left out" in w for w in data.warnings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: {0: a, 1: a}\ntrain: images/train\n", "share a name"),
        ("names: [a, b]\nnc: 3\ntrain: images/train\n", "nc says 3 classes, names has 2"),
        ("names: {x: a}\ntrain: images/train\n", "class number"),
        ("names: 5\ntrain: images/train\n", "no names"),
        ("names: [a\ntrain: images/train\n", "not valid YAML"),
        ("a: &a [x, x]\nnames: [*a, *a]\ntrain: images/train\n", "aliases are not read"),
        ("names: [[a], b]\ntrain: images/train\n", "a name is not text"),
        ("names: [a]\nkpt_shape: [17, 3]\ntrain: images/train\n", "poses"),
        ("names: [" + "[" * 5000 + "]" * 5000 + "]\ntrain: x\n", "not valid YAML|names"),
    ],
)
def test_a_bad_config_is_one_error(tmp_path, text, said):
    put(tmp_path, f"0 {SQUARE}", config=False)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(FormatError, match=said):
        read_dataset(tmp_path, "yolo")


def test_names_are_the_text_that_stands_there(tmp_path):
    put(tmp_path, f"1 {SQUARE}", config=False)
    tag = "!!python/object/apply:os.system"
    (tmp_path / "data.yaml").write_text(f"names: [no, 007, {tag} x, 1.50]\ntrain: images/train\n")
    data = read_dataset(tmp_path)
    assert [c.name for c in data.taxonomy] == ["no", "007", "x", "1.50"]
    write(data, tmp_path / "y")
    assert list(yaml.safe_load((tmp_path / "y/data.yaml").read_text())["names"].values()) == [
        "no", "007", "x", "1.50",
    ]  # fmt: skip


def test_lists_and_splits_that_lead_outside_are_not_followed(tmp_path):
    root = put(tmp_path / "in", f"0 {SQUARE}", names=("a",))
    write_photo(tmp_path / "secret.png", SIZE)
    (root / "train.txt").write_text("../secret.png\n")
    (root / "data.yaml").write_text("names: [a]\ntrain: train.txt\n")
    with pytest.raises(DataError, match="line 1: not an image below"):
        read_dataset(root, "yolo")
    (root / "data.yaml").write_text("names: [a]\ntrain: images/train\nval: /etc\n")
    data = read_dataset(root, "yolo")
    assert (len(data), any("/etc" in w for w in data.warnings)) == (1, True)


def test_a_label_without_an_image_has_no_size_and_says_so(tmp_path):
    put(tmp_path, f"0 {SQUARE}")
    (tmp_path / "images/train/a.png").unlink()
    with pytest.raises(FormatError, match=r"tells the size.*--images ROOT"):
        rows_of(tmp_path)
    write_photo(tmp_path / "else/a.png", SIZE)
    data = read_dataset(tmp_path, images=tmp_path / "else")
    assert data.labels_of(data.samples[0]).rows.masks.areas.tolist() == [25 * 17]


def test_a_label_file_that_is_no_text_is_one_error(tmp_path):
    put(tmp_path, f"0 {SQUARE}")
    (tmp_path / "labels/train/a.txt").write_bytes(b"0 0.1 \xff\xfe")
    with pytest.raises(FormatError, match=r"a\.txt: the label file cannot be read"):
        rows_of(tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "images", "rows", "first"),
    [
        ("coco_mini/yolo_seg", 13, 149, "person"),
        ("conformance/datumaro/yolo_dataset/labels", 2, 4, "label_0"),
        ("conformance/datumaro/yolo_dataset/annotations", 1, 2, "label_0"),
        ("conformance/datumaro/yolo_dataset/strict", 1, 2, "label_0"),
        ("conformance/label-studio-sdk/test_import_yolo_data", 7, 25, "closed_door"),
        ("conformance/label-studio-sdk/test_import_yolo_data_unif_dims", 5, 19, "closed_door"),
    ],
)
def test_sets_of_other_tools_are_detected_read_and_stable(
    shared, tmp_path, path, images, rows, first
):
    assert detect_format(shared / path).name == "yolo"
    data = read_dataset(shared / path)
    assert len(data) == images
    assert sum(len(labels.rows) for _, labels in data) == rows
    assert data.taxonomy[0].name == first
    assert write(data, tmp_path / "a").losses == ()
    assert write(read_dataset(tmp_path / "a"), tmp_path / "b").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.shared
def test_rows_of_coco_mini_are_what_the_rule_of_ultralytics_sees(shared):
    data = read_dataset(shared / "coco_mini/yolo_seg")
    numbers = [dict(c.ids)["yolo"] for c in data.taxonomy]
    checked = 0
    for sample, labels in data:
        path = shared / f"coco_mini/yolo_seg/{sample.key}.txt"
        seen = ultralytics(path, labels.size)
        rows = labels.rows
        ours = [(numbers[c], rows.masks.dense(i)) for i, c in enumerate(rows.category)]
        assert set(as_set(seen)) == set(as_set(ours))
        checked += len(ours)
    assert checked == 149


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "settings", "objects_of"),
    [("dsb2018", (), 1264), ("pennfudan", ("suffix=_mask", "kind=instance"), 143)],
)
def test_every_object_of_one_part_of_real_sets_is_exact(
    shared, tmp_path, path, settings, objects_of
):
    data = read_dataset(shared / path, settings=settings)
    done = write(data, tmp_path / "y", allow_loss=True, images="link")
    lost = sum(loss.objects for loss in done.losses if loss.kind == "pixels")
    assert (done.objects, done.exact_objects) == (objects_of, objects_of - lost)
    parts = sum(int((labels.rows.masks.topology(8)[:, 0] > 1).sum()) for _, labels in data)
    assert lost == parts


def test_lines_are_read_anew_and_parsed_as_they_stand(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"\ufeff0 {SQUARE}\r\n\n1 0.5 0.5 1 1\n")
    lines = LabelLines(path)
    assert [line.number for line in lines] == [1, 3]
    assert [parse_line(line).box for line in lines] == [False, True]
    assert len(LabelLines(None)) == 0


FIELDS = """\
train: ./images
license: CC BY 4.0   # of the images
version: 007
roboflow:
  workspace: some-lab
  # counted from 1
  version: 1.10
  url: https://example.org/a/1
names: ['no']
nc: 1
flip_idx: [0, 2, 1]
tags:
- off
- "a: b"
date: 2024-02-30x
made: 2024-02-03
empty:
download: |
  from pathlib import Path
  print(Path("x"))
last: ~"""


def with_fields(folder, text=FIELDS):
    write_photo(folder / "images/a.png", (8, 8))
    (folder / "labels").mkdir()
    (folder / "labels/a.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (folder / "data.yaml").write_text(text)
    return read_dataset(folder)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, yaml.BaseLoader])
def test_fields_of_data_yaml_are_the_same_to_every_reader(tmp_path, loader):
    assert write(with_fields(tmp_path / "src"), tmp_path / "out").losses == ()
    before = yaml.load(FIELDS, loader)
    after = yaml.load((tmp_path / "out/data.yaml").read_text(), loader)
    assert set(before) - {"train", "names", "nc"} == set(after) - {"train", "val", "names", "nc"}
    assert all(after[name] == before[name] for name in set(before) - {"train", "names", "nc"})
    assert list(after["names"].values()) == ["no"]
    assert write(read_dataset(tmp_path / "out"), tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_fields_of_data_yaml_pass_a_table_and_are_told_by_others(tmp_path):
    data = with_fields(tmp_path / "src")
    assert transfer(data, tmp_path / "table", load_format("parquet")).losses == ()
    assert write(read_dataset(tmp_path / "table"), tmp_path / "out").written
    assert "license: CC BY 4.0\n" in (tmp_path / "out/data.yaml").read_text()
    done = transfer(data, tmp_path / "coco", load_format("coco"))
    assert done.written
    (told,) = [loss.named for loss in done.losses if loss.kind == "fields"]
    assert told.startswith("of the data set: date, download, empty, flip_idx, last, license")


def test_fields_of_data_yaml_in_braces_and_of_darknet_are_kept(tmp_path):
    text = '{\ntrain: images,\nnames: ["no"],\n"license":"MIT", flip_idx: [0,2]\n}'
    assert write(with_fields(tmp_path / "src", text), tmp_path / "out").written
    told = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert (told["license"], told["flip_idx"]) == ("MIT", [0, 2])
    with_fields(tmp_path / "dark")
    (tmp_path / "dark/data.yaml").unlink()
    (tmp_path / "dark/obj.names").write_text("x\n")
    (tmp_path / "dark/train.txt").write_text("images/a.png\n")
    text = "classes = 1\ntrain = train.txt\nnames = obj.names\nbackup = a: b/\n"
    (tmp_path / "dark/obj.data").write_text(text)
    assert write(read_dataset(tmp_path / "dark"), tmp_path / "dark2").written
    assert yaml.safe_load((tmp_path / "dark2/data.yaml").read_text())["backup"] == "a: b/"


STYLED = [
    '{train: images, names: [x], nc: 1, license: "a: b", z: {q: [1, 2]}, e: , f: two\nlines}',
    "  train: images\n  names:\n  - x\n  tags:\n  - 1\n  - no\n  d: |2\n     a\n      b\n\n  e: >-\n"
    "    x\n    y\n  f: plain\n    multi line\n",
    '"train": images\n"names": [x]\n\'license\': MIT\n',
    'train: images\nnames: [x]\n? complex\n: v\n"q\\"k": 1\n? t\n: !!str 5\n? u\nmade: 2024-02-03\n',
    '--- # of mine\ntrain: images\nnames: [x]\nu: "ü\U0001f600 x"\nd: |\n  a',
    "%TAG ! tag:x,2000:\n---\ntrain: images\nnames: [x]\nv: 007\n...\n",
]


@pytest.mark.parametrize("text", STYLED)
def test_data_yaml_of_any_style_is_read_and_its_fields_are_the_same(tmp_path, text):
    data = with_fields(tmp_path / "src", text)
    assert [c.name for c in data.taxonomy] == ["x"]
    assert data.warnings == ()
    assert write(data, tmp_path / "out").losses == ()
    for loader in (yaml.SafeLoader, yaml.BaseLoader):
        before = yaml.load(text, loader)
        after = yaml.load((tmp_path / "out/data.yaml").read_text(), loader)
        own = {"train", "val", "names", "nc"}
        assert {k: v for k, v in before.items() if k not in own} == {
            k: v for k, v in after.items() if k not in own
        }
    assert write(read_dataset(tmp_path / "out"), tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_a_yaml_file_that_names_nothing_at_its_top_is_no_data_yaml(tmp_path):
    folder = tmp_path / "src"
    with_fields(folder, "{train: images, names: [x]}")
    (folder / "a.yaml").write_text("{model: {names: [y], nc: 1}, note: names}")
    assert [c.name for c in read_dataset(folder).taxonomy] == ["x"]
    (folder / "data.yaml").write_text("{train: images, names: [x, nc: }")
    with pytest.raises(FormatError, match=r"data\.yaml: not valid YAML"):
        read_dataset(folder)


def test_values_of_darknet_beyond_the_basic_plane_are_kept(tmp_path):
    with_fields(tmp_path / "dark")
    (tmp_path / "dark/data.yaml").unlink()
    (tmp_path / "dark/obj.names").write_text("x\n")
    (tmp_path / "dark/train.txt").write_text("images/a.png\n")
    text = "train = train.txt\nnames = obj.names\nbackup = \U0001f600/\nn = 007\n"
    (tmp_path / "dark/obj.data").write_text(text)
    assert write(read_dataset(tmp_path / "dark"), tmp_path / "dark2").written
    told = yaml.safe_load((tmp_path / "dark2/data.yaml").read_text())
    assert (told["backup"], told["n"]) == ("\U0001f600/", "007")
