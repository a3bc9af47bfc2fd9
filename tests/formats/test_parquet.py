from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from maskloom.core.dataset import Dataset
from maskloom.core.labels import Coverage, Geometry, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.sample import ImageRef, Sample
from maskloom.core.taxonomy import Attribute, Category, Taxonomy
from maskloom.errors import DataError, FormatError, UsageError
from maskloom.formats.detect import detect_format, load_format, read_dataset
from maskloom.formats.transfer import transfer
from maskloom.store.images import png_bytes

from .conftest import NUCLEUS, SIZE, dataset_of, folder_bytes, objects, random_objects, write_photo

STREET = Taxonomy(
    (
        Category("car", "Car", "thing", (1, 2, 3), attributes=(Attribute("age", "number"),)),
        Category("road", "Röad", "stuff", aliases=("street",), ids=(("coco", 7),)),
        Category("void", "void", "stuff", void=True),
        Category("wheel", "wheel", whole="car", retired=True),
    ),
    revision=3,
)


def write(data, target, **options):
    fmt = load_format("parquet")
    done = transfer(data, target, fmt, options=fmt.WriteOptions(**options))
    assert done.written, done.losses
    assert done.losses == ()
    assert (done.changed_pixels, done.exact_objects) == (0, done.objects)
    return done


def first(data):
    return data.labels_of(data.samples[0])


def everything(size=SIZE):
    """Rows with every column filled with something odd."""
    rng = np.random.default_rng(0)
    masks = Masks.from_dense(
        np.stack([rng.random(size) < 0.5, np.zeros(size, bool), np.ones(size, bool)])
    )
    rows = Rows.make(
        masks,
        np.array([0, 2, 1], np.int32),
        instance=[2**62, 5, 5],
        kind=[RowKind.MASK, RowKind.POINT, RowKind.MASK],
        score=[1 / 3, np.nan, 0.1 + 0.2],
        crowd=[True, False, False],
        z_order=[-(2**31), 0, 2**31 - 1],
        track=[-1, 9, 2**40],
        parent=[5, -1, -1],
        amodal_of=[-1, -1, 5],
        author=("Zoë", "b", "c"),
        attributes=({"k": [1, None, 0.1]}, None, {"ü": "é"}),
        geometry=(
            Geometry((np.array([[0.1, 1 / 3], [2, 3], [4, 5]]), np.zeros((0, 2))), "gdal"),
            Geometry((np.array([[3.5, 4.5]]),), "point"),
            None,
        ),
        source=(None, {"id": 17, "bbox": [1, 2.5]}, None),
    )
    area = Masks.from_dense(np.arange(size[0] * size[1]).reshape(size) % 3 > 0)
    return Labels(
        size,
        rows=rows,
        coverage=Coverage(frozenset({"car", "road"}), area),
        layer="by/Ann",
        revision=12,
        confidence=rng.integers(0, 256, size).astype(np.uint8),
        extra={"file": {"license": 3}},
    )


