from __future__ import annotations

import json
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.faces.cli import main
from maskloom.formats.detect import detect_format, read_dataset
from maskloom.formats.shared.brush_rle import encode_brush

from . import tool_cases
from . import tool_torture as torture
from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, write_photo

write = partial(tool_cases.put, to="labelstudio")
twice = partial(tool_cases.twice, to="labelstudio")


# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE = (20, 30)
SIDES = {"original_width": 30, "original_height": 20, "image_rotation": 0}


def region(kind, value, label="cat", **more):
    name = "A" + str(abs(hash((kind, str(value)))))[:6]
    labelled = {**value, f"{kind}labels": [label]}
    control = {"from_name": "tool", "to_name": "image", "type": f"{kind}labels"}
    return {"id": name, "value": labelled, **control, "origin": "manual", **SIDES, **more}


def triangle(**more):
    return region("polygon", {"points": [[10, 10], [50, 15], [30.5, 80]], "closed": True}, **more)


def task(*results, image="/upload/1/a.jpg", number=7, **more):
    entry = {"id": 1, "completed_by": 3, "result": list(results), "lead_time": 2.5, **more}
    return {"id": number, "annotations": [entry], "predictions": [], "data": {"image": image}}


def put(tmp_path, *tasks):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(tasks)))
    return path


def rows_of(path, **options):
    data = read_dataset(path, "labelstudio", **options)
    return data.labels_of(data.samples[0]).rows


def tasks_in(folder):
    return json.loads((folder / "tasks.json").read_text())


def test_polygons_are_percent_and_filled_as_pycocotools_fills_them(tmp_path):
    found = rows_of(put(tmp_path, task(triangle())))
    ring = [3, 2, 15, 3, 9.15, 16]
    made = coco.decode(coco.merge(coco.frPyObjects([ring], *SIZE)))
    np.testing.assert_array_equal(found.masks.dense(0), made)
    np.testing.assert_allclose(found.geometry[0].parts[0].ravel(), ring)


def test_regions_of_kinds_that_are_not_read_are_told(tmp_path):
    other = region("vector", {"vertices": [{"x": 1, "y": 1}], "vectorlabels": ["cell"]}, id="v")
    data = read_dataset(put(tmp_path, task(triangle(), {**other, "type": "vectorlabels"})))
    assert "1 region of kinds that are not read: vectorlabels" in data.warnings


def test_whole_pixels_are_whole_again_in_spite_of_percent(tmp_path):
    for width, height in ((7, 3), (333, 777), (4000, 6000)):
        points = np.random.default_rng(width).integers(0, [width, height], (50, 2))
        percent = (points / [width, height] * 100).tolist()
        sides = {"original_width": width, "original_height": height}
        drawn = {**region("polygon", {"points": percent}), **sides}
        rows = rows_of(put(tmp_path, task(drawn)))
        np.testing.assert_array_equal(rows.geometry[0].parts[0], points)


def test_label_studio_382_brushes_are_masks_of_rows_not_of_columns(tmp_path):
    pixels = np.zeros(SIZE, bool)
    pixels[3, 4:20] = True
    brush = region("brush", {"format": "rle", "rle": encode_brush(Masks.from_dense(pixels))})
    np.testing.assert_array_equal(rows_of(put(tmp_path, task(brush))).masks.dense(0), pixels)


def test_label_studio_6608_places_are_those_of_the_turned_photo(tmp_path):
    # Stored 20 wide and 30 high, shown 30 wide and 20 high: Label Studio counts what is shown.
    image = Image.new("RGB", (20, 30))
    exif = Image.Exif()
    exif[274] = 6
    image.save(tmp_path / "a.jpg", exif=exif)
    data = read_dataset(put(tmp_path, task(triangle())))
    labels = data.labels_of(data.samples[0])
    assert labels.size == SIZE
    ring = [3, 2, 15, 3, 9.15, 16]
    made = coco.decode(coco.merge(coco.frPyObjects([ring], *SIZE)))
    np.testing.assert_array_equal(labels.rows.masks.dense(0), made)
    image.save(tmp_path / "a.jpg")
    with pytest.raises(FormatError, match="30 × 20 px, its image 20 × 30 px"):
        data.labels_of(data.samples[0])


