from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.errors import DataError, FormatError, WriteError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.geojson.place import Frame
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS, dataset_of, folder_bytes, objects, random_objects
from .test_geotiff import SIZE, UTM, dataset, first, grid, photo

rasterio = pytest.importorskip("rasterio", reason="needs the extra geo")
features = pytest.importorskip("rasterio.features", reason="needs the extra geo")
pytest.importorskip("rasterio.warp", reason="needs the extra geo")
GRIDS = {
    "utm": grid(),
    "degrees": rasterio.transform.Affine(1.3e-6, 0, -84.48, 0, -1.1e-6, 33.63),
    "turned": rasterio.transform.Affine(0.3, 0.11, 5000.7, 0.09, -0.31, 90000.3),
    "upwards": rasterio.transform.Affine(2, 0, 10, 0, 2, 20),
    "thirds": rasterio.transform.Affine(1 / 3, 0, 1e6 + 0.1, 0, -1 / 3, 5e6 + 0.7),
}


def polygon(*rings, **properties):
    closed = [[*map(list, ring), list(ring[0])] for ring in rings]
    geometry = {"type": "Polygon", "coordinates": closed}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*listed, crs=UTM, **more):
    out = {"type": "FeatureCollection", **more, "features": list(listed)}
    if crs is not None:
        out["crs"] = {"type": "name", "properties": {"name": crs}}
    return out


def put(root, data, *, key="a", size=SIZE, **more):
    photo(root / f"images/{key}.tif", size, **more)
    (root / "labels").mkdir(exist_ok=True)
    text = data if isinstance(data, str) else json.dumps(data)
    (root / f"labels/{key}.geojson").write_text(text)
    return root


def at(transform, ring):
    """Pixel coordinates as map coordinates."""
    return [
        (
            transform.a * x + transform.b * y + transform.c,
            transform.d * x + transform.e * y + transform.f,
        )
        for x, y in ring
    ]


