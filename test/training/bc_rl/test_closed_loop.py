import json

import numpy as np
import pytest
import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy, Runner
from gaze_vlm_ros.sim.robot_eye import STAY
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.closed_loop import gazes
from gaze_vlm_ros.training.closed_loop.episode import EpisodeOptions, Played, Stage, angle_between
from gaze_vlm_ros.training.closed_loop.measures import gaze_before_hand_s, measures_of
from gaze_vlm_ros.training.closed_loop.perturbation import move_aside
from gaze_vlm_ros.training.evaluate_policy import evaluate, judge, lead, main, play

THING, PLACE = np.array([0.5, 0.2, 0.05]), np.array([0.5, -0.3, 0.05])


def episode(looks: np.ndarray, closes_at: int | None = None, others=()) -> Played:
    """An eye that turns as ``looks`` (T, 2) says; the hand closes on the thing at a step."""
    steps = len(looks)
    places = np.stack([np.append(THING, np.zeros(4)), np.append(PLACE, np.zeros(4))])
    closed = np.arange(steps) >= (steps if closes_at is None else closes_at)
    return Played(
        "PickPlace", 0, True, list(looks), [places] * steps, [places] * steps, [THING] * steps,
        list(np.where(closed, 0.3, 1.0)), list(closed), list(others),
    )  # fmt: skip


def dwell(*parts: tuple[np.ndarray, int]) -> np.ndarray:
    return np.concatenate([np.tile(gazes.looking_at(point), (steps, 1)) for point, steps in parts])


class TestMeasures:
    def test_an_eye_that_looks_and_switches_in_time(self):
        found = measures_of(episode(dwell((PLACE, 15), (THING, 30), (PLACE, 15)), closes_at=42))
        assert found["fixate_s"] == pytest.approx(1.0)
        assert found["in_fovea"] == pytest.approx((27 + 15) / 60)
        assert found["switch_s"] == pytest.approx(3 / CONTROL_HZ)
        assert found["stability_deg"] == pytest.approx(0.0, abs=1e-9)

    def test_what_did_not_happen_is_left_out(self):
        found = measures_of(episode(dwell((PLACE, 20))))
        assert "fixate_s" not in found and "switch_s" not in found and "galt_s" not in found

    def test_looking_at_a_useless_thing_is_being_captured(self):
        other = np.array([0.4, 0.4, 0.05])
        found = measures_of(episode(dwell((other, 10), (THING, 30)), others=[other]))
        assert found["captured"] == pytest.approx(0.25)

    def test_gaze_settles_a_second_before_the_hand_closes(self):
        looks = dwell((PLACE, 15), (THING, 30))
        looks[8:15] += np.linspace(0, 1, 7)[:, None] * (looks[15] - looks[8])  # the eye turns before it settles
        assert gaze_before_hand_s(episode(looks, closes_at=30)) == pytest.approx(1.0, abs=0.15)
        assert gaze_before_hand_s(episode(looks)) is None, "the hand never closed"

    def test_angles_are_those_of_rays(self):
        first, second = np.array([[0.0, 0.0]]), np.array([[np.pi / 2, 0.3]])
        assert angle_between(first, second)[0] == pytest.approx(np.pi / 2)
        assert angle_between(second, second)[0] == pytest.approx(0.0, abs=1e-6)


class TestGazes:
    @staticmethod
    def situation(opening: float, tool_m: np.ndarray, time_s: float = 0.0) -> gazes.Situation:
        places = np.stack([np.append(THING, np.zeros(4)), np.append(PLACE, np.zeros(4))])
        return gazes.Situation(time_s, STAY, np.zeros(2), places, tool_m, opening)

    def test_the_oracle_looks_where_the_hand_has_to_go(self):
        rng = np.random.default_rng(0)
        reaching = gazes.oracle(self.situation(1.0, PLACE), rng)
        carrying = gazes.oracle(self.situation(0.4, THING), rng)
        np.testing.assert_allclose(reaching, gazes.looking_at(THING))
        np.testing.assert_allclose(carrying, gazes.looking_at(PLACE))

    def test_staying_turns_nothing_and_names_are_listed(self):
        situation = self.situation(1.0, THING)
        assert not gazes.gaze_named("trained")(situation, np.random.default_rng(0)).any()
        np.testing.assert_allclose(
            gazes.gaze_named("fixed:10,-40")(situation, np.random.default_rng(0)), np.radians([10, -40])
        )
        with pytest.raises(GazeVlmError, match="no way to look 'squint'; use one of: trained, oracle"):
            gazes.gaze_named("squint")
        with pytest.raises(GazeVlmError, match="write fixed:AZIMUTH,ELEVATION"):
            gazes.gaze_named("fixed:left")


