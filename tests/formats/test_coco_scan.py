"""What the scan calls plain must pass the full check; what it tells of ids must be true."""

from __future__ import annotations

import json
import random

import numpy as np

from maskloom.formats.coco.check import BadAnnotation, check_annotation
from maskloom.formats.coco.scan import ABSENT, CATEGORY, CROWD, ID, IMAGE, PLAIN, scan_annotations

IMAGES = {1: {"height": 20, "width": 30}, 7: {"height": 5, "width": 5}}
CATEGORIES = {3: {}, 4: {}}
BASE = {
    "id": 5,
    "image_id": 1,
    "category_id": 3,
    "iscrowd": 0,
    "area": 12.5,
    "bbox": [0, 1.5, 4, -2e-3],
    "segmentation": [[0, 0, 4.25, 0, 4, 3], [1, 1, 2, 1, 2, 2, 1, 2]],
    "note": "a, b: }]",
}
ODD = [
    None,
    True,
    -1,
    2**63,
    10**400,
    1.5,
    "x",
    [],
    [1],
    [[1, 2, 3]],
    [[1, 2, 3, 4]],
    [[0, 0, 1, 0, 1]],
    [[0, 0, 1, 0, float("nan"), 1]],
    [[0, 0, 1, 0, 1e30, 1]],
    [[0, 0, 1, 0, 99999999, 1]],
    [[0, 0, 1, 0, "1", 1]],
    {"counts": [600], "size": [20, 30]},
    {"counts": [600], "size": [2, 3]},
    float("inf"),
    {},
]


def scanned(texts):
    text = b",".join(texts)
    lengths = np.array([len(t) for t in texts])
    ends = np.cumsum(lengths + 1) - 1
    return scan_annotations(np.frombuffer(text, np.uint8), ends - lengths, ends)


def is_right(value):
    """By the full check, which names what is wrong."""
    try:
        check_annotation(value, IMAGES, CATEGORIES, need_id=False)
    except BadAnnotation:
        return False
    return True


def test_usual_annotations_are_plain_and_their_ids_are_told():
    rng = random.Random(0)
    for _ in range(50):
        one = {key: BASE[key] for key in rng.sample(list(BASE), len(BASE))}
        text = json.dumps(one, indent=rng.choice([None, 2]))
        values, kinds = scanned([text.encode()])
        assert kinds.tolist() == [PLAIN]
        assert values[[IMAGE, CATEGORY, ID, CROWD], 0].tolist() == [1, 3, 5, 0]


def test_absent_members_are_told_as_absent():
    values, kinds = scanned([b'{"image_id": 1, "category_id": 3}', b"{}"])
    assert kinds.tolist() == [PLAIN, PLAIN]
    assert values[ID].tolist() == [ABSENT, ABSENT]
    assert values[IMAGE].tolist() == [1, ABSENT]


def test_nothing_wrong_is_called_plain():
    rng = random.Random(1)
    plain = wrong = 0
    for _ in range(4000):
        one = dict(BASE)
        for key in rng.sample(list(BASE)[:-1], rng.randrange(3)):
            one[key] = rng.choice(ODD)
        _, kinds = scanned([json.dumps(one).encode()])
        # What ids name is looked up by the caller.
        if kinds[0] == PLAIN and (one["image_id"], one["category_id"], one["iscrowd"]) == (1, 3, 0):
            plain += 1
            assert is_right(one), one
        wrong += not is_right(one)
    assert plain > 500
    assert wrong > 500


def test_damaged_bytes_are_never_plain_where_the_parser_refuses_them():
    rng = random.Random(2)
    text = json.dumps(BASE).encode()
    refused = 0
    for _ in range(20_000):
        damaged = bytearray(text)
        for _ in range(rng.randrange(1, 3)):
            place = rng.randrange(len(damaged))
            how = rng.randrange(3)
            if how == 0:
                damaged[place] = rng.choice(b'0123456789.,-+eE[]{}": \\n\x00\xff')
            elif how == 1:
                del damaged[place]
            else:
                damaged.insert(place, rng.choice(b'09.,-[]{}": '))
        _, kinds = scanned([bytes(damaged)])
        try:
            json.loads(damaged)
        except (json.JSONDecodeError, UnicodeDecodeError):
            refused += 1
            # Text inside strings is left to the parser, which runs before anything is used.
            if kinds[0] == PLAIN:
                assert any(byte < 32 or byte > 126 for byte in damaged), damaged
    assert refused > 5000
