import threading

from gaze_vlm_ros.nodes.frame_queue import FrameGrid, FrameQueue

MS = 1_000_000


def accepted(grid, stamps):
    return [stamp for stamp in stamps if grid.accepts(stamp)]


def test_a_camera_at_15_hz_gives_every_third_frame_for_5_hz():
    stamps = [round(k * 1e9 / 15) for k in range(30)]
    assert accepted(FrameGrid(5.0), stamps) == stamps[::3]


def test_the_choice_depends_on_stamps_alone():
    stamps = [k * 37 * MS + (k % 3) * 2 * MS for k in range(100)]
    once, again = accepted(FrameGrid(4.0), stamps), accepted(FrameGrid(4.0), stamps)
    assert once == again
    spread = {(stamp - stamps[0] + 50 * MS) // (250 * MS) for stamp in once}
    assert len(spread) == len(once)


def test_jitter_neither_doubles_nor_skips_a_period():
    stamps = [k * 100 * MS + (-1) ** k * 8 * MS for k in range(50)]
    assert accepted(FrameGrid(10.0), stamps) == stamps


def test_a_gap_costs_only_the_frames_that_were_missing():
    assert accepted(FrameGrid(10.0), [0, 100 * MS, 730 * MS, 800 * MS]) == [0, 100 * MS, 730 * MS, 800 * MS]


def test_a_repeated_frame_is_left_out_and_a_replay_that_starts_over_is_not():
    grid = FrameGrid(10.0)
    assert accepted(grid, [5000 * MS, 5000 * MS, 5100 * MS]) == [5000 * MS, 5100 * MS]
    assert accepted(grid, [1000 * MS, 1100 * MS]) == [1000 * MS, 1100 * MS]


def test_live_keeps_the_newest_and_counts_the_others():
    queue = FrameQueue(keep_all=False)
    for frame in "abc":
        queue.put(frame)
    assert queue.take(0.0)[1] == "c" and queue.take(0.0) is None and queue.replaced == 2


def test_replay_keeps_all_in_order():
    queue = FrameQueue(keep_all=True)
    for frame in "abc":
        queue.put(frame)
    assert [queue.take(0.0)[1] for _ in range(3)] == ["a", "b", "c"] and queue.replaced == 0


def test_a_frame_wakes_the_worker():
    queue = FrameQueue(keep_all=False)
    threading.Timer(0.05, queue.put, args=("late",)).start()
    assert queue.take(5.0)[1] == "late"
