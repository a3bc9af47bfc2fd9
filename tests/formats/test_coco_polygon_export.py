"""COCO polygons: unmodified readers make the very same mask of every object.

Each written file is opened by pycocotools and by faster-coco-eval as their users open it, and
every annotation is compared with the object that it was written from.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter

import numpy as np
import pytest

from maskloom.core.labels import Geometry, Labels
from maskloom.core.masks import Masks
from maskloom.core.views import instance_rows
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.objects.write import joined_parts
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, folder_bytes
from .torture import FAMILIES, hard_masks, mask_of, rows_of, torture

# Both copy by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
READERS = ("pycocotools", "faster_coco_eval")


def write(dataset, target, *, allow_loss=False):
    fmt = load_format("coco")
    options = fmt.WriteOptions(segmentation="polygon", images="none")
    return transfer(dataset, target, fmt, options=options, allow_loss=allow_loss)


def opened(reader, path):
    """The reader's own index of a file, and its call from annotation to runs."""
    if reader == "pycocotools":
        module = pytest.importorskip(
            "pycocotools.coco", reason="an oracle that the extra dev brings"
        )
    else:
        module = pytest.importorskip(
            "faster_coco_eval", reason="an oracle that the extra dev brings"
        )
    with contextlib.redirect_stdout(io.StringIO()):
        return module.COCO(str(path))


def read_back(reader, path):
    """Image key → the masks that a reader makes, in order of the annotations."""
    index = opened(reader, path)
    found = {}
    for number, image in index.imgs.items():
        key = image["file_name"].rpartition(".")[0]
        runs = [index.annToRLE(one) for one in index.imgToAnns.get(number, [])]
        found[key] = [{"size": list(r["size"]), "counts": r["counts"]} for r in runs]
    return found


def agree(dataset, path):
    """How many objects each reader sees exactly; fails at the first that it does not."""
    seen = {reader: read_back(reader, path) for reader in READERS}
    checked = 0
    for sample, labels in dataset:
        rows = joined_parts(instance_rows(labels))
        for reader in READERS:
            own = seen[reader][sample.key]
            assert len(own) == len(rows), (reader, sample.key)
            if own:
                assert Masks.from_coco(own) == rows.masks, (reader, sample.key)
        checked += len(rows)
    return checked


def forms(path):
    """How annotations are written: (polygons or runs, crowd)."""
    told = json.loads(path.read_text())["annotations"]
    kinds = ("polygon" if isinstance(one["segmentation"], list) else "runs" for one in told)
    return Counter(zip(kinds, (one["iscrowd"] for one in told), strict=True))


def test_the_torture_set_is_read_back_by_both(tmp_path):
    data = torture(None, families=20)
    done = write(data, tmp_path / "a.json")
    assert (done.written, done.changed_pixels, done.losses) == (True, 0, ())
    assert agree(data, tmp_path / "a.json") == done.objects > 700
    assert forms(tmp_path / "a.json") == {("polygon", 0): done.objects}


def test_crowds_and_objects_without_pixels_stay_runs_and_flags_stay_as_they_are(tmp_path):
    data = torture(None, many=False, facts=("crowd", "nothing"))
    assert write(data, tmp_path / "a.json").losses == ()
    agree(data, tmp_path / "a.json")
    found = forms(tmp_path / "a.json")
    assert (found["runs", 1], found["runs", 0], found["polygon", 1]) == (1, 1, 0)


@pytest.mark.parametrize("family", FAMILIES[:-1])
def test_any_mask_is_one_list_of_polygons_with_the_shoelace_area_of_its_pixels(tmp_path, family):
    rng = np.random.default_rng(2)
    masks = [mask_of(family, rng) for _ in range(20)]
    data = dataset_of(
        NUCLEUS, {f"{i:02d}": Labels((64, 64), rows=rows_of([m])) for i, m in enumerate(masks)}
    )
    write(data, tmp_path / "a.json")
    agree(data, tmp_path / "a.json")
    for one, mask in zip(
        json.loads((tmp_path / "a.json").read_text())["annotations"], masks, strict=True
    ):
        rings = [np.array(ring).reshape(-1, 2) for ring in one["segmentation"]]
        area = sum(shoelace(ring) for ring in rings)
        assert area == mask.sum() == one["area"]
        ys, xs = np.nonzero(mask)
        x, y = int(xs.min()), int(ys.min())
        assert one["bbox"] == [x, y, int(xs.max()) + 1 - x, int(ys.max()) + 1 - y]


def shoelace(ring):
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def coco_file(tmp_path, **changes):
    """A file of one triangle whose area is not its number of pixels."""
    triangle = {
        "id": 4, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 612.5, "bbox": [2, 3, 35, 35],
        "segmentation": [[2, 3, 37, 3, 37, 38]],
    } | changes  # fmt: skip
    data = {
        "images": [{"id": 1, "file_name": "a.png", "height": 48, "width": 64}],
        "categories": [{"id": 1, "name": "nucleus"}],
        "annotations": [triangle],
    }
    path = tmp_path / "src.json"
    path.write_text(json.dumps(data))
    return path, triangle


