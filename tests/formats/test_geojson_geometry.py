"""What becomes of an author's geometry: kept as it was, moved to another system, or told as gone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.fields import beside_places
from maskloom.formats.loss import Holds, losses_of
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS
from .test_geojson import SIZE, UTM, at, burnt, collection, dataset, first, grid, put, write

pytest.importorskip("rasterio", reason="needs the extra geo")
OVERLAP = ((2.2, 2.3, 5.4), (4.2, 4.3, 5.4))
PIECES = {
    "overlapping": OVERLAP,
    "nested": ((2, 2, 10), (4, 4, 3)),
    "touching": ((2, 2, 4), (6, 2, 4)),
    "twice": ((2.2, 2.3, 5.4),) * 2,
}


def ring(x, y, side, *height):
    corners = at(grid(), ((x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)))
    return [[*corner, *height] for corner in corners]


def multi(pieces):
    return {"type": "MultiPolygon", "coordinates": [[ring(*piece)] for piece in pieces]}


def feature(geometry, **members):
    return {"type": "Feature", "properties": {"class": "a"}, "geometry": geometry, **members}


def source(root, *geometries, **more):
    listed = [one if one["type"] == "Feature" else feature(one) for one in geometries]
    return read_dataset(put(root, collection(*listed, **more)))


def written(root):
    data = json.loads((root / "labels/a.geojson").read_text())
    return [one["geometry"] for one in data["features"]]


def losses(done):
    return {total.kind: (total.objects, total.named) for total in done.losses}


@pytest.mark.parametrize("kind", PIECES)
def test_polygons_of_one_area_are_written_again_as_they_were(tmp_path, kind):
    area = multi(PIECES[kind])
    data = source(tmp_path / "in", area)
    assert write(data, tmp_path / "out").losses == ()
    assert written(tmp_path / "out") == [area]
    for crs in ("lonlat", "pixel"):
        assert write(data, tmp_path / crs, crs=crs).losses == ()
        (moved,) = written(tmp_path / crs)
        assert [len(part[0]) for part in moved["coordinates"]] == [5, 5]
        again = first(read_dataset(tmp_path / crs)).rows.masks
        np.testing.assert_array_equal(again.dense(0), burnt(area, grid()))


@pytest.mark.parametrize("kind", PIECES)
@pytest.mark.parametrize(
    "target", ["voc", "cvat", "yolo", "bitmap", "datumaro", "labelstudio", "via"]
)
def test_coordinates_of_overlapping_polygons_are_told_where_they_go(tmp_path, kind, target):
    done = transfer(
        source(tmp_path / "in", multi(PIECES[kind])), tmp_path / "out", load_format(target)
    )
    assert done.written
    assert losses(done)["vertices"][0] == 1


@pytest.mark.parametrize("target", ["coco", "labelme", "parquet", "supervisely"])
def test_coordinates_in_a_kept_field_are_kept(tmp_path, target):
    name = "out.json" if target == "coco" else "out"
    data = source(tmp_path / "in", multi(OVERLAP))
    assert "vertices" not in losses(transfer(data, tmp_path / name, load_format(target)))


def test_an_area_that_was_redrawn_tells_the_coordinates_that_it_had(tmp_path):
    data = source(tmp_path / "in", {**multi(OVERLAP), "survey": "2019"})
    rows = first(data).rows
    edited = Rows.make(rows.masks.shift(1, 0), rows.category, source=rows.source)
    labels = Labels(first(data).size, rows=edited, extra=first(data).extra)
    done = write(dataset(tmp_path / "src", {"a": labels}, NUCLEUS), tmp_path / "out")
    assert losses(done) == {"vertices": (1, ""), "fields": (1, "of objects: geometry.survey")}


@pytest.mark.parametrize("crs", ["lonlat", "pixel"])
def test_heights_and_members_of_a_geometry_go_with_it_into_another_system(tmp_path, crs):
    plain = {"type": "Polygon", "coordinates": [ring(2.3, 2.2, 5.4, 77.5)], "survey": "2019"}
    other = {"type": "Polygon", "coordinates": [ring(15, 2, 4)], "by": "me"}
    data = source(tmp_path / "in", plain, {"type": "GeometryCollection", "geometries": [other]})
    assert write(data, tmp_path / "out", crs=crs).losses == ()
    one, two = written(tmp_path / "out")
    assert one["survey"] == "2019"
    assert [position[2] for position in one["coordinates"][0]] == [77.5] * 5
    assert one["coordinates"][0][0] == one["coordinates"][0][-1]
    assert two["geometries"][0]["by"] == "me"
    assert first(read_dataset(tmp_path / "out")).rows.masks == first(data).rows.masks


def test_bounds_are_kept_in_their_own_system_and_told_in_another(tmp_path):
    area = {"type": "Polygon", "coordinates": [ring(2, 2, 5)], "bbox": [1, 2, 3, 4]}
    data = source(tmp_path / "in", feature(area, bbox=[1, 2, 3, 4]), bbox=[5, 6, 7, 8])
    assert write(data, tmp_path / "same").losses == ()
    assert "[5,6,7,8]" in (tmp_path / "same/labels/a.geojson").read_text()
    assert losses(write(data, tmp_path / "moved", crs="lonlat")) == {
        "fields": (1, "of objects: bbox, geometry.bbox; of images: bbox")
    }
    assert '"bbox"' not in (tmp_path / "moved/labels/a.geojson").read_text()


@pytest.mark.parametrize("target", ["voc", "cvat", "bitmap", "via"])
def test_heights_and_members_of_a_geometry_are_told_by_name(tmp_path, target):
    areas = [
        {"type": "Polygon", "coordinates": [ring(2, 2, 5, 77.5)]},
        {"type": "Polygon", "coordinates": [ring(12, 2, 5)], "survey": "2019"},
        {"type": "Polygon", "coordinates": [ring(22, 2, 5)]},
    ]
    done = transfer(source(tmp_path / "in", *areas), tmp_path / "out", load_format(target))
    told = losses(done)
    assert told["vertices"][0] == 3
    assert told["fields"] == (2, "of objects: geometry.survey, geometry.z")


def test_parts_of_one_object_differ_in_what_their_geometries_say_not_in_where_they_lie(tmp_path):
    def parts(name, **other):
        areas = [{"type": "Polygon", "coordinates": [ring(x, 2, 5)]} for x in (2, 12)]
        areas[1] |= other
        listed = [feature(area, maskloom={"instance": 3}) for area in areas]
        return first(source(tmp_path / name, *listed))

    holds = Holds(instances=True, fields=True)
    told = {x.kind: x.names for x in losses_of(holds, "a", parts("same"), NUCLEUS)}
    assert set(told) == {"parts", "vertices"}
    other = losses_of(holds, "a", parts("other", survey="2019"), NUCLEUS)
    assert {x.kind: x.names for x in other}["fields"] == ("geometry.survey",)


def test_united_parts_keep_the_noted_coordinates_of_the_first_alone(tmp_path):
    areas = [multi(OVERLAP), multi([(x + 12, y, side) for x, y, side in OVERLAP])]
    listed = [feature(area, maskloom={"instance": 3}) for area in areas]
    labels = first(source(tmp_path / "in", *listed))
    found = losses_of(Holds(instances=True, fields=True), "a", labels, NUCLEUS)
    assert {x.kind: x.objects for x in found} == {"parts": 1, "vertices": 1}
    assert losses_of(Holds(instances=True, fields=True, parts=True), "a", labels, NUCLEUS) == []


def test_a_field_that_only_looks_like_a_noted_geometry_is_left_alone():
    mask = Masks.from_dense(np.ones((2, 2), bool))
    for odd in (3, "x", [], {"coordinates": {}}, {"geometries": 7}, {"coordinates": [[]]}):
        rows = Rows.make(mask, [0], source=({"geojson": {"_geometry": odd}},))
        kinds = {x.kind for x in losses_of(Holds(instances=True), "a", Labels((2, 2), rows=rows),
                                           NUCLEUS)}  # fmt: skip
        assert "vertices" not in kinds
        assert beside_places(rows) == ({},)


def rings_of_author(tmp_path, rings, rule="coco"):
    mask = Masks.from_polygons([rings], (24, 32), rule=rule)
    rows = Rows.make(mask, [0], geometry=(Geometry(tuple(rings), rule),))
    done = write(
        dataset(tmp_path / "src", {"a": Labels((24, 32), rows=rows)}, NUCLEUS),
        tmp_path / "out",
        crs="pixel",
    )
    assert done.written
    assert first(read_dataset(tmp_path / "out")).rows.masks == mask
    return written(tmp_path / "out")[0], losses(done)


def box(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


def test_apart_rings_of_an_author_are_polygons_of_their_own(tmp_path):
    rings = [box(2.5, 2, 7, 8), box(12.5, 2, 17, 8)]
    geometry, told = rings_of_author(tmp_path, rings, "gdal")
    shape = shapely.geometry.shape(geometry)
    assert (geometry["type"], told) == ("MultiPolygon", {})
    assert (shape.is_valid, shape.area) == (True, 54)


def test_holes_of_an_author_go_with_the_ring_around_them(tmp_path):
    rings = [box(4.5, 4, 6.5, 6), box(20, 2, 26, 9), box(2.5, 2, 12, 12), box(22, 3, 24, 5)]
    geometry, told = rings_of_author(tmp_path, rings, "gdal")
    shape = shapely.geometry.shape(geometry)
    assert ([len(part) for part in geometry["coordinates"]], told) == ([2, 2], {})
    assert shape.is_valid
    assert shape.area == 95 - 4 + 42 - 4
    assert all(part.exterior.is_ccw for part in shape.geoms)
    assert not any(hole.is_ccw for part in shape.geoms for hole in part.interiors)


@pytest.mark.parametrize(
    "rings",
    [
        [box(2.4, 2, 12, 12), box(6.4, 6, 18, 18)],
        [np.array([[2.4, 2], [12, 12], [12, 2], [2.4, 12]])],
    ],
)
def test_rings_of_an_author_that_cross_give_way_to_pixel_edges(tmp_path, rings):
    geometry, told = rings_of_author(tmp_path, rings, "gdal")
    shape = shapely.geometry.shape(geometry)
    assert shape.is_valid
    assert shape.area == first(read_dataset(tmp_path / "out")).rows.masks.areas[0]
    assert told == {"vertices": (1, "")}


def test_rings_along_pixel_edges_turn_as_the_specification_says(tmp_path):
    full = np.ones((24, 32), bool)
    full[5:9, 5:9] = full[15:18, 20:22] = False
    rows = Rows.make(Masks.from_dense(full), [0])
    data = dataset(tmp_path / "src", {"a": Labels((24, 32), rows=rows)}, NUCLEUS)
    for crs in ("image", "lonlat", "pixel"):
        assert write(data, tmp_path / crs, crs=crs).written
        shape = shapely.geometry.shape(written(tmp_path / crs)[0])
        assert shape.exterior.is_ccw
        assert [hole.is_ccw for hole in shape.interiors] == [False, False]


def corners(*rings):
    closed = [at(grid(), [*one, one[0]]) for one in rings]
    return [[list(corner) for corner in one] for one in closed]


def test_a_ring_that_meets_a_side_stays_valid_in_another_system(tmp_path):
    shell = ((5.2, 5.2), (5.2, 20.7), (20.7, 20.7), (20.7, 5.2))
    hole = ((5.2, 10.1), (8.3, 7.4), (8.3, 13.4))
    other = ((20.7, 8.4), (24.2, 6.1), (24.2, 9.3))
    areas = [
        {"type": "Polygon", "coordinates": corners(shell, hole)},
        {"type": "MultiPolygon", "coordinates": [corners(shell), corners(other)]},
        {"type": "GeometryCollection", "geometries": [
            {"type": "Polygon", "coordinates": corners(shell, hole)}
        ]},
        {"type": "MultiPolygon", "coordinates": [corners(shell, hole), corners(shell)]},
    ]  # fmt: skip
    for area in areas[:3]:
        assert shapely.geometry.shape(area).is_valid
    data = source(tmp_path / "in", *areas)
    assert losses(write(data, tmp_path / "out", crs="lonlat")) == {"vertices": (4, "")}
    assert all(shapely.geometry.shape(area).is_valid for area in written(tmp_path / "out"))
    assert first(read_dataset(tmp_path / "out")).rows.masks == first(data).rows.masks


def test_rings_that_were_invalid_before_are_moved_as_they_are(tmp_path):
    bow = {
        "type": "Polygon",
        "coordinates": corners(((2.1, 2.3), (9.2, 9.7), (9.4, 2.6), (2.2, 9.1))),
    }
    data = source(tmp_path / "in", bow, {"type": "MultiPolygon", "coordinates": []})
    assert write(data, tmp_path / "out", crs="lonlat").losses == ()
    assert len(written(tmp_path / "out")[0]["coordinates"][0]) == 5


def turns(shape):
    parts = getattr(shape, "geoms", [shape])
    holes = [hole for part in parts for hole in part.interiors]
    return {part.exterior.is_ccw for part in parts}, {hole.is_ccw for hole in holes}


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("clockwise", [False, True])
def test_rings_turn_in_another_system_as_they_did(tmp_path, many, clockwise):
    step = -1 if clockwise else 1
    rings = [[[x, y, z] for x, y, z in ring[::step]] for ring in (
        [[5, 5, 1], [15, 5, 2], [15, 15, 3], [5, 15, 4], [5, 5, 1]],
        [[8, 8, 5], [8, 10, 6], [10, 10, 7], [10, 8, 8], [8, 8, 5]],
    )]  # fmt: skip
    area = {"type": "Polygon", "coordinates": rings}
    if many:
        area = {"type": "MultiPolygon", "coordinates": [rings]}
    data = source(tmp_path / "in", area, crs=None, maskloom={"crs": "pixel", "size": [24, 32]})
    for crs in ("image", "lonlat"):
        assert write(data, tmp_path / crs, crs=crs).losses == ()
        (moved,) = written(tmp_path / crs)
        assert turns(shapely.geometry.shape(moved)) == ({not clockwise}, {clockwise})
        back = read_dataset(tmp_path / crs)
        assert write(back, tmp_path / f"{crs}-back", crs="pixel").losses == ()
        (again,) = written(tmp_path / f"{crs}-back")
        np.testing.assert_allclose(again["coordinates"], area["coordinates"], atol=1e-3)


@pytest.mark.parametrize("crs", [UTM, None])
def test_a_transform_alone_keeps_the_system_of_the_source(tmp_path, crs):
    area = {"type": "Polygon", "coordinates": [ring(2.3, 2.2, 5.4)], "bbox": [1, 2, 3, 4]}
    data = read_dataset(put(tmp_path / "in", collection(feature(area), crs=crs), crs=None))
    assert write(data, tmp_path / "out").losses == ()
    assert written(tmp_path / "out") == [area]
    text = (tmp_path / "out/labels/a.geojson").read_text()
    assert ("EPSG::32616" in text, '"pixel"' in text) == (crs is not None, False)
    assert first(read_dataset(tmp_path / "out")).rows.masks == first(data).rows.masks


def test_areas_without_noted_coordinates_are_placed_by_a_transform_alone(tmp_path):
    area = {"type": "Polygon", "coordinates": [ring(2.3, 2.2, 5.4)]}
    data = read_dataset(put(tmp_path / "in", collection(feature(area)), crs=None))
    rows = first(data).rows
    drawn = Labels(SIZE, rows=Rows.make(rows.masks, rows.category), extra=first(data).extra)
    replaced = replace(data, labels_of=lambda sample: drawn)
    assert write(replaced, tmp_path / "out").losses == ()
    (found,) = written(tmp_path / "out")
    np.testing.assert_array_equal(burnt(found, grid()), rows.masks.dense(0))
    assert first(read_dataset(tmp_path / "out")).rows.masks == rows.masks


def test_a_system_that_pixel_coordinates_drop_is_told(tmp_path):
    area = {"type": "Polygon", "coordinates": [ring(2.3, 2.2, 5.4)]}
    data = read_dataset(put(tmp_path / "in", collection(feature(area)), crs=None))
    assert losses(write(data, tmp_path / "out", crs="pixel")) == {"fields": (0, "of images: crs")}
    placed = source(tmp_path / "placed", area)
    assert write(placed, tmp_path / "too", crs="pixel").losses == ()
