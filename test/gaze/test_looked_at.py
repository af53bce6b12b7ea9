import numpy as np
import pytest

from gaze_vlm_ros.gaze.looked_at import looked_at
from gaze_vlm_ros.types import ObjectMap

SIZE = (640, 480)
LABELS = ("background", "mug", "bowl")


def scene(*things, rows=12, columns=16, probability=0.8):
    index = np.zeros((rows, columns), np.int32)
    for label, top, left, height, width in things:
        index[top : top + height, left : left + width] = LABELS.index(label)
    return ObjectMap(1, LABELS, index, np.full((rows, columns), probability, np.float32))


def centre(row, column):
    """Pixel of the middle of a 40 px patch."""
    return np.array([column * 40 + 19.5, row * 40 + 19.5])


def test_the_thing_under_the_gaze_with_its_region():
    found = looked_at(scene(("mug", 2, 3, 2, 3), ("bowl", 8, 10, 2, 2)), centre(3, 4), SIZE)
    assert found.label == "mug" and found.probability == pytest.approx(0.8)
    np.testing.assert_allclose(found.region_px, [120, 80, 120, 80])


def test_the_background_is_no_thing():
    assert looked_at(scene(("mug", 2, 3, 2, 2)), centre(9, 12), SIZE).label == ""
    assert np.isnan(looked_at(scene(), centre(5, 5), SIZE).region_px).all()


def test_a_near_miss_counts_where_the_gaze_is_uncertain():
    objects = scene(("mug", 4, 4, 3, 3))
    beside = centre(5, 7)
    assert looked_at(objects, beside, SIZE, sigma_px=5.0).label == ""
    assert looked_at(objects, beside - [12, 0], SIZE, sigma_px=40.0).label == "mug"


def test_a_region_ends_where_its_thing_ends_although_another_of_its_kind_is_in_sight():
    found = looked_at(scene(("mug", 1, 1, 2, 2), ("mug", 8, 10, 3, 3)), centre(9, 11), SIZE)
    np.testing.assert_allclose(found.region_px, [400, 320, 120, 120])


def test_gaze_that_is_not_known_or_far_outside_finds_nothing():
    objects = scene(("mug", 0, 0, 12, 16))
    assert looked_at(objects, np.full(2, np.nan), SIZE).label == ""
    assert looked_at(objects, np.array([-5000.0, 0.0]), SIZE).label == ""
