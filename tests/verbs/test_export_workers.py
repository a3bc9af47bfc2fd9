"""`export` with several readers: bytes, numbers and refusals are those of one process."""

from __future__ import annotations

import numpy as np
import pytest

from maskloom.errors import UsageError
from maskloom.formats.project import pinned
from maskloom.store.images import write_png
from maskloom.verbs.export import export
from maskloom.verbs.import_ import import_

from .test_convert_workers import said, tree


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """A project of 40 images whose objects may overlap: as it is now, and its first revision."""
    root = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(3)
    for revision in ("first", "second"):
        for i in range(40):
            for k in range(int(rng.integers(1, 4))):
                mask = np.zeros((40, 50), np.uint8)
                y, x = (int(v) for v in rng.integers(0, 30, 2))
                mask[y : y + 9, x : x + 12] = 255
                write_png(root / f"{revision}/masks/{i:02d}/{k + 1:04d}.png", mask)
            image = rng.integers(0, 256, (40, 50), np.uint8)
            write_png(root / f"{revision}/images/{i:02d}.png", image)
        import_(root / revision, root / "p", replace=revision == "second")
        if revision == "first":
            pin = str(pinned(root / "p"))
    return root / "p", pin


@pytest.mark.parametrize(("to", "suffix"), [("coco", ".json"), ("bitmap", "")])
@pytest.mark.parametrize("which", [0, 1])
def test_any_number_of_readers_gives_the_same_bytes(addresses, tmp_path, to, suffix, which):
    one, many = tmp_path / f"one{suffix}", tmp_path / f"many{suffix}"
    address = addresses[which]
    options = {"to": to, "allow_loss": True, "map_": ("object=cell",)}
    alone = export(address, one, **options)
    spread = export(address, many, **options, workers=2)
    assert alone.results["written"]
    assert tree(one) == tree(many)
    assert said(alone, one) == said(spread, many)


def test_what_cannot_be_held_is_refused_by_any_number_of_readers(addresses, tmp_path):
    found = [export(addresses[0], tmp_path / "out", to="bitmap", workers=n) for n in (1, 2)]
    assert found[0].found
    assert said(found[0], tmp_path) == said(found[1], tmp_path)
    assert not (tmp_path / "out").exists()


def test_bad_numbers_of_readers_are_refused(addresses, tmp_path):
    for options in ({"workers": -2}, {"engine": "spark"}):
        with pytest.raises(UsageError, match=r"--workers|--engine"):
            export(addresses[0], tmp_path / "out", to="coco", **options)
