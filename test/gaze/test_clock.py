"""One constant offset, measured drift."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.clock import ClockMap
from gaze_vlm_ros.types import NS_PER_S

OFFSET_NS = 123_456_789_000
DEVICE_NS = 1_700_000_000 * NS_PER_S


def observe(clock, seconds, drift_ppm=0.0):
    """50 messages a second, whose delay is at least 5 ms and now and then much longer."""
    rate_hz, delay_ms = 50, 5.0
    delays = np.random.default_rng(0).exponential(8e6, seconds * rate_hz)
    for number, delay in enumerate(delays):
        elapsed = number * NS_PER_S // rate_hz
        arrival = OFFSET_NS + elapsed * (1.0 + drift_ppm * 1e-6) + delay + delay_ms * 1e6
        clock.observe(DEVICE_NS + elapsed, DEVICE_NS + round(arrival))


def test_stamps_are_shifted_by_a_given_offset():
    clock = ClockMap(offset_ns=OFFSET_NS)
    assert clock.to_ros_ns(DEVICE_NS) == DEVICE_NS + OFFSET_NS
    assert clock.offset_ns == OFFSET_NS


def test_the_shortest_delay_gives_the_offset():
    clock = ClockMap()
    observe(clock, 2)
    assert abs(clock.offset_ns - OFFSET_NS - 5_000_000) < 1_000_000


def test_the_offset_is_frozen_by_the_first_use():
    clock = ClockMap()
    clock.observe(DEVICE_NS, DEVICE_NS + OFFSET_NS + 9_000_000)
    first = clock.to_ros_ns(DEVICE_NS)
    clock.observe(DEVICE_NS + 1, DEVICE_NS + 1 + OFFSET_NS)
    assert clock.to_ros_ns(DEVICE_NS) == first
    assert clock.error_ns == -9_000_000


@pytest.mark.parametrize("drift_ppm", [0.0, 40.0, -25.0])
def test_drift_is_measured_through_jitter(drift_ppm):
    clock = ClockMap()
    observe(clock, 60, drift_ppm)
    assert clock.drift_ppm == pytest.approx(drift_ppm, abs=12.0)


def test_drift_survives_seconds_in_which_all_messages_were_late():
    clock = ClockMap()
    observe(clock, 60, 40.0)
    for second in range(60, 66):
        stamp = DEVICE_NS + second * NS_PER_S
        clock.observe(stamp, stamp + OFFSET_NS + 900_000_000)
    assert clock.drift_ppm == pytest.approx(40.0, abs=15.0)


def test_nothing_is_known_before_the_first_message():
    clock = ClockMap()
    assert clock.offset_ns is None
    assert np.isnan(clock.drift_ppm)
    assert np.isnan(clock.error_ns)
    with pytest.raises(ValueError, match="no offset yet"):
        clock.to_ros_ns(DEVICE_NS)


def test_drift_needs_five_seconds():
    clock = ClockMap()
    observe(clock, 4)
    assert np.isnan(clock.drift_ppm)
