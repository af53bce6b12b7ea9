from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.sim.eyes import Eyes, EyeTraits
from gaze_vlm_ros.sim.eyes.free_viewing import FreeViewing, ViewingHabits, draw_durations_s, draw_scan_paths
from gaze_vlm_ros.sim.eyes.profiles import Quintic, saccade_share

SEAT = np.array([0.0, -0.6, 1.2])
AHEAD = np.array([0.0, 0.4, 1.2])
TICK = 0.004
STEADY = EyeTraits(drift_rad=0.0, saccade_gain=1.0, saccade_scatter=0.0, blink_interval_s=1e3)


def towards(degrees_right, degrees_up=0.0, distance_m=1.0):
    right, up = np.deg2rad([degrees_right, degrees_up])
    return SEAT + distance_m * np.array([np.sin(right) * np.cos(up), np.cos(right) * np.cos(up), np.sin(up)])


def eyes_of(traits=STEADY, seed=0, mount=None):
    return Eyes(np.random.default_rng(seed), SEAT, AHEAD, traits, mount)


def live(eyes, seconds, start_s=0.0, watch=None):
    """Ticks until ``start_s + seconds``; a list of what ``watch(now)`` returned."""
    seen = []
    for tick in range(1, round(seconds / TICK) + 1):
        now = start_s + tick * TICK
        eyes.advance(now, TICK)
        seen.append(watch(now) if watch else None)
    return seen


def line_of_sight(eyes):
    return eyes.gaze_point_m() - eyes.position_m


def error_deg(eyes, target):
    return np.rad2deg(angle_between(line_of_sight(eyes), np.asarray(target) - eyes.position_m))


def head_yaw_deg(eyes):
    forward = eyes.world_T_head()[:3, 2]
    return np.rad2deg(np.arctan2(forward[0], forward[1]))


def jump(degrees, traits=STEADY):
    """Angles from the start [deg] every 0.5 ms in the course of one saccade, extrapolated from one tick."""
    eyes = eyes_of(traits)
    live(eyes, 0.1)
    before = line_of_sight(eyes)
    eyes.look_at(towards(degrees), 0.1)
    times = np.arange(0.0, 0.2, 0.0005)
    ways = [eyes.gaze_point_m(0.1 + time) - eyes.position_m for time in times]
    return times, np.rad2deg([angle_between(before, way) for way in ways])


@pytest.mark.parametrize(
    ("degrees", "slowest", "fastest"), [(2, 70, 180), (10, 280, 480), (20, 400, 620), (35, 480, 750)]
)
def test_saccades_lie_on_the_main_sequence(degrees, slowest, fastest):
    times, angles = jump(degrees)
    moving = times[(angles > 0.01 * degrees) & (angles < 0.99 * degrees)]
    assert moving[-1] - moving[0] == pytest.approx(0.021 + 0.0022 * degrees, rel=0.3)
    assert slowest < np.gradient(angles, times).max() < fastest
    assert angles[-1] == pytest.approx(degrees, abs=0.4)


def test_large_saccades_peak_early_and_small_ones_in_the_middle():
    share = np.linspace(0.0, 1.0, 501)

    def peak(degrees):
        return share[np.gradient([saccade_share(one, np.deg2rad(degrees)) for one in share]).argmax()]

    assert peak(1) == pytest.approx(0.5, abs=0.02)
    assert peak(35) < 0.37
    assert saccade_share(1.0, 0.6) == 1.0


def test_the_head_stays_for_near_targets_and_turns_for_far_ones():
    for degrees, least, most in ((10, 0.0, 0.5), (38, 8.0, 25.0)):
        eyes = eyes_of()
        eyes.look_at(towards(degrees), 0.0)
        live(eyes, 1.2)
        assert least <= abs(head_yaw_deg(eyes)) <= most


def test_the_head_starts_after_its_lag_and_by_its_gain():
    def turned(lag, gain, seconds):
        eyes = eyes_of(EyeTraits(head_lag_s=lag, head_gain=gain, drift_rad=0.0))
        eyes.look_at(towards(38), 0.0)
        live(eyes, seconds)
        return head_yaw_deg(eyes)

    assert turned(0.2, 0.8, 0.2) < 0.6 < turned(0.02, 0.8, 0.2)
    assert turned(0.05, 0.9, 1.5) > 1.5 * turned(0.05, 0.5, 1.5)


def test_gaze_stays_on_the_target_while_the_head_turns():
    eyes, target = eyes_of(replace(STEADY, head_lag_s=0.1, head_gain=0.9)), towards(40)
    eyes.look_at(target, 0.0)
    live(eyes, 0.16)
    seen = live(eyes, 0.5, 0.16, lambda now: (error_deg(eyes, target), head_yaw_deg(eyes), eyes.saccading(now)))
    errors, yaws, jumps = np.array(seen).T
    assert np.ptp(yaws) > 10.0
    assert not jumps.any()
    assert errors.max() < 1.0


