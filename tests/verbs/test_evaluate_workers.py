"""`evaluate` by several workers and by several calls: every number is that of one worker."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.outcome import envelope
from maskloom.errors import DataError, UsageError
from maskloom.store.images import write_png
from maskloom.verbs.evaluate import evaluate


def maps(path: Path, seed: int, count: int = 13) -> Path:
    rng = np.random.default_rng(seed)
    for i in range(count):
        blobs = np.kron(rng.integers(0, 4, (6, 7)), np.ones((5, 5), int)).astype(np.uint8)
        blobs[blobs == 3] = 255
        write_png(path / f"masks/site{i % 3}/{i:02d}.png", blobs)
    return path


def objects(path: Path, seed: int, scored: bool, count: int = 13) -> Path:
    rng = np.random.default_rng(seed)
    annotations = []
    for image in range(1, count + 1):
        for _ in range(int(rng.integers(0, 6))):
            x, y, w, h = (int(v) for v in rng.integers(1, 30, 4))
            ring = [x, y, x + w, y, x + w, y + h, x, y + h]
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": int(rng.integers(1, 3)),
                "segmentation": [ring], "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
                **({"score": round(float(rng.random()), 3)} if scored else {}),
            })  # fmt: skip
    images = [
        {"id": i, "file_name": f"s{i % 3}/{i:02d}.png", "width": 64, "height": 64}
        for i in range(1, count + 1)
    ]
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return path


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    root = tmp_path_factory.mktemp("sides")
    return {
        "semantic": (maps(root / "t", 1), maps(root / "p", 2), {}),
        "instance": (
            objects(root / "t.json", 3, scored=False),
            objects(root / "p.json", 4, scored=True),
            {},
        ),
        "sliced": (
            maps(root / "t2", 5), maps(root / "p2", 6),
            {"by": "group", "set_": ("from.group=^([^/]+)",)},
        ),
    }  # fmt: skip


def said(outcome) -> str:
    return json.dumps(envelope("evaluate", {}, outcome), sort_keys=False)


@pytest.mark.parametrize("kind", ["instance", "sliced"])
def test_workers_say_what_one_says_to_the_last_bit(sides, kind):
    truth, predicted, options = sides[kind]
    alone = evaluate(truth, predicted, **options)
    assert said(evaluate(truth, predicted, workers=2, **options)) == said(alone)


def test_panoptic_counts_merge_to_the_last_bit(sides, tmp_path):
    truth, predicted, _ = sides["semantic"]
    # Class maps of stuff are panoptic labels, too.
    names = {"categories": [{"id": i, "name": f"c{i}", "isthing": 0} for i in range(3)]}
    (tmp_path / "names.json").write_text(json.dumps(names))
    options = {"taxonomy": tmp_path / "names.json", "task": "panoptic"}
    alone = evaluate(truth, predicted, **options)
    assert alone.results["metrics"]["pq"] is not None
    assert said(evaluate(truth, predicted, workers=2, **options)) == said(alone)
    for number in (1, 2):
        last = evaluate(truth, predicted, shard=f"{number}/2", parts=tmp_path / "parts", **options)
    assert said(last) == said(alone)


@pytest.mark.parametrize("kind", ["instance", "sliced"])
def test_the_last_of_several_calls_reports_what_one_call_does(sides, tmp_path, kind):
    truth, predicted, options = sides[kind]
    alone = evaluate(truth, predicted, **options)
    for n, number in enumerate((2, 4, 1)):
        found = evaluate(
            truth, predicted, shard=f"{number}/4", parts=tmp_path / "parts",
            workers=2 if n == 1 and kind == "sliced" else 1, **options,
        )  # fmt: skip
        assert found.exit_code == 0
        assert "metrics" not in found.results
        assert len(found.results["waiting"]) == 3 - n
    assert "still to come: --shard 3/4" in found.lines[0]
    last = evaluate(truth, predicted, shard="3/4", parts=tmp_path / "parts", **options)
    assert said(last) == said(alone)


def test_parts_of_another_evaluation_are_refused(sides, tmp_path):
    truth, predicted, _ = sides["semantic"]
    evaluate(truth, predicted, shard="1/2", parts=tmp_path)
    with pytest.raises(
        DataError, match=r"1-of-2.npz: the part is of other data.*--shard 1/2 again"
    ):
        evaluate(truth, predicted, shard="2/2", parts=tmp_path, missing="empty")
    with pytest.raises(DataError, match="of other data or other options"):
        evaluate(
            predicted, predicted, shard="2/2", parts=tmp_path, set_=("from.group=(.)",), by="group"
        )


def test_a_damaged_part_is_named(sides, tmp_path):
    truth, predicted, _ = sides["semantic"]
    evaluate(truth, predicted, shard="1/2", parts=tmp_path)
    part = tmp_path / "1-of-2.npz"
    whole = part.read_bytes()
    for bad in (whole[:100], b"", b"no zip", with_confusion(whole, np.zeros((2, 2), np.int64))):
        part.write_bytes(bad)
        with pytest.raises(DataError, match=r"1-of-2.npz: the part is damaged"):
            evaluate(truth, predicted, shard="2/2", parts=tmp_path)


def with_confusion(part: bytes, counts) -> bytes:
    with np.load(io.BytesIO(part)) as file:
        arrays = dict(file)
    assert "0.pixels.confusion" in arrays
    arrays["0.pixels.confusion"] = counts
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_a_part_that_holds_a_pickle_is_refused_unread(sides, tmp_path):
    truth, predicted, _ = sides["semantic"]

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    np.savez(tmp_path / "1-of-2.npz", head=np.array([Evil()], object))
    with pytest.raises(DataError, match="the part is damaged"):
        evaluate(truth, predicted, shard="2/2", parts=tmp_path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": "0/2", "parts": Path("p")}, "no such shard"),
        ({"shard": "3/2", "parts": Path("p")}, "no such shard"),
        ({"shard": "1/2"}, "belong together"),
        ({"parts": Path("p")}, "belong together"),
        ({"workers": -1}, "workers are 0 or more"),
        ({"engine": "dask"}, "--engine: not one of local, ray"),
    ],
)
def test_options_that_make_no_sense_are_refused(sides, options, message):
    truth, predicted, _ = sides["semantic"]
    with pytest.raises(UsageError, match=message):
        evaluate(truth, predicted, **options)


def test_an_error_in_a_worker_is_the_error_of_the_command(sides, tmp_path):
    truth, predicted, _ = sides["semantic"]
    shutil.copytree(predicted, tmp_path / "p")
    write_png(tmp_path / "p/masks/site1/04.png", np.zeros((7, 9), np.uint8))
    ran = subprocess.run(
        [sys.executable, "-m", "maskloom", "evaluate", str(truth), str(tmp_path / "p"), "--workers", "2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "site1/04: truth and prediction differ in size" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stderr.strip().count("\n") == 0


def test_workers_do_not_load_torch(sides):
    truth, predicted, _ = sides["semantic"]
    code = (
        "import sys; from maskloom.verbs.evaluate import evaluate; from pathlib import Path\n"
        f"evaluate(Path({str(truth)!r}), Path({str(predicted)!r}), workers=2)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_says_what_one_worker_says(sides):
    import ray  # noqa: F401 - of the extras that the tests are made with

    truth, predicted, options = sides["instance"]
    alone = evaluate(truth, predicted, **options)
    assert said(evaluate(truth, predicted, workers=2, engine="ray", **options)) == said(alone)
