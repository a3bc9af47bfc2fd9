"""Batches over workers and over several calls: the same bytes, whoever labelled what."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from skimage import data
from tests.inference import segmenters

from maskloom.errors import CheckpointError, DataError, LossRefused, UsageError, WriteError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.inference.batch import Target, predict_batch
from maskloom.inference.items import Spread
from maskloom.inference.partial import open_journal
from maskloom.inference.project_layer import LayerRequest, predict_layer
from maskloom.inference.shares import assembling, said_of_share
from maskloom.inference.sources import find_images
from maskloom.store.images import write_png
from maskloom.store.project import Project
from maskloom.verbs.import_ import import_
from maskloom.work.executors import open_executor
from maskloom.work.shards import Share


def make_images(root: Path, count: int, poison: dict[int, int] | None = None) -> Path:
    rng = np.random.default_rng(0)
    for i in range(count):
        image = np.roll(data.coins()[:80, :100], int(rng.integers(90)), 1)
        image[0, 0] = (poison or {}).get(i, 100)
        write_png(root / f"{i:03d}.png", image)
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return make_images(tmp_path_factory.mktemp("many") / "images", 30)


def tree(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def target(path: Path, form: str = "coco") -> Target:
    fmt = load_format(form)
    return Target(path, fmt, fmt.WriteOptions(images="none"))


def run(source, path, make, *, workers=1, share=None, engine="local", form="coco"):
    with open_executor(engine, workers) as executor:
        spread = Spread(make, executor, share)
        where = target(path, form)
        author = segmenters.watershed()
        return predict_batch(author, find_images(str(source)), where, {}, spread=spread)


@pytest.mark.parametrize(("form", "counts"), [("coco", (1, 2)), ("objects", (3,))])
def test_any_number_of_workers_writes_the_same_bytes(source, tmp_path, form, counts):
    alone = predict_batch(
        segmenters.watershed(), find_images(str(source)), target(tmp_path / "here", form), {}
    )
    assert (alone.images, alone.written, alone.waiting) == (30, True, ())
    for workers in counts:
        done = run(
            source, tmp_path / f"w{workers}", segmenters.watershed, workers=workers, form=form
        )
        assert done == alone
        assert tree(tmp_path / f"w{workers}") == tree(tmp_path / "here")
        assert not (tmp_path / f"w{workers}.partial").exists()


def test_a_worker_killed_in_the_middle_changes_no_byte(source, tmp_path):
    run(source, tmp_path / "whole", segmenters.watershed)
    make = partial(segmenters.killed_once, str(tmp_path))
    done = run(source, tmp_path / "out", make, workers=2)
    assert (tmp_path / "killed").exists()
    assert (done.images, done.failures) == (30, ())
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_images_that_raise_or_kill_are_named_and_the_rest_is_whole(tmp_path):
    images = make_images(tmp_path / "images", 40, {7: segmenters.RAISES, 20: segmenters.KILLS})
    done = run(images, tmp_path / "out", segmenters.poisoned, workers=2, form="bitmap")
    assert done.images == 38
    assert [failure.partition(":")[0] for failure in done.failures] == ["007", "020"]
    assert "cannot be labelled" in done.failures[0]
    assert "worker process died 2 times" in done.failures[1]
    good = make_images(tmp_path / "good", 40)
    for name in ("007.png", "020.png"):
        (good / name).unlink()
    run(good, tmp_path / "alone", segmenters.otsu, form="bitmap")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


def test_the_segmenter_is_made_once_in_each_process(source, tmp_path):
    make = partial(segmenters.noted, str(tmp_path))
    run(source, tmp_path / "out", make, workers=2, form="bitmap")
    made = [path.name.split("-")[1] for path in tmp_path.glob("made-*")]
    assert 1 <= len(made) <= 2
    assert len(set(made)) == len(made)


def test_a_segmenter_that_cannot_be_made_is_the_error_and_no_bad_image(source, tmp_path):
    for workers in (1, 2):
        with pytest.raises(CheckpointError, match="weights are damaged"):
            run(source, tmp_path / "out", segmenters.damaged, workers=workers)
        assert not (tmp_path / "out").exists()


def test_nothing_is_made_where_every_item_is_there(source, tmp_path):
    with pytest.raises(LossRefused):
        run(source, tmp_path / "out", segmenters.watershed, form="camvid")
    done = run(source, tmp_path / "out", segmenters.damaged, workers=2)
    assert (done.images, done.resumed) == (30, 30)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shares_in_any_order_give_the_bytes_of_one_call(source, tmp_path, order):
    run(source, tmp_path / "whole", segmenters.watershed)
    out = tmp_path / "out"
    for n, number in enumerate(order):
        done = run(source, out, segmenters.watershed, share=Share(number, 3))
        last = n == 2
        assert done.written == last
        assert set(done.waiting) == set(order[n + 1 :])
        assert out.exists() == last
    assert (done.images, done.resumed) == (30, 0)
    assert tree(out) == tree(tmp_path / "whole")
    assert not (tmp_path / "out.partial").exists()


def test_shares_that_run_at_the_same_time_write_once(source, tmp_path):
    run(source, tmp_path / "whole", segmenters.watershed)
    for turn in range(5):
        out = tmp_path / f"out{turn}"
        with ThreadPoolExecutor(3) as threads:
            calls = [
                threads.submit(run, source, out, segmenters.watershed, share=Share(n, 3))
                for n in (1, 2, 3)
            ]
            written = [call.result().written for call in calls]
        assert sum(written) == 1
        assert tree(out) == tree(tmp_path / "whole")
        assert not out.with_name(out.name + ".partial").exists()


def test_bad_images_of_all_shares_are_named_by_the_last(tmp_path):
    images = make_images(tmp_path / "images", 20, {4: segmenters.RAISES, 11: segmenters.KILLS})
    done = [
        run(
            images,
            tmp_path / "out",
            segmenters.poisoned,
            workers=2,
            share=Share(n, 2),
            form="bitmap",
        )
        for n in (1, 2)
    ]
    assert [failure.partition(":")[0] for failure in done[1].failures] == ["004", "011"]
    assert done[1].images == 18


def test_an_image_that_came_after_its_share_was_done_is_labelled_by_the_last(source, tmp_path):
    images = tmp_path / "images"
    shutil.copytree(source, images)
    late = next(p for p in sorted(images.iterdir()) if Share(1, 2).has(p.stem))
    late.rename(tmp_path / late.name)
    run(images, tmp_path / "out", segmenters.watershed, share=Share(1, 2))
    (tmp_path / late.name).rename(late)
    done = run(images, tmp_path / "out", segmenters.watershed, share=Share(2, 2))
    assert done.images == 30
    assert late.stem in {s.key for s in read_dataset(tmp_path / "out").samples}


def test_a_share_of_another_model_is_refused_and_removes_nothing(source, tmp_path):
    run(source, tmp_path / "out", segmenters.watershed, share=Share(1, 2))
    before = tree(tmp_path / "out.partial")
    images, where = find_images(str(source)), target(tmp_path / "out")
    with (
        open_executor() as executor,
        pytest.raises(WriteError, match=r"of other settings.*Give every --shard"),
    ):
        spread = Spread(segmenters.otsu, executor, Share(2, 2))
        predict_batch(segmenters.otsu(), images, where, {}, spread=spread)
    assert tree(tmp_path / "out.partial") == before


def test_a_share_without_images_is_done_at_once(tmp_path):
    images = make_images(tmp_path / "images", 1)
    done = [
        run(images, tmp_path / "out", segmenters.watershed, share=Share(n, 4)) for n in range(1, 5)
    ]
    assert sorted(d.images for d in done[:3]) in ([0, 0, 0], [0, 0, 1])
    assert done[3].written
    assert done[3].images == 1


def test_a_damaged_record_of_a_share_is_named(source, tmp_path):
    run(source, tmp_path / "out", segmenters.watershed, share=Share(1, 2))
    (tmp_path / "out.partial/shares/1-of-2.json").write_text('["not a table')
    with pytest.raises(DataError, match=r"1-of-2.json: the record of a share is damaged.*1/2"):
        run(source, tmp_path / "out", segmenters.watershed, share=Share(2, 2))


def test_one_call_assembles_at_a_time(tmp_path):
    (tmp_path / "items").mkdir()
    with assembling(tmp_path) as first, assembling(tmp_path) as second:
        assert (first, second) == (True, False)
    with assembling(tmp_path) as again:
        assert again
    with assembling(tmp_path / "gone") as nothing:
        assert not nothing


def test_people_are_told_which_shares_are_to_come():
    line = said_of_share(Share(2, 3), 10, (1, 3))
    assert (
        line
        == "shard 2/3 is done, 10 images; still to come: --shard 1/3, 3/3; the last one writes the target"
    )
    assert "another call" in said_of_share(Share(2, 3), 1, ())


def test_a_layer_is_the_same_from_workers_and_shares(tmp_path):
    images = make_images(tmp_path / "images", 12)
    run(images, tmp_path / "truth", segmenters.watershed, form="bitmap")
    shutil.copytree(images, tmp_path / "truth/images")
    found = []
    for n, (workers, shares) in enumerate([(1, None), (2, None), (1, 2)]):
        root = tmp_path / f"project{n}"
        import_(tmp_path / "truth", root)
        with Project.open(root) as project:
            taxonomy = project.taxonomy()
            samples = project.dataset("main").samples
        name = segmenters.watershed().taxonomy[0].name
        renames = {} if taxonomy.find(name) is not None else {taxonomy[0].name: name}
        request = LayerRequest(root, "watershed", "0123456789ab", renames)
        for number in range(1, (shares or 1) + 1):
            with open_executor("local", workers) as executor:
                share = Share(number, shares) if shares else None
                spread = Spread(segmenters.watershed, executor, share)
                added = predict_layer(segmenters.watershed(), samples, request, spread=spread)
            assert added.written == (number == (shares or 1))
        assert (added.images, added.new) == (12, 12)
        assert not list((root / "predictions").glob("*.partial"))
        with Project.open(root) as project:
            found.append(project.dataset(request.layer).content_hash())
    assert len(set(found)) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_writes_the_same_bytes_though_a_worker_is_killed(source, tmp_path):
    import ray  # noqa: F401 - of the extras that the tests are made with

    run(source, tmp_path / "whole", segmenters.watershed)
    make = partial(segmenters.killed_once, str(tmp_path))
    run(source, tmp_path / "out", make, workers=2, engine="ray")
    assert (tmp_path / "killed").exists()
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_call_of_other_settings_does_not_empty_what_shares_have_begun(source, tmp_path):
    partial = tmp_path / "out.partial"
    with open_journal(partial, {"layer": "model/other"}, shared=True) as items:
        (items / "kept.npz").write_bytes(b"work")
    with pytest.raises(WriteError, match=r"unfinished work.*Give every --shard"):
        run(source, tmp_path / "out", segmenters.watershed)
    assert (items / "kept.npz").read_bytes() == b"work"


@pytest.mark.parametrize("text", ["garbage{", "[1]"])
def test_a_damaged_journal_of_finished_items_is_called_damaged(source, tmp_path, text):
    partial = tmp_path / "out.partial"
    with open_journal(partial, {"layer": "model/other"}, shared=True) as items:
        (items / "kept.npz").write_bytes(b"work")
    (partial / "journal.json").write_text(text)
    with pytest.raises(
        WriteError, match=r"journal of unfinished work is damaged.*Remove .*partial"
    ):
        run(source, tmp_path / "out", segmenters.watershed)
    assert (items / "kept.npz").read_bytes() == b"work"


def test_a_second_call_for_the_same_target_is_refused_and_disturbs_nothing(source, tmp_path):
    partial = tmp_path / "out.partial"
    with open_journal(partial, {"layer": "model/other"}) as items:
        (items / "kept.npz").write_bytes(b"work")
        before = tree(partial)
        with pytest.raises(UsageError, match="another call of predict is at work"):
            run(source, tmp_path / "out", segmenters.watershed)
        assert tree(partial) == before
    # The first call is gone; what it has done is of another model.
    with pytest.raises(WriteError, match="model/other, now"):
        run(source, tmp_path / "out", segmenters.watershed)
    assert (items / "kept.npz").read_bytes() == b"work"
    (items / "kept.npz").unlink()  # without work it is begun anew
    run(source, tmp_path / "out", segmenters.watershed)
    run(source, tmp_path / "alone", segmenters.watershed)
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")
    assert not partial.exists()
