"""`convert` with several readers: bytes, counts and refusals are those of one process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from maskloom.core.outcome import envelope
from maskloom.errors import DataError, UsageError
from maskloom.formats.difference import Difference
from maskloom.store.images import write_png
from maskloom.verbs.convert import convert


@pytest.fixture(scope="module")
def objects(tmp_path_factory) -> Path:
    """75 images, so that several windows are read; some objects overlap."""
    root = tmp_path_factory.mktemp("objects")
    rng = np.random.default_rng(0)
    for i in range(75):
        for k in range(int(rng.integers(1, 4))):
            mask = np.zeros((40, 50), np.uint8)
            y, x = (int(v) for v in rng.integers(0, 30, 2))
            mask[y : y + 9, x : x + 12] = 255
            write_png(root / f"masks/s{i % 4}/{i:02d}/{k + 1:04d}.png", mask)
        write_png(root / f"images/s{i % 4}/{i:02d}.png", rng.integers(0, 256, (40, 50), np.uint8))
    return root


def tree(root: Path) -> dict[str, bytes]:
    if root.is_file():
        return {"": root.read_bytes()}
    return {
        str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()
    }


def said(outcome, dst: Path) -> str:
    return json.dumps(envelope("convert", {}, outcome), sort_keys=True).replace(str(dst), "DST")


@pytest.mark.parametrize(
    ("to", "suffix", "workers"), [("coco", ".json", 2), ("bitmap", "", 3), ("objects", "", 2)]
)
def test_any_number_of_readers_gives_the_same_bytes(objects, tmp_path, to, suffix, workers):
    one, many = tmp_path / f"one{suffix}", tmp_path / f"many{suffix}"
    alone = convert(objects, one, to=to, allow_loss=True)
    spread = convert(objects, many, to=to, allow_loss=True, workers=workers)
    assert alone.results["written"]
    assert tree(one) == tree(many)
    assert said(alone, one) == said(spread, many)
    assert sorted(p.name for p in tmp_path.iterdir()) == [many.name, one.name]


def test_renamed_categories_and_splits_reach_the_readers(objects, tmp_path):
    convert(objects, tmp_path / "a.json", to="coco")
    for workers in (1, 2):
        convert(
            tmp_path / "a.json", tmp_path / f"o{workers}.json", to="coco",
            map_=("object=nucleus",), workers=workers,
        )  # fmt: skip
    assert tree(tmp_path / "o1.json") == tree(tmp_path / "o2.json")
    assert b'"nucleus"' in (tmp_path / "o2.json").read_bytes()


def test_a_refused_loss_is_refused_with_the_same_counts(objects, tmp_path):
    found = [convert(objects, tmp_path / "out", to="bitmap", workers=n) for n in (1, 2)]
    assert found[0].exit_code == found[1].exit_code == 1
    assert found[0].results["losses"]["overlap"]["pixels"] > 0
    assert said(found[0], tmp_path) == said(found[1], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_mask_ends_the_conversion_with_its_name_and_leaves_nothing(objects, tmp_path):
    source = tmp_path / "source"
    for name, data in tree(objects).items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / "masks/s1/13/0001.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"13/0001.png"):
        convert(source, tmp_path / "out.json", to="coco", workers=2)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_options_that_make_no_sense_are_refused_and_leave_nothing(objects, tmp_path):
    for options in ({"workers": -2}, {"engine": "spark"}):
        with pytest.raises(UsageError, match=r"--workers|--engine"):
            convert(objects, tmp_path / "out", to="coco", **options)
    assert not list(tmp_path.iterdir())


def test_differences_add_up_and_the_first_stays_the_first():
    one, two = Difference(3, 2, 5, 1).at("a"), Difference(4, 4, 0, 2).at("b")
    assert one + two == Difference(7, 6, 5, 3, {"pixels": ("a", 1), "score": ("a", 2)})
    assert (two + one).where == {"pixels": ("a", 1), "score": ("b", 2)}


def test_shares_are_data_sets_that_together_are_all(objects, tmp_path):
    convert(objects, tmp_path / "all", to="objects")
    whole = {name for name in tree(tmp_path / "all") if name.endswith(".png")}
    found: list[str] = []
    for i in (1, 2, 3):
        out = tmp_path / f"part{i}"
        done = convert(objects, out, to="objects", shard=f"{i}/3", workers=1 + i % 2)
        assert 5 < done.results["images"] < 60
        part = tree(out)
        found += [name for name in part if name.endswith(".png")]
        assert all(part[name] == tree(tmp_path / "all")[name] for name in part if name in whole)
    assert sorted(found) == sorted(whole)


def test_a_share_that_cannot_be_is_refused(objects, tmp_path):
    with pytest.raises(UsageError, match="no such shard"):
        convert(objects, tmp_path / "out", to="objects", shard="4/3")
    assert not (tmp_path / "out").exists()