def square(x0, y0, x1, y1):
    """Corners in pixels as map coordinates."""
    return at(grid(), ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def write(data, target, **options):
    fmt = load_format("geojson")
    return transfer(data, target, fmt, options=fmt.WriteOptions(**options))


def burnt(geometry, transform, size=SIZE):
    return features.rasterize([(geometry, 1)], out_shape=size, transform=transform).astype(bool)


@pytest.mark.parametrize("name", GRIDS)
def test_polygons_are_the_pixels_that_rasterio_burns(tmp_path, name):
    transform = GRIDS[name]
    rng = np.random.default_rng(1)
    listed = []
    for i in range(150):
        rings = [
            rng.uniform(-4, 36, 2) + rng.uniform(-9, 9, (int(rng.integers(3, 8)), 2))
            for _ in range(int(rng.integers(1, 4)))
        ]
        if i % 3:
            rings = [np.round(ring * 2) / 2 for ring in rings]
        listed.append(polygon(*[at(transform, ring.tolist()) for ring in rings], n=i))
    put(tmp_path, collection(*listed), transform=transform)
    rows = first(read_dataset(tmp_path)).rows
    found = {rows.attributes[i]["n"]: rows.masks.dense(i) for i in range(len(rows))}
    for one in listed:
        wanted = burnt(one["geometry"], transform)
        np.testing.assert_array_equal(found.get(one["properties"]["n"], wanted & False), wanted)


def test_multipolygons_with_holes_are_one_object_as_rasterio_burns_them(tmp_path):
    parts = [
        [square(1, 1, 9, 9), square(3, 3, 5, 6)],
        [square(12, 2, 20, 8), square(14, 3, 15.5, 5)],
    ]
    coordinates = [[[*ring, ring[0]] for ring in part] for part in parts]
    one = {"type": "MultiPolygon", "coordinates": coordinates}
    data = collection({"type": "Feature", "properties": None, "geometry": one})
    labels = first(read_dataset(put(tmp_path, data)))
    assert len(labels.rows) == 1
    np.testing.assert_array_equal(labels.rows.masks.dense(0), burnt(one, grid()))
    assert len(labels.rows.geometry[0].parts) == 4


@pytest.mark.parametrize("kind", ["overlap", "again", "collection"])
def test_polygons_of_an_area_that_overlap_are_burned_one_by_one(tmp_path, kind):
    one, two = square(1, 1, 11, 11), square(6, 6, 16, 16)
    parts = [[[*ring, ring[0]]] for ring in ((one, one) if kind == "again" else (one, two))]
    area = {"type": "MultiPolygon", "coordinates": parts}
    if kind == "collection":
        single = [{"type": "Polygon", "coordinates": part} for part in parts]
        area = {"type": "GeometryCollection", "geometries": single}
    data = read_dataset(
        put(tmp_path / "a", collection({"type": "Feature", "properties": None, "geometry": area}))
    )
    wanted = burnt(area, grid())
    assert wanted.sum() == (100 if kind == "again" else 175)
    np.testing.assert_array_equal(first(data).rows.masks.dense(0), wanted)
    assert write(data, tmp_path / "b").written
    np.testing.assert_array_equal(first(read_dataset(tmp_path / "b")).rows.masks.dense(0), wanted)


def test_names_that_differ_in_case_alone_stay_two_classes(tmp_path):
    areas = [polygon(square(1, 1, 5, 5), **{"class": name}) for name in ("Road", "road")]
    data = read_dataset(put(tmp_path, collection(*areas)))
    assert [data.taxonomy[c].name for c in first(data).rows.category] == ["Road", "road"]
    assert sum("'Road' and 'road'" in warning for warning in data.warnings) == 1


def test_properties_are_category_score_and_attributes(tmp_path):
    data = collection(
        polygon(square(1, 1, 5, 5), **{"class": "roof", "height": 3.5, "score": 0.25}),
        polygon(square(6, 6, 9, 9), **{"class": "pool", "note": None}),
        polygon(square(10, 6, 12, 9)),
    )
    back = read_dataset(put(tmp_path, data))
    rows = first(back).rows
    assert [back.taxonomy[c].name for c in rows.category] == ["roof", "pool", "object"]
    assert rows.attributes == ({"height": 3.5}, {"note": None}, None)
    assert rows.score[0] == 0.25
    assert np.isnan(rows.score[1:]).all()
    by_note = read_dataset(tmp_path, settings=["from.category=note", "from.name=thing"])
    assert [c.name for c in by_note.taxonomy] == ["thing"]


def test_properties_that_are_no_score_or_a_number_for_a_name_stay_where_they_were(tmp_path):
    said = [{"class": 3, "score": 2.5}, {"class": 3, "score": True}, {"class": "b", "score": None},
            {"class": "b", "score": "high"}, {"class": "b", "score": 0.5, "n": 2**60}]  # fmt: skip
    corners = [square(2 * i, 0, 2 * i + 2, 2) for i in range(len(said))]
    listed = [polygon(ring, **one) for ring, one in zip(corners, said, strict=True)]
    put(tmp_path / "in", collection(*listed))
    data = read_dataset(tmp_path / "in")
    assert first(data).rows.attributes[0] == {"score": 2.5}
    assert write(data, tmp_path / "out").losses == ()
    again = json.loads((tmp_path / "out/labels/a.geojson").read_text())["features"]
    assert [json.dumps(one["properties"], sort_keys=True) for one in again] == [
        json.dumps(one, sort_keys=True) for one in said
    ]
    assert all("attributes" not in one["maskloom"] for one in again)
    assert write(read_dataset(tmp_path / "out"), tmp_path / "two").written
    assert folder_bytes(tmp_path / "out") == folder_bytes(tmp_path / "two")


def test_coordinates_without_a_system_are_longitude_and_latitude(tmp_path):
    from rasterio.warp import transform_geom

    one = polygon(square(2.2, 3.1, 20.7, 15.4))
    there = transform_geom(UTM, "EPSG:4326", one["geometry"])
    assert -90 < there["coordinates"][0][0][0] < -80
    data = collection({**one, "geometry": there}, crs=None)
    labels = first(read_dataset(put(tmp_path, data)))
    np.testing.assert_array_equal(
        labels.rows.masks.dense(0), burnt(transform_geom("EPSG:4326", UTM, there), grid())
    )


@pytest.mark.parametrize(
    "crs",
    ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::32616", UTM],
)
def test_the_old_member_crs_is_read(tmp_path, crs):
    from rasterio.warp import transform_geom

    one = polygon(square(2, 3, 20, 15))
    if "32616" not in crs:
        one["geometry"] = transform_geom(UTM, "EPSG:4326", one["geometry"])
    rows = first(read_dataset(put(tmp_path, collection(one, crs=crs)))).rows
    assert rows.masks.areas.tolist() == [18 * 12]


def test_pixel_coordinates_need_no_place(tmp_path):
    data = dataset_of(NUCLEUS, {"a": objects([np.eye(*SIZE, dtype=bool)])}, tmp_path / "images")
    (tmp_path / "labels").mkdir()
    text = json.dumps(collection(polygon([(1, 2), (5, 2), (5, 9), (1, 9)]), crs=None))
    (tmp_path / "labels/a.geojson").write_text(text)
    rows = first(read_dataset(tmp_path, settings=["from.crs=pixel"])).rows
    assert (rows.masks.boxes.tolist(), rows.masks.areas.tolist()) == ([[1, 2, 5, 9]], [28])
    with pytest.raises(FormatError, match="no transform"):
        first(read_dataset(tmp_path))
    assert write(data, tmp_path / "out").written
    with pytest.raises(WriteError, match="no place in the world"):
        write(data, tmp_path / "lonlat", crs="lonlat")


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("crs", ["image", "lonlat", "pixel"])
def test_masks_come_back_exact_by_us_and_by_rasterio(tmp_path, name, crs):
    from rasterio.warp import transform_geom

    system = "EPSG:4326" if name == "degrees" else UTM
    if name in ("upwards", "turned") and crs == "lonlat":
        pytest.skip("lies outside of the zone")
    rng = np.random.default_rng(4)
    labels = {f"im{i}": random_objects(rng, overlap=True) for i in range(2)}
    line = np.zeros(SIZE, bool)
    line[:, 5] = line[7] = True
    line[7, 5] = False
    labels["line"] = objects([line, np.ones(SIZE, bool), np.eye(*SIZE, dtype=bool)])
    data = dataset(tmp_path / "src", labels, NUCLEUS, transform=GRIDS[name], crs=system)
    done = write(data, tmp_path / "out", crs=crs)
    assert done.written, done.losses
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    if crs == "pixel":
        return
    for key, one in labels.items():
        listed = json.loads((tmp_path / f"out/labels/{key}.geojson").read_text())["features"]
        for i, feature in enumerate(listed):
            geometry = feature["geometry"]
            if crs == "lonlat" and system != "EPSG:4326":
                geometry = transform_geom("EPSG:4326", system, geometry)
            found = burnt(geometry, GRIDS[name])
            np.testing.assert_array_equal(found, one.rows.masks.dense(i))


def test_written_polygons_are_valid_and_their_rings_are_nested(tmp_path):
    shapely = pytest.importorskip("shapely", reason="an oracle that the extra dev brings")
    rng = np.random.default_rng(9)
    labels = {"a": objects([rng.random(SIZE) < p for p in (0.2, 0.5, 0.8)])}
    assert write(dataset(tmp_path / "src", labels, NUCLEUS), tmp_path / "out", crs="pixel").written
    listed = json.loads((tmp_path / "out/labels/a.geojson").read_text())["features"]
    for i, feature in enumerate(listed):
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.is_valid
        assert shape.area == labels["a"].rows.masks.areas[i]


def test_a_file_is_written_again_as_it_was_read(tmp_path):
    data = collection(
        {**polygon(square(1.234567, 1, 5, 5.75), name="a", n=[1, {"b": 2}]), "id": 7, "bbox": [1]},
        {**polygon(square(30, 10, 90, 20)), "id": "way/3", "own": {"x": 1}},
        name="tile",
    )
    assert write(read_dataset(put(tmp_path / "src", data)), tmp_path / "one").written
    again = read_dataset(tmp_path / "one")
    assert write(again, tmp_path / "two").written
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")
    found = json.loads((tmp_path / "one/labels/a.geojson").read_text())
    assert found["name"] == "tile"
    for one, other in zip(found["features"], data["features"], strict=True):
        assert one["geometry"] == json.loads(json.dumps(other["geometry"]))
        assert {k: v for k, v in one.items() if k in ("id", "bbox", "own")} == {
            k: v for k, v in other.items() if k in ("id", "bbox", "own")
        }
    assert first(again).rows.instance.tolist() == [7, 1]


@pytest.mark.parametrize("named", [True, False])
def test_an_area_without_a_class_gets_none(tmp_path, named):
    given = [{"other": 3}, {"class": None}, {"class": "", "n": 1}, {}]
    given += [{"class": "house"}] if named else []
    areas = [polygon(square(5 * i, 1, 5 * i + 4, 9), **own) for i, own in enumerate(given)]
    source = read_dataset(put(tmp_path / "src", collection(*areas)))
    assert write(source, tmp_path / "one").written
    found = json.loads((tmp_path / "one/labels/a.geojson").read_text())["features"]
    assert [one["properties"] for one in found] == given
    again = read_dataset(tmp_path / "one")
    names = [again.taxonomy[c].name for c in first(again).rows.category]
    assert names == ["object"] * 4 + ["house"] * named
    assert write(again, tmp_path / "two").written
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


def test_an_area_that_got_a_class_since_or_would_be_read_as_another_says_its_own(tmp_path):
    areas = [polygon(square(1, 1, 4, 9), label="x"), polygon(square(6, 1, 9, 9), n=1)]
    away = polygon(square(100, 1, 104, 9), **{"class": "house"})  # names the property, and is gone
    source = put(tmp_path / "src", collection(*areas, away))
    assert write(read_dataset(source), tmp_path / "one").written
    found = json.loads((tmp_path / "one/labels/a.geojson").read_text())["features"]
    assert [one["properties"] for one in found] == [{"class": "object", "label": "x"}, {"n": 1}]
    back = read_dataset(tmp_path / "one")
    assert {back.taxonomy[c].name for c in first(back).rows.category} == {"object"}
    called = read_dataset(source, settings=["from.name=tree"])
    assert write(called, tmp_path / "two").written
    found = json.loads((tmp_path / "two/labels/a.geojson").read_text())["features"]
    assert [one["properties"]["class"] for one in found] == ["tree", "tree"]


def test_vertices_of_other_formats_are_kept_where_gdal_fills_the_same_pixels(tmp_path):
    ring = np.array([[2.2, 2.3], [11.7, 3.1], [8.4, 12.9]])
    mask = Masks.from_polygons([[ring]], SIZE, rule="centre")
    odd = mask.shift(3, 2)
    rows = Rows.make(
        Masks.concatenate([mask, odd]),
        [0, 0],
        geometry=(Geometry((ring,), "centre"), Geometry((ring,), "centre")),
    )
    data = dataset(tmp_path / "src", {"a": Labels(SIZE, rows=rows)}, NUCLEUS)
    done = write(data, tmp_path / "out")
    assert [(loss.kind, loss.objects, loss.refused) for loss in done.losses] == [
        ("vertices", 1, False)
    ]
    back = first(read_dataset(tmp_path / "out")).rows
    assert back.masks == rows.masks
    kept = back.geometry[0].parts[0]
    assert sorted(map(tuple, np.round(kept, 6).tolist())) == sorted(map(tuple, ring.tolist()))


def test_fields_of_other_formats_are_told_as_dropped_and_own_ones_kept(tmp_path):
    full = np.zeros(SIZE, bool)
    full[2:5, 2:5] = True
    own = {"geojson": {"members": {"id": "x"}}}
    rows = objects([full, full, full], source=(own, {"bbox": [0, 0, 9, 9], "area": 7}, None))
    done = write(dataset(tmp_path / "src", {"a": rows}, NUCLEUS), tmp_path / "out")
    assert [(x.kind, x.objects, x.pixels, x.refused) for x in done.losses] == [
        ("fields", 1, 9, False)
    ]


def test_everything_else_about_rows_survives(tmp_path):
    full = np.zeros(SIZE, bool)
    full[2:5, 2:5] = True
    rows = objects(
        [full, full, np.zeros(SIZE, bool)],
        np.array([0, 1, 1], np.int32),
        instance=[4, 4, 9],
        score=[0.1, np.nan, 1.0],
        crowd=[False, True, False],
        z_order=[-3, 0, 7],
        track=[5, -1, 6],
        parent=[9, -1, -1],
        amodal_of=[-1, -1, 4],
        attributes=({"category": "odd", "score": "high"}, None, {"k": [1, None]}),
    )
    taxonomy = Taxonomy((Category("a", "A b"), Category("ü", "Ü", "stuff")))
    data = dataset(tmp_path / "src", {"x/y": rows}, taxonomy)
    assert write(data, tmp_path / "out").written
    back = read_dataset(tmp_path / "out")
    assert back.taxonomy.to_json() == taxonomy.to_json()
    found, wanted = first(back).rows, rows.rows
    assert found.masks == wanted.masks
    for name in ("category", "instance", "score", "crowd", "z_order", "track", "parent"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.amodal_of.tolist() == [-1, -1, 4]
    assert found.attributes == wanted.attributes


def test_one_file_serves_all_images_of_a_folder(tmp_path):
    for i in range(2):
        photo(tmp_path / f"tile_{i}.tif", transform=grid(733601.0 + 16 * i))
    data = collection(polygon(square(30, 2, 40, 8)), polygon(square(1, 1, 3, 3)))
    (tmp_path / "all.geojson").write_text(json.dumps(data))
    back = read_dataset(tmp_path / "all.geojson")
    boxes = [labels.rows.masks.boxes.tolist() for _, labels in back]
    assert boxes == [[[30, 2, 32, 8], [1, 1, 3, 3]], [[0, 2, 8, 8]]]
    assert detect_format(tmp_path).name == "geojson"
    assert len(read_dataset(tmp_path)) == 2
    (tmp_path / "all.geojson").rename(tmp_path / "all.json")
    assert len(read_dataset(tmp_path / "all.json")) == 2


WAYS = {
    "same": grid(),
    "degrees": grid(),
    "turned": grid() @ rasterio.transform.Affine.rotation(30),
    "pixels": None,
}


@pytest.mark.parametrize("way", WAYS)
def test_areas_in_none_of_several_images_are_counted_and_named(tmp_path, way):
    transform = WAYS[way]
    for i in range(2):
        shift = rasterio.transform.Affine.translation(60 * i, 0)
        there = grid() if transform is None else transform @ shift
        photo(tmp_path / f"images/tile_{i}.tif", transform=there)
    rng = np.random.default_rng(3)
    corners = rng.uniform((-30, -20), (120, 45), (60, 2))
    rings = [at(transform or grid(), (c + rng.uniform(0, 9, (4, 2))).tolist()) for c in corners]
    listed = [{**polygon(ring, n=i), "id": f"f{i}"} for i, ring in enumerate(rings)]
    settings = []
    if way == "pixels":
        settings = ["from.crs=pixel"]
        listed = [
            {**polygon((c + rng.uniform(0, 9, (4, 2))).tolist(), n=i), "id": f"f{i}"}
            for i, c in enumerate(corners)
        ]
    if way == "degrees":
        for one in listed:
            warp = rasterio.warp.transform_geom(UTM, "EPSG:4326", one["geometry"])
            one["geometry"] = json.loads(json.dumps(warp))
    crs = UTM if way in ("same", "turned") else None
    (tmp_path / "all.geojson").write_text(json.dumps(collection(*listed, crs=crs)))
    data = read_dataset(tmp_path / "all.geojson", settings=settings)
    seen = {a["n"] for _, labels in data for a in labels.rows.attributes}
    lost = [i for i in range(60) if i not in seen]
    assert len(seen) > 5
    told = (
        f"all.geojson: {len(lost)} of 60 areas lie outside all images and are left out, first "
        f"features[{lost[0]}], id f{lost[0]}"
    )
    assert told in data.warnings


def test_a_file_all_of_whose_areas_lie_in_some_image_is_not_warned_of(tmp_path):
    for i in range(2):
        photo(tmp_path / f"tile_{i}.tif", transform=grid(733601.0 + 16 * i))
    data = collection(polygon(square(40, 2, 44, 8)), polygon(square(1, 1, 3, 3)))
    (tmp_path / "all.geojson").write_text(json.dumps(data))
    assert not any("outside" in w for w in read_dataset(tmp_path / "all.geojson").warnings)


def test_areas_outside_are_told_and_all_outside_is_an_error(tmp_path):
    inside, outside = polygon(square(1, 1, 3, 3)), polygon(square(100, 100, 103, 103))
    outside["id"] = 9
    labels = first(read_dataset(put(tmp_path / "some", collection(inside, outside))))
    assert len(labels.rows) == 1
    assert labels.extra["notes"] == [
        "1 of 2 areas lie outside the image and are left out, first features[1], id 9"
    ]
    with pytest.raises(FormatError, match=r"none of 1 areas.*from\.crs"):
        first(read_dataset(put(tmp_path / "none", collection(outside))))
    far = polygon(square(-1e9, 1, 9, 9))
    with pytest.raises(FormatError, match=r"features\[0\].*2\*\*24"):
        first(read_dataset(put(tmp_path / "far", collection(far))))


BAD = {
    "nan": polygon([(0, 0), (1, float("nan")), (2, 2)]),
    "open": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    "short": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]},
    "text": {"type": "Polygon", "coordinates": [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]]},
    "ragged": {"type": "Polygon", "coordinates": [[[0, 0], [1], [1, 1], [0, 0]]]},
    "huge": {"type": "Polygon", "coordinates": [[[10**400, 0], [1, 0], [1, 1], [10**400, 0]]]},
    "flat": {"type": "Polygon", "coordinates": [0, 0, 1, 1]},
    "none": {"type": "Polygon"},
    "line": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]},
    "deep": {"type": "GeometryCollection", "geometries": [
        {"type": "GeometryCollection", "geometries": []}]},
    "word": "Polygon",
    "properties": {**polygon(square(1, 1, 3, 3)), "properties": [1]},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_feature_is_one_error_that_names_it_or_is_left_out(tmp_path, name):
    bad = BAD[name]
    one = bad if isinstance(bad, dict) and bad.get("type") == "Feature" else {
        "type": "Feature", "id": "x9", "properties": {}, "geometry": bad}  # fmt: skip
    put(tmp_path, collection(polygon(square(1, 1, 3, 3)), one))
    with pytest.raises(FormatError, match=r"a\.geojson: features\[1\]"):
        read_dataset(tmp_path)
    back = read_dataset(tmp_path, skip_bad=True)
    assert len(first(back).rows) == 1
    assert any("1 bad features" in warning for warning in back.warnings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "FeatureCollection", "features": [', "not valid JSON"),
        ('{"type": "FeatureCollection", "features": ' + "[" * 100_000, "JSON"),
        ('{"type": "FeatureCollection", "features": 7}', "not a FeatureCollection"),
        ('{"type": "Feature", "crs": {"type": "link"}, "geometry": null}', "not named"),
        (json.dumps(collection(polygon(square(1, 1, 3, 3)), crs="EPSG:999999")), "PROJ"),
    ],
)
def test_files_that_are_none_are_one_error(tmp_path, text, message):
    put(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        first(read_dataset(tmp_path, "geojson"))
    assert "a.geojson" in str(caught.value)


def test_features_without_geometry_and_images_without_features(tmp_path):
    nowhere = {"type": "Feature", "id": "n", "properties": {}, "geometry": None}
    back = read_dataset(put(tmp_path, collection(nowhere)))
    assert len(first(back).rows) == 0
    told = "a.geojson: 1 features without geometry are left out, first features[0], id n"
    assert told in back.warnings


def test_labels_without_images_carry_their_frame(tmp_path):
    labels = {"a": random_objects(np.random.default_rng(2))}
    data = dataset(tmp_path / "src", labels, NUCLEUS)
    assert write(data, tmp_path / "out", images="none").written
    back = read_dataset(tmp_path / "out")
    assert back.samples[0].image.affine == data.samples[0].image.affine or back.samples[0].image.crs
    assert first(back).rows.masks == labels["a"].rows.masks
    (tmp_path / "other/labels").mkdir(parents=True)
    (tmp_path / "other/labels/b.geojson").write_text(json.dumps(collection()))
    with pytest.raises(FormatError, match="no image"):
        read_dataset(tmp_path / "other", "geojson")


def test_a_thousandth_of_a_pixel_takes_so_many_digits():
    metres = Frame(SIZE, ((0.5, 0, 733601.0), (0, -0.5, 3725139.0), (0, 0, 1)), UTM)
    assert metres.digits(UTM) == 4
    assert metres.digits("EPSG:4326") == 9


@pytest.mark.shared
def test_the_buildings_of_spacenet_are_rasterios_and_written_again_verbatim(shared, tmp_path):
    root = shared / "buildings_spacenet"
    data = read_dataset(root)
    rows = first(data).rows
    listed = json.loads((root / "geotiff_labels.geojson").read_text())["features"]
    with rasterio.open(root / "sample_geotiff.tif") as file:
        size, transform = file.shape, file.transform
    assert len(rows) == len(listed) == 43
    for i, one in enumerate(listed):
        np.testing.assert_array_equal(rows.masks.dense(i), burnt(one["geometry"], transform, size))
    done = write(data, tmp_path / "one")
    assert (done.exact_objects, done.losses) == (43, ())
    assert write(read_dataset(tmp_path / "one"), tmp_path / "two").written
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


def test_a_ring_that_crosses_itself_is_turned_as_ogr_turns_it(tmp_path):
    # Its area says one direction, the turn at its lowest vertex the other; a side lies level with
    # pixel centres, so that the direction decides about pixels.
    ring = [(3.5, 20.5), (6.0, 17.0), (17.5, 21.5), (18.5, 20.5)]
    one = polygon(at(grid(), ring))
    rows = first(read_dataset(put(tmp_path, collection(one)))).rows
    np.testing.assert_array_equal(rows.masks.dense(0), burnt(one["geometry"], grid()))
    turned = [np.array(ring), np.array(ring)[::-1]]
    both = Masks.from_polygons([[r] for r in turned], SIZE, rule="gdal")
    assert both[0] != both[1]
