"""Pauses grow, tries end, and what is long past is forgotten."""

from gaze_vlm_ros.supervision import Restarts


def test_the_first_restart_is_at_once_and_then_pauses_double_until_it_is_given_up():
    restarts = Restarts(tries=4, first_pause_s=0.5)
    assert [restarts.pause_s(float(second)) for second in range(5)] == [0.0, 0.5, 1.0, 2.0, None]
    assert restarts.in_words == "5 times in a row, the last time: "


def test_a_failure_long_after_the_last_one_is_the_first_again():
    restarts = Restarts(tries=1, forgotten_after_s=60.0)
    assert restarts.pause_s(0.0) == 0.0
    assert restarts.pause_s(61.0) == 0.0
    assert restarts.pause_s(120.0) is None


def test_who_has_no_tries_is_given_up_at_once():
    restarts = Restarts(tries=0)
    assert restarts.pause_s(0.0) is None and restarts.in_words == ""
