"""Pairing by stamps, whatever happened on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze_vlm_ros.gaze.pairing import GazeBuffer
from gaze_vlm_ros.types import GazeSample

MS = 1_000_000
START = 1_700_000_000_000_000_000


def sample(ms, sequence=0, point=(1.0, 2.0)):
    return GazeSample(START + ms * MS, np.array(point), np.array([0.0, 0.0, 1.0]), sequence)


def fill(buffer, stamps_ms, numbered=True):
    for number, ms in enumerate(stamps_ms):
        buffer.add(sample(ms, ms // 5 if numbered else number))


def stamps_ms(samples):
    return [(one.stamp_ns - START) // MS for one in samples]


def test_a_frame_is_paired_with_the_last_200_ms_both_ends_included():
    buffer = GazeBuffer()
    fill(buffer, range(0, 1000, 5))
    paired = stamps_ms(buffer.window(START + 700 * MS))
    assert paired[0] == 500 and paired[-1] == 700
    assert len(paired) == 41


def test_samples_of_the_future_are_not_paired():
    buffer = GazeBuffer()
    fill(buffer, range(0, 1000, 5))
    assert max(stamps_ms(buffer.window(START + 333 * MS))) == 330


@given(st.permutations(list(range(0, 300, 5))))
def test_the_order_of_arrival_does_not_matter(order):
    buffer, ordered = GazeBuffer(), GazeBuffer()
    fill(buffer, order)
    fill(ordered, sorted(order))
    assert stamps_ms(buffer.window(START + 295 * MS)) == stamps_ms(ordered.window(START + 295 * MS))
    assert buffer.lost == 0
    assert buffer.watermark_ns == START + 295 * MS


def test_a_late_sample_is_put_in_its_place_and_counted():
    buffer = GazeBuffer()
    fill(buffer, [0, 5, 15, 20])
    assert (buffer.lost, buffer.late) == (1, 0)
    assert buffer.add(sample(10, 2))
    assert (buffer.lost, buffer.late) == (0, 1)
    assert stamps_ms(buffer.window(START + 20 * MS)) == [0, 5, 10, 15, 20]


def test_a_repeated_sample_counts_once_and_the_first_one_stays():
    buffer = GazeBuffer()
    fill(buffer, [0, 5, 10])
    assert not buffer.add(sample(5, 1, point=(9.0, 9.0)))
    assert not buffer.add(sample(10, 2))
    assert buffer.duplicates == 2
    assert [tuple(one.point_px) for one in buffer.window(START + 10 * MS)] == [(1.0, 2.0)] * 3


def test_gaps_in_the_sequence_are_lost_samples():
    buffer = GazeBuffer()
    fill(buffer, [0, 5, 25, 30])
    assert buffer.lost == 3


def test_a_restarted_device_loses_nothing():
    buffer = GazeBuffer()
    buffer.add(sample(0, 5000))
    buffer.add(sample(5, 0))
    buffer.add(sample(10, 1))
    assert buffer.lost == 0


def test_old_samples_are_forgotten_and_what_comes_too_late_is_dropped():
    buffer = GazeBuffer(capacity_s=0.5)
    fill(buffer, range(0, 1001, 5))
    assert len(buffer) == 101
    assert not buffer.add(sample(100, 20))
    assert buffer.expired == 1
    assert len(buffer) == 101


def test_an_empty_buffer_has_no_window():
    buffer = GazeBuffer()
    assert buffer.window(START) == []
    assert buffer.watermark_ns is None
    assert np.isnan(buffer.rate_hz)


def test_the_rate_is_that_of_the_stamps_in_spite_of_gaps():
    buffer = GazeBuffer()
    fill(buffer, [ms for ms in range(0, 1000, 5) if ms % 50])
    assert buffer.rate_hz == pytest.approx(200.0)


def test_a_cleared_buffer_takes_a_replay_from_its_beginning():
    buffer = GazeBuffer()
    fill(buffer, range(9000, 9500, 5))
    buffer.clear()
    fill(buffer, range(0, 100, 5))
    assert (buffer.late, buffer.received, buffer.lost) == (0, 20, 0)


def test_a_capacity_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="capacity_s must be positive, got 0"):
        GazeBuffer(0.0)