def test_everything_that_rows_can_say_comes_back_to_the_bit(tmp_path):
    wanted = everything()
    write_photo(tmp_path / "src/x.png")
    image = ImageRef(
        tmp_path / "src/x.png", channels=("r", "g", "b"), spacing=(0.5, 0.25), unit="m",
        affine=((0.5, 0, 1e6 + 0.1), (0, -0.5, 2), (0, 0, 1)), crs="EPSG:32616",
    )  # fmt: skip
    sample = Sample(
        "night/x", image, "frame", "drive 1", 7, 1 / 7, "g", {"site": "A"}, "x.png", {"coco": [1]}
    )
    data = Dataset(STREET, (sample,), lambda s: wanted, {"val": ("night/x",)}, "n", (), {"a": [1]})
    assert write(data, tmp_path / "out").objects > 0
    back = read_dataset(tmp_path / "out")
    found = first(back)
    assert back.taxonomy == STREET
    assert (back.splits, back.extra) == ({"val": ("night/x",)}, {"a": [1]})
    kept = back.samples[0]
    assert kept.image.path.read_bytes() == (tmp_path / "src/x.png").read_bytes()
    assert kept == replace(
        sample,
        image=replace(image, path=kept.image.path, size=SIZE, sha256=kept.image.sha256),
    )
    assert found.rows.masks == wanted.rows.masks
    for name in ("category", "instance", "kind", "score", "crowd", "z_order", "plane", "track",
                 "parent", "amodal_of"):  # fmt: skip
        one, other = getattr(found.rows, name), getattr(wanted.rows, name)
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name
    for name in ("author", "attributes", "source"):
        assert getattr(found.rows, name) == getattr(wanted.rows, name)
    for one, other in zip(found.rows.geometry, wanted.rows.geometry, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.rule == other.rule
            assert [p.tobytes() for p in one.parts] == [p.tobytes() for p in other.parts]
    assert found.coverage.categories == wanted.coverage.categories
    assert found.coverage.area == wanted.coverage.area
    np.testing.assert_array_equal(found.confidence, wanted.confidence)
    assert (found.layer, found.revision, found.extra) == ("by/Ann", 12, wanted.extra)
    assert back.content_hash() == data.content_hash()


def test_class_maps_with_void_of_few_and_many_classes_are_exact(tmp_path):
    many = Taxonomy.from_names([f"c{i}" for i in range(300)], kind="stuff")
    rng = np.random.default_rng(1)
    deep = rng.integers(0, 300, SIZE).astype(np.uint16)
    deep[0, :4] = (65535, 65534, 65535, 0)
    flat = rng.choice(np.array([0, 1, 3], np.uint8), SIZE)
    flat[0, :2] = (255, 254)
    for name, taxonomy, values in (("few", STREET, flat), ("many", many, deep)):
        data = dataset_of(taxonomy, {"a/b": Labels(SIZE, class_map=values)}, tmp_path / f"p{name}")
        write(data, tmp_path / name)
        found = first(read_dataset(tmp_path / name)).class_map
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


def test_tables_are_the_same_bytes_again_and_in_any_order(nuclei, tmp_path):
    write(nuclei, tmp_path / "a")
    assert detect_format(tmp_path / "a").name == "parquet"
    write(read_dataset(tmp_path / "a"), tmp_path / "b")
    write(replace(nuclei, samples=nuclei.samples[::-1]), tmp_path / "c")
    one = folder_bytes(tmp_path / "a")
    assert one == folder_bytes(tmp_path / "b") == folder_bytes(tmp_path / "c")


@pytest.mark.parametrize("other", ["coco", "objects", "bitmap"])
def test_other_formats_come_back_through_tables_as_the_same_bytes(nuclei, tmp_path, other):
    fmt = load_format(other)
    assert transfer(nuclei, tmp_path / "a", fmt).written
    write(read_dataset(tmp_path / "a"), tmp_path / "b")
    assert transfer(read_dataset(tmp_path / "b"), tmp_path / "c", fmt).written
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "c")


def test_overlap_holes_parts_empty_objects_and_empty_images_survive(tmp_path):
    rng = np.random.default_rng(5)
    labels = {f"im{i}": random_objects(rng, n=9, overlap=True) for i in range(6)}
    labels["nothing"] = labels["im0"].replace(rows=labels["im0"].rows.take(slice(0, 0)))
    labels["no-pixel"] = objects([np.zeros(SIZE, bool)])
    labels["unlabelled"] = labels["nothing"].replace(coverage=Coverage(nothing=True))
    write(dataset_of(NUCLEUS, labels, tmp_path / "src"), tmp_path / "out")
    back = read_dataset(tmp_path / "out")
    for sample, found in back:
        assert found.rows.masks == labels[sample.key].rows.masks
        assert found.coverage.nothing == labels[sample.key].coverage.nothing
    assert len(back) == len(labels)


def test_images_may_be_gone_or_elsewhere(nuclei, tmp_path):
    write(nuclei, tmp_path / "out", images="none")
    back = read_dataset(tmp_path / "out")
    assert all(s.image.path is None for s in back.samples)
    told = f"3 of 3 images are missing, first {back.samples[0].key!r}"
    assert told in back.warnings
    found = read_dataset(tmp_path / "out", images=tmp_path / "photos")
    assert [s.image.path.name for s in found.samples] == ["im0.png", "im1.png", "im2.png"]


def test_many_row_groups_are_read_one_at_a_time(tmp_path):
    rng = np.random.default_rng(5)
    labels = {f"im{i:02d}": random_objects(rng, n=9, overlap=True) for i in range(12)}
    write(dataset_of(NUCLEUS, labels), tmp_path / "out", group_rows=7)
    with pytest.raises(UsageError, match="1 to 1048576 rows"):
        write(dataset_of(NUCLEUS, labels), tmp_path / "no", group_rows=0)
    assert pq.ParquetFile(tmp_path / "out/annotations.parquet").num_row_groups > 10
    for sample, found in read_dataset(tmp_path / "out"):
        assert found.rows.masks == labels[sample.key].rows.masks


