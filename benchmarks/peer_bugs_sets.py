"""Cases of the tools that convert whole data sets: supervision and datumaro (see `peer_bugs`)."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from benchmarks.peer_cases import check, refused, same, shapes

SIZE = (20, 30)
SPARSE = {"person": 1, "bottle": 44, "toothbrush": 90}
ISSUES = {
    "square": "exact",
    "hole": "datumaro#168 supervision#574",
    "parts": "supervision#2322",
    "line": "1-px lines are kept",
    "pixel": "pixels are kept",
}
Case = tuple[str, Callable[[], None]]


def cases(tool: str) -> list[Case]:
    """(name, call) of a tool."""
    return _supervision() if tool == "supervision" else _datumaro()


def _folder() -> Path:
    return Path(tempfile.mkdtemp())


def _picture(path: Path) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8))


def _coco(root: Path, *annotations: dict) -> Path:
    """A COCO file with an image, and where it lies."""
    _picture(root / "images/a.png")
    told = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "categories": [{"id": i, "name": name} for name, i in SPARSE.items()],
        "annotations": [
            {"id": 71 + n, "image_id": 1, "category_id": 90, "iscrowd": 0, "area": 9,
             "bbox": [1, 1, 9, 9], **one}
            for n, one in enumerate(annotations)
        ],
    }  # fmt: skip
    path = root / "annotations/instances_default.json"
    path.parent.mkdir()
    path.write_text(json.dumps(told))
    return path


def _mask_of(annotation: dict) -> np.ndarray:
    """What an unmodified reader of COCO sees; nothing where nothing is told."""
    from pycocotools import mask as api

    told = annotation["segmentation"]
    if not told:
        return np.zeros(SIZE, bool)
    if isinstance(told, list):
        return api.decode(api.merge(api.frPyObjects(told, *SIZE))).astype(bool)
    if isinstance(told["counts"], list):
        told = api.frPyObjects(told, *SIZE)
    return api.decode(told).astype(bool)


def _coco_pixels(write: Callable, name: str) -> None:
    told = write([shapes()[name]])["annotations"]
    check(len(told) == 1, f"{len(told)} annotations of one object")
    same(_mask_of(told[0]), shapes()[name])


def _coco_crowds(write: Callable) -> None:
    told = write([shapes()["square"], shapes()["hole"], shapes()["parts"]])["annotations"]
    flags = [one["iscrowd"] for one in told]
    check(flags == [0, 0, 0], f"iscrowd {flags} of square, hole, parts")


def _coco_facts(convert: Callable) -> None:
    """Ids of categories and annotations, and crowds, of a file that is read and written."""
    ring = {"segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]}
    crowd = {"segmentation": {"size": list(SIZE), "counts": [30, 40, 530]}, "iscrowd": 1}
    told = convert(_coco(root := _folder(), ring, crowd), root)
    ids = {c["name"]: c["id"] for c in told["categories"]}
    check(ids == SPARSE, f"categories {ids}, not {SPARSE}")
    own = {one["category_id"] for one in told["annotations"]}
    check(own == {90}, f"category_id {own}, not 90")
    flags = sorted(one["iscrowd"] for one in told["annotations"])
    check(flags == [0, 1], f"iscrowd {flags}, not [0, 1]")


def _coco_ids(convert: Callable) -> None:
    ring = {"segmentation": [[1, 1, 9, 1, 9, 9, 1, 9]]}
    told = convert(_coco(root := _folder(), ring), root)["annotations"]
    check([one["id"] for one in told] == [71], f"id {[one['id'] for one in told]}, not 71")


def _shared(write: Callable, convert: Callable) -> list[Case]:
    nan = {"segmentation": [[1, 1, 5, 1, float("nan"), 5]]}
    four = {"segmentation": [[1, 2, 3, 4]]}
    short = {"segmentation": {"size": list(SIZE), "counts": [10, 5]}, "iscrowd": 1}
    bad = {"NaN vertex is refused": nan, "cocoapi#369: four numbers are refused": four,
           "runs that are short are refused": short}  # fmt: skip
    return [
        *((f"{ISSUES[n]}: {n} to COCO", partial(_coco_pixels, write, n)) for n in shapes()),
        ("masks are no crowds in COCO", partial(_coco_crowds, write)),
        (
            "DALI#2999 sahi#383: COCO keeps ids of categories and crowds",
            partial(_coco_facts, convert),
        ),
        ("COCO keeps ids of annotations", partial(_coco_ids, convert)),
        *((name, partial(_refuses, convert, one)) for name, one in bad.items()),
    ]


def _refuses(convert: Callable, annotation: dict) -> None:
    root = _folder()
    path = _coco(root, annotation)
    refused(lambda: convert(path, root)["annotations"])


def _supervision() -> list[Case]:
    import supervision as sv

    def dataset(root: Path, masks: list[np.ndarray]):
        _picture(root / "in/a.png")
        batch = np.array(masks)
        found = sv.Detections(sv.mask_to_xyxy(batch), batch, class_id=np.zeros(len(masks), int))
        return sv.DetectionDataset(
            ["cell"], [str(root / "in/a.png")], {str(root / "in/a.png"): found}
        )

    def write(masks: list[np.ndarray]) -> dict:
        root = _folder()
        dataset(root, masks).as_coco(annotations_path=str(root / "out.json"))
        return json.loads((root / "out.json").read_text())

    def convert(path: Path, root: Path) -> dict:
        data = sv.DetectionDataset.from_coco(str(root / "images"), str(path), force_masks=True)
        data.as_coco(annotations_path=str(root / "out.json"))
        return json.loads((root / "out.json").read_text())

    def yolo(name: str) -> None:
        root = _folder()
        names = {"images_directory_path": root / "i", "annotations_directory_path": root / "l",
                 "data_yaml_path": root / "data.yaml"}  # fmt: skip
        names = {key: str(value) for key, value in names.items()}
        dataset(root, [shapes()[name]]).as_yolo(**names)
        back = sv.DetectionDataset.from_yolo(**names, force_masks=True)
        ((_, _, found),) = list(back)
        check(len(found) == 1, f"{len(found)} objects of one")
        same(found.mask[0], shapes()[name])

    def trip(name: str) -> None:
        out = np.zeros(SIZE, bool)
        for ring in sv.mask_to_polygons(shapes()[name]):
            out |= sv.polygon_to_mask(ring, SIZE[::-1]).astype(bool)
        same(out, shapes()[name])

    return [
        *_shared(write, convert),
        *(
            (f"supervision#574 #2322: {n} there and back by YOLO", partial(yolo, n))
            for n in shapes()
        ),
        *((f"supervision#2587: {n} to polygons and back", partial(trip, n)) for n in shapes()),
    ]


def _datumaro() -> list[Case]:
    import datumaro as dm

    def dataset(masks: list[np.ndarray]):
        own = [
            dm.Mask(image=m.astype(np.uint8), label=0, id=i, group=i)
            for i, m in enumerate(masks, 1)
        ]
        media = dm.Image.from_numpy(np.zeros((*SIZE, 3), np.uint8))
        item = dm.DatasetItem("a", subset="train", media=media, annotations=own)
        return dm.Dataset.from_iterable([item], categories=["cell"])

    def write(masks: list[np.ndarray], **options: str) -> dict:
        root = _folder()
        dataset(masks).export(str(root / "out"), "coco_instances", **options)
        return json.loads((root / "out/annotations/instances_train.json").read_text())

    def convert(path: Path, root: Path) -> dict:
        data = dm.Dataset.import_from(str(path), "coco_instances")
        data.export(str(root / "out"), "coco_instances")
        return json.loads((root / "out/annotations/instances_default.json").read_text())

    def through(name: str, masks: list[np.ndarray]) -> list[np.ndarray]:
        root = _folder()
        said: list[str] = []
        logging.getLogger().addHandler(handler := _Said(said))
        try:
            dataset(masks).export(str(root / "out"), name, save_media=True)
        finally:
            logging.getLogger().removeHandler(handler)
        if any("overlap" in text.lower() for text in said):
            raise OverlapTold
        (item,) = dm.Dataset.import_from(str(root / "out"), name)
        return [np.asarray(a.image, bool) for a in item.annotations if hasattr(a, "image")]

    def overlap(name: str) -> None:
        masks = [np.zeros(SIZE, bool), np.zeros(SIZE, bool)]
        masks[0][:10, :10], masks[1][5:15, 5:15] = True, True
        try:
            found = through(name, masks)
        except OverlapTold:
            return
        whole = sum(any(np.array_equal(m, f) for f in found) for m in masks)
        check(whole == 2, f"{whole} of 2 objects whole, nothing said")

    def extra(name: str) -> None:
        found = through(name, [shapes()["square"]])
        check(len(found) == 1, f"{len(found)} objects of one")

    def many() -> None:
        ids = np.zeros(SIZE, int)
        ids.ravel()[:300] = np.arange(1, 301)
        found = through("voc", [ids == i for i in range(1, 301)])
        check(len(found) == 300, f"{len(found)} objects of 300")

    polygons = partial(write, segmentation_mode="polygons")
    return [
        *_shared(write, convert),
        *(
            (f"{ISSUES[n]}: {n} to COCO as polygons", partial(_coco_pixels, polygons, n))
            for n in shapes()
        ),
        *(
            (f"overlap is kept or told: {n}", partial(overlap, n))
            for n in ("voc", "cityscapes", "kitti")
        ),
        *((f"no extra object: {n}", partial(extra, n)) for n in ("voc", "cityscapes", "kitti")),
        ("datumaro#317: more than 255 objects in VOC", many),
    ]


class OverlapTold(Exception):
    """The tool said that objects overlap."""


class _Said(logging.Handler):
    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
