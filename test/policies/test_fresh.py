"""Which stamps are of the present."""

import numpy as np
import pytest

from gaze_vlm_ros.policies.courtesy import Courtesy
from gaze_vlm_ros.policies.fresh import is_fresh, is_late
from gaze_vlm_ros.types import NS_PER_S, WearerState

HOUR_NS = 3600 * NS_PER_S


@pytest.mark.parametrize(("age_s", "fresh"), [(0.0, True), (0.5, True), (0.6, False), (-0.05, True), (-0.2, False)])
def test_what_is_old_or_of_the_future_is_not_fresh(age_s, fresh):
    assert is_fresh(HOUR_NS, HOUR_NS + round(age_s * NS_PER_S), 0.5) is fresh


@pytest.mark.parametrize(("behind_s", "late"), [(-1.0, False), (0.0, False), (0.5, True), (3600.0, False)])
def test_what_is_a_little_behind_is_late_and_what_is_far_behind_is_of_another_clock(behind_s, late):
    assert is_late(HOUR_NS - round(behind_s * NS_PER_S), HOUR_NS) is late


def test_one_wearer_of_the_future_does_not_hide_the_next_ones():
    courtesy, now_ns = Courtesy(), NS_PER_S
    courtesy.on_wearer(WearerState(now_ns + HOUR_NS, np.eye(4)))
    assert courtesy.wearer(now_ns) is None
    courtesy.on_wearer(WearerState(now_ns, np.eye(4)))
    assert courtesy.wearer(now_ns) is not None
