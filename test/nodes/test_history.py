import threading

from gaze_vlm_ros.nodes.history import History


def test_the_nearest_within_tolerance_is_found():
    history = History(size=10)
    for stamp in (100, 200, 300):
        history.add(stamp, str(stamp))
    assert history.nearest(240, 50) == "200"
    assert history.nearest(260, 50) == "300"
    assert history.nearest(400, 50) is None
    assert History(3).nearest(1, 10**18) is None


def test_only_the_last_ones_are_remembered():
    history = History(size=2)
    for stamp in (100, 200, 300):
        history.add(stamp, stamp)
    assert history.nearest(100, 10) is None and history.nearest(200, 10) == 200


def test_one_thread_may_add_while_another_asks():
    history, ended = History(90), threading.Event()

    def add():
        for stamp in range(60_000):
            history.add(stamp, stamp)
        ended.set()

    threading.Thread(target=add).start()
    while not ended.is_set():
        history.nearest(1, 10**6)
    assert history.nearest(59_999, 0) == 59_999
