"""Python and the page agree bit for bit: thousands of seeded polygons, dabs and operations."""

from __future__ import annotations

import json
import random
from fractions import Fraction

import numpy as np
import pytest

from maskloom.core.labels import Labels, Rows
from maskloom.core.masks import Masks
from maskloom.core.taxonomy import Category, Taxonomy
from maskloom.edits import gestures
from maskloom.edits.document import Document, apply
from maskloom.edits.grid_polygons import fill_geometry
from maskloom.edits.operations import Change, inverse, new_id, parse, tiles_to_json, to_json
from maskloom.edits.tiles import mask_to_tiles, tiles_to_masks, xor_tiles
from maskloom.errors import MaskloomError

pytestmark = pytest.mark.browser

FAR = 2**30
SIZE = (300, 520)
TAXONOMY = Taxonomy(tuple(Category(key, key, void=key == "void") for key in ("car", "sky", "void")))


def run(page, name, *arguments):
    """A function of fuzz.js; arguments go as text, so that every number arrives as it is."""
    return page.evaluate(
        "async ([name, text]) => (await import('/tests/web/fuzz.js'))[name](...JSON.parse(text))",
        [name, json.dumps(arguments)],
    )


def random_polygon(rng, kind):
    """Free, crossing the frame, on the grid of pixels, on centres, repeated, spikes, huge, far."""
    size = [rng.randrange(1, 90), rng.randrange(1, 90)]
    if kind == 7:
        size = [rng.randrange(200, 700), rng.randrange(200, 700)]
    span = 64 * max(size)
    rings = []
    for _ in range(rng.randrange(1, 4)):
        low, high = (-span, 2 * span) if kind in (1, 5) else (0, span)
        ring = [rng.randint(low, high) for _ in range(2 * rng.randrange(3, 12))]
        if kind == 2:
            ring = [v // 64 * 64 for v in ring]
        elif kind == 3:
            ring = [v // 64 * 64 + rng.choice((0, 32, 32, 31, 33)) for v in ring]
        elif kind == 4:
            ring = [v for pair in zip(ring[::2], ring[1::2], strict=True) for v in pair * 2]
        elif kind == 5:
            ring[2::4] = [ring[0] + rng.randrange(-40, 40) for _ in ring[2::4]]
        elif kind == 6:
            ring = [rng.randint(-FAR, FAR) if rng.random() < 0.5 else v for v in ring]
        elif kind == 8:
            ring = [rng.choice((-FAR, FAR, -FAR + 1, FAR - 1, v)) for v in ring]
        rings.append(ring)
    return {"size": size, "rings": rings}


def test_polygons_have_the_same_pixels(page):
    rng = random.Random(11)
    polygons = [random_polygon(rng, k % 9) for k in range(6000)]
    seen = run(page, "fillAll", polygons)
    some = 0
    for polygon, tiles in zip(polygons, seen, strict=True):
        own = fill_geometry(polygon, polygon["size"])
        assert tiles_to_json(own) == tiles, polygon
        some += bool(tiles)
    assert some > 4000


def random_dab(rng, kind):
    """Anywhere, a point, straight, on centres, ties with the radius, from far, far to far."""
    size = [rng.randrange(1, 60), rng.randrange(1, 60)]
    a, b = ([rng.randint(-900, 4700) for _ in range(2)] for _ in range(2))
    r = rng.randrange(0, 900)
    if kind == 1:
        b = a
    elif kind == 2:
        b = [a[0], b[1]] if rng.random() < 0.5 else [b[0], a[1]]
    elif kind == 3:
        a, b = [v // 64 * 64 + 32 for v in a], [v // 64 * 64 + 32 for v in b]
        r = rng.randrange(0, 12) * 64
    elif kind == 4:
        # Legs 3 and 4 of a slope of 5: whole distances, many exact ties.
        a = [v // 64 * 64 + 32 for v in a]
        b = [a[0] + 64 * 3 * rng.randrange(1, 9), a[1] + 64 * 4 * rng.randrange(1, 9)]
        r = rng.choice((64, 128, 192, 256, 320, 640))
    elif kind == 5:
        a = [rng.randint(-(2**33), 2**33) for _ in range(2)]
        r = rng.randrange(0, 90_000)
    elif kind == 6:
        # The same ties on a path whose ends are far away.
        far = rng.randrange(2**18, 2**27)
        a = [32 - 64 * 3 * far, 32 - 64 * 4 * far]
        b = [32 + 64 * 3 * far, 32 + 64 * 4 * far]
        r = rng.choice((64, 128, 192, 256, 320, 640))
    return {"size": size, "a": a, "b": b, "r": r}


def dab_by_hand(dab):
    """Every pixel by fractions: the squared distance of its centre to the nearest point."""
    (ax, ay), (bx, by) = dab["a"], dab["b"]
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    out = np.zeros(dab["size"], np.bool_)
    for y, x in np.ndindex(*out.shape):
        px, py = 64 * x + 32 - ax, 64 * y + 32 - ay
        t = min(max(Fraction(px * dx + py * dy, squared), 0), 1) if squared else 0
        out[y, x] = (px - t * dx) ** 2 + (py - t * dy) ** 2 <= dab["r"] ** 2
    return out


def test_dabs_are_the_pixels_within_the_radius_of_the_path(page):
    rng = random.Random(12)
    dabs = [random_dab(rng, k % 7) for k in range(910)]
    seen = run(page, "paintAll", dabs)
    for dab, tiles in zip(dabs, seen, strict=True):
        wanted = mask_to_tiles(Masks.from_dense(dab_by_hand(dab)))
        assert tiles == tiles_to_json(wanted), dab
    assert sum(map(bool, seen)) > 400


def test_a_disc_of_the_smallest_radius_is_never_empty(page):
    dabs = [
        {"size": [3, 3], "a": [64 + x, 64 + y], "b": [64 + x, 64 + y], "r": 46}
        for x in range(64)
        for y in range(64)
    ]
    assert all(run(page, "paintAll", dabs))


def test_set_algebra_counts_up(page):
    assert run(page, "algebra", 5) == []


def start(form):
    frame = np.zeros((2, *SIZE), np.bool_)
    frame[0, 10:290, 20:240] = True
    frame[1, 40:120, 200:500] = True
    if form == "map":
        pixels = np.full(SIZE, 254, np.uint8)
        pixels[frame[0]] = 0
        pixels[frame[1]] = 255
        return Document.from_labels(Labels(SIZE, class_map=pixels), TAXONOMY, 1)
    ring = np.array([[300, 100], [480, 140.5], [400, 290]])
    masks = Masks.concatenate(
        [Masks.from_dense(frame), Masks.from_polygons([[ring]], SIZE, rule="grid")]
    )
    return Document.from_labels(Labels(SIZE, rows=Rows.make(masks, [0, 1, 0])), TAXONOMY, 1)


def told(document):
    out = document.to_json()
    for part in ("objects", "deleted"):
        out[part].sort(key=lambda one: one["id"])
        for one in out[part]:
            del one["box"], one["area"]
    return json.loads(json.dumps(out))


def random_values(rng, held, uid):
    """Some fields with a new value, seldom with a wrong old one."""
    choices = {
        "exists": (True, False),
        "category": ("car", "sky", None),
        "z": (0, 1, -5, 2**31 - 1),
        "attributes": ({}, {"a": 1}, {"a": True}, {"b": [1.5, None, "ü\U0001f600"]}),
        "origin": (None, "model/m@1 2"),
    }
    if uid == "":
        choices = {"state": ("todo", "doing", "done"), "verdict/x,1": (None, "kept", "void")}
    out = {}
    for name in rng.sample(sorted(choices), rng.randrange(0, 3)):
        old = rng.choice(choices[name]) if rng.random() < 0.1 else held.value(uid, name)
        out[name] = (old, rng.choice(choices[name]))
    return out


def random_change(rng, held, uid):
    fields, tiles = random_values(rng, held, uid), {}
    if uid and rng.random() < 0.7:
        if uid not in held.objects and rng.random() < 0.8:
            fields["exists"] = (False, True)
            fields["category"] = (held.value(uid, "category"), "car")
        x, y = rng.randrange(SIZE[1]), rng.randrange(SIZE[0])
        part = np.zeros(SIZE, np.bool_)
        part[y : y + rng.randrange(1, 200), x : x + rng.randrange(1, 300)] = True
        tiles = mask_to_tiles(Masks.from_dense(part))
        old = held.value(uid, "geometry")
        if rng.random() < 0.3:
            shape = {"rule": "grid", "rings": [[rng.randrange(-3000, 36000) for _ in range(8)]]}
            fields["geometry"] = (old, shape)
            tiles = xor_tiles(held.value(uid, "tiles"), fill_geometry(shape, SIZE))
        elif old is not None and rng.random() < 0.9:
            fields["geometry"] = (old, None)
    if not fields and not tiles:
        fields = {"state": ("todo", "todo")} if uid == "" else {"z": (0, 0)}
    return Change(uid, fields, tiles)


def random_paint(rng, held, uid):
    """Pixels for a class that no other has; seldom others have them."""
    x, y = rng.randrange(SIZE[1]), rng.randrange(SIZE[0])
    part = np.zeros(SIZE, np.bool_)
    part[y : y + rng.randrange(1, 200), x : x + rng.randrange(1, 300)] = True
    if rng.random() < 0.8:
        others = tiles_to_masks([o.tiles for o in held.objects.values() if o.uid != uid], SIZE)
        part &= ~others.merge().dense(0)
    return Change(uid, {}, mask_to_tiles(Masks.from_dense(part)))


def random_operation(rng, held, uids):
    changes = []
    for uid in rng.sample(uids, rng.randrange(1, 3)):
        make = random_paint if held.form == "map" and uid else random_change
        changes.append(make(rng, held, uid))
    real = [change for change in changes if change.set or change.tiles]
    return gestures.make(held, "main", "brush", real or [Change("", {"state": ("todo", "todo")})])


@pytest.mark.parametrize("form", ["rows", "map"])
def test_random_operations_end_in_the_same_document(page, form):
    rng = random.Random(13)
    seen_outcomes = set()
    for _ in range(12):
        held = first = start(form)
        uids = (
            ["", "1-0", "1-1", "1-2", "n1", "n2", "9-9"] if form == "rows" else ["", *held.objects]
        )
        operations, outcomes, past = [], [], []
        for _ in range(60):
            if past and rng.random() < 0.15:
                op = inverse(past.pop(), new_id())
            else:
                op = random_operation(rng, held, uids)
            op = parse(to_json(op), SIZE)
            operations.append(to_json(op))
            try:
                held = apply(held, op)
                outcomes.append("applied")
                if op.kind == "brush":
                    past.append(op)
            except MaskloomError as error:
                outcomes.append(type(error).__name__)
        seen = run(page, "replay", first.to_json(), operations)
        assert seen["outcomes"] == outcomes
        assert seen["document"] == told(held)
        seen_outcomes.update(outcomes)
    assert seen_outcomes == {"applied", "Conflict", "DataError"}


@pytest.mark.parametrize("form", ["rows", "map"])
def test_what_the_page_makes_of_gestures_python_takes(page, form):
    for seed in range(12):
        held = start(form)
        seen = run(page, "gesture", held.to_json(), seed, 60)
        assert seen["faults"] == []
        for source in seen["operations"]:
            held = apply(held, parse(source, SIZE, set(TAXONOMY.keys)))
        assert told(held) == seen["document"]
        assert len(seen["operations"]) > 30