def test_an_export_comes_back_as_the_same_json(tmp_path):
    choice = {
        "id": "R1", "type": "choices", "value": {"choices": ["red"]}, "from_name": "colour",
        "to_name": "image", **SIDES,
    }  # fmt: skip
    plain = {"id": "R2", "type": "rectangle", "value": {"x": 1.1, "y": 2, "width": 30.7,
             "height": 40, "rotation": 0}, **SIDES}  # fmt: skip
    label = {**plain, "type": "labels", "value": {**plain["value"], "labels": ["dog"]}}
    relation = {"type": "relation", "from_id": "R1", "to_id": "R2", "direction": "right"}
    whole = {"type": "choices", "value": {"choices": ["day"]}, "from_name": "when", "id": "W"}
    turned = region("rectangle", {"x": 5, "y": 5, "width": 9, "height": 9, "rotation": 31.2})
    oval = region("ellipse", {"x": 50, "y": 50, "radiusX": 7, "radiusY": 3.3, "rotation": 12})
    points = region("keypoint", {"x": 22.59, "y": 31.77, "width": 0.18}, parentID="R1")
    brush = {"format": "rle", "rle": encode_brush(Masks.from_dense(np.eye(*SIZE, dtype=bool)))}
    results = [
        triangle(id="R1", locked=True, score=0.25), choice, plain, label, turned, oval, points,
        region("brush", brush, normalization="x"), relation, whole,
    ]  # fmt: skip
    other = {"id": 9, "completed_by": 4, "result": [triangle()], "ground_truth": False}
    first = task(*results, ground_truth=True)
    first["annotations"].append(other)
    first["predictions"] = [{"model_version": "m1", "score": 0.5, "result": [triangle()]}]
    data = read_dataset(put(tmp_path, first, task(triangle(), number=3, image="s3://b/c/b.png")))
    assert [c.name for c in data.taxonomy] == ["cat", "dog"]
    rows = data.labels_of(data.samples[0]).rows
    kinds = [RowKind.MASK] + [RowKind.BOX] * 3 + [RowKind.POINT, RowKind.MASK]
    assert rows.kind.tolist() == kinds
    assert rows.attributes[0] == {"colour": "red"}
    assert rows.score[0] == 0.25
    assert write(data, tmp_path / "a").losses == ()
    back = tasks_in(tmp_path / "a")
    order = [0, 2, 4, 5, 6, 7]
    kept = [
        results[0],
        choice,
        results[2],
        label,
        *(results[i] for i in order[2:]),
        relation,
        whole,
    ]
    wanted = {**first, "annotations": [{**first["annotations"][0], "result": kept}, other]}
    assert back[0] == wanted
    assert back[1]["data"] == {"image": "s3://b/c/b.png"}
    twice(data, tmp_path / "again")


def test_supervision_of_masks_with_holes_and_parts(tmp_path):
    data = torture.dataset(score=np.linspace(0, 1, 12), attributes=[{"a": [1, {"b": None}]}] * 12)
    back = twice(data, tmp_path)
    assert [c.name for c in back.taxonomy] == [c.name for c in torture.KINDS]
    assert back.splits == data.splits
    for sample, labels in back:
        own = next(s for s in data.samples if s.key == sample.key)
        assert labels.rows.masks == data.labels_of(own).rows.masks
    rows = back.labels_of(back.samples[0]).rows
    assert rows.attributes[0] == {"a": [1, {"b": None}]}
    np.testing.assert_array_equal(rows.score, np.linspace(0, 1, 12))


def test_polygons_of_other_tools_stay_polygons_and_it_is_said_where_vertices_change(tmp_path):
    entry = {
        "images": [{"id": 1, "file_name": "a.png", "height": 333, "width": 777}],
        "categories": [{"id": 5, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 5, "segmentation": [[1.25, 3, 700.5, 9, 5, 301]]},
            {"id": 2, "image_id": 1, "category_id": 5, "segmentation": [[9, 9, 700, 9, 5, 301 / 3]]},
        ],
    }  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps(entry))
    done = write(read_dataset(tmp_path / "c.json"), tmp_path / "a")
    assert (done.written, done.changed_pixels, done.exact_objects) == (True, 0, 2)
    facts = {loss.kind: loss.objects for loss in done.losses}
    assert facts == {"fields": 2, "vertices": 1}
    kinds = [one["type"] for one in tasks_in(tmp_path / "a")[0]["annotations"][0]["result"]]
    assert kinds == ["polygonlabels", "polygonlabels"]


