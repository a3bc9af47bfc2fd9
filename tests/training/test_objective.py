"""What is asked of networks: targets of crops by hand, void, crowds, sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.recipe import Recipe
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import UsageError
from maskloom.models.maskrcnn import MaskRCNNOptions
from maskloom.models.unet import UNetOptions
from maskloom.store.images import write_png
from maskloom.training.batches import Batches
from maskloom.training.objective import Crop, objective_of
from maskloom.training.plan import Choices, make_plan
from maskloom.training.targets import IGNORED

TAXONOMY = Taxonomy((
    Category("sky", "sky", "stuff"), Category("cat", "cat"), Category("dog", "dog")
))  # fmt: skip
STILL = {"scale": (1.0, 1.0), "rotate": 0.0, "flip": "none", "color": 0.0, "normalize": "data"}


def pets(root: Path, *, crowd: bool = False, scale: int = 1) -> Dataset:
    """40 × 60: a dog at x 4-14, y 6-26, a cat at x 30-50, y 8-18 (a crowd on request)."""
    frame = np.zeros((2, 40 * scale, 60 * scale), bool)
    frame[0, 6 * scale : 26 * scale, 4 * scale : 14 * scale] = True
    frame[1, 8 * scale : 18 * scale, 30 * scale : 50 * scale] = True
    rows = Rows.make(Masks.from_dense(frame), [2, 1], crowd=[False, crowd])
    write_png(root / "i.png", np.full((40 * scale, 60 * scale, 3), 90, np.uint8))
    sample = Sample("i", ImageRef(root / "i.png"))
    size = (40 * scale, 60 * scale)
    return Dataset(TAXONOMY, (sample,), lambda s: Labels(size, rows=rows))


def plan_of(data: Dataset, task: str = "instance", crop=(64, 64), **options):
    chosen = MaskRCNNOptions(**{"width": 32, "hidden": 16} | options)
    recipe = Recipe(batch=1, crop=crop, **STILL)
    return make_plan(data, data, Choices("maskrcnn", chosen, task, recipe, steps=1))


def targets(plan):
    return Batches(plan, objective_of(plan))[0].targets


def test_objects_get_tight_boxes_labels_and_masks(tmp_path: Path) -> None:
    """The image is centred in the crop of 64: 12 px above, 2 px to the left."""
    (found,) = targets(plan_of(pets(tmp_path)))
    assert found["boxes"].tolist() == [[6, 18, 16, 38], [32, 20, 52, 30]]
    assert found["labels"].tolist() == [2, 1]  # dog, cat: places among the things, from 1
    assert found["masks"].sum((1, 2)).tolist() == [200, 200]
    assert found["masks"][0, 18:38, 6:16].all()


def test_what_lies_outside_the_image_is_void(tmp_path: Path) -> None:
    (found,) = targets(plan_of(pets(tmp_path)))
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[12:52, 2:62] = True
    assert torch.equal(found["void"], ~inside)


def test_beyond_the_image_lies_its_mean_for_detectors_and_a_mirror_for_others(
    tmp_path: Path,
) -> None:
    """Rows 12 to 51 of the crop are the image; its first row is mirrored about itself."""
    data = pets(tmp_path)
    ramp = np.arange(7200, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)
    write_png(tmp_path / "i.png", ramp)
    plan = plan_of(data)
    image = Batches(plan, objective_of(plan))[0].images[0]
    assert (image[:, :12] == 0).all()
    assert (image[:, 52:] == 0).all()
    assert (image[:, 12:52, 2:62] != 0).any()
    plan = make_plan(data, data, Choices("unet", UNetOptions(), "instance", plan.recipe, steps=1))
    image = Batches(plan, objective_of(plan))[0].images[0]
    assert torch.equal(image[:, 11], image[:, 13])
    assert (image[:, :12] != 0).any()


def test_a_crowd_is_void_and_no_object(tmp_path: Path) -> None:
    (found,) = targets(plan_of(pets(tmp_path, crowd=True)))
    assert found["labels"].tolist() == [2]
    assert found["void"][20:30, 32:52].all()


def test_an_object_that_a_crop_leaves_out_is_gone(tmp_path: Path) -> None:
    plan = plan_of(pets(tmp_path))
    crop = Crop(
        np.zeros((8, 8), np.uint8),
        np.pad(np.full((2, 3), 2, np.int32), ((3, 3), (4, 1))),
        np.array([-1, 2, 1], np.int32),
    )
    found = objective_of(plan).target(crop)
    assert found.boxes.tolist() == [[4, 3, 7, 5]]
    assert found.labels.tolist() == [1]
    empty = objective_of(plan).target(
        Crop(np.full((8, 8), IGNORED, np.uint8), np.zeros((8, 8), np.int32), crop.categories)
    )
    assert empty.boxes.shape == (0, 4)
    assert empty.masks.shape == (0, 8, 8)
    assert empty.void.all()


def test_objects_of_stuff_or_void_categories_are_not_looked_for(tmp_path: Path) -> None:
    crop = Crop(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.int32), np.array([-1, 0], np.int32))
    assert len(objective_of(plan_of(pets(tmp_path))).target(crop).labels) == 0


def test_images_are_resized_before_they_are_cropped_and_surveyed(tmp_path: Path) -> None:
    plan = plan_of(pets(tmp_path, scale=4), max_size=60)
    assert plan.options.anchors == (16, 32, 64, 128, 256)  # by objects of 20 × 10 px
    (found,) = targets(plan)
    assert found["boxes"].tolist() == [[6, 18, 16, 38], [32, 20, 52, 30]]


def test_the_semantic_head_is_asked_for_every_class(tmp_path: Path) -> None:
    plan = plan_of(pets(tmp_path), "panoptic")
    (found,) = targets(plan)
    channels = found["classes"][12:52, 2:62].unique().tolist()
    assert channels == [0, 2, 3]  # background, cat, dog; no sky in the image
    network = plan.network().train()
    losses = objective_of(plan).losses(
        network, torch.randn(1, 3, 64, 64), targets(plan), lambda value: value
    )
    assert sorted(losses) == ["anchor", "box", "class", "mask", "object", "semantic"]
    assert torch.isfinite(sum(losses.values()))


def test_equal_steps_draw_equal_proposals(tmp_path: Path) -> None:
    """torchvision draws from torch's generator, which the loop seeds before every step."""
    plan = plan_of(pets(tmp_path))
    network, image, wanted = plan.network().train(), torch.randn(1, 3, 64, 64), targets(plan)
    objective = objective_of(plan)

    def step(seed: int) -> list[float]:
        torch.manual_seed(seed)
        losses = objective.losses(network, image, wanted, lambda value: value)
        return [float(value.detach()) for value in losses.values()]

    first = step(3)
    torch.rand(7)  # whatever ran before
    assert step(3) == first != step(4)


