"""Where a thing is set down for the wearer."""

import numpy as np
import pytest

from gaze_vlm_ros.policies.handing import HandingSettings, handing_point, is_in_reach, shoulders_m
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.types import WearerState

BOX = Box(np.array([0.1, -0.7, 0.01]), np.array([0.85, 0.7, 0.9]))
THING_M = np.array([0.25, 0.3, 0.05])


def wearer(left=(0.75, 0.2, 0.05), right=(0.75, -0.2, 0.05)):
    head = np.eye(4)
    head[:3, 3] = [0.9, 0.0, 0.5]
    return WearerState(0, head, np.array(left), np.array(right), 0.01)


def test_it_is_in_reach_and_away_from_hands_and_things():
    settings, other = HandingSettings(), np.array([0.5, 0.1, 0.0])
    point = handing_point(THING_M, wearer(), [other], BOX)
    assert is_in_reach(np.array([*point, 0.0]), wearer())
    for hand in (wearer().left_hand_m, wearer().right_hand_m):
        assert np.linalg.norm(point - hand[:2]) >= settings.apart_m
    assert np.linalg.norm(point - other[:2]) >= settings.clear_m
    assert np.linalg.norm(point) <= settings.robot_m
    assert np.linalg.norm(point - THING_M[:2]) >= settings.way_m


def test_of_all_spots_it_is_the_nearest_to_the_thing():
    left, right = handing_point(THING_M, wearer(), [], BOX), handing_point(THING_M * [1, -1, 1], wearer(), [], BOX)
    assert left[1] > 0.0 > right[1]


def test_where_nothing_fits_there_is_no_point():
    far = wearer()
    far.base_T_head[0, 3] = 2.0
    assert handing_point(THING_M, far, [], BOX) is None


def test_on_a_full_table_it_is_closer_to_things_and_never_too_close():
    settings = HandingSettings()
    full, fuller = (
        [np.array([x, y, 0.0]) for x in np.arange(0.1, 0.9, step) for y in np.arange(-0.7, 0.71, step)]
        for step in (0.11, 0.06)
    )
    point = handing_point(THING_M, wearer(), full, BOX)
    away = min(np.linalg.norm(point - other[:2]) for other in full)
    assert settings.tight_m <= away < settings.clear_m
    assert handing_point(THING_M, wearer(), fuller, BOX) is None


def test_a_hand_that_is_not_seen_forbids_nothing():
    assert handing_point(THING_M, wearer(left=(np.nan,) * 3), [], BOX) is not None


def test_shoulders_are_below_the_head():
    assert shoulders_m(wearer())[2] == pytest.approx(0.26)
