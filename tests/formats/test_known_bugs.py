"""Bugs of other tools that concern formats of here: a test each, named by tool and number.

Those of one labelling tool's own format stand beside that format (`grep -rn "def test_labelme_"`);
here are those of COCO, maps and of what all formats share. `benchmarks/peer_bugs.py` runs such
cases through the current releases of the others.
"""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as oracle

from maskloom.core.dataset import Dataset
from maskloom.core.labels import BACKGROUND, VOID
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map, instance_rows
from maskloom.errors import FormatError, MaskError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, objects
from .test_exif import SIZE as UPRIGHT
from .test_exif import turned
from .tool_torture import KINDS, labels, shapes

# pycocotools converts arrays in a way that numpy 2 warns about.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = (20, 30)


def box(y0, y1, x0, x1, size=SIZE):
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def ring():
    return box(2, 16, 3, 20) & ~box(5, 12, 7, 15)


def parts():
    return box(0, 4, 0, 5) | box(12, 18, 20, 30) | box(9, 10, 3, 14)


def as_coco(path, masks, **options):
    """What COCO says of objects: the parsed file."""
    fmt = load_format("coco")
    data = dataset_of(NUCLEUS, {"a": objects(masks)})
    transfer(data, path / "out.json", fmt, options=fmt.WriteOptions(**options))
    return json.loads((path / "out.json").read_text())


def by_pycocotools(annotation, size):
    """The mask that an unmodified reader of COCO sees."""
    told = annotation["segmentation"]
    if isinstance(told, list):
        return oracle.decode(oracle.merge(oracle.frPyObjects(told, *size))).astype(bool)
    return oracle.decode({**told, "counts": told["counts"].encode()}).astype(bool)


