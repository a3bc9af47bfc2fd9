"""Every bug of other tools that concerns a format here has a test; `MASKLOOM_WRITE=1` writes the page.

The bugs are those that the research before this package found. A test of an issue has the tool and
its number in its name; bugs that were measured, without an issue, name their test.
"""

from __future__ import annotations

import ast
import os
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ISSUES = {
    "Holes": "cocoapi#153 datumaro#168 supervision#574 cvat#5137 ultralytics#1862 ultralytics#1106 "
    "JSON2YOLO#38 DIVE#1868 labelme#2555",
    "Parts": "supervision#2322 fiftyone#6421 ultralytics#6289 ultralytics#16826",
    "Masks dropped": "darwin#1173",
    "Shifts": "supervision#2587 labelme#2224 scikit-image#7271 fiftyone#2847",
    "Rings that cross themselves": "sahi#205 sahi#241 cvat#1248 shapely#462 shapely#599",
    "Numbers of classes": "ultralytics#23930 ultralytics#18140 DALI#2999 sahi#231 sahi#383",
    "Numbers of annotations": "supervision#285",
    "EXIF orientation": "label-studio#6608 coco-annotator#228 ultralytics#19222",
    "Void": "coco2voc#10 icevision#1072 gluon-cv#211",
    "Order": "cvat#718 cvat#9709 cvat#9713",
    "Order of runs": "cocoapi#91 cocoapi#654 fiftyone#1657 cvat#6487 label-studio#382",
    "More than 255 objects": "labelme#704 cvat#3360 ultralytics#16690 datumaro#317",
    "Panoptic ids": "panopticapi#25 cityscapesScripts#115 cityscapesScripts#177",
    "Objects of one box": "ultralytics#14858 ultralytics#8515",
    "Four numbers": "cocoapi#369",
    "Memory": "fiftyone#3438 faster_coco_eval#57 mmdetection#11402 detectron2#4184",
    "Rules of filling": "cocoapi#659",
    "Runs beyond the image": "insightface#2889",
    "Place in the body": "MONAILabel#211",
}
MEASURED = {
    "supervision as_coco: crowds for holes and parts, lines and pixels empty": "test_supervision_as_coco_lines_and_pixels_are_kept_and_holes_are_no_crowds",
    "supervision as_yolo: two objects of two parts": "test_supervision_574_2322_and_285_holes_stay_and_parts_are_one_object_or_refused",
    "datumaro COCO: every mask a crowd": "test_datumaro_168_masks_are_no_crowds_and_crowds_stay",
    "datumaro COCO polygons: squares, rings, lines and pixels change": "test_cocoapi_153_dive_1868_a_hole_is_a_hole_for_unmodified_readers",
    "datumaro KITTI: an object of class 0 appears": "test_datumaro_kitti_has_no_extra_object_of_class_0",
    "datumaro rasters: overlap is dropped": "test_datumaro_overlap_that_a_map_cannot_hold_is_told_with_its_pixels",
    "pycocotools: a vertex that is no number": "test_pycocotools_nan_a_vertex_that_is_no_number_is_refused_at_once",
    "pycocotools: areas of 256 masks": "test_pycocotools_areas_of_256_and_more_masks",
    "pycocotools: frames beyond 2³² px": "test_pycocotools_areas_of_frames_beyond_32_bit_do_not_wrap",
    "pycocotools: sizes that differ": "test_pycocotools_sizes_that_differ_are_refused",
}  # fmt: skip
TOLD = [bug for bugs in ISSUES.values() for bug in bugs.split()]


@cache
def listed():
    """(file, name) of every test of formats."""
    return tuple(
        (path.name, node.name)
        for path in sorted(HERE.glob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def named(bug):
    """The tests whose name has the tool, and behind it the number."""
    tool, number = bug.split("#")
    word = re.sub(r"[^a-z0-9]+", "_", tool.lower())
    told = re.compile(rf"_{word}(?:_\d+|_and)*_{number}(?:_|$)")
    return [(file, name) for file, name in listed() if told.search(name)]


@pytest.mark.parametrize("bug", TOLD)
def test_every_bug_has_a_named_test(bug):
    assert named(bug)


def test_every_measured_bug_has_its_test():
    assert set(MEASURED.values()) <= {name for _, name in listed()}


def test_a_number_is_that_of_its_own_tool():
    assert named("supervision#2587")
    assert not named("labelme#2587")
    assert not named("cocoapi#1868")


def page_table():
    """The rows of the page: kind, bug, tests."""
    lines = ["| kind | bug | test |", "|---|---|---|"]
    for kind, bugs in ISSUES.items():
        for bug in bugs.split():
            places = "<br>".join(f"`{file}::{name}`" for file, name in named(bug))
            lines.append(f"| {kind} | {bug} | {places} |")
    files = {name: file for file, name in listed()}
    lines += [f"| measured | {bug} | `{files[t]}::{t}` |" for bug, t in MEASURED.items()]
    return "\n".join(lines) + "\n"


def test_the_page_lists_them(checkout):
    page = checkout / "docs/formats/bugs.md"
    text = page.read_text(encoding="utf-8")
    head, rest = text.split("<!-- bugs -->\n")
    table, tail = rest.split("<!-- /bugs -->")
    if os.environ.get("MASKLOOM_WRITE"):
        table = page_table()
        page.write_text(f"{head}<!-- bugs -->\n{table}<!-- /bugs -->{tail}", encoding="utf-8")
    assert table == page_table()