def test_a_sliver_far_from_the_corner_keeps_its_width_in_mixed_precision(tmp_path: Path) -> None:
    """At 319 to 320 px bf16 has no width: losses were infinite."""
    write_png(tmp_path / "i.png", np.full((320, 320, 3), 90, np.uint8))
    frame = np.zeros((1, 320, 320), bool)
    frame[0, 286:291, 319:320] = True
    rows = Rows.make(Masks.from_dense(frame), [1])
    sample = Sample("i", ImageRef(tmp_path / "i.png"))
    data = Dataset(TAXONOMY, (sample,), lambda s: Labels((320, 320), rows=rows))
    plan = plan_of(data, crop=(320, 320))
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    network = fabric.setup(plan.network().train())
    batch = Batches(plan, objective_of(plan))[0]
    losses = objective_of(plan).losses(network, batch.images, batch.targets, fabric.to_device)
    assert all(torch.isfinite(value) for value in losses.values())


def test_no_objects_is_told(tmp_path: Path) -> None:
    write_png(tmp_path / "i.png", np.zeros((8, 8, 3), np.uint8))
    labels = Labels((8, 8), class_map=np.eye(8, dtype=np.uint8))
    data = Dataset(TAXONOMY, (Sample("i", ImageRef(tmp_path / "i.png")),), lambda s: labels)
    with pytest.raises(UsageError, match="no objects of thing categories"):
        plan_of(data)


def test_more_classes_than_a_class_map_holds_are_told(tmp_path: Path) -> None:
    many = Taxonomy.from_names([f"c{i}" for i in range(300)])
    data = pets(tmp_path)
    wide = Dataset(many, data.samples, data.labels_of)
    with pytest.raises(UsageError, match="254 classes"):
        plan_of(wide)
