"""A slip is told by what the hands take hold of, and by nothing less."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.reaches import SlipWatch
from gaze_vlm_ros.gaze.slip import SlipDetector, SlipSettings
from gaze_vlm_ros.types import NS_PER_S, GazeSample, WearerState

TICK_NS = NS_PER_S // 20
ELSEWHERE = np.radians([[-9.0, 7.0], [10.0, -8.0], [6.0, 10.0]])


def reaches(detector, shift_deg, count, seed=0):
    """Each reach has a glance at the thing, off by the shift, and one elsewhere; what was told after each."""
    random = np.random.default_rng(seed)
    told = []
    for _ in range(count):
        glance = np.radians(shift_deg) + random.normal(0.0, np.radians(0.5), (3, 2))
        elsewhere = ELSEWHERE[random.integers(3)] + random.normal(0.0, np.radians(3.0), (3, 2))
        told.append(detector.reached(np.concatenate([glance, elsewhere])))
    return told


def test_without_a_slip_nothing_is_told():
    assert not any(told is not None for told in reaches(SlipDetector(), (0.0, 0.0), 100))


def test_a_tracker_that_is_off_by_less_than_two_degrees_has_not_slipped():
    assert not any(told is not None for told in reaches(SlipDetector(), (1.2, -1.0), 100))


@pytest.mark.parametrize("shift_deg", [(5.0, 0.0), (0.0, -5.0), (-6.0, 5.0)])
def test_a_slip_is_told_with_its_direction(shift_deg):
    detector = SlipDetector()
    reaches(detector, (0.0, 0.0), 16)
    told = [item for item in reaches(detector, shift_deg, 16) if item is not None]
    assert told and np.degrees(told[-1]) == pytest.approx(shift_deg, abs=1.5)


def test_few_reaches_say_nothing():
    assert not any(told is not None for told in reaches(SlipDetector(), (6.0, 0.0), SlipSettings().needed - 1))


def test_a_reach_without_gaze_does_not_count():
    detector = SlipDetector()
    reaches(detector, (6.0, 0.0), 5)
    for _ in range(20):
        assert detector.reached(np.full((4, 2), np.nan)) is None


def work(watch, shift_deg, rounds=2):
    """A hand goes from place to place and rests at each; gaze rests there from before it arrives, off by the shift."""
    places = [np.array([0.16 * column - 0.24, 0.16 * row - 0.16, 0.7]) for row in range(3) for column in range(4)]
    right, down = np.radians(shift_deg)
    stamp_ns, hand = NS_PER_S, np.array([0.0, 0.5, 0.4])
    deeper = np.array([0.0, 0.0, 0.2])
    for place in [place + deeper * number for number in range(rounds) for place in places]:
        way = [hand + (place - hand) * step / 10 for step in range(1, 11)] + [place] * 8
        x, y = np.arctan2(place[:2], place[2]) + (right, down)
        ray = np.array([np.tan(x), np.tan(y), 1.0])
        for hand in way:
            stamp_ns += TICK_NS
            watch.on_gaze([GazeSample(stamp_ns, np.zeros(2), ray / np.linalg.norm(ray), confidence=1.0)])
            watch.on_wearer(WearerState(stamp_ns, np.eye(4), right_hand_m=hand))


def test_reaches_of_a_hand_tell_a_slip_and_only_a_slip():
    watch = SlipWatch()
    work(watch, (0.0, 0.0))
    assert watch.reaches >= 12 and watch.shift_rad is None
    watch = SlipWatch()
    work(watch, (5.0, -3.0))
    assert np.degrees(watch.shift_rad) == pytest.approx((5.0, -3.0), abs=2.5)


def test_a_hand_that_goes_to_and_fro_between_two_places_reaches_for_nothing_new():
    watch, stamp_ns = SlipWatch(), NS_PER_S
    for turn in range(20):
        for _ in range(12):
            stamp_ns += TICK_NS
            place = np.array([0.3 * (turn % 2), 0.2, 0.6])
            watch.on_wearer(WearerState(stamp_ns, np.eye(4), right_hand_m=place))
    assert watch.reaches <= 1


@pytest.mark.parametrize("seed", range(5))
def test_gaze_that_has_nothing_to_do_with_the_hands_is_no_slip(seed):
    random, detector = np.random.default_rng(seed), SlipDetector()
    anywhere = [detector.reached(np.radians(random.uniform(-12.0, 12.0, (6, 2)))) for _ in range(60)]
    assert all(told is None for told in anywhere)
