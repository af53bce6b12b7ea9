"""The study: what is played, what is kept, what it comes to; and how the decision is tuned."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gaze_vlm_ros.policies.wants import WantError, WantWeights
from gaze_vlm_ros.policies.wants.evidence import NOTHING_FEATURES, THING_FEATURES
from gaze_vlm_ros.training.assist_study.__main__ import plan
from gaze_vlm_ros.training.assist_study.episode import Episode, Outcome, Start, Wanted
from gaze_vlm_ros.training.assist_study.log import Moment, load_moments, save_moments
from gaze_vlm_ros.training.assist_study.senses import _shuffled
from gaze_vlm_ros.training.assist_study.settings import GAZE, ON_REQUEST, RGB, TRUTH, Run, StudyError, StudySettings
from gaze_vlm_ros.training.assist_study.store import Store, play
from gaze_vlm_ros.training.assist_study.summary import figures, page, quality, ratio
from gaze_vlm_ros.training.assist_study.tune import fit, replay, tune

SHORT = StudySettings(steps=2, longest_s=60.0)
WEIGHTS = WantWeights((0.0,) * len(THING_FEATURES), (0.0,) * len(NOTHING_FEATURES), 0.9, 0.5, 0.0)
PLAYED = """
import json, sys
from gaze_vlm_ros.training.assist_study.episode import Episode
from gaze_vlm_ros.training.assist_study.settings import Run, StudySettings
outcomes = [Episode(Run(4_000_002, name), StudySettings(steps=2, longest_s=60.0), None, None).play().as_dict()
            for name in ("on_request", "truth")]
