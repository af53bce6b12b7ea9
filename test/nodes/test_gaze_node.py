"""The gaze node between a published signal and what it publishes."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node

from gaze_vlm_msgs.msg import EyeMovement, GazeSample
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions import gaze
from gaze_vlm_ros.nodes.gaze_node import GazeNode
from gaze_vlm_ros.types import EyeMovementKind
from gaze_vlm_ros.types import GazeSample as Sample

FIRST_NS = 10**18
LEFT, RIGHT = np.array([-0.1, 0.0, 1.0]), np.array([0.1, 0.0, 1.0])


def stare(rate_hz, *stretches, first_ns=FIRST_NS):
    """Samples of (direction, seconds) stretches; None is a closed eye."""
    samples, stamp_ns = [], first_ns
    for direction, seconds in stretches:
        for _ in range(round(seconds * rate_hz)):
            ray = np.full(3, np.nan) if direction is None else direction / np.linalg.norm(direction)
            point = np.full(2, np.nan) if direction is None else 320.0 + 500.0 * direction[:2]
            confidence = 0.0 if direction is None else 1.0
            samples.append(Sample(stamp_ns, point, ray, len(samples), confidence=confidence))
            stamp_ns += round(1e9 / rate_hz)
    return samples


@pytest.fixture
def lab(spin):
    """``play(samples)`` publishes them and returns what the node filtered and which movements it found."""
    node, other = GazeNode("gaze"), Node("lab")
    publisher = other.create_publisher(GazeSample, names.GAZE_SAMPLE, qos.SAMPLES)
    filtered, movements = [], []
    other.create_subscription(GazeSample, names.GAZE_FILTERED, filtered.append, qos.SAMPLES)
    other.create_subscription(EyeMovement, names.EYE_MOVEMENT, movements.append, qos.RESULT)
    spin(node, seconds=0.0)
    node.trigger_configure()
    node.trigger_activate()
    assert spin(other, lambda: publisher.get_subscription_count() and other.count_publishers(names.GAZE_FILTERED))

    def play(samples, expected):
        heard = len(filtered)
        for start in range(0, len(samples), 50):
            for sample in samples[start : start + 50]:
                publisher.publish(gaze.gaze_message(sample, "camera"))
            due = min(heard + start + 50, expected)
            spin(other, lambda due=due: len(filtered) >= due, seconds=1.0)
        assert spin(other, lambda: len(filtered) >= expected)
        spin(other, seconds=0.06)
        return [gaze.gaze_from(message) for message in filtered], [gaze.movement_from(message) for message in movements]

    return play, node, spin


def test_two_fixations_a_saccade_and_a_blink_are_found_as_they_end(lab):
    play, _, _ = lab
    samples = stare(200.0, (LEFT, 0.5), (RIGHT, 0.5), (None, 0.2), (RIGHT, 0.4), (LEFT, 0.3))
    filtered, movements = play(samples, len(samples))
    assert [sample.stamp_ns for sample in filtered] == [sample.stamp_ns for sample in samples]
    assert sum(not sample.valid for sample in filtered) == 40
    kinds = [movement.kind for movement in movements]
    assert kinds.count(EyeMovementKind.SACCADE) == 2 and kinds.count(EyeMovementKind.BLINK) == 1
    blink = next(movement for movement in movements if movement.kind is EyeMovementKind.BLINK)
    assert blink.duration_s == pytest.approx(0.2, abs=0.02)


def test_at_a_camera_too_slow_the_gaze_goes_on_without_eye_movements(lab):
    play, node, _ = lab
    filtered, movements = play(stare(10.0, (LEFT, 5.0), (RIGHT, 1.0)), 60)
    assert len(filtered) == 60 and not movements
    assert "25 Hz" in node._figures()["eye movements"]


def test_a_camera_that_is_slow_at_first_gives_eye_movements_once_it_is_fast_enough(lab):
    play, node, _ = lab
    slow = stare(10.0, (LEFT, 4.5))
    play(slow, len(slow))
    assert node._detector is None
    fast = stare(30.0, (LEFT, 6.0), (RIGHT, 1.0), (LEFT, 1.0), first_ns=slow[-1].stamp_ns + 33_000_000)
    _, movements = play(fast, len(slow) + len(fast))
    assert [movement.kind for movement in movements].count(EyeMovementKind.SACCADE) == 2
    assert "eye movements" not in node._figures()


def test_lost_and_repeated_samples_are_counted_and_come_once(lab):
    play, node, _ = lab
    samples = stare(200.0, (LEFT, 1.0))
    kept = samples[:100] + samples[110:]
    filtered, _ = play(kept + kept[-3:], len(kept))
    assert len(filtered) == len(kept)
    figures = node._figures()
    assert figures["gaze samples lost"] == "10" and figures["gaze samples duplicates"] == "3"


def test_a_clock_that_goes_back_starts_the_signal_anew(lab):
    play, _, _ = lab
    play(stare(200.0, (LEFT, 0.5)), 100)
    filtered, _ = play(stare(200.0, (RIGHT, 0.5), first_ns=FIRST_NS - 10**11), 200)
    assert filtered[-1].stamp_ns < FIRST_NS


def test_what_is_under_way_at_the_end_is_told(lab):
    play, node, spin = lab
    _, movements = play(stare(200.0, (LEFT, 0.6)), 120)
    assert not movements
    heard = []
    listener = Node("listener")
    listener.create_subscription(EyeMovement, names.EYE_MOVEMENT, heard.append, qos.RESULT)
    assert spin(listener, lambda: listener.count_publishers(names.EYE_MOVEMENT) == 1)
    spin(listener, seconds=0.3)
    node.trigger_deactivate()
    assert spin(listener, lambda: len(heard) == 1)
    assert gaze.movement_from(heard[0]).kind is EyeMovementKind.FIXATION


def test_a_slip_is_a_warning_with_its_direction(lab):
    _, node, _ = lab
    assert node._warnings() == []
    node._slip.shift_rad = np.radians([5.0, -3.0])
    (said,) = node._warnings()
    assert "may have slipped" in said and "+5 deg to the right and -3 deg below" in said
