"""Pauses grow, tries end, what is long past is forgotten, and silence is told once."""

from gaze_vlm_ros.supervision import Restarts, Silence


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


def looks(silence, start_s, end_s):
    """What is told in looks every 0.5 s."""
    return [told for half in range(int(2 * start_s), int(2 * end_s)) for told in silence.broken_off(["gaze"], half / 2)]


def test_a_silence_is_told_once_and_again_after_a_word():
    silence = Silence(after_s=5.0, now_s=0.0)
    silence.heard("gaze", 0.0)
    assert looks(silence, 0.0, 20.0) == [("gaze", 5.5)]
    silence.heard("gaze", 20.0)
    assert looks(silence, 20.0, 30.0) == [("gaze", 5.5)]


def test_who_speaks_is_not_silent():
    silence = Silence(after_s=5.0, now_s=0.0)
    for second in range(20):
        silence.heard("gaze", float(second))
        assert looks(silence, second, second + 1) == []


def test_a_watcher_that_stood_still_blames_nobody():
    silence = Silence(after_s=5.0, now_s=0.0)
    silence.heard("gaze", 0.0)
    assert silence.broken_off(["gaze"], 60.0) == []
    assert looks(silence, 60.5, 70.0) == [("gaze", 5.5)]