def test_what_label_studio_cannot_hold_is_told(tmp_path):
    data = torture.dataset(
        crowd=np.arange(12) < 3, z_order=np.arange(12), track=np.arange(12), instance=[1] * 12
    )
    done = write(data, tmp_path / "a")
    assert {loss.kind for loss in done.refused} == {"crowd", "z_order", "tracks", "parts"}
    assert not (tmp_path / "a").exists()


def test_void_and_stuff_are_kept_beside_the_tasks_and_refused_in_one_file(tmp_path):
    from maskloom.core.taxonomy import Category, Taxonomy

    taxonomy = Taxonomy((Category("sky", "sky", "stuff"), Category("v", "nothing", void=True)))
    data = dataset_of(taxonomy, {"a": objects([np.eye(8, dtype=bool)] * 2, [0, 1])})
    back = twice(data, tmp_path)
    assert [(c.kind, c.void) for c in back.taxonomy] == [("stuff", False), ("thing", True)]
    done = write(data, tmp_path / "a.json")
    assert [loss.kind for loss in done.refused] == ["void"]
    assert write(data, tmp_path / "b.json", allow_loss=True).written
    assert detect_format(tmp_path / "b.json").name == "labelstudio"


def test_more_objects_than_a_byte_counts(tmp_path):
    back = twice(dataset_of(NUCLEUS, {"a": torture.many(700)}), tmp_path)
    assert len(back.labels_of(back.samples[0]).rows) == 700


def test_people_come_before_models_and_one_can_be_chosen(tmp_path):
    both = task(triangle())
    both["annotations"].append({"id": 2, "completed_by": {"id": 4, "email": "a@b"}, "result": []})
    both["predictions"] = [
        {"model_version": "m1", "score": 0.75, "result": [triangle(), triangle(id="z")]}
    ]
    path = put(tmp_path, both)
    data = read_dataset(path)
    assert len(data.labels_of(data.samples[0]).rows) == 0  # the last
    assert "1 tasks have several annotations" in data.warnings[0]
    assert len(rows_of(path, settings=["annotator=3"])) == 1
    assert len(rows_of(path, settings=["annotator=a@b"])) == 0
    predicted = read_dataset(path, settings=["layer=predictions"])
    assert predicted.labels_of(predicted.samples[0]).rows.score.tolist() == [0.75, 0.75]
    done = write(predicted, tmp_path / "p")
    assert done.written
    assert tasks_in(tmp_path / "p")[0]["predictions"] == both["predictions"]
    both["annotations"] = [{"id": 1, "was_cancelled": True, "result": [triangle()]}]
    assert len(rows_of(put(tmp_path, both))) == 2


def test_tasks_that_nobody_labelled_are_not_empty_images(tmp_path):
    write_photo(tmp_path / "a.jpg", SIZE)
    nobody = {**task(), "annotations": []}
    empty = task(image="b.jpg", number=8)
    write_photo(tmp_path / "b.jpg", SIZE)
    data = read_dataset(put(tmp_path, nobody, empty, task(triangle(), image="c.jpg", number=9)))
    found = [(len(labels.rows), labels.coverage.nothing) for _, labels in data]
    assert found == [(0, True), (0, False), (1, False)]
    assert "1 of 3 tasks are not labelled" in data.warnings
    back = twice(data, tmp_path)
    assert [labels.coverage.nothing for _, labels in back] == [True, False, False]
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(FormatError, match="neither the label file nor an image tells the size"):
        read_dataset(tmp_path / "export.json").labels_of(data.samples[1])


def test_json_min_is_read(tmp_path):
    sides = {"original_width": 30, "original_height": 20}
    brush = {"format": "rle", "rle": encode_brush(Masks.from_dense(np.eye(*SIZE, dtype=bool)))}
    entry = {
        "image": "/upload/a.jpg", "id": 4, "annotator": 1, "annotation_id": 2,
        "label": [
            {"points": [[10, 10], [50, 15], [30.5, 80]], "polygonlabels": ["cat"], **sides},
            {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, "rectanglelabels": ["dog"], **sides},
        ],
        "brush": [{**brush, "brushlabels": ["cat"], **sides}],
        "choice": "day",
    }  # fmt: skip
    path = put(tmp_path, entry)
    assert detect_format(path).name == "labelstudio"
    data = read_dataset(path)
    rows = data.labels_of(data.samples[0]).rows
    assert rows.kind.tolist() == [RowKind.MASK, RowKind.BOX, RowKind.MASK]
    assert rows.masks.areas.tolist()[1:] == [0, 20]
    assert [data.taxonomy[c].name for c in rows.category] == ["cat", "dog", "cat"]
    twice(data, tmp_path)
    assert tasks_in(tmp_path / "a")[0]["data"]["choice"] == "day"