def coco_file(path, *annotations, size=SIZE, categories=((1, "cell"),)):
    """A COCO file of one image, read."""
    told = {
        "images": [{"id": 1, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "categories": [{"id": i, "name": name} for i, name in categories],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": categories[0][0], "iscrowd": 0, **one}
            for n, one in enumerate(annotations, 1)
        ],
    }
    (path / "in.json").write_text(json.dumps(told))
    return read_dataset(path / "in.json", "coco")


def rows_of(data):
    return data.labels_of(data.samples[0]).rows


def there_and_back(path, name, data, **options):
    fmt = load_format(name)
    result = transfer(data, path / name, fmt, options=fmt.WriteOptions(**options))
    return result, read_dataset(path / name, name)


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_cocoapi_153_dive_1868_a_hole_is_a_hole_for_unmodified_readers(tmp_path, form):
    (told,) = as_coco(tmp_path, [ring()], segmentation=form)["annotations"]
    assert isinstance(told["segmentation"], list) == (form == "polygon")
    assert np.array_equal(by_pycocotools(told, SIZE), ring())
    assert told["area"] == ring().sum()


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_supervision_2322_and_fiftyone_6421_parts_are_all_kept_in_one_object(tmp_path, form):
    told = as_coco(tmp_path, [parts()], segmentation=form)["annotations"]
    assert len(told) == 1
    assert np.array_equal(by_pycocotools(told[0], SIZE), parts())


def test_darwin_1173_masks_without_polygons_are_not_dropped(tmp_path):
    masks = [np.random.default_rng(i).random(SIZE) < 0.5 for i in range(5)]
    told = as_coco(tmp_path, masks)
    assert len(told["annotations"]) == 5
    assert [c["name"] for c in told["categories"]] == ["nucleus"]


@pytest.mark.parametrize("form", ["rle", "polygon"])
def test_supervision_as_coco_lines_and_pixels_are_kept_and_holes_are_no_crowds(tmp_path, form):
    masks = list(shapes().values())
    told = as_coco(tmp_path, masks, segmentation=form)["annotations"]
    assert all(
        np.array_equal(by_pycocotools(one, mask.shape), mask)
        for one, mask in zip(told, masks, strict=True)
    )
    assert {one["iscrowd"] for one in told} == {0}


def test_datumaro_168_masks_are_no_crowds_and_crowds_stay(tmp_path):
    data = coco_file(
        tmp_path,
        {"segmentation": {"size": [20, 30], "counts": [0, 10, 590]}},
        {"segmentation": {"size": [20, 30], "counts": [30, 5, 565]}, "iscrowd": 1},
    )
    transfer(data, tmp_path / "out.json", load_format("coco"))
    told = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert [one["iscrowd"] for one in told] == [0, 1]


def test_fiftyone_2847_polygons_lie_within_the_box_that_is_told(tmp_path):
    for one in as_coco(tmp_path, [ring(), parts()], segmentation="polygon")["annotations"]:
        x, y, w, h = one["bbox"]
        for part in one["segmentation"]:
            assert min(part[::2]) >= x
            assert max(part[::2]) <= x + w
            assert min(part[1::2]) >= y
            assert max(part[1::2]) <= y + h


def test_cocoapi_659_a_square_is_as_large_as_pycocotools_says(tmp_path):
    data = coco_file(tmp_path, {"segmentation": [[0, 0, 0, 9, 9, 9, 9, 0]]})
    assert rows_of(data).masks.areas.tolist() == [81]


@pytest.mark.parametrize("turn", range(4))
def test_sahi_205_241_cvat_1248_shapely_462_599_a_bow_tie_keeps_both_halves(tmp_path, turn):
    tie = np.roll([[2, 2], [26, 17], [26, 2], [2, 17]], turn, axis=0).ravel().tolist()
    data = coco_file(tmp_path, {"segmentation": [tie]})
    mask = rows_of(data).masks.decode()[0]
    assert np.array_equal(mask, oracle.decode(oracle.frPyObjects([tie], 20, 30))[..., 0])
    assert mask[8:11, 3].all()
    assert mask[8:11, 24].all()
    assert not mask[2, 13]
    transfer(data, tmp_path / "out.json", load_format("coco"))
    assert np.array_equal(rows_of(read_dataset(tmp_path / "out.json")).masks.decode()[0], mask)


def test_dali_2999_sahi_231_383_ids_of_categories_are_told_by_name_and_stay(tmp_path):
    sparse = ((90, "toothbrush"), (0, "person"), (44, "bottle"))
    data = coco_file(tmp_path, {"segmentation": [[1, 1, 9, 1, 9, 9]]}, categories=sparse)
    assert data.taxonomy[int(rows_of(data).category[0])].name == "toothbrush"
    transfer(data, tmp_path / "out.json", load_format("coco"))
    told = json.loads((tmp_path / "out.json").read_text())
    assert {(c["id"], c["name"]) for c in told["categories"]} == set(sparse)
    assert told["annotations"][0]["category_id"] == 90


@pytest.mark.parametrize("name", ["yolo", "voc", "labelme", "coco-panoptic", "cvat", "datumaro"])
def test_ultralytics_18140_and_23930_classes_go_by_name_through_every_numbering(tmp_path, name):
    names = ("zebra", "ant", "moth")
    taxonomy = Taxonomy(
        tuple(Category(n, n, ids=(("coco", i),)) for n, i in zip(names, (17, 1, 90), strict=True))
    )
    masks = [box(0, 5, 0, 5), box(8, 12, 8, 14), box(14, 19, 20, 29)]
    data = dataset_of(taxonomy, {"a": objects(masks, [0, 1, 2])}, tmp_path / "photos")
    fmt = load_format(name)
    transfer(data, tmp_path / name, fmt, allow_loss=True)
    back = read_dataset(tmp_path / name, name)
    rows = instance_rows(back.labels_of(back.samples[0]))
    found = {
        back.taxonomy[int(c)].name: mask
        for c, mask in zip(rows.category, rows.masks.decode(), strict=True)
    }
    for own, mask in zip(names, masks, strict=True):
        assert np.array_equal(found[own], mask), own


def test_supervision_285_ids_of_annotations_are_unique_over_images(tmp_path):
    data = dataset_of(NUCLEUS, {k: objects([ring(), parts()]) for k in "abc"})
    transfer(data, tmp_path / "out.json", load_format("coco"))
    told = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert len({one["id"] for one in told}) == 6


def voc(root, numbers, classes):
    """A VOC data set of one image, read."""
    for folder, values in (("SegmentationObject", numbers), ("SegmentationClass", classes)):
        (root / folder).mkdir(parents=True)
        picture = Image.fromarray(values.astype(np.uint8), "P")
        picture.putpalette([v % 256 for v in range(768)])
        picture.save(root / folder / "a.png")
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("a\n")
    (root / "JPEGImages").mkdir()
    Image.fromarray(np.zeros((*numbers.shape, 3), np.uint8)).save(root / "JPEGImages/a.jpg")
    return read_dataset(root, "voc")


def test_icevision_1072_an_image_without_background_keeps_its_objects(tmp_path):
    numbers = np.full(SIZE, 255)
    numbers[2:9, 3:12] = 1
    data = voc(tmp_path / "voc", numbers, np.where(numbers == 1, 12, 255))
    rows = instance_rows(data.labels_of(data.samples[0]))
    things = [data.taxonomy[int(c)].name for c in rows.category]
    assert things.count("dog") == 1
    assert np.array_equal(rows.masks.decode()[things.index("dog")], numbers == 1)


def test_gluon_cv_211_and_coco2voc_10_void_is_neither_background_nor_a_class(tmp_path):
    numbers = np.zeros(SIZE, int)
    numbers[2:9, 3:12] = 1
    numbers[9, 3:12] = 255
    data = voc(tmp_path / "in", numbers, np.where(numbers == 1, 12, numbers))
    seen = class_map(data.labels_of(data.samples[0]), data.taxonomy)
    assert np.array_equal(seen == VOID, numbers == 255)
    assert np.array_equal(seen == BACKGROUND, numbers == 0)
    result, back = there_and_back(tmp_path, "voc", data)
    assert (result.changed_pixels, result.refused) == (0, ())
    again = class_map(back.labels_of(back.samples[0]), back.taxonomy)
    assert np.array_equal(again, seen)


@pytest.mark.parametrize("size", [(3, 7), (7, 3), (16, 16)])
def test_cocoapi_91_654_fiftyone_1657_runs_go_down_the_columns(tmp_path, size):
    mask = np.random.default_rng(1).random(size) < 0.5
    (told,) = as_coco(tmp_path, [mask])["annotations"]
    assert told["segmentation"]["size"] == list(size)
    want = oracle.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    assert told["segmentation"]["counts"] == want


def test_ultralytics_16690_more_than_255_objects_keep_their_pixels(tmp_path):
    ids = np.zeros((40, 60), np.int64)
    for i in range(300):
        y, x = divmod(i, 20)
        ids[2 * y : 2 * y + 2, 3 * x : 3 * x + 2] = i + 1
    data = dataset_of(
        NUCLEUS, {"a": objects([ids == i for i in range(1, 301)])}, tmp_path / "photos"
    )
    result, back = there_and_back(tmp_path, "yolo", data)
    assert (result.objects, result.exact_objects, result.changed_pixels) == (300, 300, 0)
    assert len(rows_of(back)) == 300


def test_panopticapi_25_ids_are_red_plus_256_green_plus_65536_blue(tmp_path):
    data = dataset_of(KINDS, {"a": objects([box(0, 9, 0, 9), box(10, 19, 9, 29)], [0, 2])})
    fmt = load_format("coco-panoptic")
    transfer(data, tmp_path / "out", fmt, allow_loss=True)
    (png,) = (tmp_path / "out").rglob("a.png")
    red, green, blue = np.moveaxis(np.array(Image.open(png).convert("RGB"), np.int64), -1, 0)
    told = json.loads(next((tmp_path / "out").rglob("*.json")).read_text())
    segments = told["annotations"][0]["segments_info"]
    ids = red + 256 * green + 65536 * blue
    assert {s["id"]: s["area"] for s in segments} == {
        int(i): int((ids == i).sum()) for i in np.unique(ids) if i
    }


def test_cityscapesscripts_115_every_id_is_the_number_that_its_colour_says(tmp_path):
    numbers = np.full((16, 16), 7, np.uint16)
    numbers[2:6, 2:6], numbers[8:12, 8:12], numbers[12:, :3] = 26000, 26255, 33999
    folder = tmp_path / "in/gtFine/train/ulm"
    folder.mkdir(parents=True)
    Image.fromarray(numbers).save(folder / "ulm_000001_000019_gtFine_instanceIds.png")
    data = read_dataset(tmp_path / "in", "cityscapes")
    result, _ = there_and_back(tmp_path, "coco-panoptic", data)
    assert (result.objects, result.exact_objects, result.changed_pixels) == (4, 4, 0)
    (png,) = (tmp_path / "coco-panoptic").rglob("*_000019*.png")
    red, green, blue = np.moveaxis(np.array(Image.open(png).convert("RGB"), np.int64), -1, 0)
    ids = red + 256 * green + 65536 * blue
    (told,) = (tmp_path / "coco-panoptic").rglob("*.json")
    segments = json.loads(told.read_text())["annotations"][0]["segments_info"]
    found = {one["id"]: numbers[ids == one["id"]] for one in segments}
    assert sorted(np.unique(of).tolist() for of in found.values()) == [
        [7],
        [26000],
        [26255],
        [33999],
    ]
    assert {one["id"]: one["area"] for one in segments} == {i: of.size for i, of in found.items()}


def test_cityscapesscripts_177_ids_beyond_16_bit_keep_all_three_bytes(tmp_path):
    ids = np.array([[65536 + 5, 0x123456], [0xFFFFFF, 256]], np.int64).repeat(8, 0).repeat(8, 1)
    rgb = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], -1).astype(np.uint8)
    (tmp_path / "in/panoptic").mkdir(parents=True)
    Image.fromarray(rgb).save(tmp_path / "in/panoptic/a.png")
    segments = [{"id": int(i), "category_id": 1, "iscrowd": 0} for i in np.unique(ids)]
    told = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 16, "width": 16}],
        "categories": [{"id": 1, "name": "cell", "isthing": 1}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
    }
    (tmp_path / "in/panoptic.json").write_text(json.dumps(told))
    data = read_dataset(tmp_path / "in", "coco-panoptic")
    result, _ = there_and_back(tmp_path, "coco-panoptic", data)
    assert (result.objects, result.changed_pixels) == (4, 0)
    (png,) = (tmp_path / "coco-panoptic").rglob("a.png")
    assert np.array_equal(np.array(Image.open(png).convert("RGB")), rgb)