def test_the_files_own_area_and_vertices_stay_while_the_geometry_is_untouched(tmp_path):
    path, triangle = coco_file(tmp_path)
    data = read_dataset(path)
    assert int(data.labels_of(data.samples[0]).rows.masks.areas[0]) != 612.5
    write(data, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["annotations"] == [triangle]
    write(read_dataset(tmp_path / "a.json"), tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_vertices_of_another_rule_are_written_anew_with_the_area_of_their_pixels(tmp_path):
    mask = hard_masks()["ring"]
    drawn = Geometry((np.array([[3.0, 3], [20, 3], [20, 20]]),), "pil-outline")
    rows = rows_of([mask], geometry=(drawn,))
    data = dataset_of(NUCLEUS, {"a": Labels(mask.shape, rows=rows)})
    write(data, tmp_path / "a.json")
    agree(data, tmp_path / "a.json")
    (one,) = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert one["area"] == mask.sum()


def test_united_parts_have_the_area_and_box_of_the_whole(tmp_path):
    left, right = np.zeros((2, 48, 64), bool)
    left[3:9, 3:9] = right[30:40, 40:60] = True
    told = (
        {"area": 36, "bbox": [3, 3, 6, 6], "note": "kept"},
        {"area": 200, "bbox": [40, 30, 20, 10]},
    )
    square, oblong = (
        Geometry((np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float),), "coco")
        for x, y, w, h in ((3, 3, 6, 6), (40, 30, 20, 10))
    )
    rows = rows_of([left, right], instance=[7, 7], source=told, geometry=(square, oblong))
    data = dataset_of(NUCLEUS, {"a": Labels(left.shape, rows=rows)})
    write(data, tmp_path / "a.json", allow_loss=True)
    (one,) = json.loads((tmp_path / "a.json").read_text())["annotations"]
    assert (one["area"], one["bbox"], one["note"]) == (236, [3, 3, 57, 37], "kept")
    assert one["segmentation"] == [g.parts[0].ravel().tolist() for g in (square, oblong)]
    agree(data, tmp_path / "a.json")


def test_parts_drawn_for_other_readers_are_not_taken_for_the_whole():
    left, right = np.zeros((2, 48, 64), bool)
    left[3:9, 3:9] = right[30:40, 40:60] = True
    some = Geometry((np.array([[3.0, 3], [9, 3], [9, 9]]),), "pil-outline")
    rows = joined_parts(
        rows_of([left, right, left], instance=[7, 7, 8], geometry=(some, some, some))
    )
    assert rows.geometry == (None, some)
    assert rows.masks.areas.tolist() == [236, 36]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "settings", "objects"),
    [
        ("coco_mini", (), 149),
        ("dsb2018", (), 1264),
        ("pennfudan", ("suffix=_mask", "kind=instance"), 143),
    ],
)
def test_every_object_of_real_sets_is_read_back_by_both(shared, tmp_path, path, settings, objects):
    data = read_dataset(shared / path, settings=settings)
    done = write(data, tmp_path / "a.json")
    assert (done.written, done.objects, done.exact_objects) == (True, objects, objects)
    # One file has no splits.
    assert {loss.kind for loss in done.losses} == ({"splits"} if data.splits else set())
    assert done.changed_pixels == 0
    assert agree(data, tmp_path / "a.json") == objects
    found = forms(tmp_path / "a.json")
    assert found["polygon", 0] + found["runs", 1] == objects
    assert write(read_dataset(tmp_path / "a.json"), tmp_path / "b.json").written
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.shared
def test_annotations_of_coco_mini_are_written_as_they_were_read(shared, tmp_path):
    source = json.loads((shared / "coco_mini/instances_train2017.json").read_text())
    write(read_dataset(shared / "coco_mini"), tmp_path / "a.json")
    ours = {one["id"]: one for one in json.loads((tmp_path / "a.json").read_text())["annotations"]}
    for one in source["annotations"]:
        same = ours[one["id"]]
        assert (same["area"], same["bbox"], same["iscrowd"]) == (
            one["area"],
            one["bbox"],
            one["iscrowd"],
        )
        if not one["iscrowd"]:
            assert same["segmentation"] == one["segmentation"]
    assert sum(one["iscrowd"] for one in source["annotations"]) == 5


@pytest.mark.shared
def test_every_area_of_camvid_with_its_holes_and_parts_is_read_back_by_both(shared, tmp_path):
    data = read_dataset(shared / "camvid", split="val")
    done = write(data, tmp_path / "a.json", allow_loss=True)
    # Areas of things become one object each, void is background to COCO, and where a
    # frame stands in its film is nothing that it knows: losses by name.
    assert {loss.kind for loss in done.losses} == {"void", "dense", "fields", "splits"}
    assert agree(data, tmp_path / "a.json") > 900
    assert set(forms(tmp_path / "a.json")) == {("polygon", 0)}


def test_a_folder_of_polygons_is_stable(tmp_path):
    data = torture(tmp_path / "p", many=False)
    write(data, tmp_path / "a")
    write(read_dataset(tmp_path / "a"), tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
