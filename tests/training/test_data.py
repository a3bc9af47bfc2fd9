"""Which samples train and validate, and what examples make of crowds, sizes and channels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.dataset import Dataset
from maskloom.core.labels import VOID, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.recipe import Recipe
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.errors import ImageError, UsageError
from maskloom.formats.detect import load_format
from maskloom.models.unet import UNetOptions
from maskloom.store.images import write_png
from maskloom.training.data import Source, training_data
from maskloom.training.examples import Examples, survey
from maskloom.training.plan import Choices, make_plan

SMALL = UNetOptions(encoder="plain", width=4, depth=2)


def camvid(root: Path, **splits: list[str]) -> Source:
    """Frames named DRIVE_NUMBER in the SegNet layout."""
    for split, frames in splits.items():
        for frame in frames:
            classes = np.zeros((16, 16), np.uint8)
            classes[8:] = 3
            write_png(root / split / f"{frame}.png", np.full((16, 16, 3), 90, np.uint8))
            write_png(root / f"{split}annot" / f"{frame}.png", classes)
        lines = [
            f"/SegNet/CamVid/{split}/{f}.png /SegNet/CamVid/{split}annot/{f}.png" for f in frames
        ]
        (root / f"{split}.txt").write_text("\n".join(lines))
    return Source(root, "camvid", load_format("camvid").ReadOptions())


def keys(data: Dataset) -> list[str]:
    return [s.key for s in data.samples]


def test_the_named_splits_are_used_and_the_test_split_never_trained_on(tmp_path: Path) -> None:
    source = camvid(tmp_path, train=["A_1", "A_2", "B_1"], val=["C_1"], test=["D_1"])
    parts = training_data(source, "auto", 0)
    assert keys(parts.train) == ["A_1", "A_2", "B_1"]
    assert keys(parts.validation) == ["C_1"]
    assert not any(
        "D_1" in keys(p) for p in (parts.train, training_data(source, "0.3", 0).validation)
    )


def test_a_group_on_both_sides_is_told_and_a_held_out_group_is_not(tmp_path: Path) -> None:
    source = camvid(tmp_path, train=["A_1", "B_1"], val=["A_2"])
    assert any(
        "groups on both sides of the split (A)" in n for n in training_data(source, "val", 0).notes
    )
    parts = training_data(source, "group:B", 0)
    assert keys(parts.validation) == ["B_1"]
    assert not any("groups on both" in note for note in parts.notes)


def test_a_sample_on_both_sides_is_refused(tmp_path: Path) -> None:
    source = camvid(tmp_path, train=["A_1", "B_1"], val=["C_1"])
    with pytest.raises(UsageError, match="in training and in validation"):
        training_data(source, "train", 0)
    with pytest.raises(UsageError, match="in training and in validation"):
        training_data(source, str(tmp_path), 0)


def test_classes_without_a_pixel_are_told(tmp_path: Path) -> None:
    notes = training_data(camvid(tmp_path, train=["A_1", "B_1"], val=["C_1"]), "val", 0).notes
    assert any(note.startswith("no pixel of Building") and "validation" in note for note in notes)


def instances(root: Path, *, crowd: bool = False, image: np.ndarray | None = None) -> Dataset:
    """One image with two squares, the second a crowd on request, which overlaps the first."""
    frame = np.zeros((2, 20, 20), bool)
    frame[0, 2:8, 2:8] = frame[1, 6:16, 6:16] = True
    rows = Rows.make(Masks.from_dense(frame), [0, 0], crowd=[False, crowd])
    write_png(root / "i.png", np.zeros((20, 20, 3), np.uint8) if image is None else image)
    sample = Sample("i", ImageRef(root / "i.png"))
    return Dataset(Taxonomy.from_names(["cell"]), (sample,), lambda s: Labels((20, 20), rows=rows))


def test_a_crowd_is_no_object_and_its_pixels_count_nowhere(tmp_path: Path) -> None:
    example = Examples(instances(tmp_path, crowd=True), objects=True)[0]
    assert sorted(np.unique(example.objects).tolist()) == [0, 1]
    assert example.classes[15, 15] == VOID
    assert example.classes[7, 7] == 0  # where the object lies too
    plain = Examples(instances(tmp_path), objects=True)[0]
    assert sorted(np.unique(plain.objects).tolist()) == [0, 1, 2]


def test_a_mask_of_another_size_than_its_image_names_both(tmp_path: Path) -> None:
    data = instances(tmp_path, image=np.zeros((20, 24, 3), np.uint8))
    with pytest.raises(ImageError, match=r"i\.png.*another size.*\(20, 24\).*\(20, 20\)"):
        Examples(data, objects=True)[0]


def test_grey_and_colour_images_may_be_mixed_and_other_channels_not(tmp_path: Path) -> None:
    for i, shape in enumerate([(8, 8), (8, 8, 3)]):
        write_png(tmp_path / f"{i}.png", np.full(shape, 100, np.uint8))
    samples = tuple(Sample(str(i), ImageRef(tmp_path / f"{i}.png")) for i in range(2))
    labels = Labels((8, 8), class_map=np.eye(8, dtype=np.uint8))
    data = Dataset(Taxonomy.from_names(["a", "b"]), samples, lambda s: labels)
    found = survey(Examples(data, objects=False))
    assert found.preprocessing.channels == ("red", "green", "blue")
    assert found.preprocessing.mean == pytest.approx([100 / 255] * 3, abs=1e-5)
    import tifffile

    tifffile.imwrite(
        tmp_path / "2.tif",
        np.zeros((8, 8, 5), np.uint8),
        photometric="minisblack",
        planarconfig="contig",
    )
    wider = Dataset(
        data.taxonomy, (*samples, Sample("2", ImageRef(tmp_path / "2.tif"))), lambda s: labels
    )
    with pytest.raises(ImageError, match="different channels"):
        survey(Examples(wider, objects=False))


def test_epochs_are_passes_over_the_data(tmp_path: Path) -> None:
    for i in range(11):
        write_png(tmp_path / f"{i}.png", np.full((8, 8), 100, np.uint8))
    samples = tuple(Sample(str(i), ImageRef(tmp_path / f"{i}.png")) for i in range(11))
    labels = Labels((8, 8), class_map=np.eye(8, dtype=np.uint8))
    data = Dataset(Taxonomy.from_names(["a", "b"]), samples, lambda s: labels)
    plan = make_plan(data, data, Choices("unet", SMALL, "semantic", Recipe(batch=8), epochs=10))
    assert plan.steps == 14  # 110 images in batches of 8
    assert plan.recipe.crop == (32, 32)


def test_class_maps_cannot_train_instances(tmp_path: Path) -> None:
    write_png(tmp_path / "i.png", np.zeros((8, 8), np.uint8))
    labels = Labels((8, 8), class_map=np.eye(8, dtype=np.uint8))
    data = Dataset(
        Taxonomy.from_names(["a", "b"]),
        (Sample("i", ImageRef(tmp_path / "i.png")),),
        lambda s: labels,
    )
    with pytest.raises(UsageError, match="no objects of thing categories"):
        make_plan(data, data, Choices("unet", SMALL, "instance", Recipe()))


def test_boxes_alone_cannot_train(tmp_path: Path) -> None:
    write_png(tmp_path / "images/i.png", np.zeros((20, 20), np.uint8))
    boxes = {
        "images": [{"id": 1, "file_name": "i.png", "width": 20, "height": 20}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0, "segmentation": []}],
    }  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps(boxes))
    from maskloom.formats.detect import read_dataset

    data = read_dataset(tmp_path / "b.json", images=tmp_path / "images")
    with pytest.raises(UsageError, match="Boxes and points alone"):
        make_plan(data, data, Choices("unet", SMALL, "semantic", Recipe()))
