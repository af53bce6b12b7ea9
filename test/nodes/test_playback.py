import threading
import time

from gaze_vlm_ros.nodes import playback
from gaze_vlm_ros.nodes.playback import Pace

S = 1_000_000_000


def test_items_come_in_their_own_rhythm():
    pace, halt = Pace(rate=10.0), threading.Event()
    began = time.monotonic()
    assert all(pace.wait(stamp, halt) for stamp in (5 * S, 6 * S, 7 * S))
    assert time.monotonic() - began > 0.19


def test_it_waits_for_a_user_that_is_behind_and_goes_on_when_it_has_caught_up():
    pace, halt = Pace(rate=1000.0), threading.Event()
    pace.wait(0, halt)
    pace.used(0)
    threading.Timer(0.3, pace.used, args=(3 * S,)).start()
    began = time.monotonic()
    assert pace.wait(5 * S, halt) and not pace.gave_up
    assert time.monotonic() - began > 0.25


def test_without_a_user_nothing_waits():
    pace, halt = Pace(rate=1000.0), threading.Event()
    began = time.monotonic()
    assert pace.wait(0, halt) and pace.wait(100 * S, halt)
    assert time.monotonic() - began < playback.PATIENCE_S / 2


def test_a_user_that_is_stuck_is_given_up(monkeypatch):
    monkeypatch.setattr(playback, "PATIENCE_S", 0.3)
    pace, halt = Pace(rate=1000.0), threading.Event()
    pace.wait(0, halt)
    pace.used(0)
    assert pace.wait(50 * S, halt) and pace.gave_up


def test_a_halt_ends_the_wait():
    pace, halt = Pace(rate=0.05), threading.Event()
    pace.wait(0, halt)
    threading.Timer(0.1, halt.set).start()
    began = time.monotonic()
    assert not pace.wait(100 * S, halt)
    assert time.monotonic() - began < 1000.0


def test_looking_after_users_who_keep_up_makes_nothing_later():
    pace, halt = Pace(rate=1e6), threading.Event()
    pace.wait(0, halt)
    pace.used(0)
    began_s = pace._began_s
    assert all(pace.wait(stamp, halt) for stamp in range(0, S, S // 1000))
    assert pace._began_s == began_s
