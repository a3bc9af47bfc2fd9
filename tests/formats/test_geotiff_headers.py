"""What the header of a GeoTIFF map says besides its pixels, judged by rasterio."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from maskloom.core.views import class_map
from maskloom.errors import FormatError
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.transfer import transfer

from .conftest import folder_bytes

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
UTM, SIZE = "EPSG:32616", (24, 32)
GRID = rasterio.transform.Affine(0.5, 0, 733601, 0, -0.5, 3725139)
POINTS = [
    rasterio.control.GroundControlPoint(row, col, 733601 + 0.5 * col, 3725139 - 0.4 * row)
    for row, col in ((0, 0), (0, 32), (24, 0), (24, 32))
]
VALUES = np.random.default_rng(0).integers(0, 3, SIZE).astype(np.uint8)
HIDDEN = np.zeros(SIZE, bool)
HIDDEN[:7, 3:] = True


def put(path, pixels, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = pixels if pixels.ndim == 3 else pixels[None]
    profile = {"driver": "GTiff", "count": len(bands), "dtype": bands.dtype, **more}
    file = rasterio.open(path, "w", height=bands.shape[1], width=bands.shape[2], **profile)
    file.write(bands)
    return file


def placed(path, pixels, **more):
    return put(path, pixels, **{"crs": UTM, "transform": GRID, **more})


def picture(root):
    (root / "images").mkdir(parents=True)
    Image.fromarray(np.zeros((*SIZE, 3), np.uint8)).save(root / "images/a.png")


def write(root, target, to="geotiff", **options):
    fmt = load_format(to)
    data = read_dataset(root, "geotiff")
    return transfer(data, target, fmt, options=fmt.WriteOptions(**options))


def masked(root, values, *, internal=True, alpha=False, **more):
    """A map of which a mask hides a part."""
    placed(root / "images/a.tif", np.zeros((3, *values.shape), np.uint8)).close()
    if alpha:
        bands = np.stack([values, np.where(HIDDEN, 0, 200).astype(values.dtype)])
        with placed(root / "masks/a.tif", bands, ALPHA="YES", **more):
            return root
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal),
        placed(root / "masks/a.tif", values, **more) as file,
    ):
        file.write_mask(~HIDDEN)
    assert (root / "masks/a.tif.msk").exists() is not internal
    return root


def data_of(path):
    with rasterio.open(path) as file:
        return file.read(1), file.dataset_mask() > 0


@pytest.mark.parametrize("how", [{}, {"internal": False}, {"alpha": True}, {"nodata": 1}])
def test_pixels_that_a_mask_hides_are_void_and_no_data_again(tmp_path, how):
    masked(tmp_path / "in", VALUES, **how)
    before, valid = data_of(tmp_path / "in/masks/a.tif")
    assert not valid.all()
    data = read_dataset(tmp_path / "in", "geotiff")
    found = data.labels_of(data.samples[0]).class_map
    assert (found[~valid] == 255).all()
    assert (found[valid] == before[valid]).all()
    assert write(tmp_path / "in", tmp_path / "out").written
    after, shown = data_of(tmp_path / "out/masks/a.tif")
    np.testing.assert_array_equal(shown, valid)
    np.testing.assert_array_equal(after[valid], before[valid])
    assert write(tmp_path / "out", tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_hidden_pixels_of_object_maps_lie_outside_the_coverage(tmp_path):
    masked(tmp_path / "in", VALUES)
    before, valid = data_of(tmp_path / "in/masks/a.tif")
    data = read_dataset(tmp_path / "in", "geotiff", settings=["kind=instance"])
    labels = data.labels_of(data.samples[0])
    np.testing.assert_array_equal(labels.coverage.area.dense(0), valid)
    fmt = load_format("geotiff")
    assert transfer(data, tmp_path / "out", fmt).written
    after, shown = data_of(tmp_path / "out/masks/a.tif")
    np.testing.assert_array_equal(shown, valid)
    np.testing.assert_array_equal(after[valid], before[valid])


def test_a_map_that_is_all_hidden_and_ids_that_only_hidden_pixels_have(tmp_path):
    values = VALUES.copy()
    values[HIDDEN] = 9
    masked(tmp_path / "in", values)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        placed(tmp_path / "in/masks/b.tif", VALUES) as file,
    ):
        file.write_mask(np.zeros(SIZE, bool))
    placed(tmp_path / "in/images/b.tif", np.zeros((3, *SIZE), np.uint8)).close()
    data = read_dataset(tmp_path / "in", "geotiff")
    assert [c.name for c in data.taxonomy] == ["0", "1", "2"]
    assert (class_map(data.labels_of(data.samples[1]), data.taxonomy) == 255).all()
    taken = read_dataset(tmp_path / "in", "geotiff", settings=["from.nodata=value"])
    assert [c.name for c in taken.taxonomy] == ["0", "1", "2", "9"]


def test_a_mask_of_another_size_beside_a_map_is_refused(tmp_path):
    masked(tmp_path / "in", VALUES, internal=False)
    put(tmp_path / "in/masks/a.tif.msk", np.ones((3, 4), np.uint8)).close()
    with pytest.raises(FormatError, match="another size"):
        read_dataset(tmp_path / "in", "geotiff")


def test_what_the_header_of_a_map_says_is_written_again(tmp_path):
    placed(tmp_path / "in/images/a.tif", np.zeros((3, *SIZE), np.uint8)).close()
    said = {"AUTHOR": "a < b & Grüße", "TIFFTAG_COPYRIGHT": "me", "STATISTICS_MAXIMUM": "2"}
    texts = {"TIFFTAG_SOFTWARE": "QGIS 3", "TIFFTAG_IMAGEDESCRIPTION": '<?xml version="1.0"?><a/>'}
    said |= texts
    with placed(tmp_path / "in/masks/a.tif", VALUES) as file:
        file.update_tags(AREA_OR_POINT="Point", **said)
        file.update_tags(1, LAYER_TYPE="thematic")
        file.update_tags(ns="survey", year="2020")
        file.set_band_description(1, "landuse")
    assert write(tmp_path / "in", tmp_path / "out").losses == ()
    with rasterio.open(tmp_path / "out/masks/a.tif") as file:
        tags = file.tags()
        assert (tags["AREA_OR_POINT"], tags["AUTHOR"]) == ("Point", said["AUTHOR"])
        assert tags["TIFFTAG_COPYRIGHT"] == "me"
        assert {name: tags[name] for name in texts} == texts
        assert "STATISTICS_MAXIMUM" not in tags
        assert file.tags(1) == {"LAYER_TYPE": "thematic"}
        assert file.tags(ns="survey") == {"year": "2020"}
        assert file.descriptions == ("landuse",)
        assert (file.transform, file.crs.to_string()) == (GRID, UTM)
    assert write(tmp_path / "out", tmp_path / "again").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")
    told = next(x.named for x in write(tmp_path / "in", tmp_path / "b", "bitmap").losses)
    assert all(name in told for name in ("AUTHOR", "DESCRIPTION", "LAYER_TYPE"))


def test_metadata_of_the_chosen_band_is_kept(tmp_path):
    picture(tmp_path / "in")
    with placed(tmp_path / "in/masks/a.tif", np.stack([VALUES * 0, VALUES])) as file:
        file.descriptions = ("other", "landuse")
    data = read_dataset(tmp_path / "in", "geotiff", settings=["from.band=2"])
    assert transfer(data, tmp_path / "out", load_format("geotiff")).written
    with rasterio.open(tmp_path / "out/masks/a.tif") as file:
        assert file.descriptions == ("landuse",)


@pytest.mark.parametrize("place", [{"gcps": POINTS, "crs": UTM}, {"crs": UTM}])
def test_a_place_that_only_the_map_has_is_kept_or_a_loss(tmp_path, place):
    picture(tmp_path / "in")
    put(tmp_path / "in/masks/a.tif", VALUES, **place).close()
    assert write(tmp_path / "in", tmp_path / "out").losses == ()
    with (
        rasterio.open(tmp_path / "in/masks/a.tif") as one,
        rasterio.open(tmp_path / "out/masks/a.tif") as two,
    ):
        assert [p.asdict() | {"id": ""} for p in one.gcps[0]] == [
            p.asdict() | {"id": ""} for p in two.gcps[0]
        ]
        assert (one.crs, one.gcps[1], one.transform) == (two.crs, two.gcps[1], two.transform)
        assert len(two.gcps[0]) == len(place.get("gcps", ()))
    for to in ("bitmap", "coco"):
        done = write(tmp_path / "in", tmp_path / f"no-{to}", to)
        assert [loss.kind for loss in done.refused] == ["affine"]
        assert not done.written
    data = read_dataset(tmp_path / "in", "geotiff")
    parquet = load_format("parquet")
    options = parquet.WriteOptions()
    assert transfer(data, tmp_path / "p", parquet, options=options).refused == ()
    back = transfer(read_dataset(tmp_path / "p"), tmp_path / "p2", load_format("geotiff"))
    assert back.refused == ()
    with rasterio.open(next((tmp_path / "p2/masks").iterdir())) as file:
        assert len(file.gcps[0]) == len(place.get("gcps", ()))


def test_points_that_image_and_map_share_stay_with_the_image(tmp_path):
    for name, bands in (("images", np.zeros((3, *SIZE), np.uint8)), ("masks", VALUES)):
        put(tmp_path / f"in/{name}/a.tif", bands, gcps=POINTS, crs=UTM).close()
    assert write(tmp_path / "in", tmp_path / "out", "bitmap").refused == ()
    done = write(tmp_path / "in", tmp_path / "none", "bitmap", images="none")
    assert [loss.kind for loss in done.refused] == ["affine"]


def test_tags_of_another_form_are_left_out():
    from maskloom.store.rasters.metadata import place_tags, tags_of_metadata

    bad = {"33922": [12, 6, ["a"] * 6], "34737": [2, 1, "long"], "34735": 3, "9": [3, 1, [1]]}
    assert place_tags({"tags": bad}) is None
    assert tags_of_metadata({"items": [3], "texts": {"x": 1}}) == {}
    json.dumps(bad)


def test_dots_per_inch_are_told_as_they_are_not_written(tmp_path):
    placed(tmp_path / "in/images/a.tif", np.zeros((3, *SIZE), np.uint8)).close()
    with placed(tmp_path / "in/masks/a.tif", VALUES) as file:
        file.update_tags(
            TIFFTAG_XRESOLUTION="300", TIFFTAG_YRESOLUTION="300", TIFFTAG_RESOLUTIONUNIT="2"
        )
    done = write(tmp_path / "in", tmp_path / "out")
    assert done.written
    assert [(loss.kind, loss.named) for loss in done.losses] == [
        ("fields", "of images: resolution")
    ]
    assert write(tmp_path / "out", tmp_path / "again").losses == ()
