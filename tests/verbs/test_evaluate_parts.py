"""`evaluate --shard --parts`: what is reported is of the labels that are there, never of older ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from maskloom.errors import DataError, WriteError
from maskloom.metrics.judging.parts import PartFile, load_part
from maskloom.metrics.judging.spread import Waiting
from maskloom.metrics.judging.tally import Tally
from maskloom.store.images import write_png
from maskloom.verbs.evaluate import evaluate
from maskloom.verbs.shares import waiting_outcome
from maskloom.work.shards import Share


def maps(path: Path, value: int, count: int = 20) -> Path:
    """Class maps of two classes in halves; `value` 0 is the truth and 1 wrong everywhere."""
    shutil.rmtree(path, ignore_errors=True)
    for i in range(count):
        picture = np.full((6, 8), value, np.uint8)
        picture[:, 4:] = 1 - value
        write_png(path / f"masks/{'ab'[i % 2]}/{i}.png", picture * 2)
    return path


@pytest.fixture
def sides(tmp_path):
    return maps(tmp_path / "t", 0), maps(tmp_path / "p", 1)


def score(sides, shard: str | None = None, **options):
    truth, predicted = sides
    if shard is not None:
        options |= {"shard": shard, "parts": truth.parent / "parts"}
    return evaluate(truth, predicted, **options)


def parts(sides) -> list[str]:
    return sorted(path.name for path in (sides[0].parent / "parts").iterdir())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_part_of_labels_that_were_replaced_is_refused_and_named(sides, workers):
    score(sides, "1/2")
    maps(sides[1], 0)
    with pytest.raises(
        DataError,
        match=r"(?s)part of --shard 1/2 is of other labels.*predicted of masks/.*Run --shard 1/2 again",
    ):
        score(sides, "2/2", workers=workers)
    found = score(sides, "1/2")
    assert found.results["metrics"]["miou"] == 1.0
    assert found.results == score(sides).results


def test_after_a_report_scores_of_the_old_labels_are_not_reported_again(sides):
    score(sides, "1/2")
    assert score(sides, "2/2").results["metrics"]["miou"] == 0.0
    assert parts(sides) == []
    maps(sides[1], 0)
    assert score(sides, "1/2").results["waiting"] == ["2/2"]
    assert score(sides, "2/2").results["metrics"]["miou"] == 1.0


def test_a_truth_that_changed_in_one_pixel_is_found(sides):
    score(sides, "1/2")
    score(sides, "2/3")  # another division of the pairs leaves parts of its own
    mine = next(path for path in sorted(sides[0].rglob("*.png")) if in_share(path, sides[0], 1, 2))
    picture = np.zeros((6, 8), np.uint8)
    picture[:, 4:] = 2
    picture[0, 0] = 2
    write_png(mine, picture)
    with pytest.raises(DataError, match="truth of"):
        score(sides, "2/2")
    assert parts(sides) == ["1-of-2.npz", "2-of-2.npz", "2-of-3.npz"]
    score(sides, "1/2")
    assert parts(sides) == ["2-of-3.npz"]


def in_share(path: Path, root: Path, number: int, of: int) -> bool:
    return Share(number, of).has(path.relative_to(root).with_suffix("").as_posix())


def test_all_shards_to_be_counted_again_are_named(sides):
    score(sides, "1/3")
    score(sides, "3/3")
    maps(sides[1], 0)
    with pytest.raises(
        DataError,
        match=r"(?s)parts of --shard 1/3, 3/3 are of.*Remove these parts and run --shard 1/3, 3/3 again",
    ):
        score(sides, "2/3")


def test_areas_that_a_file_states_are_labels_too(tmp_path):
    def write(path: Path, area: float) -> Path:
        ring = [2, 2, 12, 2, 12, 12, 2, 12]
        one = {"category_id": 1, "segmentation": [ring], "bbox": [2, 2, 10, 10], "iscrowd": 0}
        path.write_text(json.dumps({
            "images": [{"id": i, "file_name": f"{i}.png", "width": 20, "height": 20} for i in range(1, 8)],
            "annotations": [{**one, "id": i, "image_id": i, "area": area, "score": 0.5} for i in range(1, 8)],
            "categories": [{"id": 1, "name": "a"}],
        }))  # fmt: skip
        return path

    sides = write(tmp_path / "t.json", 100.0), write(tmp_path / "p.json", 100.0)
    score(sides, "1/2", convention="coco")
    write(sides[0], 5000.0)  # the same pixels, by its word an object of medium size
    with pytest.raises(DataError, match="part of --shard 1/2 is of other labels"):
        score(sides, "2/2", convention="coco")
    assert score(sides, "1/2", convention="coco").results == score(sides, convention="coco").results


def test_parts_of_other_slices_are_refused(sides):
    score(sides, "1/2", by="group", set_=("from.group=^([^/]+)",))
    with pytest.raises(DataError, match="of other data or other options"):
        score(sides, "2/2", by="group", set_=("from.group=([^/]+)$",))


def test_parts_stay_until_the_report_is_written(sides, tmp_path):
    score(sides, "1/2")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError):
        score(sides, "2/2", report=tmp_path / "file/report.html")
    assert parts(sides) == ["1-of-2.npz", "2-of-2.npz"]
    score(sides, "2/2", report=tmp_path / "report.html")
    assert (tmp_path / "report.html").is_file()
    assert parts(sides) == []


def test_a_part_that_a_later_call_has_written_is_not_removed(tmp_path):
    (tmp_path / "1-of-2.npz").write_bytes(b"new")
    PartFile(tmp_path / "1-of-2.npz", "0" * 64).remove()
    assert (tmp_path / "1-of-2.npz").read_bytes() == b"new"


def test_a_part_that_another_call_has_removed_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_part(tmp_path, Share(1, 2), "", lambda: Tally({}))


def test_a_call_that_another_has_outrun_says_so(tmp_path):
    found = waiting_outcome(Waiting(7, ()), "1/2", tmp_path)
    assert found.results["waiting"] == []
    assert found.lines == (
        "shard 1/2 is counted, 7 images; another call has found all parts and reports",
    )
