from __future__ import annotations

import numpy as np
import pytest

from maskloom.core.labels import RowKind
from maskloom.core.masks import Masks
from maskloom.errors import FormatError
from maskloom.formats.shared.documents import (
    Document,
    dataset_of_documents,
    taxonomy_of_names,
    with_names,
)
from maskloom.formats.shared.shapes import Shape, checked_vertices, rows_of

from .conftest import write_photo

SQUARE = (np.array([[0, 0], [9, 0], [9, 9], [0, 9]], float),)


def test_a_polygon_becomes_pixels_under_its_own_rule_and_keeps_its_vertices():
    shapes = [Shape("a", "f", vertices=SQUARE, rule=rule) for rule in ("coco", "pil-outline")]
    rows = rows_of(shapes, (12, 12), {"a": 0})
    assert rows.masks.areas.tolist() == [81, 100]
    assert [g.rule for g in rows.geometry] == ["coco", "pil-outline"]
    np.testing.assert_array_equal(rows.geometry[0].parts[0], SQUARE[0])


def test_parts_of_one_object_share_an_id_and_files_keep_theirs():
    def part(instance=None, number=None):
        return Shape("a", "f", vertices=SQUARE, rule="edge", instance=instance, number=number)

    rows = rows_of(
        [
            part(),
            part("x", 7),
            part(number=1),
            part("x", 9),
            part(number=1),
            part(number=-3),
            part(number=2**70),
        ],
        (12, 12),
        {"a": 0},
    )
    assert rows.instance.tolist() == [2, 7, 1, 7, 3, 4, 5]


def test_a_part_names_the_object_that_it_is_part_of():
    def one(instance, parent=None, number=None):
        return Shape(
            "a", "f", vertices=SQUARE, rule="edge", instance=instance, parent=parent, number=number
        )

    shapes = [one("hand", "man"), one("man", number=9), one("hat", "nobody")]
    rows = rows_of(shapes, (12, 12), {"a": 0})
    assert rows.instance.tolist() == [1, 9, 2]
    assert rows.parent.tolist() == [9, -1, -1]


def test_names_that_label_files_add_to_a_side_file_get_keys_of_their_own():
    known = taxonomy_of_names(["Car", "nothing"], void=["nothing"], fmt="x")
    assert [c.void for c in known] == [False, True]
    more = with_names(known, ["Car", "new car", "ignored"], void=["ignored"])
    assert [(c.key, c.name, c.void) for c in more][2:] == [
        ("new-car", "new car", False),
        ("ignored", "ignored", True),
    ]
    assert with_names(known, ["Car"]) is known


def test_a_box_has_no_pixels_and_keeps_its_corners():
    corners = (np.array([[1.5, 2], [4, 5]]),)
    rows = rows_of(
        [Shape("a", "f", RowKind.BOX, corners, "box", source={"bbox": [1.5, 2, 2.5, 3]})],
        (9, 9),
        {"a": 0},
    )
    assert rows.kind.tolist() == [RowKind.BOX]
    assert rows.masks.areas.tolist() == [0]
    assert rows.source[0] == {"bbox": [1.5, 2, 2.5, 3]}


def test_a_bitmap_of_another_frame_is_refused_with_its_place():
    shape = Shape("a", "file.json: object 3", mask=Masks.empty(1, (3, 4)))
    with pytest.raises(FormatError, match="object 3: the bitmap is for another frame"):
        rows_of([shape], (9, 9), {"a": 0})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[0, 0], [1, 1]], "fewer than 3 vertices"),
        ([[0, 0], [1, float("nan")], [2, 2]], "not finite"),
        ([[0, 0], [1, 10**400], [2, 2]], "pairs of numbers"),
        ([0, 1, 2], "pairs of numbers"),
        ([["a", 1]], "pairs of numbers"),
        (None, "pairs of numbers"),
    ],
)
def test_vertices_that_are_none_are_refused_with_their_place(values, said):
    with pytest.raises(FormatError, match=f"here: .*{said}"):
        checked_vertices(values, "here")


def test_an_image_whose_place_the_format_knows_is_not_looked_for(tmp_path):
    write_photo(tmp_path / "a.png")
    write_photo(tmp_path / "deep/img/a.png")
    documents = [
        Document("a.png", tmp_path / "a.json", lambda size: [], key="x", image=place)
        for place in (None, tmp_path / "deep/img/a.png")
    ]
    for one, wanted in zip(documents, ("a.png", "deep/img/a.png"), strict=True):
        data = dataset_of_documents([one], taxonomy_of_names([], fmt="t"), tmp_path, None, fmt="t")
        assert data.samples[0].image.path == tmp_path / wanted


def test_shapes_of_several_rules_stay_in_order_and_the_wrong_one_is_named():
    rules = ["coco", "pil-outline", "edge", "coco", "pil-outline"]
    listed = [
        Shape("a", f"shape {i}", vertices=(SQUARE[0] / (i + 1),) if rule == "coco" else SQUARE,
              rule=rule)
        for i, rule in enumerate(rules)
    ]  # fmt: skip
    listed.insert(2, Shape("a", "f", RowKind.BOX, SQUARE, "box"))
    bitmap = Masks.from_dense(np.eye(12, dtype=bool))
    listed.insert(4, Shape("a", "f", mask=bitmap))
    rows = rows_of(listed, (12, 12), {"a": 0})
    alone = [rows_of([one], (12, 12), {"a": 0}).masks for one in listed]
    assert rows.masks == Masks.concatenate(alone)
    far = (np.array([[0, 0], [1e9, 0], [3, 3]], float),)
    listed.append(Shape("a", "shape 9", vertices=far, rule="coco"))
    with pytest.raises(FormatError, match="shape 9"):
        rows_of(listed, (12, 12), {"a": 0})
