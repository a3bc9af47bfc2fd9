from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import tifffile

from maskloom.core.dataset import Dataset
from maskloom.core.labels import VOID, Coverage, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.core.views import class_map
from maskloom.errors import DataError, FormatError
from maskloom.formats.base import LargeMap
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import read_map

from .conftest import NUCLEUS, folder_bytes, objects, random_objects

rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
UTM = "EPSG:32616"
SIZE = (24, 32)
LAND = Taxonomy(
    (
        Category("water", "water", "stuff", (10, 20, 200)),
        Category("road", "road", "stuff", (90, 90, 90)),
        Category("roof", "roof", "stuff", (200, 30, 30)),
    )
)


def grid(x=733601.0, y=3725139.0, step=0.5):
    return rasterio.transform.Affine(step, 0, x, 0, -step, y)


def put(path, pixels, *, transform=None, crs=UTM, **more):
    """A GeoTIFF of (H, W) or (bands, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = pixels if pixels.ndim == 3 else pixels[None]
    colors, point = more.pop("colors", None), more.pop("point", False)
    profile = {"driver": "GTiff", "count": len(bands), "dtype": bands.dtype, **more}
    height, width = bands.shape[1:]
    with rasterio.open(
        path, "w", height=height, width=width, crs=crs, transform=transform or grid(), **profile
    ) as file:
        if point:
            file.update_tags(AREA_OR_POINT="Point")
        if colors:
            file.write_colormap(1, colors)
        file.write(bands)
    return path


def photo(path, size=SIZE, bands=4, **more):
    rng = np.random.default_rng(len(str(path)))
    return put(path, rng.integers(0, 9000, (bands, *size)).astype(np.uint16), **more)


def classes(seed=0, size=SIZE):
    values = np.random.default_rng(seed).integers(0, 3, size).astype(np.uint8)
    values[:2, :5] = VOID
    return values


def dataset(root, labels, taxonomy=LAND, **more):
    samples = [Sample(key, ImageRef(photo(root / f"{key}.tif", **more))) for key in labels]
    return Dataset(taxonomy, tuple(samples), lambda s: labels[s.key], name="generated")


def write(data, target, **options):
    fmt = load_format("geotiff")
    return transfer(data, target, fmt, options=fmt.WriteOptions(**options))


def first(data):
    return data.labels_of(data.samples[0])


def pair(root, values, *, image=None, mask=None):
    """images/a.tif and masks/a.tif; returns the folder."""
    photo(root / "images/a.tif", values.shape, **(image or {}))
    put(root / "masks/a.tif", values, **(mask or {}))
    return root


def test_class_maps_lie_where_their_images_lie_and_come_back_as_the_same_bytes(tmp_path):
    labels = {key: Labels(SIZE, class_map=classes(i)) for i, key in enumerate(("a", "tiles/b"))}
    done = write(dataset(tmp_path / "src", labels), tmp_path / "one")
    assert done.written
    assert (done.changed_pixels, done.refused) == (0, ())
    assert detect_format(tmp_path / "one").name == "geotiff"
    back = read_dataset(tmp_path / "one")
    for sample, found in back:
        np.testing.assert_array_equal(found.class_map, labels[sample.key].class_map)
        assert sample.image.crs == UTM
        assert sample.image.affine[0] == (0.5, 0.0, 733601.0)
    with rasterio.open(tmp_path / "one/masks/a.tif") as mask:
        with rasterio.open(tmp_path / "one/images/a.tif") as image:
            assert (mask.crs, mask.transform) == (image.crs, image.transform)
        assert mask.nodata == VOID
        assert mask.colormap(1)[0] == (10, 20, 200, 255)
    assert write(back, tmp_path / "two").written
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


def test_the_tags_of_a_point_raster_are_kept_and_mean_the_same_place(tmp_path):
    data = dataset(tmp_path / "src", {"a": Labels(SIZE, class_map=classes())}, point=True)
    assert write(data, tmp_path / "out").written
    with (
        rasterio.open(tmp_path / "out/masks/a.tif") as mask,
        rasterio.open(tmp_path / "src/a.tif") as image,
    ):
        assert mask.transform == image.transform == grid()
        assert mask.tags()["AREA_OR_POINT"] == "Point"


def test_a_mask_half_a_pixel_off_because_of_point_and_area_is_refused(tmp_path):
    root = pair(tmp_path, classes(), mask={"transform": grid(733601.25, 3725138.75)})
    with pytest.raises(FormatError, match="half a pixel beside") as caught:
        first(read_dataset(root))
    assert "a.tif" in str(caught.value)
    assert "0.5, 0.5 px" in str(caught.value)
    assert "AREA_OR_POINT" in str(caught.value)


def test_a_mask_in_another_system_or_place_is_refused_with_both_named(tmp_path):
    root = pair(tmp_path / "crs", classes(), mask={"crs": "EPSG:32617"})
    with pytest.raises(FormatError, match=r"EPSG:32617, image a\.tif: EPSG:32616"):
        first(read_dataset(root))
    root = pair(tmp_path / "place", classes(), mask={"transform": grid(733701.0)})
    with pytest.raises(FormatError, match=r"different transforms.*200, 0 px off"):
        first(read_dataset(root))
    root = pair(tmp_path / "step", classes(), mask={"transform": grid(step=0.51)})
    with pytest.raises(FormatError, match="different transforms"):
        first(read_dataset(root))


def test_the_same_system_said_otherwise_and_rounded_transforms_are_the_same(tmp_path):
    wkt = rasterio.crs.CRS.from_epsg(32616).to_wkt()
    mask = {"crs": wkt, "transform": grid(733601.0000001)}
    assert first(read_dataset(pair(tmp_path, classes(), mask=mask))).size == SIZE


def test_no_data_is_void_whatever_its_value(tmp_path):
    values = classes().astype(np.int16)
    values[values == VOID] = -9999
    root = pair(tmp_path, values, mask={"nodata": -9999})
    data = read_dataset(root)
    assert [c.name for c in data.taxonomy] == ["0", "1", "2"]
    np.testing.assert_array_equal(first(data).class_map, classes())
    with_value = read_dataset(root, settings=["from.nodata=value"])
    assert [c.name for c in with_value.taxonomy] == ["-9999", "0", "1", "2"]


LEAST = float(np.finfo(np.float32).min)


@pytest.mark.parametrize("nodata", [np.nan, -9999.0, LEAST, 1e-30])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_fractions_that_are_whole_are_ids_and_their_no_data_is_void(tmp_path, kind, nodata):
    values = classes().astype(kind)
    values[classes() == VOID] = nodata
    values[5, 5] = np.nan  # of a calculator that did not ask what no data is
    root = pair(tmp_path / "in", values, mask={"nodata": nodata, "compress": "deflate"})
    with rasterio.open(root / "masks/a.tif") as file:
        shown = file.read_masks(1) > 0
    shown[5, 5] = False
    wanted = np.where(shown, classes(), VOID)
    data = read_dataset(root)
    assert [c.name for c in data.taxonomy] == ["0", "1", "2"]
    np.testing.assert_array_equal(first(data).class_map, wanted)
    assert write(data, tmp_path / "out").written
    with rasterio.open(tmp_path / "out/masks/a.tif") as file:
        np.testing.assert_array_equal(file.read_masks(1) > 0, shown)
        np.testing.assert_array_equal(file.read(1)[shown], classes()[shown])
    with pytest.raises(FormatError, match=r"row 5, column 5|row 0, column 0"):
        first(read_dataset(root, settings=["from.nodata=value"]))


def test_fractions_up_to_32_bit_are_the_ids_that_whole_numbers_would_be(tmp_path):
    ids = np.where(classes() == VOID, 7, 3_000_000_000)
    found = []
    for kind in (np.uint32, np.float64):
        root = pair(tmp_path / kind.__name__, ids.astype(kind))
        data = read_dataset(root, "geotiff")
        found.append(([c.name for c in data.taxonomy], first(data).class_map.tolist()))
    assert found[0] == found[1]
    assert found[0][0] == ["7", "3000000000"]


def test_object_ids_that_are_stored_as_fractions_stay_whole(tmp_path):
    ids = np.zeros(SIZE, np.float64)
    ids[2:5, 2:9], ids[9:12, 4:8], ids[20:, :] = 7, 2**31 - 1, np.nan
    root = pair(tmp_path, ids, mask={"nodata": np.nan})
    labels = first(read_dataset(root, settings=["from.kind=instance"]))
    assert labels.rows.instance.tolist() == [7, 2**31 - 1]
    assert labels.rows.masks.areas.tolist() == [21, 12]
    assert int(labels.coverage.area.areas[0]) == 20 * SIZE[1]


def test_a_band_of_fractions_and_a_turned_map_of_them_are_read(tmp_path):
    bands = np.stack([np.full(SIZE, 0.5), classes() % 3]).astype(np.float32)
    photo(tmp_path / "in/images/a.tif", SIZE)
    put(tmp_path / "in/masks/a.tif", bands)
    found = first(read_dataset(tmp_path / "in", "geotiff", settings=["from.band=2"])).class_map
    np.testing.assert_array_equal(found, classes() % 3)
    with pytest.raises(DataError, match="whole numbers"):
        first(read_dataset(tmp_path / "in", "geotiff"))
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    (tmp_path / "turned/masks").mkdir(parents=True)
    tags = [(274, 3, 1, 6, True)]  # a quarter turn
    tifffile.imwrite(tmp_path / "turned/masks/a.tif", values, extratags=tags)
    found = first(read_dataset(tmp_path / "turned", "geotiff")).class_map
    np.testing.assert_array_equal(found, np.rot90(values, -1))


def test_with_a_taxonomy_only_the_void_of_the_depth_is_void(tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"categories": [{"id": 0, "name": "sky"}, {"id": 255, "name": "sea"}]}')
    settings = [f"from.taxonomy={names}"]
    deep = pair(tmp_path / "deep", np.array([[0, 255], [65535, 0]], np.uint16))
    assert first(read_dataset(deep, settings=settings)).class_map.tolist() == [[0, 1], [VOID, 0]]
    names.write_text('{"categories": [{"id": 0, "name": "sky"}]}')
    with pytest.raises(FormatError, match="saw 255"):
        first(read_dataset(deep, settings=settings))
    flat = pair(tmp_path / "flat", np.array([[0, 255], [0, 0]], np.uint8))
    assert first(read_dataset(flat, settings=settings)).class_map.tolist() == [[0, VOID], [0, 0]]


def test_a_class_that_is_also_no_data_is_told(tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"categories": [{"id": 0, "name": "sky"}, {"id": 1, "name": "sea"}]}')
    values = np.array([[0, 1], [1, 1]], np.uint8)
    data = read_dataset(
        pair(tmp_path / "d", values, mask={"nodata": 0}), settings=[f"taxonomy={names}"]
    )
    assert first(data).class_map.tolist() == [[VOID, 1], [1, 1]]
    assert any("'sky'" in warning for warning in data.warnings)


def test_binary_maps_with_no_data_keep_foreground_and_background(tmp_path):
    values = np.array([[0, 255, 7], [255, 0, 7]], np.uint8)
    data = read_dataset(pair(tmp_path, values, mask={"nodata": 7}))
    assert first(data).class_map.tolist() == [[254, 0, VOID], [0, 254, VOID]]


def test_palette_indexes_are_ids_and_their_colours_those_of_the_classes(tmp_path):
    table = {0: (1, 2, 3, 255), 1: (200, 100, 50, 255), 2: (7, 8, 9, 255)}
    data = read_dataset(pair(tmp_path, classes(), mask={"colors": table}))
    assert [c.color for c in data.taxonomy] == [(1, 2, 3), (200, 100, 50), (7, 8, 9)]
    np.testing.assert_array_equal(first(data).class_map, classes())


def test_more_than_65535_objects_keep_their_ids_and_what_was_not_labelled(tmp_path):
    ids = np.arange(300 * 300).reshape(300, 300)
    masks, numbers = Masks.from_id_map(ids)
    area = Masks.from_dense((np.arange(300)[:, None] < 200) & np.ones((1, 300), bool))
    rows = Rows.make(masks, np.zeros(len(masks)), instance=numbers * 3)
    labels = Labels((300, 300), rows=rows, coverage=Coverage(area=area))
    rows = rows.take(masks.boxes[:, 1] < 100)
    labels = labels.replace(rows=rows)
    many = Labels((300, 300), rows=Rows.make(masks, np.zeros(len(masks)), instance=numbers * 3))
    data = dataset(tmp_path / "src", {"a": labels, "b": many}, NUCLEUS, size=(300, 300))
    done = write(data, tmp_path / "out", kind="instance")
    assert done.written, done.losses
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    back = read_dataset(tmp_path / "out")
    assert back.labels_of(back.samples[1]).rows.instance.tolist() == (numbers * 3).tolist()
    found = first(back)
    assert found.rows.instance.tolist() == rows.instance.tolist()
    assert found.coverage.area == area
    assert write(back, tmp_path / "again", kind="instance").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "again")


def test_objects_with_holes_and_parts_and_empty_images_are_exact(tmp_path):
    rng = np.random.default_rng(3)
    labels = {f"im{i}": random_objects(rng) for i in range(3)}
    labels["none"] = labels["im0"].replace(rows=labels["im0"].rows.take(slice(0, 0)))
    done = write(dataset(tmp_path / "src", labels, NUCLEUS), tmp_path / "out")
    assert done.written, done.losses
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    overlap = {"a": random_objects(np.random.default_rng(1), n=12, overlap=True)}
    refused = write(dataset(tmp_path / "two", overlap, NUCLEUS), tmp_path / "no")
    assert [loss.kind for loss in refused.refused] == ["overlap"]


@pytest.mark.parametrize("more", [{"tiled": True, "blockxsize": 16, "blockysize": 16},
                                  {"BIGTIFF": "YES"}, {"compress": "lzw"}, {"compress": "zstd"}])  # fmt: skip
def test_tiled_big_and_compressed_maps_are_read(tmp_path, more):
    data = read_dataset(pair(tmp_path, classes(), mask=more))
    np.testing.assert_array_equal(first(data).class_map, classes())


def test_one_band_of_several_is_taken_by_number(tmp_path):
    stack = np.stack([np.full(SIZE, 9, np.uint8), classes()])
    photo(tmp_path / "images/a.tif")
    put(tmp_path / "masks/a.tif", stack)
    data = read_dataset(tmp_path, "geotiff", settings=["from.band=2"])
    np.testing.assert_array_equal(first(data).class_map, classes())
    with pytest.raises(FormatError, match="band 3 of 2"):
        first(read_dataset(tmp_path, "geotiff", settings=["from.band=3"]))
    with pytest.raises(DataError, match="2 channels"):
        first(read_dataset(tmp_path, "geotiff"))


def test_a_folder_with_a_suffix_and_images_of_many_bands_is_read(tmp_path):
    photo(tmp_path / "sen/x.tif", bands=13)
    put(tmp_path / "sen/x_mask.tif", classes())
    settings = ["from.masks=sen", "from.images=sen", "from.suffix=_mask"]
    data = read_dataset(tmp_path, "geotiff", settings=settings)
    assert data.samples[0].key == "x"
    np.testing.assert_array_equal(first(data).class_map, classes())


def test_a_map_of_any_size_is_written_in_windows_where_its_image_lies(tmp_path):
    size = (1100, 900)
    values = np.random.default_rng(0).integers(0, 3, size).astype(np.uint8)
    data = dataset(tmp_path / "src", {"a": Labels(size, class_map=values)}, size=size)
    fmt = load_format("geotiff")
    assert fmt.large
    writer = fmt.writer(tmp_path / "out", LAND, fmt.WriteOptions())
    asked = []

    def read(y0, y1, x0, x1):
        asked.append((y1 - y0) * (x1 - x0))
        return values[y0:y1, x0:x1]

    writer.put_large(data.samples[0], LargeMap(size, read))
    writer.finish({})
    assert max(asked) < values.size
    back = read_dataset(tmp_path / "out")
    np.testing.assert_array_equal(class_map(first(back), back.taxonomy), values)
    with rasterio.open(tmp_path / "out/masks/a.tif") as mask:
        assert (mask.transform, mask.crs.to_epsg()) == (grid(), 32616)
        assert mask.block_shapes == [(512, 512)]
        assert mask.overviews(1) == [2, 4]


def test_images_without_a_place_and_pictures_have_plain_maps(tmp_path):
    from .conftest import dataset_of

    data = dataset_of(LAND, {"a": Labels(SIZE, class_map=classes())}, tmp_path / "src")
    assert write(data, tmp_path / "out").written
    assert detect_format(tmp_path / "out").name == "geotiff"
    assert first(read_dataset(tmp_path / "out")).size == SIZE


def test_maps_whose_images_are_gone_keep_their_place(tmp_path):
    data = dataset(tmp_path / "src", {"a": Labels(SIZE, class_map=classes())})
    assert write(data, tmp_path / "one").written
    shutil.rmtree(tmp_path / "one/images")
    assert write(read_dataset(tmp_path / "one"), tmp_path / "two").written
    with rasterio.open(tmp_path / "two/masks/a.tif") as mask:
        assert (mask.crs.to_epsg(), mask.transform) == (32616, grid())


def test_damage_is_one_error_that_names_the_file(tmp_path):
    root = pair(tmp_path / "cut", classes(size=(600, 700)), mask={"compress": "deflate"})
    whole = (root / "masks/a.tif").read_bytes()
    for keep in (9, 200, len(whole) // 2, len(whole) - 7):
        (root / "masks/a.tif").write_bytes(whole[:keep])
        with pytest.raises(DataError, match=r"a\.tif"):
            first(read_dataset(root, "geotiff"))
    (root / "masks/a.tif").write_bytes(whole)
    photo(root / "images/a.tif", (30, 700))
    with pytest.raises(FormatError, match="700 × 600 px, its image 700 × 30 px"):
        first(read_dataset(root))


def test_fractions_and_ids_without_meaning_are_refused(tmp_path):
    for value in (0.5, np.inf, 2.0**32, np.float32(1e30)):
        values = classes().astype(np.float32)
        values[7, 9], values[8, 1] = value, 0.25
        root = pair(tmp_path / f"float{value}", values)
        seen = re.escape(str(float(value)))
        with pytest.raises(FormatError, match=rf"row 7, column 9.*whole numbers.*{seen}"):
            first(read_dataset(root, "geotiff"))
    names = tmp_path / "names.json"
    names.write_text('{"categories": [{"id": 0, "name": "sky"}]}')
    root = pair(tmp_path / "ids", np.array([[0, 1]], np.uint8))
    with pytest.raises(FormatError, match="does not have at x=1, y=0"):
        first(read_dataset(root, settings=[f"taxonomy={names}"]))
    with pytest.raises(DataError, match="leads out"):
        read_dataset(root, "geotiff", settings=["from.masks=../../etc"])


def test_labels_in_pictures_and_geotiffs_are_the_same_pixels(tmp_path):
    labels = {"a": objects([np.eye(*SIZE, dtype=bool)])}
    assert write(dataset(tmp_path / "src", labels, NUCLEUS), tmp_path / "geo").written
    there = transfer(read_dataset(tmp_path / "geo"), tmp_path / "png", load_format("bitmap"))
    assert there.written, there.losses
    np.testing.assert_array_equal(
        read_map(tmp_path / "png/masks/a.png"), read_map(tmp_path / "geo/masks/a.tif")
    )


@pytest.mark.parametrize("to", ["coco", "objects", "bitmap", "parquet"])
def test_a_place_that_neither_labels_nor_image_keep_is_a_loss(tmp_path, to):
    labels = {"a": objects([np.eye(*SIZE, dtype=bool)])}
    assert write(dataset(tmp_path / "src", labels, NUCLEUS), tmp_path / "geo").written
    data, fmt = read_dataset(tmp_path / "geo"), load_format(to)
    # GeoTIFF images carry their place with them.
    assert transfer(data, tmp_path / "with", fmt).written
    options = fmt.WriteOptions(images="none")
    done = transfer(data, tmp_path / "without", fmt, options=options)
    assert done.written == (to == "parquet")
    assert [(loss.kind, loss.objects) for loss in done.refused] == (
        [] if to == "parquet" else [("affine", 1)]
    )


def test_a_header_that_claims_what_no_memory_holds_is_refused(tmp_path):
    photo(tmp_path / "images/a.tif")
    size = 500_000
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": size, "width": size}
    tiles = {"tiled": True, "blockxsize": 16384, "blockysize": 16384, "SPARSE_OK": True}
    (tmp_path / "masks").mkdir()
    with rasterio.open(
        tmp_path / "masks/a.tif", "w", crs=UTM, transform=grid(), **profile, **tiles
    ):
        pass
    assert (tmp_path / "masks/a.tif").stat().st_size < 1 << 20
    for settings in ([], ["from.band=1"]):
        with pytest.raises(DataError, match=r"a\.tif.*(memory|pixels)"):
            first(read_dataset(tmp_path, "geotiff", settings=settings))


def test_world_files_place_images_as_gdal_reads_them(tmp_path):
    labels = {"a": Labels(SIZE, class_map=classes())}
    assert write(dataset(tmp_path / "src", labels), tmp_path / "out").written
    from tifffile import imwrite

    root, image = tmp_path / "out", tmp_path / "out/images/a.tif"
    image.unlink()
    imwrite(image, np.zeros(SIZE, np.uint8))
    sidecar = image.with_suffix(".tfw")
    sidecar.write_text("0.5\n0\n0\n-0.5\n733601.25\n3725138.75\n")
    with rasterio.open(image) as file:
        assert file.transform == grid()
    np.testing.assert_array_equal(first(read_dataset(root)).class_map, classes())
    assert read_dataset(root).samples[0].image.affine[0] == (0.5, 0.0, 733601.0)
    sidecar.write_text("0.5\n0\n0\n-0.5\n733601\n3725139\n")
    with pytest.raises(FormatError, match="half a pixel"):
        first(read_dataset(root))
    for text in ("", "1 2 3", "a b c d e f", "0 0 0 0 0 0", "nan 0 0 1 0 0", "1 " * 5000):
        sidecar.write_text(text)
        with pytest.raises(FormatError, match=r"a\.tfw: a world file has six numbers"):
            read_dataset(root)
