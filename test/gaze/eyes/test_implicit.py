"""A slip is found from grasps and from the gripper that is watched, halved at least, and never made up."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.implicit import ImplicitOffset, PursuitWatch
from gaze_vlm_ros.gaze.reaches import SlipWatch
from gaze_vlm_ros.types import NS_PER_S, GazeSample, WearerState

WITHIN_EVENTS = 12
SLIPS_DEG = [(3.0, 0.0), (0.0, -5.0), (-4.0, 4.0), (6.0, -5.0), (0.0, 8.0)]


def look(random, shift_deg, noise_deg=0.7):
    """A glance at the target, off by the shift, and one somewhere else before or after."""
    glance = np.radians(shift_deg) + random.normal(0.0, np.radians(noise_deg), (4, 2))
    elsewhere = random.uniform(np.radians(-12.0), np.radians(12.0), 2) + random.normal(0.0, np.radians(0.7), (3, 2))
    return np.concatenate([glance, elsewhere])


@pytest.mark.parametrize("shift_deg", SLIPS_DEG)
@pytest.mark.parametrize("seed", range(4))
def test_a_slip_is_found_and_more_than_halved_within_twelve_looks(shift_deg, seed):
    random, offset = np.random.default_rng(seed), ImplicitOffset()
    for _ in range(WITHIN_EVENTS):
        offset.reached(look(random, shift_deg))
    told = offset.estimate
    assert told.slipped and told.events == WITHIN_EVENTS and told.speak_for >= WITHIN_EVENTS // 2
    left_deg = np.linalg.norm(np.degrees(told.shift_rad) - shift_deg)
    assert left_deg < 0.5 * np.linalg.norm(shift_deg) and left_deg < 1.2


def test_a_slip_in_the_middle_of_work_is_found_and_is_over_when_the_glasses_are_put_right():
    random, offset = np.random.default_rng(3), ImplicitOffset()
    for _ in range(16):
        assert offset.reached(look(random, (0.4, -0.3))) is None
    for _ in range(14):
        offset.reached(look(random, (5.0, 3.0)))
    assert np.degrees(offset.estimate.shift_rad) == pytest.approx((5.0, 3.0), abs=1.0)
    for _ in range(16):
        offset.reached(look(random, (0.4, -0.3)))
    told = offset.estimate
    assert not told.slipped and not told.shift_rad.any()


def test_a_second_slip_replaces_the_first():
    random, offset = np.random.default_rng(4), ImplicitOffset()
    for shift in ((5.0, 0.0), (-4.0, 4.0)):
        for _ in range(16):
            offset.reached(look(random, shift))
        assert np.degrees(offset.estimate.shift_rad) == pytest.approx(shift, abs=1.0)


@pytest.mark.parametrize("seed", range(8))
def test_gaze_that_goes_where_it_likes_changes_nothing(seed):
    random, offset = np.random.default_rng(seed), ImplicitOffset()
    for _ in range(80):
        assert offset.reached(np.radians(random.uniform(-12.0, 12.0, (6, 2)))) is None
    assert not offset.estimate.shift_rad.any()


def test_looks_without_gaze_do_not_count():
    offset = ImplicitOffset()
    for _ in range(20):
        offset.reached(np.full((3, 2), np.nan))
    assert offset.estimate.events == 0 and not offset.estimate.slipped


def test_reaches_of_a_hand_are_its_events():
    """Together with ``SlipWatch``, which finds the reaches."""
    watch, stamp_ns, hand = SlipWatch(ImplicitOffset()), NS_PER_S, np.array([0.0, 0.5, 0.4])
    for number in np.random.default_rng(0).permutation(24):
        place = np.array([0.16 * (number % 4) - 0.24, 0.16 * (number // 4 % 3) - 0.16, 0.7 + 0.2 * (number // 12)])
        x, y = np.arctan2(place[:2], place[2]) + np.radians((5.0, -3.0))
        ray = np.array([np.tan(x), np.tan(y), 1.0])
        for point in [hand + (place - hand) * step / 10 for step in range(1, 11)] + [place] * 8:
            hand, stamp_ns = point, stamp_ns + NS_PER_S // 20
            watch.on_gaze([GazeSample(stamp_ns, np.zeros(2), ray / np.linalg.norm(ray), confidence=1.0)])
            watch.on_wearer(WearerState(stamp_ns, np.eye(4), right_hand_m=point))
    assert np.degrees(watch.shift_rad) == pytest.approx((5.0, -3.0), abs=1.5)


def gripper(seconds, rate_hz=50, speed=0.4):
    """Stamps and directions of a thing that goes to and fro before the wearer."""
    for index in range(round(seconds * rate_hz)):
        phase = index / rate_hz
        direction = np.array([0.25 * np.sin(2 * np.pi * speed * phase), 0.1 * np.cos(2 * np.pi * speed * phase), 1.0])
        yield NS_PER_S + round(phase * NS_PER_S), direction / np.linalg.norm(direction)


def gaze_on(thing, shift_deg, random, noise_deg=0.5):
    angles = np.arctan2(thing[:2], thing[2]) + np.radians(shift_deg) + random.normal(0, np.radians(noise_deg), 2)
    ray = np.append(np.tan(angles), 1.0)
    return ray / np.linalg.norm(ray)


def test_the_gripper_that_gaze_follows_is_a_look_with_its_offset():
    random, watch = np.random.default_rng(0), PursuitWatch()
    told = [watch.add(stamp, gaze_on(thing, (5.0, -4.0), random), thing) for stamp, thing in gripper(12.0)]
    told = [np.degrees(one[0]) for one in told if one is not None]
    assert 3 <= len(told) <= 6
    np.testing.assert_allclose(told, [(5.0, -4.0)] * len(told), atol=1.0)


def test_gaze_that_rests_or_wanders_beside_a_moving_gripper_does_not_watch_it():
    random, watch = np.random.default_rng(1), PursuitWatch()
    still = np.array([0.1, 0.0, 1.0]) / np.linalg.norm([0.1, 0.0, 1.0])
    aim = still
    for number, (stamp, thing) in enumerate(gripper(60.0)):
        if number % 15 == 0:
            aim = gaze_on(still, random.uniform(-15, 15, 2), random)
        assert watch.add(stamp, gaze_on(aim, (0.0, 0.0), random), thing) is None


def test_a_gripper_that_stands_still_tells_nothing():
    random, watch, thing = np.random.default_rng(2), PursuitWatch(), np.array([0.0, 0.0, 1.0])
    for stamp, _ in gripper(5.0):
        assert watch.add(stamp, gaze_on(thing, (5.0, 0.0), random), thing) is None


def test_following_a_gripper_for_half_a_minute_corrects_a_slip():
    random, watch, offset = np.random.default_rng(5), PursuitWatch(), ImplicitOffset()
    for stamp, thing in gripper(30.0):
        event = watch.add(stamp, gaze_on(thing, (-5.0, 3.0), random), thing)
        if event is not None:
            offset.reached(event)
    assert np.degrees(offset.estimate.shift_rad) == pytest.approx((-5.0, 3.0), abs=0.7)