@pytest.fixture(scope="module")
def runner() -> Runner:
    torch.manual_seed(0)
    return Runner(FoveatedPolicy(FoveatedConfig(dim=32, heads=2, hand_width=32)))


def test_an_untrained_policy_plays_to_the_end_and_twice_alike(runner, monkeypatch):
    stage = Stage("PressButton", runner, gazes.GAZES["centre"], EpisodeOptions(sees=False))
    played = [stage.play(2_000_000) for _ in range(2)]
    stage.close()
    assert played[0].duration_s == pytest.approx(12.0, abs=0.1) and not played[0].success
    np.testing.assert_array_equal(played[0].tool_m, played[1].tool_m)


@pytest.mark.parametrize("task", ["PressButton", "PickPlace", "Towel", "Wipe", "HandOver"])
def test_the_thing_asked_for_is_put_elsewhere_and_stays_on_the_table(runner, task):
    stage = Stage(task, runner, gazes.GAZES["centre"], EpisodeOptions(sees=False))
    environment = stage.environment
    environment.reset(seed=5)
    before = environment.episode.task.reach_for
    assert move_aside(environment, np.random.default_rng(0))
    after = environment.episode.task.reach_for
    stage.close()
    assert 0.07 < np.linalg.norm((after - before)[:2]) < 0.13 and abs((after - before)[2]) < 0.01


def test_a_cell_of_the_table_has_an_interval(runner):
    cell = judge(play(runner.policy, "PressButton", "centre", EpisodeOptions(sees=False), [2_000_000]))
    assert cell["success"]["n"] == 1 and len(cell["success"]["ci95"]) == 2 and cell["duration_s"] == 12.0
    assert cell["outcomes"] == [0] and cell["moved"] == 0


def test_a_measure_says_how_many_episodes_gave_it():
    found_late, found_soon, never = (dwell((PLACE, first), (THING, 30 - first)) for first in (15, 3, 30))
    cell = judge([episode(found_late), episode(found_soon), episode(never)])
    assert cell["fixate_s"] == {"value": 0.6, "n": 2}, "an eye that never found it has no time"


def test_ways_to_look_are_compared_in_the_episodes_that_both_played():
    ours = {"Wipe": {"id": {"outcomes": [1, 1, 0, 1, 0, 0]}}, "Towel": {"id": {"outcomes": [1, 1, 0, 0]}}}
    rival = {"Wipe": {"id": {"outcomes": [0, 1, 0]}}, "Towel": {"id": {"outcomes": [0, 1, 0]}}}
    found = lead(ours, rival)
    assert found.value == pytest.approx(2 / 6) and found.n == 6


@pytest.mark.slow
def test_more_workers_play_the_same_episodes(runner, tmp_path):
    runner.policy.save(tmp_path)
    table = evaluate(tmp_path, ["PressButton"], ["trained"], ["id"], 2, 0, "text", 1)
    assert {mode: cell["success"]["n"] for mode, cell in table["PressButton"]["trained"].items()} == {
        "id": 2, "disturbed": 2,
    }  # fmt: skip
    asked = ["--task", "PressButton", "--gaze", "trained", "--told", "text", "--episodes", "2", "--searches", "0"]
    assert main(["--policy", str(tmp_path), *asked, "--workers", "2", "--out", str(tmp_path / "told.json")]) == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["tasks"] == table and "search" not in told


def test_a_missing_policy_is_named(tmp_path, capsys):
    assert main(["--policy", str(tmp_path / "none")]) == 1
    assert "holds no policy" in capsys.readouterr().err
