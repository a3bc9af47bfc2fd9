"""Real volumes through every format that holds them and back, by other libraries' own readers."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest

from maskloom.formats.compare import compare
from maskloom.formats.detect import read_dataset
from maskloom.store.volumes import read_volume

from .test_nifti import exact, put

nib = pytest.importorskip("nibabel", reason="needs the extra medical")
sitk = pytest.importorskip("SimpleITK", reason="needs the extra medical")
hd = pytest.importorskip("highdicom", reason="needs the extra medical")
SAMPLES = "dicom_seg_samples"
TARGETS = {
    "nifti": ("nifti", {}),
    "nrrd": ("nrrd", {"kind": "class"}),
    "segments": ("nrrd", {"kind": "segments"}),
    "binary": ("dicom-seg", {"type": "binary"}),
    "fractional": ("dicom-seg", {"type": "fractional"}),
    "labelmap": ("dicom-seg", {"type": "labelmap"}),
    "nnunet": ("nnunet", {}),
    "nnunet-mha": ("nnunet", {"ending": ".mha"}),
    "nnunet-regions": ("nnunet", {"regions": True}),
    "parquet": ("parquet", {}),
}
OVERLAP = {"nifti", "nrrd", "labelmap", "nnunet", "nnunet-mha"}
"""Targets in which a voxel is of one object."""
CLASSES = {
    "hippocampus_msd": None,
    f"{SAMPLES}/dcmqi/liver_spine_gapped_seg.nrrd": "nrrd",
    f"{SAMPLES}/dcmqi/partial_overlaps-1.nrrd": "nrrd",
    f"{SAMPLES}/dcmqi/spine_seg_label5.nrrd": "nrrd",
    f"{SAMPLES}/dcmqi/sparse_labelmap_ppv5_seg.nrrd": "nrrd",
    f"{SAMPLES}/dcmqi/23x38x3/nrrd/label.nrrd": "nrrd",
}
SEGMENTS = [
    *(f"dcmqi/{name}" for name in ("partial_overlaps.dcm", "sparse-labelmap-ppv5.dcm")),
    "dcmqi/23x38x3/seg/label.seg",
    *(f"highdicom/seg_image_ct_{kind}.dcm" for kind in ("binary", "binary_overlap")),
    "highdicom/seg_image_ct_true_fractional.dcm",
]


@pytest.fixture(autouse=True)
def _quiet():
    """highdicom and pydicom warn of values in the samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def by_simpleitk(path):
    """(class name or number → (D, H, W) bool, RAS affine)."""
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image)
    array = array[..., None] if array.ndim == 3 else array
    matrix = np.eye(4)
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, :3], matrix[:3, 3] = axes, image.GetOrigin()
    named = {}
    for key in image.GetMetaDataKeys():
        if key.startswith("Segment") and key.endswith("_Name"):
            own = [image.GetMetaData(key.replace("Name", part)) for part in ("Layer", "LabelValue")]
            named[image.GetMetaData(key)] = tuple(map(int, own))
    places = named or {int(v): (0, int(v)) for v in np.unique(array) if v}
    found = {name: array[..., layer] == value for name, (layer, value) in places.items()}
    return found, np.diag([-1, -1, 1, 1]) @ matrix


def by_nibabel(path):
    image = nib.load(path)
    array = np.asarray(image.dataobj).transpose(2, 1, 0)
    return {int(v): array == v for v in np.unique(array) if v}, image.affine


def by_highdicom(path):
    seg = hd.seg.segread(path)
    segments = [n for n in seg.segment_numbers if n]
    volume = seg.get_volume(segment_numbers=segments, combine_segments=False)
    names = [seg.get_segment_description(n).segment_label for n in segments]
    affine = np.diag([-1, -1, 1, 1]) @ volume.affine[:, [2, 1, 0, 3]]
    return {name: volume.array[..., i] > 0 for i, name in enumerate(names)}, affine


def numbers(target, listed):
    """Class name → number of a folder of numbers."""
    if (target / "dataset.json").is_file():
        return json.loads((target / "dataset.json").read_text())["labels"]
    said = json.loads((target / "taxonomy.json").read_text())["categories"]
    return {one["name"]: next(iter(one["ids"].values())) for one in said if one["name"] in listed}


def theirs(kind, target, key, listed):
    """Class name → voxels, and the affine, of what was written."""
    to = TARGETS[kind][0]
    if to == "dicom-seg":
        return by_highdicom(target / f"{key}.dcm")
    if kind == "segments":
        return by_simpleitk(target / f"labels/{key}.seg.nrrd")
    folder = target / ("labelsTr" if to == "nnunet" else "labels")
    (path,) = folder.glob(f"{key}.*")
    found, affine = (by_nibabel if path.name.endswith(".nii.gz") else by_simpleitk)(path)
    if kind == "nnunet-regions":
        said = {n: v for n, v in numbers(target, listed).items() if isinstance(v, list)}
        none = np.zeros(next(iter(found.values())).shape, bool)
        return {n: sum((found.get(v, none) for v in own), none) for n, own in said.items()}, affine
    return {n: found[v] for n, v in numbers(target, listed).items() if v in found}, affine


