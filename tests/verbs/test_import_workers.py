"""`import` with several readers: the project and every refusal are those of one process."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from maskloom.errors import DataError, UsageError
from maskloom.formats.detect import read_dataset
from maskloom.store.images import write_png
from maskloom.verbs.import_ import import_

from .test_convert_workers import objects  # noqa: F401  a fixture


def hashed(project):
    data = read_dataset(project, "project")
    return data.content_hash(), [s.key for s in data.samples], data.splits


def test_any_number_of_readers_makes_the_same_project(objects, tmp_path):  # noqa: F811
    found = []
    for workers in (1, 2):
        done = import_(objects, tmp_path / f"p{workers}", map_=("object=cell",), workers=workers)
        results = {k: v for k, v in done.results.items() if k != "project"}
        found.append((hashed(tmp_path / f"p{workers}"), results, done.warnings))
    assert found[0] == found[1]
    assert found[0][1]["samples"] == 75


def test_a_damaged_image_is_told_and_a_damaged_mask_refused_as_by_one(objects, tmp_path):  # noqa: F811
    root = tmp_path / "in"
    shutil.copytree(objects, root)
    picture = sorted(root.glob("images/s1/*.png"))[3]
    picture.write_bytes(picture.read_bytes()[:60])
    found = []
    for workers in (1, 2):
        done = import_(root, tmp_path / f"p{workers}", workers=workers)
        text = " ".join((*done.warnings, *map(str, done.failures)))
        found.append((hashed(tmp_path / f"p{workers}"), text.replace(f"p{workers}", "p")))
    assert found[0] == found[1]
    write_png(sorted(root.glob("masks/s2/*/*.png"))[5], np.array([[0, 255]], np.uint8))
    told = []
    for workers in (1, 2):
        with pytest.raises(DataError) as error:
            import_(root, tmp_path / f"q{workers}", workers=workers)
        told.append(error.value.message)
        assert not (tmp_path / f"q{workers}").exists()
    assert told[0] == told[1]


def test_bad_numbers_of_readers_are_refused_and_leave_nothing(objects, tmp_path):  # noqa: F811
    for options in ({"workers": -2}, {"engine": "spark"}):
        with pytest.raises(UsageError, match=r"--workers|--engine"):
            import_(objects, tmp_path / "p", **options)
    assert not (tmp_path / "p").exists()
