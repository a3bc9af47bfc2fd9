"""Documents: labels in and out, operations forward and back, rebasing, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from maskloom.core.labels import BACKGROUND, FULL, VOID, Coverage, Geometry, Labels, RowKind, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.edits import gestures
from maskloom.edits.document import Document, apply
from maskloom.edits.document_labels import NO_CLASS, empty_labels
from maskloom.edits.grid_polygons import fill_geometry
from maskloom.edits.operations import Change, commutes, inverse, new_id, parse, to_bytes
from maskloom.edits.tiles import mask_to_tiles, tiles_to_masks
from maskloom.errors import Conflict, DataError, TaxonomyError

SIZE = (300, 520)
KEYS = ("car", "road", "sky", "void")
TAXONOMY = Taxonomy(tuple(Category(key, key, void=key == "void") for key in KEYS))


def rectangle(x0, y0, x1, y1, size=SIZE):
    frame = np.zeros(size, np.bool_)
    frame[y0:y1, x0:x1] = True
    return Masks.from_dense(frame)


def tiles(*corners):
    return mask_to_tiles(rectangle(*corners))


def rows_labels():
    triangle = np.array([[10.5, 10.25], [200, 30], [60, 180.015625]])
    masks = Masks.concatenate(
        [
            rectangle(5, 5, 300, 290),
            Masks.from_polygons([[triangle]], SIZE, rule="grid"),
            Masks.from_polygons([[triangle + 0.3]], SIZE),
            Masks.empty(1, SIZE),
        ]
    )
    return Labels(
        SIZE,
        rows=Rows.make(
            masks,
            np.array([1, 0, 0, 2]),
            instance=np.array([7, 3, 12, 5]),
            kind=np.array([0, 0, 0, RowKind.BOX]),
            score=np.array([0.5, np.nan, 1.0, np.nan]),
            crowd=np.array([True, False, False, False]),
            z_order=np.array([0, 4, 4, 0]),
            track=np.array([1, 2, 3, 4]),
            author=("a", "b", "c", "d"),
            attributes=({"wet": True}, None, {"big": 2**60, "odd": float("nan")}, None),
            geometry=(
                None,
                Geometry((triangle,), "grid"),
                Geometry((triangle + 0.3,), "coco"),
                None,
            ),
            source=(
                {"id": 9, "area": 3, "mine": 1},
                {"id": 8, "bbox": [1, 2, 3, 4]},
                {"id": 7, "segmentation": []},
                {"bbox": [1, 2, 3, 4]},
            ),
        ),
        coverage=Coverage(frozenset({"car"})),
        revision=4,
        extra={"file": "x"},
    )


def map_labels():
    rng = np.random.default_rng(0)
    pixels = np.full(SIZE, BACKGROUND, np.uint8)
    for value in (0, 1, 2, VOID, 1):
        y, x = rng.integers(0, 200), rng.integers(0, 400)
        pixels[y : y + 150, x : x + 200] = value
    pixels[::17, ::13] = 2
    return Labels(SIZE, class_map=pixels)


def document(labels=None):
    return Document.from_labels(labels or rows_labels(), TAXONOMY, 5, revision=4)


def operation(held, *changes):
    return gestures.make(held, "main", "brush", changes)


def done(held, *changes):
    """After an operation that came by way of its own bytes."""
    op = operation(held, *changes)
    return apply(held, parse(to_bytes(op), held.size_hw, set(KEYS)))


def test_rows_become_objects_that_say_what_the_rows_say():
    held = document()
    assert list(held.objects) == ["5-0", "5-1", "5-2", "5-3"]
    first, drawn, foreign, box = held.objects.values()
    assert (first.category, first.z, first.score, first.crowd) == ("road", 0, 0.5, True)
    assert (first.attributes, first.row, first.kind, first.origin) == (
        {"wet": True},
        0,
        "mask",
        None,
    )
    assert drawn.geometry == {"rule": "grid", "rings": [[672, 656, 12800, 1920, 3840, 11521]]}
    assert foreign.geometry is None
    assert foreign.attributes == {"big": str(2**60), "odd": "nan"}
    assert (box.kind, box.tiles) == ("box", {})
    assert (
        tiles_to_masks([o.tiles for o in held.objects.values()], SIZE) == rows_labels().rows.masks
    )


def test_labels_that_nobody_touched_come_back_as_they_are():
    for labels in (rows_labels(), map_labels()):
        out = document(labels).to_labels(TAXONOMY, "main")
        if labels.rows is not None:
            assert out.rows is labels.rows
        else:
            assert np.array_equal(out.class_map, labels.class_map)
        assert (out.coverage, out.extra) == (labels.coverage, labels.extra)
        assert (out.layer, out.revision) == ("main", 4)


def test_rows_keep_every_column_that_no_operation_changed():
    held = document()
    stroke = tiles(250, 250, 310, 260)
    held = done(held, Change("5-0", {}, stroke))
    held = done(held, gestures.set_field(held, "5-2", "category", "sky"))
    held = done(held, gestures.delete_object("5-3"))
    rows = held.to_labels(TAXONOMY, "main").rows
    base = rows_labels().rows
    assert len(rows) == 3
    assert rows.masks[1:] == base.masks[1:3]
    assert rows.masks[0] == Masks.from_dense(
        base.masks.dense(0) ^ rectangle(250, 250, 310, 260).dense(0)
    )
    assert rows.category.tolist() == [1, 0, 2]
    for name in ("instance", "kind", "crowd", "z_order", "track", "parent"):
        assert getattr(rows, name).tolist() == getattr(base, name).tolist()[:3], name
    assert rows.author == base.author[:3]
    assert repr(rows.attributes) == repr(base.attributes[:3])
    assert repr(rows.geometry) == repr(base.geometry[:3])
    assert rows.source == ({"id": 9, "mine": 1}, *base.source[1:3])
    assert base.source[0]["area"] == 3


def test_changed_pixels_make_a_mask_of_a_box_and_drop_what_was_said_of_the_old():
    held = document()
    held = done(
        held, Change("5-3", {}, tiles(0, 0, 9, 9)), gestures.replace_pixels(held, "5-1", {})
    )
    rows = held.to_labels(TAXONOMY, "main").rows
    assert rows.kind.tolist() == [0, 0, 0, RowKind.MASK]
    assert rows.masks.areas.tolist()[1::2] == [0, 81]
    assert rows.geometry[1] is None
    assert rows.source[1] == {"id": 8}
    assert rows.source[3] is None


def test_a_row_keeps_where_an_accepted_one_came_from_beside_its_source():
    held = document()
    held = done(held, gestures.set_field(held, "5-0", "origin", "model/u@1 3"))
    held = done(held, gestures.set_field(held, "5-0", "attributes", {}))
    rows = held.to_labels(TAXONOMY, "main").rows
    assert rows.source[0] == {"id": 9, "area": 3, "mine": 1, "origin": "model/u@1 3"}
    assert rows.attributes[0] is None
    assert rows.masks == rows_labels().rows.masks


def test_vertices_are_a_polygon_to_edit_only_if_they_fill_the_very_mask():
    drawn = [np.array([[0, 0], [40.5, 3], [9, 44]]), np.array([[0, 0], [40, 0], [40, 30], [0, 30]])]
    masks = Masks.from_polygons([[one] for one in drawn], SIZE)
    assert masks != Masks.from_polygons([[one] for one in drawn], SIZE, rule="grid")
    geometry = tuple(Geometry((one,), "coco") for one in drawn)
    held = document(Labels(SIZE, rows=Rows.make(masks, [0, 0], geometry=geometry)))
    assert held.objects["5-0"].geometry is None
    assert held.objects["5-1"].geometry == {
        "rule": "grid",
        "rings": [[0, 0, 2560, 0, 2560, 1920, 0, 1920]],
    }


def test_a_polygon_keeps_its_vertices_in_the_rows():
    held = document()
    moved = {"rule": "grid", "rings": [[0, 0, 6400, 64, 3200, 6401]]}
    change = gestures.replace_pixels(held, "5-1", fill_geometry(moved, SIZE), moved)
    rows = done(held, change).to_labels(TAXONOMY, "main").rows
    (part,) = rows.geometry[1].parts
    assert part.tolist() == [[0, 0], [100, 1], [50, 100.015625]]
    assert rows.geometry[1].rule == "grid"
    assert rows.masks[1] == Masks.from_polygons([[part]], SIZE, rule="grid")
    again = Document.from_labels(Labels(SIZE, rows=rows), TAXONOMY, 9)
    assert again.objects["9-1"].geometry == moved


def test_new_objects_follow_the_rows_in_the_order_of_their_creation():
    held = document()
    for uid, category, z in (("n2", "sky", 1), ("n1", "car", 9)):
        change = gestures.create_object(
            uid, tiles(1, 1, 4, 4), category, z=z, origin="model/u@1 3", attributes={"k": uid}
        )
        held = done(held, change)
    rows = held.to_labels(TAXONOMY, "main").rows
    assert rows.category.tolist() == [1, 0, 0, 2, 2, 0]
    assert rows.instance.tolist() == [7, 3, 12, 5, 13, 14]
    assert rows.z_order.tolist()[4:] == [1, 9]
    assert rows.author[4:] == ("", "")
    assert rows.source[4] == {"origin": "model/u@1 3"}
    assert [a["k"] for a in rows.attributes[4:]] == ["n2", "n1"]
    assert np.isnan(rows.score[4:]).all()
    again = Document.from_labels(Labels(SIZE, rows=rows), TAXONOMY, 9)
    assert again.objects["9-4"].origin == "model/u@1 3"


def instances(held):
    """Instance id of every new object, by its column."""
    rows = held.to_labels(TAXONOMY, "main").rows
    return {int(box[0]): int(i) for box, i in zip(rows.masks.boxes, rows.instance, strict=True)}


def test_the_id_of_a_new_object_stays_whatever_is_made_or_deleted_beside_it():
    held = Document.from_labels(empty_labels(SIZE), TAXONOMY, 0)

    def create(held, uid, x):
        return done(held, gestures.create_object(uid, tiles(x, 1, x + 3, 4), "car"))

    held = create(create(held, "nb", 10), "nc", 20)
    assert instances(held) == {10: 1, 20: 2}
    held = create(held, "na", 30)
    assert instances(held) == {10: 1, 20: 2, 30: 3}
    # Deleted, or its creation undone: no number is given again.
    gone = done(held, gestures.delete_object("nb"))
    made = operation(gone, gestures.create_object("nd", tiles(40, 1, 43, 4), "car"))
    undone = apply(apply(gone, made), inverse(made, new_id()))
    later = create(undone, "ne", 50)
    assert instances(later) == {20: 2, 30: 3, 50: 5}
    again = done(later, Change("nb", {"exists": (False, True)}))
    assert instances(again) == {10: 1, 20: 2, 30: 3, 50: 5}
    read = Document.from_json(json.loads(json.dumps(gone.to_json())), held)
    assert instances(create(read, "ne", 50)) == {20: 2, 30: 3, 50: 4}


def test_a_first_object_of_an_empty_sample_makes_a_row():
    held = Document.from_labels(empty_labels(SIZE), TAXONOMY, 0)
    held = done(held, gestures.create_object("n", tiles(1, 1, 4, 4), "car"))
    out = held.to_labels(TAXONOMY, "main")
    assert out.rows.masks == rectangle(1, 1, 4, 4)
    assert out.coverage.nothing


def test_done_covers_everything_and_not_done_what_the_snapshot_said():
    held = document()
    finished = done(held, gestures.set_field(held, "", "state", "done"))
    assert finished.to_labels(TAXONOMY, "main").coverage is FULL
    again = done(finished, gestures.set_field(finished, "", "state", "doing"))
    assert again.to_labels(TAXONOMY, "main").coverage is held.labels.coverage


def test_a_class_map_changes_where_it_was_painted_and_nowhere_else():
    labels = map_labels()
    held = document(labels)
    assert list(held.objects) == list(KEYS)
    patch = np.zeros(SIZE, np.bool_)
    patch[200:280, 100:400] = True
    changes = [
        Change(uid, {}, mask_to_tiles(Masks.from_dense(patch & (labels.class_map == value))))
        for uid, value in (("car", 0), ("sky", 2), ("void", VOID))
    ]
    grown = mask_to_tiles(Masks.from_dense(patch & (labels.class_map != 1)))
    after = done(held, Change("road", {}, grown), *[c for c in changes if c.tiles])
    wanted = labels.class_map.copy()
    wanted[patch] = 1
    assert np.array_equal(after.to_labels(TAXONOMY, "main").class_map, wanted)
    erased = done(after, Change("road", {}, after.objects["road"].tiles))
    wanted[wanted == 1] = BACKGROUND
    assert np.array_equal(erased.to_labels(TAXONOMY, "main").class_map, wanted)


def test_void_under_its_position_and_under_its_code_is_one_class():
    pixels = np.full(SIZE, BACKGROUND, np.uint8)
    pixels[0, :9], pixels[1, :9] = KEYS.index("void"), VOID
    held = document(Labels(SIZE, class_map=pixels))
    assert tiles_to_masks([held.objects["void"].tiles], SIZE) == rectangle(0, 0, 9, 2)


def test_a_class_map_moves_to_a_taxonomy_with_more_and_other_places():
    labels = map_labels()
    many = [Category(f"c{i}", f"c{i}") for i in range(300)]
    wide = Taxonomy((*many, *reversed(TAXONOMY.categories)))
    held = document(labels)
    out = held.to_labels(wide, "main").class_map
    assert out.dtype == np.uint16
    for old, key in enumerate(KEYS[:3]):
        assert np.array_equal(out == wide.index(key), labels.class_map == old)
    assert np.array_equal(out == 65535, labels.class_map == VOID)
    assert np.array_equal(out == 65534, labels.class_map == BACKGROUND)
    with pytest.raises(TaxonomyError, match="sky"):
        held.to_labels(Taxonomy(tuple(c for c in TAXONOMY if c.key != "sky")), "main")


def test_void_pixels_without_a_void_category_can_be_painted_too():
    bare = Taxonomy.from_names(["car", "road", "sky"])
    labels = map_labels()
    held = Document.from_labels(labels, bare, 1)
    assert list(held.objects)[-1] == NO_CLASS
    after = apply(held, operation(held, Change(NO_CLASS, {}, held.objects[NO_CLASS].tiles)))
    wanted = labels.class_map.copy()
    wanted[wanted == VOID] = BACKGROUND
    assert np.array_equal(after.to_labels(bare, "main").class_map, wanted)


def test_json_tells_boxes_and_areas_and_reads_back():
    for labels in (rows_labels(), map_labels()):
        held = document(labels)
        if labels.rows is not None:
            held = done(
                held, gestures.delete_object("5-0"), gestures.set_field(held, "5-1", "z", 8)
            )
        data = json.loads(json.dumps(held.to_json(), allow_nan=False))
        for one, own in zip(data["objects"], held.objects.values(), strict=True):
            mask = tiles_to_masks([own.tiles], SIZE)
            assert (one["box"], one["area"]) == (mask.boxes[0].tolist(), int(mask.areas[0]))
        back = Document.from_json(data, document(labels))
        assert back == held
        assert back.revision == held.revision
        one, other = back.to_labels(TAXONOMY, "main"), held.to_labels(TAXONOMY, "main")
        if labels.rows is not None:
            assert one.rows.masks == other.rows.masks
            assert one.rows.source == other.rows.source
        else:
            assert np.array_equal(one.class_map, other.class_map)


def random_change(rng, held, uids):
    """One change that fits, of any kind."""
    uid = str(rng.choice(uids))
    if uid == "":
        return gestures.set_verdict(
            held, f"i{rng.integers(3)}", rng.choice([None, "kept", "fixed"])
        )
    x, y = rng.integers(0, SIZE[1] - 1), rng.integers(0, SIZE[0] - 1)
    patch = tiles(
        x, y, min(x + rng.integers(1, 300), SIZE[1]), min(y + rng.integers(1, 200), SIZE[0])
    )
    if uid not in held.objects:
        if uid in held.deleted:
            return Change(uid, {"exists": (False, True)})
        return gestures.create_object(uid, patch, "car", z=int(rng.integers(-3, 3)))
    choice = rng.integers(6)
    if choice == 0:
        return gestures.delete_object(uid)
    if choice == 1:
        return gestures.set_field(held, uid, "category", str(rng.choice(KEYS[:3])))
    if choice == 2:
        return gestures.set_field(held, uid, "attributes", {"a": int(rng.integers(3))})
    if choice == 3:
        shape = {"rule": "grid", "rings": [rng.integers(-99, 30000, 8).tolist()]}
        return gestures.replace_pixels(held, uid, fill_geometry(shape, SIZE), shape)
    if held.objects[uid].geometry is not None:
        return gestures.replace_pixels(held, uid, patch)
    return Change(uid, {}, patch)


def random_operation(rng, held, uids):
    chosen = rng.choice(uids, size=rng.integers(1, 4), replace=False)
    return operation(held, *[random_change(rng, held, [uid]) for uid in chosen])


UIDS = ["", "5-0", "5-1", "5-3", "n1", "n2", "n3"]


def test_undo_of_everything_in_turn_restores_the_first_document():
    rng = np.random.default_rng(7)
    start = held = document()
    past = []
    for _ in range(150):
        op = parse(to_bytes(random_operation(rng, held, UIDS)), SIZE)
        past.append((op, held))
        held = apply(held, op)
    for op, before in reversed(past):
        redone = held
        held = apply(held, inverse(op, new_id()))
        assert held == before
        assert apply(held, op) == redone
    assert held == start
    assert held.to_labels(TAXONOMY, "main").rows is start.labels.rows


def test_operations_that_touch_nothing_in_common_commute():
    rng = np.random.default_rng(8)
    held = document()
    moved = 0
    for _ in range(250):
        a, b = (random_operation(rng, held, UIDS) for _ in range(2))
        if commutes(b, [a]):
            assert apply(apply(held, a), b) == apply(apply(held, b), a)
            moved += 1
        held = apply(held, a)
    assert moved > 40


def test_classes_of_a_map_commute_in_different_tiles():
    held = document(map_labels())
    free = ~np.isin(map_labels().class_map, (0, 1, 2, VOID))
    sides = []
    for x in (0, 256):
        part = np.zeros(SIZE, np.bool_)
        part[:256, x : x + 256] = free[:256, x : x + 256]
        sides.append(mask_to_tiles(Masks.from_dense(part)))
    a, b = (
        operation(held, Change(uid, {}, t)) for uid, t in zip(("car", "sky"), sides, strict=True)
    )
    assert commutes(b, [a], "map")
    assert apply(apply(held, a), b) == apply(apply(held, b), a)
    both = operation(held, Change("car", {}, sides[1]))
    assert not commutes(both, [b], "map")
    with pytest.raises(DataError, match="two classes"):
        apply(apply(held, b), both)


def test_a_conflict_says_what_is_there_now_and_exits_with_1():
    held = document()
    with pytest.raises(Conflict) as caught:
        apply(held, operation(held, Change("5-1", {"z": (3, 5)})))
    assert caught.value.exit_code == 1
    assert caught.value.seen == "now 4"
    assert caught.value.missing == ()


def test_a_polygon_of_too_many_crossings_is_refused_before_it_is_filled():
    rng = np.random.default_rng(0)
    shape = {"rule": "grid", "rings": [rng.integers(-(2**30), 2**30, 60_000).tolist()]}
    held = Document((9000, 9000), "rows")
    change = gestures.create_object("n", tiles(0, 0, 5, 5), "car", geometry=shape)
    with pytest.raises(DataError, match="column centres"):
        apply(held, parse(to_bytes(operation(held, change)), held.size_hw))


def test_what_is_no_image_of_the_taxonomy_is_refused():
    with pytest.raises(DataError, match="volume"):
        Document.from_labels(
            Labels((2, 3, 3), class_map=np.zeros((2, 3, 3), np.uint8)), TAXONOMY, 1
        )
    with pytest.raises(DataError, match="no category"):
        document(Labels((3, 3), class_map=np.full((3, 3), 9, np.uint8)))
    with pytest.raises(DataError, match="no category"):
        document(Labels((3, 3), rows=Rows.make(Masks.empty(1, (3, 3)), [9])))


def test_changes_of_one_object_in_one_gesture_are_joined():
    held = document()
    op = operation(
        held,
        gestures.set_field(held, "5-0", "z", 3),
        Change("5-0", {}, tiles(0, 0, 9, 9)),
        Change("5-0", {"z": (3, 4)}, tiles(0, 0, 9, 5)),
    )
    assert op.changes == (Change("5-0", {"z": (0, 4)}, tiles(0, 5, 9, 9)),)
