"""Regions of nnU-Net: numbers that come back, new names, new combinations, the ignore label."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.formats.detect import read_dataset
from maskloom.formats.rename import renamed

from .conftest import folder_bytes
from .test_nifti import exact, put
from .test_nnunet import BRATS, brats, raw, stored
from .volumes import volumes_of

pytest.importorskip("nibabel", reason="needs the extra medical")
SAME = {"background": 0, "whole": [1, 2, 3], "core": [2, 3]}
ORDER = {"regions_class_order": [1, 2]}


def labels_of(root):
    return json.loads((root / "dataset.json").read_text())["labels"]


def test_numbers_of_equal_membership_come_back(tmp_path):
    values = brats()
    root = raw(tmp_path / "in", SAME, {"a": values, "b": brats(1)}, **ORDER)
    exact(read_dataset(root), tmp_path / "a", to="nnunet")
    assert np.array_equal(stored(tmp_path / "a/labelsTr/a.nii.gz"), values)
    assert np.array_equal(stored(tmp_path / "a/labelsTr/b.nii.gz"), brats(1))
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_numbers_of_equal_membership_are_told_by_others(tmp_path):
    data = read_dataset(raw(tmp_path / "in", SAME, {"a": brats()}, **ORDER))
    for to in ("nrrd", "dicom-seg"):
        done = put(data, tmp_path / to, to=to)
        assert "nnunet_numbers" in {loss.kind: loss.named for loss in done.losses}["fields"]
    done = put(renamed(data, ["core=whole"]), tmp_path / "n", to="nnunet", allow_loss=True)
    assert "nnunet_numbers" in {loss.kind: loss.named for loss in done.losses}["fields"]
    assert "regions_class_order" not in json.loads((tmp_path / "n/dataset.json").read_text())


def test_a_number_that_labels_no_longer_have_does_not_come_back(tmp_path):
    values = brats()
    data = read_dataset(raw(tmp_path / "in", SAME, {"a": values}, **ORDER))

    def without_core(sample):
        labels = data.labels_of(sample)
        return labels.replace(rows=labels.rows.take(labels.rows.category == 0))

    exact(replace(data, labels_of=without_core), tmp_path / "a", to="nnunet")
    assert np.array_equal(stored(tmp_path / "a/labelsTr/a.nii.gz"), values > 0)


@pytest.mark.parametrize(
    ("pairs", "names"),
    [
        (["tumor core=CORE"], ["whole tumor", "CORE", "enhancing"]),
        (["whole tumor=a", "enhancing=c"], ["a", "tumor core", "c"]),
        (
            ["enhancing=tumor core", "tumor core=enhancing"],
            ["whole tumor", "enhancing", "tumor core"],
        ),
        (
            ["whole tumor=enhancing", "enhancing=tumor core", "tumor core=whole tumor"],
            ["enhancing", "whole tumor", "tumor core"],
        ),
    ],
)
def test_regions_with_new_names_keep_their_numbers(tmp_path, pairs, names):
    values = brats()
    root = raw(tmp_path / "in", BRATS, {"a": values}, regions_class_order=[1, 2, 3])
    data = renamed(read_dataset(root), pairs)
    exact(data, tmp_path / "a", to="nnunet")
    found, told = stored(tmp_path / "a/labelsTr/a.nii.gz"), labels_of(tmp_path / "a")
    assert list(told) == ["background", *names]
    for new, old in zip(names, list(BRATS)[1:], strict=True):
        assert np.array_equal(np.isin(found, told[new]), np.isin(values, BRATS[old]))


def test_regions_whose_names_a_project_swapped_keep_their_numbers(tmp_path):
    values = brats()
    root = raw(tmp_path / "in", BRATS, {"a": values}, regions_class_order=[1, 2, 3])
    data = read_dataset(root)
    whole, core, inner = data.taxonomy  # keys stay for ever
    swapped = (whole, replace(core, name=inner.name), replace(inner, name=core.name))
    exact(replace(data, taxonomy=Taxonomy(swapped)), tmp_path / "a", to="nnunet")
    found, told = stored(tmp_path / "a/labelsTr/a.nii.gz"), labels_of(tmp_path / "a")
    assert np.array_equal(found, values)
    assert told[inner.name] == BRATS[core.name]
    assert told[core.name] == BRATS[inner.name]
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_regions_of_which_two_became_one_do_not_take_the_numbers_of_either(tmp_path):
    values = np.array([[[0, 1, 2, 3]]], np.uint8)
    apart = {"background": 0, "a": [1, 3], "b": [2, 3], "c": [3]}
    root = raw(tmp_path / "in", apart, {"x": values}, regions_class_order=[1, 2, 3])
    done = put(renamed(read_dataset(root), ["a=b"]), tmp_path / "no", to="nnunet")
    assert done.refused
    put(renamed(read_dataset(root), ["a=b"]), tmp_path / "n", to="nnunet", regions=True,
        allow_loss=True)  # fmt: skip
    found, told = stored(tmp_path / "n/labelsTr/x.nii.gz"), labels_of(tmp_path / "n")
    assert np.array_equal(np.isin(found, told["b"]), values > 0)
    assert np.array_equal(np.isin(found, told["c"]), values == 3)


def lone(size, category):
    """One region alone, a combination that BraTS has no number for."""
    masks = Masks.from_dense(np.ones((1, *size[1:]), bool))
    return Labels(size, rows=Rows.make(masks, [category], instance=[category + 1]))


def test_new_combinations_get_numbers_beside_those_that_were_read(tmp_path):
    root = raw(
        tmp_path / "in",
        {**BRATS, "ignore": 4},
        {"a": np.minimum(brats(), 3), "b": np.full((5, 6, 7), 4, np.uint8)},
        regions_class_order=[1, 2, 3],
    )
    data = read_dataset(root)
    both = replace(
        data,
        labels_of=lambda s: lone((5, 6, 7), 2) if s.key == "a" else data.labels_of(s),
    )
    done = put(both, tmp_path / "no", to="nnunet")
    assert [loss.kind for loss in done.refused] == ["overlap"]
    assert "to.regions=true" in done.refused[0].example
    exact(both, tmp_path / "a", to="nnunet", regions=True)
    told = labels_of(tmp_path / "a")
    new, ignore = set(told["enhancing"]) - {3}, told["ignore"]
    assert (new, ignore) == ({4}, 5)
    assert set(told["whole tumor"]) == {1, 2, 3}
    assert set(np.unique(stored(tmp_path / "a/labelsTr/a.nii.gz"))) == {0, 4}
    assert set(np.unique(stored(tmp_path / "a/labelsTr/b.nii.gz"))) == {5}


@pytest.mark.parametrize("ending", ["auto", ".nrrd"])
def test_ignore_is_the_highest_number_of_new_regions(tmp_path, ending):
    names = ("a", "b", "never", "nothing")
    taxonomy = Taxonomy(
        (*(Category(n, n, "stuff") for n in names), Category("v", "ignore", "stuff", void=True))
    )
    size = (2, 3, 4)
    hidden = lone(size, 4)
    samples = {"x": hidden, "y": lone(size, 0), "z": lone(size, 1)}
    exact(volumes_of(taxonomy, samples), tmp_path / "a", to="nnunet", regions=True, ending=ending)
    told = labels_of(tmp_path / "a")
    assert told == {"background": 0, "a": [1], "b": [2], "never": [3], "nothing": [3], "ignore": 4}
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


FOLDS = [
    {"train": ["a", "b"], "val": ["c"]},
    {"train": ["a", "c"], "val": ["b"]},
    {"train": ["b", "c"], "val": ["a"]},
]


def test_all_folds_come_back_and_are_told_by_others(tmp_path):
    root = raw(tmp_path / "in", {"background": 0, "x": [1, 2, 3]}, {k: brats() for k in "abc"})
    (root / "splits_final.json").write_text(json.dumps(FOLDS))
    data = read_dataset(root)
    exact(data, tmp_path / "a", to="nnunet")
    assert json.loads((tmp_path / "a/splits_final.json").read_text()) == FOLDS
    assert "splits_final" not in json.loads((tmp_path / "a/dataset.json").read_text())
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="nnunet")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    done = put(data, tmp_path / "n", to="nrrd")
    assert "splits_final" in {loss.kind: loss.named for loss in done.losses}["fields"]


def test_cases_of_folds_that_are_not_there_are_told(tmp_path):
    root = raw(tmp_path / "in", {"background": 0, "x": [1, 2, 3]}, {k: brats() for k in "abc"})
    folds = [*FOLDS, {"train": ["a", "gone"], "val": ["b"], "test": ["c"]}]
    (root / "splits_final.json").write_text(json.dumps(folds))
    done = exact(read_dataset(root), tmp_path / "a", to="nnunet")
    told = " ".join(done.warnings)
    assert "names 1 case without labels, left out of its folds: 'gone'" in told
    assert "only train and val are read, not 'test'" in told
    written = json.loads((tmp_path / "a/splits_final.json").read_text())
    assert written == [*FOLDS, {"train": ["a"], "val": ["b"]}]


def test_image_files_of_other_channels_that_are_left_out_are_named(tmp_path):
    root = raw(tmp_path / "in", {"background": 0, "x": [1, 2, 3]}, {"a": brats()}, channels=3)
    for to in ("nifti", "nrrd"):
        done = put(read_dataset(root), tmp_path / to, to=to)
        named = {loss.kind: loss.named for loss in done.losses}["fields"]
        assert "image a_0001.nii.gz, image a_0002.nii.gz" in named
        assert (
            "2 image files are left out, of channels behind the first: a_0001.nii.gz"
            in " ".join(done.warnings)
        )
    done = exact(read_dataset(root), tmp_path / "nn", to="nnunet")
    assert not done.losses


def test_image_files_of_other_channels_that_are_not_there_are_counted(tmp_path):
    root = raw(tmp_path / "in", {"background": 0, "x": [1, 2, 3]}, {"a": brats()}, channels=3)
    data = read_dataset(root)
    (root / "imagesTr/a_0001.nii.gz").unlink()
    done = exact(data, tmp_path / "out", to="nnunet")
    assert "1 image files of further channels are missing" in done.warnings[-1]
    assert "first a_0001.nii.gz" in done.warnings[-1]
    found = sorted(p.name for p in (tmp_path / "out/imagesTr").iterdir())
    assert found == ["a_0000.nii.gz", "a_0002.nii.gz"]