@pytest.mark.parametrize("told", [[[1, 2, 3, 4]], [1, 2, 3, 4], [[1, 2, 3, 4, 5]]])
def test_cocoapi_369_four_numbers_are_no_polygon_and_are_named(tmp_path, told):
    with pytest.raises(FormatError, match="segmentation"):
        coco_file(tmp_path, {"segmentation": told})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_pycocotools_nan_a_vertex_that_is_no_number_is_refused_at_once(tmp_path, value):
    with pytest.raises(FormatError, match="annotation 1"):
        coco_file(tmp_path, {"segmentation": [[1, 1, 5, 1, value, 5]]})


@pytest.mark.parametrize("counts", [[10, 5], [10, 5, 600], [-1, 601]])
def test_insightface_2889_runs_that_are_short_or_overlong_are_refused(tmp_path, counts):
    with pytest.raises(FormatError, match="annotation 1"):
        coco_file(tmp_path, {"segmentation": {"size": [20, 30], "counts": counts}})


def test_pycocotools_areas_of_256_and_more_masks():
    masks = Masks.from_dense(np.ones((300, 4, 5), bool))
    assert masks.areas.tolist() == [20] * 300


def test_pycocotools_areas_of_frames_beyond_32_bit_do_not_wrap():
    side = 65536 * 2
    square = Masks.from_polygons([[[0, 0, 10, 0, 10, 10, 0, 10]]], (side, side))
    assert square.areas.tolist() == [100]
    again = Masks.from_coco([square.to_coco(0)])
    assert again == square


