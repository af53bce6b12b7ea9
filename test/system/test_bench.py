"""The benchmark of the world runs, prints one JSON line with the keys it promises, and compares like with like."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANE = """
import sys
sys.path.insert(0, {root!r})
from benchmarks.lane import serve
done = []
def next_scene():
    print("chatter of a library")
    return lambda: done.append(1)
serve(next_scene)
sys.exit(f"did {{len(done)}}")
"""


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch):
    """Finds a module of benchmarks."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def run(*arguments: str) -> tuple[dict, str]:
    """The one line that the benchmark printed, and what went on."""
    command = [sys.executable, "-m", "benchmarks.bench_sim", "--quick", "--seed", "3", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_all_figures_are_printed_as_one_line(benchmark):
    line, progress = run()
    own = {"rgb_fps", "all_labels_fps", "rgb_640_fps", "foveal_obs_per_s"}
    rivals = {"fetch_fps", "aloha_fps"} if benchmark("figures").RIVALS_READY.exists() else set()
    ratios = {"rgb_to_fetch", "rgb_640_to_aloha"} if rivals else set()
    speeds = own | rivals | ratios
    truth = {"expert_success", "gaze_lead_s_median", "ambiguous_share", "episodes_per_min"}
    beside = {"expert_success_ci95", "ambiguous_share_ci95"}
    people = {key for key in line if key.startswith("fixation_duration_ks")}
    assert set(line) == {"seed", "cpu"} | speeds | truth | beside | people
    assert "fixation_duration_ks" in people or "free_viewing left out" in progress
    assert set(line["cpu"]) == speeds
    assert line["seed"] == 3
    assert all(line[key] > 0 and line["cpu"][key] > 0 for key in speeds)
    assert line["episodes_per_min"] > 0
    assert set(line["expert_success"]) == {"PressButton", "PickPlace", "Towel", "Wipe", "HandOver"}
    assert set(line["expert_success"].values()) <= {0.0, 1.0}
    assert 0.0 < line["gaze_lead_s_median"] < 5.0
    low, high = line["ambiguous_share_ci95"]
    assert 0.0 <= low <= line["ambiguous_share"] <= high <= 1.0
    assert all(0.0 < line[key] < 1.0 for key in people)


def test_ratios_compare_bursts_of_the_same_round(benchmark):
    figures, lane = benchmark("figures"), benchmark("lane")

    def bursts(*speeds: float) -> list:
        return [lane.Burst(100, 100 / speed, 50 / speed) for speed in speeds]

    keys = figures._speed_keys(
        {"rgb_fps": bursts(100, 10, 80), "fetch_fps": bursts(200, 20, 100), "foveal_obs_per_s": bursts(50, 100, 200)}
    )
    assert keys["rgb_fps"] == 80
    assert keys["fetch_fps"] == 100
    assert keys["rgb_to_fetch"] == 0.5
    assert keys["cpu"]["rgb_fps"] == 160
    assert keys["foveal_obs_per_s"] == 100 * figures.LOOKS_OF_A_FRAME
    assert "rgb_640_to_aloha" not in keys


def test_a_figure_that_cannot_be_measured_is_left_out_with_its_reason(benchmark, monkeypatch, tmp_path, capsys):
    bench = benchmark("bench_sim")
    monkeypatch.setenv("GAZE_VLM_TEST_DATA", str(tmp_path))
    bench.main(["--quick", "--only", "free_viewing"])
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"seed": 0}
    assert "free_viewing left out" in printed.err
    assert "osie" in printed.err


def test_fifteen_frames_are_a_second_of_physics(benchmark):
    lane = benchmark("lane")
    steps = [lane.steps_of_frame(number) for number in range(30)]
    assert set(steps) == {16, 17}
    assert sum(steps) * lane.PHYSICS_STEP_S == pytest.approx(2.0)


def test_a_lane_does_what_it_is_told_and_warms_up_first(benchmark, tmp_path):
    lane = benchmark("lane")
    log = tmp_path / "log"
    running = lane.Lane([sys.executable, "-c", LANE.format(root=str(ROOT))], dict(os.environ), log)
    bursts = [running.burst(frames) for frames in (10, 20)]
    running.close()
    assert [burst.frames for burst in bursts] == [10, 20]
    assert all(burst.wall_s > 0 for burst in bursts)
    assert "did 36" in log.read_text()
    assert "chatter" in log.read_text()


def test_a_lane_that_dies_is_quoted(benchmark, tmp_path):
    lane = benchmark("lane")
    with pytest.raises(lane.LaneError, match="no such world"):
        lane.Lane([sys.executable, "-c", "import sys; sys.exit('no such world')"], dict(os.environ), tmp_path / "log")


def test_a_lane_stays_on_one_core():
    code = (
        f"import sys, os; sys.path.insert(0, {str(ROOT)!r}); from benchmarks.lane import stay_on_one_core; "
        "stay_on_one_core(); print(len(os.sched_getaffinity(0)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "1"