def test_tables_of_other_programs_with_plain_types_and_more_columns_are_read(nuclei, tmp_path):
    write(nuclei, tmp_path / "out")
    path = tmp_path / "out/annotations.parquet"
    table = pq.read_table(path)
    plain = pa.Table.from_pylist(table.to_pylist()).append_column(
        "mine", pa.array(range(len(table)))
    )
    pq.write_table(plain, path)
    for sample, found in read_dataset(tmp_path / "out"):
        assert found.rows.masks == nuclei.labels_of(sample).rows.masks


def changed(path, **columns):
    """A table with some columns changed by functions of their lists of values."""
    table = pq.read_table(path)
    meta = table.schema.metadata
    for name, change in columns.items():
        values = change(table[name].to_pylist())
        at = table.schema.get_field_index(name)
        kind = table.schema.field(at).type
        try:
            array = pa.array(values, kind.value_type if pa.types.is_dictionary(kind) else kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array(values)
        table = table.set_column(at, name, array)
    pq.write_table(table.replace_schema_metadata(meta), path)


def put_first(value):
    return lambda values: [value, *values[1:]]


BAD_ROWS = {
    "short runs": ({"runs": lambda v: [v[0][:-1], *v[1:]]}, "sum"),
    "long runs": ({"runs": lambda v: [[*v[0], 7], *v[1:]]}, "row"),
    "no runs": ({"runs": put_first(None)}, "without 'runs'"),
    "null run": ({"runs": lambda v: [[None, *v[0][1:]], *v[1:]]}, "without 'runs'"),
    "box": ({"x1": put_first(10**6)}, "box"),
    "frame": ({"height": lambda v: [n + 1 for n in v]}, "another frame"),
    "category": ({"category": put_first("dragon")}, "dragon"),
    "no category": ({"category": put_first(None)}, "without 'category'"),
    "kind": ({"kind": put_first(200)}, "kind of annotation"),
    "number": ({"instance": put_first(None)}, "without 'instance'"),
    "json": ({"attributes": put_first("{")}, "not valid JSON"),
    "list": ({"attributes": put_first("[1]")}, "not a JSON object"),
    "bomb": ({"source": put_first("[" * 100_000)}, "not valid JSON"),
    "vertices": ({"rule": put_first("coco"), "vertices": put_first([[1.0, 2.0, 3.0]])}, "vertices"),
    "sample": ({"sample": put_first("nobody")}, "nobody"),
    "no sample": ({"sample": put_first(None)}, "without sample"),
    "order": ({"sample": lambda v: [*v[1:], v[0]]}, "do not stand together"),
    "type": ({"runs": lambda v: ["x"] * len(v)}, "types of stored labels"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_annotations_are_one_error_that_names_the_file(nuclei, tmp_path, name):
    columns, message = BAD_ROWS[name]
    write(nuclei, tmp_path / "out")
    changed(tmp_path / "out/annotations.parquet", **columns)
    with pytest.raises(DataError, match=message) as caught:
        [labels for _, labels in read_dataset(tmp_path / "out")]
    assert "annotations.parquet" in str(caught.value)


BAD_IMAGES = {
    "path": ({"uri": put_first("../../etc/passwd")}, "leads out"),
    "absolute": ({"uri": put_first("/etc/passwd")}, "leads out"),
    "twice": ({"key": lambda v: [v[1], *v[1:]]}, "listed twice|does not list"),
    "lost": ({"key": put_first("other")}, "does not list"),
    "size": ({"height": put_first(-1)}, "not the size"),
    "coverage": ({"coverage": put_first('{"area": {"size": [1]}}')}, "not what was labelled"),
    "frame": (
        {"coverage": put_first('{"area": {"size": [2, 2], "box": [0, 0, 2, 2], "runs": [0, 4]}}')},
        "another frame",
    ),
    "facts": ({"facts": put_first("7")}, "not a JSON object"),
    "map": ({"map": put_first("maps/none.png")}, "class map and annotations"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_rows_of_images_are_one_error(nuclei, tmp_path, name):
    columns, message = BAD_IMAGES[name]
    write(nuclei, tmp_path / "out")
    changed(tmp_path / "out/images.parquet", **columns)
    with pytest.raises(DataError, match=message):
        [labels for _, labels in read_dataset(tmp_path / "out")]


@pytest.mark.parametrize("table", ["annotations", "images", "classes"])
def test_truncated_and_garbled_tables_are_one_error(nuclei, tmp_path, table):
    write(nuclei, tmp_path / "out")
    path = tmp_path / f"out/{table}.parquet"
    whole = path.read_bytes()
    damaged = [whole[:n] for n in (0, 3, 4, len(whole) // 2, len(whole) - 1)]
    rng = np.random.default_rng(0)
    for _ in range(25):
        garbled = bytearray(whole)
        garbled[int(rng.integers(4, len(whole) - 8))] ^= int(rng.integers(1, 256))
        damaged.append(bytes(garbled))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            [labels for _, labels in read_dataset(tmp_path / "out", "parquet")]
        except DataError:
            refused += 1
    assert refused >= 5 + 10


def test_a_footer_that_claims_too_much_is_refused_before_it_is_read(nuclei, tmp_path, monkeypatch):
    write(nuclei, tmp_path / "out")
    path = tmp_path / "out/annotations.parquet"
    table = pq.read_table(path)
    runs = pa.array([[7] * (1 << 25), *table["runs"].to_pylist()[1:]], pa.large_list(pa.uint32()))
    at = table.schema.get_field_index("runs")
    pq.write_table(table.set_column(at, table.schema.field(at), runs), path)
    assert path.stat().st_size < 1 << 20
    monkeypatch.setattr("maskloom.store.project.parts.free_bytes", lambda: 1 << 28)
    with pytest.raises(DataError, match="does not fit into memory"):
        read_dataset(tmp_path / "out")


def test_maps_that_were_exchanged_or_hold_unknown_classes_are_refused(tmp_path):
    values = np.zeros(SIZE, np.uint8)
    data = dataset_of(STREET, {"a": Labels(SIZE, class_map=values)})
    write(data, tmp_path / "out")
    path = tmp_path / "out/maps/a.png"
    path.write_bytes(png_bytes(values + np.uint8(1)))
    with pytest.raises(FormatError, match="not the one that the table names"):
        first(read_dataset(tmp_path / "out"))
    path.write_bytes(png_bytes(values + np.uint8(9)))
    changed(tmp_path / "out/images.parquet", map_sha256=put_first(None))
    with pytest.raises(FormatError, match="4 rows does not have"):
        first(read_dataset(tmp_path / "out"))
    path.write_bytes(png_bytes(values[:3]))
    with pytest.raises(FormatError, match="another size"):
        first(read_dataset(tmp_path / "out"))


def test_volumes_are_exact_as_rows_by_plane_and_as_class_maps(tmp_path):
    size = (5, *SIZE)
    rng = np.random.default_rng(2)
    values = rng.choice(np.array([0, 1, 254, 255], np.uint8), size)
    masks = Masks.from_dense(rng.random((4, *SIZE)) < 0.5)
    rows = Rows.make(masks, [0, 0, 1, 0], instance=[3, 3, 8, 3], plane=[0, 1, 1, 4])
    labels = {"map": Labels(size, class_map=values), "rows": Labels(size, rows=rows)}
    samples = tuple(
        Sample(key, ImageRef(None, size, spacing=(2.5, 1, 1), unit="mm"), "volume")
        for key in labels
    )
    data = Dataset(STREET, samples, lambda s: labels[s.key])
    fmt = load_format("parquet")
    assert fmt.dims == (2, 3)
    assert write(data, tmp_path / "out").written
    back = read_dataset(tmp_path / "out")
    assert back.samples[0].image == samples[0].image
    np.testing.assert_array_equal(first(back).class_map, values)
    found = back.labels_of(back.samples[1])
    assert found.size == size
    assert found.rows.masks == masks
    assert found.rows.plane.tolist() == [0, 1, 1, 4]
    assert back.content_hash() == data.content_hash()


def test_what_json_cannot_say_is_refused_with_its_sample(tmp_path):
    one = objects([np.eye(*SIZE, dtype=bool)], attributes=({"when": {1, 2}},))
    for labels in (one, one.replace(rows=one.rows.take(slice(0, 0)), extra={"f": np.zeros(3)})):
        fmt = load_format("parquet")
        with pytest.raises(DataError, match=r"^k: a field has no JSON form"):
            transfer(dataset_of(NUCLEUS, {"k": labels}), tmp_path / "out", fmt)
        assert not (tmp_path / "out").exists()


# What Hugging Face's datasets store.


def palette_png(values):
    image = Image.fromarray(values).convert("P")
    image = Image.fromarray(values, mode=None)
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
    assert image.mode == "P"
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pictures(path, masks, *, names=True, groups=2, column="label", **more):
    """A file as `datasets` writes it: image{bytes, path} and label{bytes, path}."""
    rng = np.random.default_rng(0)
    photo = png_bytes(rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": photo, "path": f"p{i}.png" if names else None} for i in range(len(masks))]
    table = pa.table(
        {
            "image": pa.array(images, kind),
            column: pa.array([{"bytes": m, "path": None} for m in masks], kind),
            **more,
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=groups)
    return path


def id_maps(n=3):
    out = []
    for i in range(n):
        values = np.random.default_rng(i).integers(0, 3, SIZE).astype(np.uint8)
        values[0, 0] = 255
        out.append(values)
    return out


def test_a_palette_of_hugging_face_never_becomes_colours(tmp_path):
    maps = id_maps()
    pictures(tmp_path / "data/train-00000-of-00002.parquet", [palette_png(m) for m in maps[:2]])
    pictures(tmp_path / "data/validation-00000-of-00001.parquet", [palette_png(maps[2])],
             names=False)  # fmt: skip
    assert detect_format(tmp_path).name == "parquet"
    back = read_dataset(tmp_path)
    assert [c.name for c in back.taxonomy] == ["0", "1", "2"]
    assert back.splits == {"train": ("000000", "000001"), "val": ("000002",)}
    for (_, found), values in zip(back, maps, strict=True):
        np.testing.assert_array_equal(found.class_map, values)


def test_pictures_of_a_table_have_their_own_names_and_are_extracted(tmp_path):
    maps = id_maps(5)
    path = pictures(tmp_path / "x.parquet", [png_bytes(m) for m in maps], column="mask")
    back = read_dataset(path)
    assert [s.key for s in back.samples] == ["p0", "p1", "p2", "p3", "p4"]
    assert any("from.extract" in warning for warning in back.warnings)
    back = read_dataset(path, settings=[f"from.extract={tmp_path / 'photos'}"])
    assert [s.image.path.name for s in back.samples][:2] == ["p0.png", "p1.png"]
    write(back, tmp_path / "out")
    for (sample, found), values in zip(read_dataset(tmp_path / "out"), maps, strict=True):
        np.testing.assert_array_equal(found.class_map, values)
        assert sample.image.path.is_file()


def test_kinds_names_and_columns_are_said_as_for_bitmaps(tmp_path):
    ids = np.zeros(SIZE, np.uint16)
    ids[2:4, 2:4], ids[8:9, 9:12] = 1, 700
    path = pictures(tmp_path / "x.parquet", [png_bytes(ids)], column="cells")
    settings = ["from.kind=instance", "from.category=cell", "from.mask=cells"]
    rows = first(read_dataset(path, "parquet", settings=settings)).rows
    assert rows.instance.tolist() == [1, 700]
    with pytest.raises(UsageError, match="olumns of pictures: image, cells"):
        read_dataset(path, "parquet", settings=["from.mask=masks"])
    with pytest.raises(FormatError, match="no column of masks"):
        read_dataset(path, "parquet")
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"categories": [{"id": 0, "name": "sky"}]}))
    settings = [f"taxonomy={names}", "from.mask=cells"]
    with pytest.raises(FormatError, match=r"row group 0, row 0.*x=2, y=2"):
        first(read_dataset(path, "parquet", settings=settings))


@pytest.mark.parametrize("name", ["jpeg", "text", "none", "cut", "name"])
def test_bad_pictures_are_one_error_with_their_place(tmp_path, name):
    good = png_bytes(id_maps(1)[0])
    jpeg = io.BytesIO()
    Image.fromarray(id_maps(1)[0]).save(jpeg, "JPEG")
    bad = {"jpeg": jpeg.getvalue(), "text": b"hello", "none": b"", "cut": good[:60], "name": good}
    path = pictures(tmp_path / "x.parquet", [good, good, good, bad[name]], column="mask")
    if name == "name":
        table = pq.read_table(path)
        images = table["image"].to_pylist()
        images[0]["path"] = "../../../evil/..png"
        at = table.schema.get_field_index("image")
        pq.write_table(
            table.set_column(at, "image", pa.array(images, table.schema.field(at).type)), path
        )
        back = read_dataset(path, settings=[f"from.extract={tmp_path / 'in/photos'}"])
        assert {p.parent for p in tmp_path.rglob("*.png")} == {tmp_path / "in/photos"}
        assert len(back) == 4
        return
    with pytest.raises(FormatError, match=r"x\.parquet: row group 1, row 1"):
        read_dataset(path)


def test_tables_without_pictures_are_not_ours(tmp_path):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "x.parquet")
    with pytest.raises(FormatError, match="no labels of a known format"):
        detect_format(tmp_path)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(FormatError, match="no labels of a known format"):
        detect_format(tmp_path)