def test_pycocotools_sizes_that_differ_are_refused():
    one, other = (Masks.from_dense(np.ones((1, *size), bool)) for size in ((4, 5), (5, 4)))
    with pytest.raises(MaskError):
        one.iou(other)
    with pytest.raises(MaskError):
        Masks.concatenate([one, other]).merge()


@pytest.mark.parametrize("name", ["voc", "coco-panoptic", "cityscapes", "bitmap"])
def test_datumaro_overlap_that_a_map_cannot_hold_is_told_with_its_pixels(tmp_path, name):
    masks = [box(0, 10, 0, 10), box(5, 15, 5, 15)]
    data = dataset_of(NUCLEUS, {"a": objects(masks)}, tmp_path / "photos")
    result = transfer(data, tmp_path / name, load_format(name))
    assert any(loss.kind == "overlap" and loss.pixels == 25 for loss in result.refused)
    assert not result.written


def test_fiftyone_3438_faster_coco_eval_57_mmdetection_11402_detectron2_4184_labels_are_not_held(
    tmp_path,
):
    ring = np.random.default_rng(0).uniform(0, 20, 400).round(2).tolist()
    peaks = []
    for n in (500, 4000):
        path = tmp_path / str(n)
        path.mkdir()
        data = coco_file(path, *({"segmentation": [ring]} for _ in range(n)))
        del data
        tracemalloc.start()
        read_dataset(path / "in.json", "coco")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    size = (tmp_path / "4000/in.json").stat().st_size
    assert peaks[1] - peaks[0] < size / 2


