from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from maskloom.core.labels import BACKGROUND, VOID, Labels
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import FormatError
from maskloom.quality.findings import CHECKS, Finding, Ledger
from maskloom.quality.integrity import examine
from maskloom.quality.objects import Limits

SIZE = (48, 64)


def class_map(fill=0):
    return np.full(SIZE, fill, np.uint8)


def test_a_clean_set_with_images_and_splits_has_no_finding_at_all(image_files, dataset, good):
    data = dataset(
        {"a": good, "b": good}, samples=image_files("a", "b"),
        splits={"train": ("a",), "val": ("b",)},
    )  # fmt: skip
    assert examine(data, deep=True).ledger.ranked() == []


def test_labels_that_cannot_be_read_are_one_finding_and_the_check_goes_on(dataset, found, good):
    data = dataset({"a": FormatError("not a polygon", where="a.json", seen=3), "b": good})
    result = examine(data)
    (finding,) = found(data)["labels"]
    assert (finding.key, finding.what) == ("a", "a.json: not a polygon (saw 3).")
    assert (result.unreadable, result.census.images.tolist()) == (1, [1, 1])


def test_a_category_that_the_taxonomy_lacks_is_an_error(block, labels, dataset, found):
    rows, dense = labels(block(0, 0, 9, 9), category=[5]), Labels(SIZE, class_map=class_map(7))
    findings = found(dataset({"a": rows, "b": dense}))["unknown-category"]
    assert [(f.key, f.value, f.severity) for f in findings] == [
        ("a", 5, "error"), ("b", 7, "error"),
    ]  # fmt: skip


def test_labels_of_another_size_than_their_image_are_an_error(image_files, dataset, found, good):
    (sample,) = image_files("a", size=(30, 40))
    (finding,) = found(dataset({"a": good}, samples=[sample]))["size"]
    assert finding.what == "labels of 64 × 48 px, image of 40 × 30 px"


def test_damaged_images_are_found_by_header_and_end_and_pixels_only_when_asked(
    image_files, tmp_path, dataset, found, good
):
    samples = list(image_files("a"))
    samples[0].image.path.write_bytes(b"")
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "b.jpg")
    tifffile.imwrite(tmp_path / "c.tif", noise, photometric="rgb")  # its header stands in front
    Image.fromarray(noise).save(tmp_path / "d.png")
    for name in ("b.jpg", "c.tif", "d.png"):
        path = tmp_path / name
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 0xFF
        path.write_bytes(whole if name == "d.png" else whole[: len(whole) // 2])
        samples.append(Sample(path.stem, ImageRef(path)))
    data = dataset(dict.fromkeys("abcd", good), samples=samples)
    faults = found(data)["image"]
    assert [f.key for f in faults] == ["a", "b", "c"]
    assert all("seems to be cut off" in f.what for f in faults[1:])
    assert [f.key for f in found(data, deep=True)["image"]] == ["a", "b", "c", "d"]


def test_absent_images_are_counted_in_one_warning(image_files, tmp_path, dataset, good):
    (present,) = image_files("a")
    gone = Sample("b", ImageRef(tmp_path / "gone.png"))
    data = dataset(
        {"a": good, "b": good, "c": good}, samples=[present, gone, Sample("c", ImageRef(None))]
    )
    result = examine(data)
    (finding,) = [f for f in result.ledger.kept if f.check == "missing-image"]
    assert (finding.value, finding.severity, result.missing) == (2, "warning", 2)


def test_a_group_or_an_image_in_two_splits_is_an_error(dataset, found, good):
    samples = [Sample(key, ImageRef(None), group=group) for key, group in
               (("a", "p1"), ("b", "p1"), ("c", "p2"), ("d", "p3"))]  # fmt: skip
    data = dataset(
        dict.fromkeys("abcd", good), samples=samples,
        splits={"train": ("a", "c"), "val": ("b", "c"), "test": ("d",)},
    )  # fmt: skip
    result = found(data)
    assert [f.value["group"] for f in result["split-group"]] == ["p1", "p2"]
    assert [f.key for f in result["split-overlap"]] == ["c"]


def test_equal_images_are_errors_across_splits_and_warnings_inside_one(
    image_files, dataset, found, good
):
    samples = image_files("a", "b", "c")
    for target in samples[1:]:
        shutil.copyfile(samples[0].image.path, target.image.path)
    data = dataset(
        dict.fromkeys("abc", good), samples=samples, splits={"train": ("a", "b"), "val": ("c",)}
    )
    result = found(data)
    # a and b each equal c of the other split, c equals a: the first of each set is the witness.
    assert {f.key for f in result["split-duplicate"]} == {"b", "c"}
    inside = found(replace(data, splits={}))
    assert [(f.key, f.value) for f in inside["duplicate-image"]] == [("b", "a"), ("c", "a")]


def test_an_image_that_is_mostly_void_is_a_warning_and_the_share_is_counted(block, labels, dataset):
    taxonomy = Taxonomy((Category("cell", "cell"), Category("hole", "hole", void=True)))
    mostly = class_map()
    mostly[:40] = VOID
    result = examine(dataset({"a": Labels(SIZE, class_map=mostly)}, taxonomy=taxonomy))
    assert [f.check for f in result.ledger.kept if f.check == "void"] == ["void"]
    assert result.census.void / result.census.total == pytest.approx(40 / 48)
    drawn = labels(block(0, 0, 64, 40), category=[1])
    result = examine(dataset({"a": drawn}, taxonomy=taxonomy))
    assert result.census.void == 40 * 64


def test_specks_of_a_class_map_are_counted(dataset, found):
    specked = class_map(BACKGROUND)
    specked[10:30, 10:30] = 0
    specked[40, 40] = 1
    specked[5, 50:53] = 1
    (finding,) = found(dataset({"a": Labels(SIZE, class_map=specked)}))["speck"]
    assert finding.value == 2
    assert "dirt" in finding.what


def test_unused_classes_and_strong_imbalance_are_told(block, labels, dataset, found):
    lonely = dataset({"a": labels(block(0, 0, 64, 48), category=[0])})
    unused = [f for f in examine(lonely).ledger.kept if f.check == "unused-class"]
    assert [f.value for f in unused] == [["dirt"]]
    uneven = dataset({"a": labels(block(0, 0, 60, 40), block(60, 44, 63, 47), category=[0, 1])})
    assert found(uneven) == {}
    (finding,) = found(uneven, Limits(imbalance=100))["imbalance"]
    assert finding.value == pytest.approx(2400 / 9, abs=1e-3)


def test_classes_are_counted_by_pixels_objects_and_images(block, labels, dataset, good):
    census = examine(dataset({"a": good, "b": labels(block(0, 0, 4, 5), category=[0])})).census
    rows = {row["key"]: row for row in census.classes()}
    assert (rows["cell"]["pixels"], rows["cell"]["objects"], rows["cell"]["images"]) == (344, 2, 2)
    assert (rows["dirt"]["pixels"], rows["dirt"]["objects"], rows["dirt"]["images"]) == (400, 1, 1)
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)


def test_all_findings_are_counted_and_few_are_kept():
    ledger = Ledger(keep=2)
    ledger.add(Finding("speck", "x", str(i)) for i in range(5))
    ledger.add([Finding("labels", "y", "z")])
    assert [f.key for f in ledger.ranked()] == ["z", "0", "1"]
    assert (ledger.total("warning"), ledger.total("error")) == (5, 1)


def test_errors_stand_before_warnings_in_the_table_of_checks():
    severities = [check.severity for check in CHECKS.values()]
    assert severities == sorted(severities)
