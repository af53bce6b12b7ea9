"""Pictures of two cameras become pairs, whatever order and rate they come in."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.pairs import EyePairs
from gaze_vlm_ros.types import NS_PER_S, EyePicture

PICTURE = np.zeros((4, 4), np.uint8)


def stream(side, rate_hz, seconds, late_s=0.0):
    return [
        EyePicture(NS_PER_S + round((index / rate_hz + late_s) * NS_PER_S), side, PICTURE, index)
        for index in range(round(seconds * rate_hz))
    ]


def fed(pairs, pictures):
    return [pair for picture in pictures for pair in pairs.add(picture)]


def by_stamp(*streams):
    return sorted((picture for one in streams for picture in one), key=lambda picture: picture.stamp_ns)


def test_cameras_a_few_milliseconds_apart_make_pairs_with_the_earlier_stamp():
    pairs = EyePairs()
    left, right = stream("left", 60, 2.0), stream("right", 60, 2.0, late_s=0.004)
    made = fed(pairs, by_stamp(left, right))
    assert len(made) >= 118 and all(pair.left is not None and pair.right is not None for pair in made[2:])
    assert made[-1].stamp_ns == left[-1].stamp_ns and pairs.alone <= 2
    assert pairs.rate_hz("left") == pytest.approx(60.0, rel=0.01)


def test_pictures_of_one_side_that_come_in_bursts_are_still_paired():
    pairs = EyePairs()
    left, right = stream("left", 100, 1.0), stream("right", 100, 1.0)
    made = fed(pairs, left[:20] + right[:20])
    assert sum(pair.right is not None for pair in made) >= 1
    steady = fed(pairs, by_stamp(left[20:], right[20:]))
    assert all(pair.left is not None and pair.right is not None for pair in steady[2:])


def test_one_eye_alone_goes_on_without_waiting_for_the_other():
    pairs = EyePairs()
    pictures = stream("right", 30, 1.0)
    made = fed(pairs, pictures)
    assert len(made) == 30 and all(pair.left is None for pair in made)
    assert made[-1].stamp_ns == pictures[-1].stamp_ns


def test_a_camera_that_stops_leaves_the_other_one_to_go_on():
    pairs = EyePairs()
    made = fed(pairs, by_stamp(stream("left", 50, 2.0), stream("right", 50, 1.0)))
    assert sum(pair.right is not None for pair in made) >= 48 and len(made) >= 98
    assert made[-1].right is None


def test_a_picture_lost_on_one_side_costs_one_partner():
    pairs, right = EyePairs(), stream("right", 60, 1.0)
    made = fed(pairs, by_stamp(stream("left", 60, 1.0), right[:30] + right[31:]))
    assert sum(pair.right is None for pair in made[2:]) == 1


def test_late_and_repeated_pictures_are_counted_and_left_out():
    pairs, left = EyePairs(), stream("left", 60, 1.0)
    fed(pairs, left)
    assert not fed(pairs, [left[-1], left[-3]]) and pairs.late == 2


def test_a_recording_that_begins_anew_is_paired_again():
    pairs, left, right = EyePairs(), stream("left", 60, 5.0), stream("right", 60, 5.0)
    fed(pairs, by_stamp(left, right))
    assert len(fed(pairs, by_stamp(left, right))) >= 290


def test_a_rate_other_than_announced_is_named_and_so_are_rates_that_differ():
    pairs = EyePairs()
    assert pairs.rate_problems(60.0) == [] and np.isnan(pairs.rate_hz("left"))
    fed(pairs, by_stamp(stream("left", 30, 1.0), stream("right", 60, 1.0)))
    (said,) = pairs.rate_problems(60.0)
    assert said == "the left eye camera gives 30.0 pictures per second, 60 announced"
    assert "differ in rate" in pairs.rate_problems(0.0)[0]
    even = EyePairs()
    fed(even, by_stamp(stream("left", 60, 1.0), stream("right", 60, 1.0)))
    assert even.rate_problems(60.0) == even.rate_problems(0.0) == []
