"""Rings for readers: unmodified programs make the very same mask of them."""

from __future__ import annotations

import cv2
import numpy as np
import pycocotools.mask as coco
import pytest
from PIL import Image, ImageDraw
from skimage.draw import polygon as skimage_polygon

from maskloom.core.masks import Masks
from maskloom.errors import MaskError
from maskloom.formats.shared.reader_rings import changed_pixels, rings_for

from .torture import FAMILIES, hard_masks, mask_of

# pycocotools copies by an older rule of NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
RULES = ("coco", "centre", "gdal", "opencv", "opencv-round", "pil", "pil-outline", "skimage")


def seen_by(rule, rings, size):
    """What the program itself makes of the rings, called as its users call it."""
    canvas = np.zeros(size, np.uint8)
    if rule == "coco":
        return coco.decode(coco.merge(coco.frPyObjects([r.ravel().tolist() for r in rings], *size)))
    if rule in ("centre", "gdal"):
        features = pytest.importorskip("rasterio.features", reason="needs the extra geo")
        closed = [np.concatenate([ring, ring[:1]]).tolist() for ring in rings]
        shape = {"type": "Polygon", "coordinates": closed}
        return features.rasterize([(shape, 1)], out_shape=size, dtype="uint8")
    if rule.startswith("opencv"):
        shift = 0.49 if rule == "opencv" else 0
        whole = [np.array(r + shift, np.int32) for r in rings]
        cv2.fillPoly(canvas, whole, 1)
        return canvas
    if rule.startswith("pil"):
        image = Image.new("L", size[::-1])
        for ring in rings:
            outline = 1 if rule == "pil-outline" else None
            ImageDraw.Draw(image).polygon([tuple(p) for p in ring.tolist()], 1, outline)
        return np.asarray(image)
    for ring in rings:
        canvas[skimage_polygon(ring[:, 1], ring[:, 0], size)] ^= 1
    return canvas


@pytest.mark.parametrize("family", FAMILIES[:-1])
@pytest.mark.parametrize("rule", RULES)
def test_readers_see_every_family_of_masks_exactly(rule, family):
    rng = np.random.default_rng(11)
    for _ in range(25):
        pixels = mask_of(family, rng)
        pixels[0, 0] |= not pixels.any()
        found = rings_for(Masks.from_dense(pixels), rule)
        assert found.exact is not None
        np.testing.assert_array_equal(seen_by(rule, found.rings, pixels.shape) > 0, pixels)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", sorted(hard_masks()))
def test_one_ring_is_exact_unless_bridges_are_painted_outside_the_object(rule, name):
    pixels = hard_masks()[name]
    mask = Masks.from_dense(pixels)
    found = rings_for(mask, rule, single=True)
    assert len(found.rings) == 1
    painted = rule.startswith(("opencv", "pil"))
    parts = name in ("two parts", "island in a hole")
    assert (found.exact is None) == (painted and parts)
    seen = seen_by(rule, found.rings, pixels.shape) > 0
    assert int((seen != pixels).sum()) == found.changed


def test_usual_contours_do_not_suit_edge_readers_nor_edges_those_that_paint_outlines():
    mask = Masks.from_dense(hard_masks()["disc"])
    contour, edge = rings_for(mask, "opencv").rings, rings_for(mask, "coco").rings
    assert changed_pixels(mask, contour, "coco") > 50
    assert changed_pixels(mask, edge, "opencv") > 50


def test_a_mask_without_pixels_or_a_rule_without_rings_is_refused():
    with pytest.raises(MaskError, match="without a pixel"):
        rings_for(Masks.empty(1, (5, 5)), "coco")
    with pytest.raises(MaskError, match="Use one of coco"):
        rings_for(Masks.from_dense(np.ones((3, 3), bool)), "grid")


def test_centre_and_gdal_are_the_rule_of_rasterio_for_polygons_with_holes():
    features = pytest.importorskip("rasterio.features", reason="needs the extra geo")
    rng = np.random.default_rng(1)
    differ = dict.fromkeys(("centre", "gdal"), 0)
    for i in range(2000):
        size = int(rng.integers(10, 70))
        centre = rng.uniform(0, size, 2)
        rings = []
        for scale in (2, 4)[: 1 + i % 2]:
            angle = np.sort(rng.random(int(rng.integers(3, 12)))) * 2 * np.pi
            radius = rng.uniform(1, size / scale, len(angle))
            rings.append(centre + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None])
        closed = [np.concatenate([ring, ring[:1]]).tolist() for ring in rings]
        shape = {"type": "Polygon", "coordinates": closed}
        theirs = features.rasterize([(shape, 1)], out_shape=(size, size), dtype="uint8")
        for rule in differ:
            ours = Masks.from_polygons([rings], (size, size), rule=rule).dense(0)
            differ[rule] += int((ours != (theirs > 0)).sum())
    # Rings have no centres of pixels on their edges: there GDAL's ties decide, and its turns.
    assert differ == {"centre": 0, "gdal": 0}