def test_json_min_is_written_and_says_what_it_has_no_place_for(tmp_path):
    data = torture.dataset()
    done = write(data, tmp_path / "a", form="min")
    assert (done.written, done.losses, done.exact_objects) == (True, (), 312)
    first = tasks_in(tmp_path / "a")[0]
    assert len(first["brushlabels"]) == 12
    assert "annotations" not in first
    back = read_dataset(tmp_path / "a")
    assert back.splits == data.splits
    assert write(back, tmp_path / "b", form="min").written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    facts = torture.dataset(score=np.ones(12), attributes=[{"a": 1}] * 12)
    assert {loss.kind for loss in write(facts, tmp_path / "c", form="min").refused} == {
        "score", "attributes",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("/upload/1/x%20y.jpg", "x y"),
        ("https://host/bucket/c/x.jpg?sig=1", "x"),
        ("https://host/data/local-files/?d=sub/x.jpg", "x"),
        ("images/sub/x.jpg", "sub/x"),
        ("../../etc/x.jpg", "x"),
        ("C:\\pictures\\x.jpg", "x"),
        ("data:image/png;base64,AAAA", "image"),
        ("http://[bad/x.jpg", "image"),
    ],
)
def test_keys_are_the_names_of_images_and_lead_nowhere(tmp_path, address, key):
    data = read_dataset(put(tmp_path, task(triangle(), image=address)))
    assert data.samples[0].key == key
    assert write(data, tmp_path / "a").written
    assert tasks_in(tmp_path / "a")[0]["data"]["image"] == address


def test_tasks_of_one_image_and_images_of_one_name_stay_apart(tmp_path):
    tasks = [
        task(triangle(), image="/x/1/a.jpg", number=1),
        task(triangle(), image="/x/2/a.jpg", number=2),
        task(triangle(), image="/x/2/a.jpg", number=3),
    ]
    data = read_dataset(put(tmp_path, *tasks))
    assert [s.key for s in data.samples] == ["task-2/x/2/a", "task-3/x/2/a", "x/1/a"]
    twice(data, tmp_path)


def test_labels_that_differ_in_case_stay_two_classes(tmp_path):
    data = read_dataset(put(tmp_path, task(triangle(), triangle(id="z", label="Cat"))))
    assert [c.name for c in data.taxonomy] == ["cat", "Cat"]
    assert sum("'cat' and 'Cat'" in warning for warning in data.warnings) == 1
    twice(data, tmp_path)
    results = tasks_in(tmp_path / "a")[0]["annotations"][0]["result"]
    assert [one["value"]["polygonlabels"] for one in results] == [["cat"], ["Cat"]]


BRUSH = {"format": "rle", "rle": encode_brush(Masks.empty(1, SIZE))}
FIGURE = {"x": 1, "y": 2, "width": 3, "height": 4}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (region("polygon", {"points": [[1, 2], [3, 4]]}), "points: fewer than 3 vertices"),
        (region("polygon", {"points": [[1, 2], [3, "x"], [4, 4]]}), "pairs of numbers"),
        (region("polygon", {"points": [[1, 2], [3, 1e300], [4, 4]]}), "2\\*\\*24"),
        (region("rectangle", {**FIGURE, "width": None}), "width: not a finite number"),
        (region("rectangle", {**FIGURE, "rotation": "x"}), "rotation: not a finite number"),
        (region("brush", {**BRUSH, "rle": [1, 2]}), "rle: a brush without its head"),
        (region("brush", {**BRUSH, "rle": BRUSH["rle"][:9]}), "end inside a block"),
        (region("brush", {**BRUSH, "rle": encode_brush(Masks.empty(1, (5, 5)))}), "another size"),
        (triangle(id="t", image_rotation=90), "image that was turned"),
        (triangle(id="t", score="high"), "score: not a finite number"),
    ],
)
def test_a_bad_region_is_one_error_or_left_out(tmp_path, bad, said):
    path = put(tmp_path, task(triangle(), bad))
    with pytest.raises(FormatError, match=said) as caught:
        rows_of(path)
    assert f"export.json: task 7, region {bad['id']}" in str(caught.value)
    data = read_dataset(path, skip_bad=True)
    assert len(data.labels_of(data.samples[0]).rows) == 1
    assert "1 invalid annotation was left out" in data.warnings[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"data": {"image": "a"}, "annotations": [', "not valid JSON"),
        ('[{"data": {"image": "a"}, "annotations": [NaN]}]', "NaN is no JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[3]", "a task is a JSON object"),
        ('[{"data": {"n": 3}, "annotations": []}]', "without an image"),
        ('[{"data": {"image": "a"}, "annotations": 3}]', "annotations are a list of objects"),
        ('[{"data": {"image": "a"}, "annotations": [{"result": {}}]}]', "result is a list"),
    ],
)
def test_a_bad_file_is_one_error(tmp_path, text, said):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FormatError, match=said) as caught:
        read_dataset(tmp_path / "x.json", "labelstudio")
    assert "x.json" in str(caught.value)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([triangle(id="t"), triangle(id="t")], "two regions share an id"),
        ([triangle(id="a"), triangle(id="b", original_width=31)], "two sizes"),
        ([triangle(original_width=-3)], "positive whole numbers"),
        ([triangle(original_width=1e99)], "positive whole numbers"),
    ],
)
def test_tasks_that_contradict_themselves_are_refused(tmp_path, results, said):
    with pytest.raises(FormatError, match=said):
        rows_of(put(tmp_path, task(*results)))