def test_head_without_coupling_goes_its_own_smooth_way():
    def yaws(coupling, target, seed):
        eyes = eyes_of(replace(STEADY, eye_head_coupling=coupling), seed)
        eyes.look_at(target, 0.0)
        seen = live(eyes, 8.0, watch=lambda now: (head_yaw_deg(eyes), error_deg(eyes, target)))
        return np.array(seen).T

    left, right = yaws(0.0, towards(-25), 3), yaws(0.0, towards(25), 3)
    np.testing.assert_array_equal(left[0], right[0])
    assert np.ptp(left[0]) > 5.0
    assert np.abs(np.diff(left[0], 2)).max() / TICK**2 < 2000.0
    assert np.median(left[1]) < 1.0
    coupled = yaws(1.0, towards(35), 3)[0]
    assert coupled[-1] > 5.0


def test_eyes_do_not_turn_further_in_the_head_than_they_can():
    eyes = eyes_of(EyeTraits(head_lag_s=0.3, drift_rad=0.0))
    eyes.look_at(towards(70), 0.0)
    live(eyes, 0.25)
    in_head = angle_between(line_of_sight(eyes), eyes.world_T_head()[:3, 2])
    assert np.rad2deg(in_head) == pytest.approx(42.0, abs=1.5)
    live(eyes, 2.0, 0.25)
    assert error_deg(eyes, towards(70)) < 3.0


def test_a_large_saccade_falls_short_and_is_corrected():
    eyes = eyes_of(EyeTraits(saccade_gain=0.8, eye_only_rad=3.0, drift_rad=0.0))
    eyes.look_at(towards(30), 0.0)
    seen = live(eyes, 0.7, watch=lambda now: (error_deg(eyes, towards(30)), eyes.saccading(now)))
    errors, jumps = np.array(seen).T
    starts = np.flatnonzero(np.diff(jumps) > 0)
    assert len(starts) >= 1
    assert errors[starts[0]] > 2.5
    assert 0.1 < starts[0] * TICK < 0.4
    assert errors[-1] < 1.5


def test_a_slow_target_is_followed_smoothly_and_a_fast_one_caught_up_with():
    def follow(speed_deg_s):
        eyes, clock = eyes_of(), [0.0]
        eyes.look_at(lambda: towards(-5 + speed_deg_s * clock[0]), 0.0)
        live(eyes, 0.2)

        def watch(now):
            clock[0] = now - 0.2
            return error_deg(eyes, towards(-5 + speed_deg_s * clock[0])), eyes.saccading(now)

        return np.array(live(eyes, 0.5, 0.2, watch)).T

    errors, jumps = follow(12.0)
    assert not jumps.any()
    assert errors.max() < 1.2
    errors, jumps = follow(70.0)
    assert jumps.any()
    assert errors[-1] < 6.0


def test_both_eyes_meet_the_gazed_point_and_vergence_follows_depth():
    eyes = eyes_of()
    live(eyes, 1.0)
    eyes.look_at(towards(4, 0, 0.4), 1.0)
    distances = live(eyes, 0.8, 1.0, lambda now: eyes.vergence_distance_m())
    centres, rays, point = eyes.eye_centres_m(), eyes.eye_rays(), eyes.gaze_point_m()
    assert np.linalg.norm(centres[1] - centres[0]) == pytest.approx(0.063)
    assert (eyes.world_T_head()[:3, :3].T @ (centres[1] - centres[0]))[0] > 0.06
    for centre, ray in zip(centres, rays, strict=True):
        assert np.linalg.norm(np.cross(ray, point - centre)) < 1e-9
    assert distances[9] > 0.5
    assert distances[-1] == pytest.approx(0.4, abs=0.02)
    assert np.rad2deg(angle_between(rays[0], rays[1])) == pytest.approx(9.0, abs=0.7)


def test_answers_between_two_ticks_lie_between_theirs():
    eyes = eyes_of()
    live(eyes, 0.1)
    eyes.look_at(towards(20), 0.1)
    live(eyes, 0.02, 0.1)
    earlier = eyes.gaze_point_m()
    eyes.advance(0.124, TICK)
    later = eyes.gaze_point_m()
    np.testing.assert_allclose(eyes.gaze_point_m(0.122), (earlier + later) / 2, atol=2e-3)
    assert np.linalg.norm(later - earlier) > 0.01
    np.testing.assert_allclose(eyes.gaze_point_m(0.12), earlier, atol=1e-9)