def test_labels_of_all_shapes_stay_whole_in_the_formats_of_tools(tmp_path):
    data = dataset_of(KINDS, {"a": labels()}, tmp_path / "photos")
    for name in ("coco", "labelme", "cvat", "labelstudio", "supervisely", "datumaro", "objects"):
        result, _ = there_and_back(tmp_path, name, data)
        assert (result.changed_pixels, result.refused) == (0, ()), name


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, -1)])
def test_monailabel_211_a_voxel_stays_where_it_is_in_the_body(tmp_path, signs):
    import nibabel
    import SimpleITK

    array = np.zeros((5, 6, 7), np.uint8)
    array[1, 2, 3:5] = 1
    affine = np.diag([*np.array(signs) * (1, 2, 3), 1.0])
    affine[:3, 3] = 10, -20, 30
    (tmp_path / "in/labels").mkdir(parents=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "in/labels/a.nii.gz")
    data = read_dataset(tmp_path / "in", "nifti")
    transfer(data, tmp_path / "out", load_format("nrrd"))
    (path,) = (tmp_path / "out").rglob("*.nrrd")
    image = SimpleITK.ReadImage(str(path))
    found = np.argwhere(SimpleITK.GetArrayFromImage(image).reshape(image.GetSize()[::-1]))
    ours = sorted(
        tuple(np.round(np.array(image.TransformIndexToPhysicalPoint(p[::-1].tolist())), 3))
        for p in found
    )
    theirs = sorted(
        tuple(np.round((affine @ [*p, 1])[:3] * [-1, -1, 1], 3)) for p in np.argwhere(array)
    )
    assert ours == theirs


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_coco_annotator_228_ultralytics_19222_masks_are_of_the_upright_picture(
    tmp_path, orientation
):
    turned(tmp_path / "a.jpg", orientation, "jpg")
    mask = np.zeros(UPRIGHT, bool)
    mask[:8, :8] = True
    sample = Sample("a", ImageRef(tmp_path / "a.jpg", UPRIGHT), file_name="a.jpg")
    data = Dataset(NUCLEUS, (sample,), lambda _: objects([mask]), name="turned")
    for name in ("coco", "yolo"):
        result, back = there_and_back(tmp_path, name, data)
        assert (result.changed_pixels, result.refused) == (0, ())
        assert back.labels_of(back.samples[0]).size == UPRIGHT