def test_a_brush_of_a_frame_that_is_declared_large_is_refused_at_once(tmp_path):
    large = region("brush", BRUSH, original_width=2**31 - 1, original_height=2**31 - 1)
    with pytest.raises(FormatError, match="another size than the image"):
        rows_of(put(tmp_path, task(large)))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "tasks", "rows"),
    [
        ("test_export_coco/data.json", 1, 4),
        ("test_export_yolo/data.json", 2, None),
        ("test_export_yolo/data_polygons.json", 1, 1),
        ("test_export_yolo/data_keypoints.json", 1, 4),
        ("test_export_yolo/data_obb.json", 3, None),
    ],
)
def test_the_exports_of_the_sdk_come_back_as_the_same_json(shared, tmp_path, name, tasks, rows):
    path = shared / "conformance/label-studio-sdk" / name
    assert detect_format(path).name == "labelstudio"
    data = read_dataset(path)
    assert len(data) == tasks
    if rows is not None:
        assert sum(len(labels.rows) for _, labels in data) == rows
    twice(data, tmp_path)
    by_id = {one["id"]: one for one in json.loads(path.read_text())}
    assert {one["id"]: one for one in tasks_in(tmp_path / "a")} == by_id


def test_json_min_tells_what_it_drops_and_refuses_regions_that_are_not_read(tmp_path, capsys):
    write_photo(tmp_path / "src/images/a.png", (16, 20))
    place = {"original_width": 20, "original_height": 16, "to_name": "image"}
    value = {"x": 5, "y": 5, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["cat"]}
    box = {"id": "r1", "type": "rectanglelabels", "from_name": "label", "value": value, **place}
    vector = {"vertices": [{"x": 1, "y": 1}], "vectorlabels": ["z"]}
    line = {"id": "v", "type": "vectorlabels", "from_name": "v", "value": vector, **place}
    link = {"type": "relation", "from_id": "r1", "to_id": "r1", "direction": "right"}
    other = {"id": 4, "completed_by": 2, "result": [box]}
    task = {
        "id": 1,
        "data": {"image": "images/a.png", "site": "north"},
        "annotations": [other, {"id": 5, "completed_by": 7, "lead_time": 2.5, "result": [box]}],
    }
    (tmp_path / "src/tasks.json").write_text(json.dumps([task]))

    def convert(*more):
        args = ["convert", str(tmp_path / "src"), str(tmp_path / "out"), "--to", "labelstudio"]
        code = main([*args, "--set", "to.form=min", *more])
        return code, " ".join(capsys.readouterr().out.split())

    code, told = convert()
    assert code == 0
    assert "other annotations" in told
    assert "lead_time" not in told
    assert "site" not in told
    (minimal,) = json.loads((tmp_path / "out/tasks.json").read_text())
    assert (minimal["annotator"], minimal["lead_time"], minimal["site"]) == (7, 2.5, "north")
    shutil.rmtree(tmp_path / "out")
    task["annotations"][1]["result"] += [line, link]
    task["predictions"] = [{"id": 9, "model_version": "m", "result": [box]}]
    (tmp_path / "src/tasks.json").write_text(json.dumps([task]))
    code, told = convert()
    assert code == 1
    assert "boxes, points, lines" in told
    for name in ("predictions", "relations", "other annotations"):
        assert name in told