def test_the_camera_is_fixed_to_the_head():
    mount = np.eye(4)
    mount[:3, 3] = [0.03, -0.02, 0.01]
    eyes = eyes_of(mount=mount)
    eyes.look_at(towards(40, -20), 0.0)
    live(eyes, 0.3)
    head, camera = eyes.world_T_head(), eyes.world_T_camera()
    np.testing.assert_allclose(np.linalg.inv(head) @ camera, mount, atol=1e-12)
    np.testing.assert_allclose(head[:3, :3].T @ head[:3, :3], np.eye(3), atol=1e-12)
    assert head[2, 0] == 0.0
    assert (head[:3, :3].T @ [0.0, 0.0, 1.0])[1] < -0.9


def test_blinks_come_at_the_persons_rate_and_hide_the_eyes_for_a_moment():
    eyes = eyes_of(EyeTraits(blink_interval_s=3.0))
    opening = np.array(live(eyes, 200.0, watch=eyes.lid_opening))
    shut = opening < 0.5
    starts, ends = np.flatnonzero(np.diff(shut * 1) > 0), np.flatnonzero(np.diff(shut * 1) < 0)
    assert 45 <= len(starts) <= 85
    lengths = (ends - starts[: len(ends)]) * TICK
    assert lengths.min() > 0.06
    assert lengths.max() < 0.3
    assert np.abs(np.diff(opening)).max() < 0.15
    assert opening.min() == 0.0


def test_equal_seeds_see_alike_and_asking_changes_nothing():
    watched, alone = eyes_of(EyeTraits(), 5), eyes_of(EyeTraits(), 5)
    for eyes in (watched, alone):
        eyes.look_at(towards(30), 0.0)
    live(watched, 2.0, watch=lambda now: (watched.gaze_point_m(now + 0.001), watched.eye_rays(), watched.blinking()))
    live(alone, 2.0)
    np.testing.assert_array_equal(watched.gaze_point_m(), alone.gaze_point_m())


def test_traits_outside_their_range_are_refused():
    with pytest.raises(ValueError, match=r"EyeTraits\.head_gain must be 0\.\.1, got 1\.5"):
        EyeTraits(head_gain=1.5)
    with pytest.raises(ValueError, match="blink_interval_s must be positive"):
        EyeTraits(blink_interval_s=0.0)


def test_a_quintic_goes_on_smoothly_when_its_goal_changes():
    first = Quintic(0.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    second = first.towards(-1.0, 0.4, 0.8)
    step = 1e-4
    for one, other in ((first.at(0.4), second.at(0.4)), (first.at(0.4 + step), second.at(0.4 + step))):
        assert one == pytest.approx(other, abs=1e-7)
    assert second.at(1.2) == pytest.approx(-1.0)
    assert second.at(1.2 - step) == pytest.approx(-1.0, abs=1e-9)


def test_drawn_durations_have_the_mean_and_skew_of_their_habits():
    habits = ViewingHabits(decide_s=0.2, decide_spread_s=0.02, linger_s=0.1)
    durations = draw_durations_s(np.random.default_rng(0), 20_000, habits)
    assert durations.mean() == pytest.approx(0.3, abs=0.005)
    assert durations.std() == pytest.approx(np.hypot(0.02, 0.1), abs=0.005)
    assert np.median(durations) < durations.mean() - 0.02


def test_scan_paths_stay_on_the_picture_and_follow_their_habits():
    half = np.array([0.3, 0.2])
    rng = np.random.default_rng(0)
    near = draw_scan_paths(rng, half, 300, 8, ViewingHabits(near_share=1.0, near_rad=0.02))
    far = draw_scan_paths(rng, half, 300, 8, ViewingHabits(near_share=0.0, spread=0.3))
    assert (np.abs(np.concatenate([near, far])) <= half).all()
    steps = [np.linalg.norm(np.diff(paths, axis=1), axis=2).mean() for paths in (near, far)]
    assert steps[0] == pytest.approx(0.02, rel=0.15)
    assert steps[1] > 0.1
    assert far.reshape(-1, 2).std(axis=0) == pytest.approx(0.3 * half, rel=0.1)


def test_free_viewing_keeps_the_gaze_on_the_picture():
    picture = np.eye(4)
    picture[:3, :3], picture[:3, 3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]], AHEAD
    eyes = eyes_of()
    viewing = FreeViewing(np.random.default_rng(1), eyes, picture, np.array([0.6, 0.4]))
    points, landings, jumping = [], 0, False
    for tick in range(1, 2001):
        viewing.advance(tick * TICK, TICK)
        landings += jumping and not eyes.saccading()
        jumping = eyes.saccading()
        way = line_of_sight(eyes)
        points.append(eyes.position_m + way * (AHEAD[1] - eyes.position_m[1]) / way[1] - AHEAD)
    points = np.array(points)
    assert 20 <= landings <= 50
    assert np.abs(points[:, 0]).max() < 0.31
    assert np.abs(points[:, 2]).max() < 0.21
    assert np.ptp(points[:, 0]) > 0.2
