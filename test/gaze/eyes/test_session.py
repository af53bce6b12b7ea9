"""A calibration as a person does it: targets, instructions, and the looks that come of it."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of
from gaze_vlm_ros.gaze.eyes.session import CalibrationSession, SessionSettings

SETTINGS = SessionSettings()
PICTURE = np.full((40, 40), 100, np.uint8)


def open_eyes(yaw):
    one = EyeEstimate(direction_of(yaw, 0.0), np.full(2, 0.02), "open")
    return BinocularEstimate(one, one)


SHUT = BinocularEstimate(*[EyeEstimate.invalid("closed", "the eye is closed")] * 2)


def live(session, seconds, estimate, true, rate_hz=30, start_s=0.0):
    """Estimates at a rate; returns the time, and when the session went on to the next target."""
    went_on, now_s = [], start_s
    for _ in range(round(seconds * rate_hz)):
        now_s += 1 / rate_hz
        one = estimate(now_s) if callable(estimate) else estimate
        session.on_estimate(now_s, one, true, (PICTURE, PICTURE))
        if session.step(now_s):
            went_on.append(now_s)
    return now_s, went_on


def true_at(yaw):
    return np.repeat(direction_of(yaw, 0.0)[None], 2, axis=0)


def test_a_person_who_looks_is_done_in_two_seconds_for_each_target():
    session = CalibrationSession(5, 0.0)
    now_s, went_on = live(session, 11.0, open_eyes(0.1), true_at(0.12))
    assert session.done and session.target == 5
    np.testing.assert_allclose(np.diff([0.0, *went_on]), SETTINGS.settle_s + SETTINGS.look_s, atol=0.07)
    assert [look.problem for look in session.looks] == [""] * 5
    look = session.looks[0]
    assert 30 <= len(look.estimated) <= 37 and look.name == "target 1"
    assert look.middle.left is PICTURE and look.middle.true.shape == (2, 3)
    assert session.message(now_s) == "that was the last target"


def test_what_is_seen_before_the_eyes_have_settled_does_not_count():
    session = CalibrationSession(1, 0.0)
    live(session, 2.1, lambda now_s: open_eyes(0.5 if now_s < 0.7 else 0.1), true_at(0.1))
    assert session.done and session.looks[0].problem == ""


def test_a_blink_delays_the_look_and_is_named_meanwhile():
    session = CalibrationSession(1, 0.0)
    now_s, _ = live(session, 3.0, SHUT, true_at(0.0))
    assert not session.done and "the eye is closed" in session.message(now_s)
    assert session.seconds_left(now_s) == pytest.approx(SETTINGS.give_up_s - 3.0, abs=0.1)
    live(session, 1.3, open_eyes(0.0), true_at(0.0), start_s=now_s)
    assert session.done and session.looks[0].problem == ""


def test_a_target_never_looked_at_is_given_up_and_kept_with_its_reason():
    session = CalibrationSession(2, 0.0)
    now_s, went_on = live(session, 8.2, SHUT, true_at(0.0))
    assert went_on == [pytest.approx(SETTINGS.give_up_s, abs=0.1)] and session.target == 1
    assert "closed" in session.looks[0].problem
    live(session, 2.1, open_eyes(0.0), true_at(0.0), start_s=now_s)
    assert session.done and session.looks[1].problem == ""


def test_a_target_whose_place_is_unknown_says_so():
    session = CalibrationSession(1, 0.0)
    now_s, _ = live(session, 4.0, open_eyes(0.0), None)
    assert "place is not known" in session.message(now_s)
    live(session, 5.0, open_eyes(0.0), None, start_s=now_s)
    assert session.done and "place is not known" in session.looks[0].problem


def test_without_eye_pictures_the_targets_are_given_up():
    session = CalibrationSession(1, 0.0)
    assert not session.step(7.9) and session.step(8.1)
    assert session.looks[0].problem == "only 0 pictures"
