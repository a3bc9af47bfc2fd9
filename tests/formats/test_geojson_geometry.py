"""What becomes of an author's geometry: kept as it was, moved to another system, or told as gone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import Geometry, Labels, Rows
from maskloom.core.masks import Masks
from maskloom.formats.detect import load_format, read_dataset
from maskloom.formats.fields import beside_places
from maskloom.formats.loss import Holds, losses_of
from maskloom.formats.transfer import transfer

from .conftest import NUCLEUS
from .test_geojson import at, burnt, collection, dataset, first, grid, put, write

pytest.importorskip("rasterio", reason="needs the extra geo")
shapely = pytest.importorskip("shapely", reason="an oracle that the extra dev brings")
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
@pytest.mark.parametrize("target", ["voc", "cvat", "yolo", "bitmap", "datumaro", "labelstudio"])
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


@pytest.mark.parametrize("target", ["voc", "cvat", "bitmap"])
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