def placed(voxels, affine):
    """Where voxels lie, as sorted points."""
    points = np.argwhere(voxels)[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
    return points[np.lexsort(np.round(points, 2).T)]


def same(ours, theirs):
    """Whether two sets of {name: voxels} lie at the same places."""
    (one, here), (two, there) = ours, theirs
    names = {name for name, voxels in one.items() if voxels.any()}
    assert names == {name for name, voxels in two.items() if voxels.any()}
    for name in names:
        points, others = placed(one[name], here), placed(two[name], there)
        assert len(points) == len(others)
        assert np.allclose(points, others, atol=2e-3)


@pytest.mark.shared
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("source", CLASSES)
def test_class_volumes_lie_where_they_lay_and_come_home(shared, tmp_path, kind, source):
    data = read_dataset(shared / source, CLASSES[source])
    to, options = TARGETS[kind]
    done = exact(data, tmp_path / "a", to=to, **options)
    assert {loss.kind for loss in done.losses} <= {"fields"}
    key = data.samples[0].key
    names = {c.name for c in data.taxonomy}
    if to != "parquet":
        file = shared / source
        read = by_simpleitk if file.is_file() else by_nibabel
        found, affine = read(file if file.is_file() else file / f"labels/{key}.nii.gz")
        before = {str(n): voxels for n, voxels in found.items()}
        # Names that a side file gives are those of the numbers.
        ids = {str(v): c.name for c in data.taxonomy for _, v in c.ids}
        same(
            ({ids[n]: voxels for n, voxels in before.items()}, affine),
            theirs(kind, tmp_path / "a", key, names),
        )
    home = CLASSES[source] or "nifti"
    put(read_dataset(tmp_path / "a", to), tmp_path / "b", to=home)
    back = read_dataset(tmp_path / "b", home)
    found = compare(data, back)
    assert (found.changed_pixels, found.moved) == (0, 0)
    for one, two in zip(data.samples, back.samples, strict=True):
        assert np.allclose(one.image.spacing, two.image.spacing, rtol=1e-6)
        assert (one.image.path is None) == (two.image.path is None)
        if one.image.path is not None:
            images = [sitk.ReadImage(str(sample.image.path)) for sample in (one, two)]
            assert np.array_equal(*map(sitk.GetArrayFromImage, images))


@pytest.mark.shared
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("source", SEGMENTS)
def test_segments_lie_where_they_lay_and_come_home(shared, tmp_path, kind, source):
    settings = ["threshold=0.5"] if "true_fractional" in source else []
    data = read_dataset(shared / SAMPLES / source, "dicom-seg", settings=settings)
    to, options = TARGETS[kind]
    if "overlap" in source and kind in OVERLAP:
        done = put(data, tmp_path / "a", to=to, **options)
        assert not done.written
        assert {loss.kind for loss in done.refused} == {"overlap"}
        return
    done = exact(data, tmp_path / "a", to=to, **options)
    assert {loss.kind for loss in done.losses} <= {"fields"}
    once = len({c.name for c in data.taxonomy if c.kind == "stuff"}) == len(data.taxonomy)
    if to != "parquet" and once and "true_fractional" not in source:
        listed = {c.name for c in data.taxonomy}
        before = by_highdicom(shared / SAMPLES / source)
        same(before, theirs(kind, tmp_path / "a", data.samples[0].key, listed))
    put(read_dataset(tmp_path / "a", to), tmp_path / "b", to="dicom-seg")
    found = compare(data, read_dataset(tmp_path / "b", "dicom-seg"))
    assert (found.changed_pixels, found.moved) == (0, 0)
    assert found.exact_objects == found.objects


@pytest.mark.shared
def test_a_series_of_slices_goes_along_into_tables(shared, tmp_path):
    for part in ("image", "seg"):
        shutil.copytree(shared / SAMPLES / "dcmqi/23x38x3" / part, tmp_path / "in" / part)
    data = read_dataset(tmp_path / "in")
    done = exact(data, tmp_path / "a", to="parquet")
    assert not any("missing" in text for text in done.warnings)
    (sample,) = read_dataset(tmp_path / "a").samples
    series = read_volume(tmp_path / "in/image")
    array = np.asarray(nib.load(sample.image.path).dataobj).transpose(2, 1, 0)
    assert np.array_equal(array, series.array)
    exact(read_dataset(tmp_path / "a"), tmp_path / "b", to="dicom-seg")
