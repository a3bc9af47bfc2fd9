"""Mask R-CNN and panoptic runs from training to scores; resumed to the same bits; refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric

from maskloom.core.dataset import Dataset
from maskloom.core.recipe import Recipe
from maskloom.core.run import Run
from maskloom.errors import UsageError
from maskloom.formats.detect import read_dataset
from maskloom.models import checkpoint
from maskloom.models.maskrcnn import MaskRCNNOptions
from maskloom.store.images import write_png
from maskloom.training.beginning import Beginning, prepare_folder
from maskloom.training.data import guess_task
from maskloom.training.fit import fit
from maskloom.training.loop import Loop, Sinks
from maskloom.training.plan import Choices, Plan, make_plan
from maskloom.training.state import State, load_state, save_state
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.predict import predict
from maskloom.verbs.train import train

TINY = ("width=32", "hidden=32", "rois=16", "anchors=16,32,64,128,256", "max_objects=10",
        "mask_side=14")  # fmt: skip
SHORT = ("batch=2", "crop=64,64", "precision=fp32", "lr=0.003", "ema=0", "scale=1,1", "rotate=0",
         "color=0")  # fmt: skip
KIND = ("from.kind=instance", "from.category=disc")


def discs(root: Path, count: int = 4, empty: int = -1) -> Path:
    """Bitmap instances: two discs of 64 × 64 px each; none in the image `empty`."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    for i in range(count):
        ids = np.zeros((64, 64), np.uint8)
        for n, cx in enumerate((16, 47), start=1):
            cy, r = rng.uniform(16, 48), rng.uniform(9, 14)
            if i != empty:
                ids[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = n
        image = np.where(ids > 0, 200, 40) + rng.normal(0, 5, ids.shape)
        rgb = np.repeat(image.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        write_png(root / f"images/{i}.png", rgb)
        write_png(root / f"masks/{i}.png", ids)
    return root


def data_of(root: Path) -> Dataset:
    from maskloom.formats.detect import load_format

    options = load_format("bitmap").ReadOptions(kind="instance", category="disc")
    return read_dataset(root, "bitmap", options=options)


def plan_of(data: Dataset, steps: int = 6) -> Plan:
    options = MaskRCNNOptions(width=32, hidden=16, rois=16)
    recipe = Recipe(batch=2, crop=(64, 64), precision="fp32", eval_every=3)
    return make_plan(data, data, Choices("maskrcnn", options, "instance", recipe, steps=steps))


def test_a_run_learns_predicts_and_is_scored(tmp_path: Path) -> None:
    data = discs(tmp_path / "d")
    trained = train(
        data,
        out=tmp_path / "run",
        model="maskrcnn",
        steps=60,
        val="same",
        set_=(*TINY, *SHORT, *KIND, "eval_every=60"),
    )
    assert trained.results["task"] == "instance"
    assert any("training samples" in warning for warning in trained.warnings)
    predict(str(data / "images"), model=str(tmp_path / "run"), out=tmp_path / "out")
    scored = evaluate(data, tmp_path / "out", task="instance", set_=KIND).results
    assert scored["metrics"]["ap50"] > 0.5
    recorded = trained.results["validation"]["ap50"]
    assert scored["metrics"]["ap50"] == pytest.approx(recorded, abs=1e-9)


class _Killed(Exception):
    pass


def test_a_broken_run_resumes_to_the_bits_of_an_unbroken_one(tmp_path: Path) -> None:
    plan = plan_of(data_of(discs(tmp_path / "d")))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for out in (whole, broken):
        prepare_folder(out, Beginning())
    run, _ = fit(plan, whole, Beginning())

    def keeps(weights, scores) -> None:
        checkpoint.save(replace(run, path=broken, scores=scores), weights)

    def dies(state: State, tensors) -> None:
        save_state(broken, state, tensors)
        raise _Killed

    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    state = State({**load_state(whole)[0].fixed})
    with pytest.raises(_Killed):
        Loop(plan, fabric, state, run=run, tensors=None).run(Sinks(keeps, dies))
    assert load_state(broken)[0].step == 3
    fit(plan, broken, Beginning(), resume=True)
    ends = [load_state(out)[1]["network"] for out in (whole, broken)]
    for name, value in ends[0].items():
        assert torch.equal(value, ends[1][name]), name


def test_images_without_objects_train_along(tmp_path: Path) -> None:
    trained = train(
        discs(tmp_path / "d", empty=1),
        out=tmp_path / "run",
        model="maskrcnn",
        steps=2,
        val="same",
        set_=(*TINY, *SHORT, *KIND),
    )
    assert trained.results["steps"] == 2


def test_a_run_starts_from_another_one_of_the_same_kinds(tmp_path: Path) -> None:
    data = discs(tmp_path / "d")
    settings = (*TINY, *SHORT, *KIND)
    train(data, out=tmp_path / "a", model="maskrcnn", steps=2, val="same", set_=settings)
    after = train(
        data, out=tmp_path / "b", resume_from=tmp_path / "a", steps=1, val="same", set_=KIND
    )
    assert Run.load(tmp_path / "b").options == Run.load(tmp_path / "a").options
    assert "before_after" in after.results


@pytest.mark.parametrize("task", ["semantic", "auto"])
def test_a_detector_for_classes_of_pixels_is_one_clear_error(
    tmp_path: Path, scenes: Path, task: str
) -> None:
    with pytest.raises(UsageError, match=r"maskrcnn is not for the task semantic.*unet"):
        train(scenes, out=tmp_path / "run", model="maskrcnn", task=task, steps=1)
    assert not (tmp_path / "run").exists()


def test_deeplab_learns_classes(tmp_path: Path, scenes: Path) -> None:
    trained = train(
        scenes,
        out=tmp_path / "run",
        model="deeplabv3+",
        steps=30,
        val="0.25",
        set_=(
            "channels=16",
            "batch=4",
            "precision=fp32",
            "crop=48,48",
            "lr=0.01",
            "ema=0.5",
            "eval_every=30",
        ),
    )
    assert trained.results["metrics"]["miou"] > 0.5


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO panoptic: ground below and sky above (stuff), discs (things) on both."""
    from maskloom.core.labels import Labels, Rows
    from maskloom.core.masks import Masks
    from maskloom.core.sample import ImageRef, Sample
    from maskloom.core.taxonomy import Category, Taxonomy
    from maskloom.formats.detect import load_format

    root = tmp_path_factory.mktemp("mixed")
    taxonomy = Taxonomy((
        Category("sky", "sky", "stuff"), Category("ground", "ground", "stuff"),
        Category("disc", "disc"),
    ))  # fmt: skip
    source = discs(root / "source")
    dataset = data_of(source)
    fmt = load_format("coco-panoptic")
    (root / "images").mkdir()
    samples = []
    for sample in dataset.samples:
        things = dataset.labels_of(sample).rows
        free = ~things.masks.decode().any(axis=0)
        above, below = free.copy(), free.copy()
        above[32:], below[:32] = False, False
        rows = Rows.make(
            Masks.concatenate([Masks.from_dense(np.stack([above, below])), things.masks]),
            [0, 1, *[2] * len(things)],
        )
        values = np.full((64, 64), 30, np.uint8)
        values[32:] = 100
        things.masks.paint(values, np.full(len(things), 220))
        path = root / f"images/{sample.key}.png"
        write_png(path, np.repeat(values[:, :, None], 3, axis=2))
        samples.append((Sample(sample.key, ImageRef(path, (64, 64))), Labels((64, 64), rows=rows)))
    writer = fmt.writer(root / "data", taxonomy, fmt.WriteOptions(images="copy"), {})
    for sample, labels in samples:
        writer.put(sample, labels)
    writer.finish({})
    return root / "data"


def test_objects_of_a_panoptic_format_are_guessed_to_be_panoptic(
    tmp_path: Path, mixed: Path
) -> None:
    assert guess_task(read_dataset(mixed), "coco-panoptic") == "panoptic"
    assert guess_task(read_dataset(mixed), "coco") == "instance"


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("maskrcnn", (*TINY, "model.score=0.05")),
        ("unet", ("encoder=plain", "width=8", "depth=2")),
    ],
)
def test_panoptic_runs_learn_things_and_stuff(
    tmp_path: Path, mixed: Path, model: str, settings
) -> None:
    run = tmp_path / "run"
    trained = train(
        mixed,
        out=run,
        model=model,
        task="panoptic",
        steps=100 if model == "unet" else 60,
        val="same",
        set_=(*settings, *SHORT, "eval_every=100"),
    )
    assert trained.results["task"] == "panoptic"
    assert trained.results["validation"]["score"] == trained.results["validation"]["pq"]
    predict(str(mixed), model=str(run), out=tmp_path / "out", set_=("model.stuff_area=20",))
    scored = evaluate(mixed, tmp_path / "out", task="panoptic").results["metrics"]
    assert scored["pq_stuff"] > 0.5
    assert scored["pq"] > 0.3
    assert json.loads((run / "model.json").read_text())["task"] == "panoptic"


@pytest.mark.parametrize(("tie", "kept"), [(-1.0, 1), (2.0, 0)])
def test_equal_scores_are_told_apart_by_their_tie(tmp_path: Path, tie: float, kept: int) -> None:
    """A network of one step finds nothing: AP50 is 0 as before, AP is above -1 and below 2."""
    plan = plan_of(data_of(discs(tmp_path / "d")), steps=1)
    prepare_folder(tmp_path / "run", Beginning())
    run, before = fit(plan, tmp_path / "run", Beginning())
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    state = State({**before.fixed}, best=before.best, best_tie=tie)
    times: list[int] = []
    Loop(plan, fabric, state, run=run, tensors=None).run(
        Sinks(lambda *_: times.append(state.step), lambda *_: None)
    )
    assert len(times) == kept
