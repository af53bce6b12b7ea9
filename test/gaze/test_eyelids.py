"""Blinks seen as vanishing pupils."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyelids import EyelidGate
from gaze_vlm_ros.types import NS_PER_S, EyeState, GazeSample


def closed_share(left_mm, right_mm, rate_hz=200.0):
    """Which samples the gate calls closed, (N,) bool."""
    gate = EyelidGate()
    return np.array(
        [
            gate.update(
                GazeSample(
                    round(number * NS_PER_S / rate_hz),
                    np.zeros(2),
                    np.array([0.0, 0.0, 1.0]),
                    left=EyeState(pupil_diameter_mm=left),
                    right=EyeState(pupil_diameter_mm=right),
                )
            )
            for number, (left, right) in enumerate(zip(left_mm, right_mm, strict=True))
        ]
    )


def diameters(count=400, base=3.5, noise=0.08, seed=0):
    return base + np.random.default_rng(seed).normal(0.0, noise, count)


@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
def test_a_blink_closes_the_gate_for_its_time(rate_hz):
    left, right = diameters(seed=1), diameters(seed=2)
    end = 200 + round(0.2 * rate_hz)
    left[200:end] *= 0.5
    right[200:end] *= 0.55
    closed = closed_share(left, right, rate_hz)
    assert closed[200:end].all()
    assert not closed[:200].any() and not closed[end + 1 :].any()


def test_noise_alone_keeps_it_open():
    assert not closed_share(diameters(2000, seed=3), diameters(2000, seed=4)).any()


def test_one_pupil_is_no_blink():
    left = diameters()
    left[200:230] *= 0.4
    assert not closed_share(left, diameters(seed=5)).any()


def test_one_measured_pupil_is_enough():
    left = diameters()
    left[200:230] *= 0.5
    assert closed_share(left, np.full(400, np.nan))[200:230].all()


def test_without_pupils_it_is_open():
    assert not closed_share(np.full(300, np.nan), np.full(300, np.nan)).any()


def test_a_pupil_that_light_shrinks_is_no_blink():
    """From 4.5 to 2.7 mm within 0.8 s, as a bright lamp does."""
    base = np.concatenate([np.full(300, 4.5), np.linspace(4.5, 2.7, 160), np.full(300, 2.7)])
    assert not closed_share(base, base).any()


def test_what_stays_small_is_light():
    base = np.concatenate([np.full(300, 4.5), np.full(400, 3.0)])
    closed = closed_share(base, base)
    assert closed[300:420].all()
    assert not closed[425:].any()
