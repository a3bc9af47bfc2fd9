from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskloom.core.region import DISAGREEMENTS, Region
from maskloom.quality.queue import PARTED, Queue, circle_radius, outline_scale, severity

UNIT = st.floats(0, 1)
LENGTH = st.floats(0.1, 1e4)


def region(**changes):
    plain = Region("a", "extra", "cell", None, (0, 0, 4, 4), 16, 0.5, "because")
    return replace(plain, **changes)


def test_the_scale_of_an_image_is_three_quarters_of_a_per_cent_of_its_diagonal():
    assert outline_scale((480, 640)) == 6.0
    assert outline_scale((20, 20)) == 2.0


def test_a_missing_object_weighs_by_the_circle_of_its_area():
    radius = math.sqrt(16 / math.pi)
    assert circle_radius(16) == pytest.approx(radius)
    assert severity(1.0, 1.0, circle_radius(16), 2.0) == pytest.approx(
        radius / (radius + 2), abs=1e-6
    )
    assert severity(0.97, 1.0, circle_radius(16), 2.0) == pytest.approx(
        0.97 * radius / (radius + 2), abs=1e-6
    )


def test_an_outline_off_by_the_scale_everywhere_weighs_one_half():
    assert severity(1.0, 1.0, 6.0, 6.0) == 0.5
    assert severity(1.0, 0.4, 6.0, 6.0) == 0.2


@given(UNIT, UNIT, LENGTH, st.floats(2, 50))
def test_severity_is_a_fraction_that_grows_with_everything_but_the_scale(sure, share, reach, scale):
    bad = severity(sure, share, reach, scale)
    assert 0 <= bad <= 1
    assert severity(sure / 2, share, reach, scale) <= bad
    assert severity(sure, share / 2, reach, scale) <= bad
    assert severity(sure, share, reach / 2, scale) <= bad
    assert severity(sure, share, reach, scale * 2) <= bad


def test_small_missing_objects_come_before_thin_bands_and_joined_ones():
    """A dozen pixels, in an image of 480 × 640, against bands of 2 px along a third."""
    scale = outline_scale((480, 640))
    small = severity(1.0, 1.0, circle_radius(12), scale)
    assert small > severity(1.0, 1 / 3, 2.0, scale)
    assert severity(1.0, 1.0, circle_radius(200), scale) > severity(
        1.0, PARTED, circle_radius(200), scale
    )


def test_the_worst_n_come_out_worst_first_whatever_the_order_in():
    regions = [region(sample=f"{i:03d}", severity=(i * 37 % 101) / 101) for i in range(101)]
    wanted = sorted(regions, key=lambda r: -r.severity)[:10]
    for seed in range(5):
        random.Random(seed).shuffle(regions)
        queue = Queue(10)
        queue.add(regions)
        assert queue.ranked() == wanted
        assert queue.counts == {"extra": 101}


def test_equal_severities_have_one_order():
    ties = [
        region(area=20, sample="z"),
        region(area=16, sample="a", box=(0, 0, 4, 4)),
        region(area=16, sample="a", box=(0, 1, 4, 5)),
        region(area=16, sample="b"),
        *(region(area=16, sample="c", kind=kind) for kind in DISAGREEMENTS),
        region(area=16, sample="d", category="cell"),
        region(area=16, sample="d", category="dirt"),
    ]
    for seed in range(5):
        mixed = random.Random(seed).sample(ties, len(ties))
        queue = Queue(100)
        queue.add(mixed[:3])
        queue.add(mixed[3:])
        assert queue.ranked() == ties


def test_a_list_of_one_keeps_the_worst():
    queue = Queue(1)
    queue.add([region(severity=0.2), region(severity=0.9), region(severity=0.4)])
    assert [one.severity for one in queue.ranked()] == [0.9]