print(json.dumps(outcomes))
"""


def test_the_cost_of_asking_is_swept_where_it_matters_alone():
    runs = plan(7, 1, ("no_robot", ON_REQUEST, GAZE), (0.5, 2.0))
    assert runs == [
        Run(7, "no_robot", 0.5), Run(7, ON_REQUEST, 0.5), Run(7, ON_REQUEST, 2.0),
        Run(7, GAZE, 0.5), Run(7, GAZE, 2.0), Run(7, GAZE, idle=True),
    ]  # fmt: skip
    assert len({run.name for run in runs}) == len(runs)


def test_shuffled_predictions_name_another_thing_that_is_there():
    things = ("mug", "bowl", "pen", "knife")
    swap = _shuffled(things, 3)
    assert sorted(swap) == sorted(swap.values()) == sorted(things) and all(a != b for a, b in swap.items())


class TestPlaying:
    @pytest.mark.slow
    def test_runs_are_the_same_in_every_process_and_truth_is_faster(self):
        said = []
        for hash_seed in ("1", "2"):
            environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
            done = subprocess.run([sys.executable, "-c", PLAYED], env=environment, stdout=subprocess.PIPE, check=True)
            said.append(json.loads(done.stdout.splitlines()[-1]))
        assert said[0] == said[1]
        asked, truth = said[0]
        assert asked["finished"] and asked["wants"][0]["by"] == "request" and not asked["starts"]
        assert truth["time_s"] < asked["time_s"] and all(start["right"] for start in truth["starts"])

    def test_a_run_is_played_once_and_a_damaged_result_is_named(self, tmp_path):
        store, run = Store(tmp_path, replace(SHORT, steps=1), (("gaze", WEIGHTS),)), Run(4_000_000, ON_REQUEST)
        play(store, run)
        path = store.path_of(run)
        kept = path.read_text()
        path.write_text(kept.replace('"steps": 1', '"steps": 99'))
        play(store, run)
        assert store.load(run).steps == 99
        path.write_text("{")
        with pytest.raises(StudyError, match="delete it"):
            store.load(run)

    def test_results_of_other_settings_lie_elsewhere(self, tmp_path):
        places = {
            Store(tmp_path, settings, (("gaze", weights),)).place
            for settings, weights in (
                (SHORT, WEIGHTS), (replace(SHORT, steps=3), WEIGHTS), (SHORT, replace(WEIGHTS, start=0.8))
            )
        }  # fmt: skip
        assert len(places) == 3


class Told:
    """An episode of which only what the porter says counts."""

    def __init__(self):
        self.episode = Episode.__new__(Episode)
        self.porter = SimpleNamespace(engaged="", delivered=0)
        self.within = set()
        wearer = SimpleNamespace(want="", finished=0)
        self.kitchen = SimpleNamespace(wearer=wearer, next_wanted=lambda: "mug", in_reach=self.within.__contains__)
        self.episode.porter, self.episode.kitchen, self.episode.outcome = self.porter, self.kitchen, Outcome()
        self.episode._ordered = self.episode._engaged = ""
        self.episode._delivered, self.episode._way = 0, None

    def note(self, engaged="", delivered=0, ordered=""):
        self.porter.engaged, self.porter.delivered, self.episode._ordered = engaged, delivered, ordered
        self.episode._note_start(1.0)

    @property
    def delivered(self):
        return [(start.thing, start.delivered) for start in self.episode.outcome.starts]


class TestWays:
    def test_what_is_set_down_within_reach_is_delivered(self):
        told = Told()
        told.note("mug")
        told.within.add("mug")
        told.note("", 1)
        assert told.delivered == [("mug", True)]

    def test_what_is_put_back_out_of_reach_is_not(self):
        told = Told()
        told.note("mug")
        told.note("", 1)
        assert told.delivered == [("mug", False)]

    def test_what_is_fetched_by_order_says_nothing_of_an_earlier_way(self):
        told = Told()
        told.note("mug")
        told.within |= {"mug", "pen"}
        told.note("", 1)
        told.note("pen", 1, "pen")
        told.note("", 2, "")
        assert told.delivered == [("mug", True)]

    def test_a_way_that_was_given_up_is_not_delivered_by_a_later_order(self):
        told = Told()
        told.note("mug")
        told.note("")
        told.note("mug", 0, "mug")
        told.within.add("mug")
        told.note("", 1, "")
        assert told.delivered == [("mug", False)]


class TestFigures:
    def outcomes(self):
        times = {"no_robot": (60.0, 50.0), ON_REQUEST: (50.0, 40.0), RGB: (49.0, 40.0), GAZE: (40.0, 36.0)}
        times[TRUTH] = (38.0, 32.0)
        return {Run(seed, name): Outcome(values[seed], 8, True) for name, values in times.items() for seed in (0, 1)}

    def test_shares_are_of_all_seconds_of_all_wearers(self):
        told = figures(self.outcomes(), 2.0)
        gaze = told["conditions"][GAZE]
        assert gaze["shorter"]["value"] == pytest.approx(14 / 90)
        assert gaze["share_of_truth"]["value"] == pytest.approx(14 / 20)
        assert told["gaze_over_rgb_s"]["value"] == pytest.approx(6.5)
        assert told["conditions"]["no_robot"]["saved_s"]["value"] == pytest.approx(-10.0)

    def test_quality_counts_wants_steps_and_idle_minutes(self):
        goal = Outcome(30.0, 8, True)
        goal.wants = [Wanted("mug", 3.0, 9.0, "prediction"), Wanted("pen", 20.0, 28.0, "request")]
        goal.starts = [
            Start("mug", 2.0, 0, True, False, True), Start("bowl", 12.0, 3, False, False, False),
            Start("jar", 12.5, 3, False, False, False), Start("pen", 23.0, 5, True, True, True),
        ]  # fmt: skip
        idle = Outcome(30.0, 0, False, starts=[Start("mug", 2.0, 0, False, False)])
        told = quality([goal], [idle, Outcome(30.0)])
        assert told["coverage"]["value"] == 0.5 and told["wrong_share"]["value"] == pytest.approx(1 / 8)
        assert told["midas_per_min"] == 1.0 and told["unfinished"] == 0

    def test_what_had_to_be_asked_for_in_the_end_was_not_served(self):
        goal = Outcome(60.0, 8, True)
        goal.wants = [Wanted("pen", 3.0, 9.0, "request"), Wanted("mug", 30.0, 40.0, "request")]
        goal.starts = [Start("mug", 29.0, 5, True, False, True), Start("pen", 50.0, 7, True, False, True)]
        told = quality([goal], [])["coverage"]
        assert told["value"] == pytest.approx(1 / 3) and told["n"] == 3, "the pen was asked for once, and served later"

    def test_intervals_are_over_wearers_and_counts(self):
        goals = []
        for served in (True, False) * 3:
            goal = Outcome(30.0, 8, True)
            goal.wants = [Wanted("mug", 3.0, 9.0, "prediction" if served else "request")] * 20
            goal.starts = [Start("mug", 2.0, 0, True, False, True)] * 20 if served else []
            goals.append(goal)
        told = quality(goals, [Outcome(240.0, starts=[Start("mug", 2.0, 0, False, False)] * 2)] * 2)
        low, high = told["coverage"]["ci95"]
        assert told["coverage"]["value"] == 0.5 and high - low > 0.5, "six wearers, not 120 wants"
        assert told["midas_per_min"] == 0.5 and told["midas_ci95"] == pytest.approx([0.136, 1.28], abs=0.01)

    def test_a_step_that_never_ended_counts_where_help_went_wrong(self):
        unfinished = Outcome(400.0, 3, False, starts=[Start("mug", 2.0, 3, False, False)])
        assert quality([unfinished], [])["wrong_share"]["value"] == 0.25

    def test_a_ratio_has_the_interval_of_its_pairs(self):
        rng = np.random.default_rng(0)
        below = rng.uniform(40, 60, 40)
        found = ratio(0.2 * below + rng.normal(0, 1, 40), below)
        assert found.low < 0.2 < found.high and found.high - found.low < 0.03
        assert ratio(np.zeros(3), np.zeros(3)).value is None

    def test_the_page_shows_every_condition(self):
        text = page([figures(self.outcomes(), 2.0)])
        assert all(f"| {name} |" in text for name in ("no_robot", ON_REQUEST, RGB, GAZE, TRUTH))
        assert "Gaze is faster than RGB by 6.50 s" in text


def moment(seed, time_s, wanted, looked, idle=False, lacked_s=float("nan"), step=0):
    """Three things are out of reach; ``looked`` is gazed at, which is all that speaks."""
    things = np.zeros((3, len(THING_FEATURES)))
    if looked >= 0:
        things[looked, 4] = 1.0
    nothing = np.array([1.0] + [0.0] * (len(NOTHING_FEATURES) - 1))
    evidence = {RGB: (np.zeros_like(things), nothing), GAZE: (things, nothing)}
    return Moment(seed, time_s, idle, step, ("bowl", "mug", "pen"), wanted, lacked_s, evidence)


def life(seed):
    """The mug is looked at from 3 s on and lacked at 4 s; idle, nothing is looked at."""
    goal = [
        moment(seed, t, 1, 1 if t > 3 else -1, lacked_s=4.0 if t > 4 else float("nan"))
        for t in np.arange(0.0, 8.0, 0.25)
    ]
    return goal + [moment(seed, t, -1, -1, idle=True) for t in np.arange(0.0, 20.0, 0.25)]


class TestTuning:
    def test_what_speaks_gets_weight_and_what_does_not_gets_none(self):
        moments = [one for seed in range(6) for one in life(seed)]
        thing, _ = fit(moments, GAZE)
        assert thing[4] > 1.0 and np.abs(np.delete(thing, 4)).max() < 1e-6
        assert np.abs(fit(moments, RGB)[0]).max() < 1e-6

    def test_thresholds_serve_the_want_and_leave_the_idle_alone(self):
        weights, score = tune([one for seed in range(6) for one in life(seed)], GAZE, 1.0, 2.0)
        assert score.coverage == 1.0 and score.idle_per_min == 0.0 and score.wrong_share == 0.0
        assert score.saved_s == pytest.approx(2.0 + 0.75, abs=0.3) and weights.keep < weights.start

    def test_a_late_start_saves_less_and_a_wrong_one_is_counted(self):
        judged = [(one, np.array([0.0, 0.9 * (one.time_s >= 4.5), 0.0])) for one in life(0)]
        score = replay(judged, 0.8, 1.0, 2.0)
        assert score.saved_s == pytest.approx(1.5) and score.coverage == 1.0
        judged = [(one, np.array([0.9 * (one.time_s >= 1.0), 0.0, 0.0])) for one in life(0)]
        score = replay(judged, 0.8, 1.0, 2.0)
        assert score.coverage == 0.0 and score.wrong_share == 1.0 and score.idle_per_min > 0
        assert score.saved_s == pytest.approx(-1.0)  # patience was lost, and nothing gained

    def test_too_few_wearers_are_refused(self):
        with pytest.raises(WantError, match="at least 4 wearers"):
            tune(life(0), GAZE, 1.0, 2.0)

    def test_moments_survive_being_stored(self, tmp_path):
        moments = life(3)
        save_moments(tmp_path / "log.npz", moments)
        for a, b in zip(moments, load_moments(tmp_path / "log.npz"), strict=True):
            assert (a.seed, a.time_s, a.idle, a.things, a.wanted) == (b.seed, b.time_s, b.idle, b.things, b.wanted)
            np.testing.assert_array_equal(a.evidence[GAZE][0], b.evidence[GAZE][0])
