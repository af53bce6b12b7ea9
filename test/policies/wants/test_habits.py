"""Habits: what is taken is noticed, what follows is expected, and files that do not fit are named."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.wants import Evidence, WantError
from gaze_vlm_ros.policies.wants.evidence import NOTHING_FEATURES, TAKEN_S, THING_FEATURES, at_hand
from gaze_vlm_ros.policies.wants.habits import HABITS, Habits
from gaze_vlm_ros.training import habits as training
from gaze_vlm_ros.types import NS_PER_S

BY_HABIT = THING_FEATURES.index("log probability by habit")
NOTHING = NOTHING_FEATURES.index("log probability of nothing by habit")
PRESENT = ("bowl", "bread", "carton", "cereal box", "knife", "phone", "plate", "salt shaker")
FAR = ("carton", "cereal box", "knife")


@pytest.fixture(scope="module")
def shipped() -> Habits:
    return Habits.load()


class TestHabits:
    def test_probabilities_are_of_the_far_things_and_of_nothing(self, shipped):
        told = shipped.probabilities(["bowl"], PRESENT, FAR)
        assert set(told) == {*FAR, ""} and sum(told.values()) == pytest.approx(1.0)
        assert shipped.probabilities([], (), []) == {"": 1.0}

    def test_who_took_plate_and_bread_wants_the_knife_and_who_took_the_bowl_the_cereal(self, shipped):
        sandwich, breakfast = (shipped.probabilities(taken, PRESENT, FAR) for taken in (("plate", "bread"), ("bowl",)))
        assert sandwich["knife"] > 0.5 > breakfast["knife"]
        assert breakfast["cereal box"] > 2.0 * sandwich["cereal box"]

    def test_another_ones_history_misleads(self, shipped):
        moments = training.gather(training.HELD_OUT, 60)
        told = moments.told.reshape(len(moments.told), -1, len(OBJECT_KINDS)).copy()
        past = [*range(4), 6]
        told[:, past] = told[np.random.default_rng(0).permutation(len(told))][:, past]
        swapped = training.Moments(told.reshape(moments.told.shape), moments.needed)
        tensors = {"hidden": shipped.hidden, "out": shipped.out}
        assert training.score(tensors, moments)["log_loss"] < training.score(tensors, swapped)["log_loss"] - 0.1

    def test_a_file_for_other_things_or_none_at_all_is_named(self, tmp_path):
        tensors, path = load_file(HABITS), tmp_path / "habits.safetensors"
        with pytest.raises(WantError, match=r"habits\.safetensors holds no habits.*training\.habits"):
            Habits.load(path)
        save_file(tensors, path, {"kinds": json.dumps(["axe"])})
        with pytest.raises(WantError, match="other kinds of things"):
            Habits.load(path)
        save_file(tensors | {"out": tensors["out"][:3]}, path, {"kinds": json.dumps(OBJECT_KINDS)})
        with pytest.raises(WantError, match="other kinds of things"):
            Habits.load(path)


class TestWhatIsTaken:
    def expected(self, evidence, seconds, label):
        for time_s in np.arange(0.0, seconds, 0.05):
            evidence.on_things(PRESENT, label, round((self.now_s + time_s) * NS_PER_S))
        self.now_s += seconds
        mine, none = evidence.features(("cereal box", "knife"))
        assert np.exp(mine[:, BY_HABIT]).sum() + np.exp(none[NOTHING]) == pytest.approx(1.0, abs=0.05)
        return mine[1, BY_HABIT]

    def test_a_thing_at_the_hand_for_long_enough_is_taken_a_touch_is_not(self):
        self.now_s, evidence = 0.0, Evidence()
        before = self.expected(evidence, 1.0, "plate")
        touched = self.expected(evidence, TAKEN_S - 0.1, "bowl")
        self.expected(evidence, 1.0, "")
        taken = self.expected(evidence, TAKEN_S + 0.2, "bowl")
        assert touched == before and taken < before - 0.2

    def test_the_nearest_thing_to_a_seen_hand(self):
        things = {"mug": np.array([0.0, 0.05, 0.0]), "jar": np.array([0.0, 0.0, 0.03]), "pen": np.full(3, 0.5)}
        hands = np.array([[0.0, 0.0, 0.0], [np.nan] * 3])
        assert at_hand(things, hands) == "jar"
        assert at_hand(things, np.full((2, 3), np.nan)) == at_hand(things, hands + 0.2) == at_hand({}, hands) == ""


def test_the_command_writes_what_can_be_loaded_and_says_what_it_is_worth(tmp_path):
    path = tmp_path / "habits.safetensors"
    assert training.main(["--sequences", "30", "--judged", "5", "--out", str(path)]) == 0
    assert sum(Habits.load(path).probabilities(["bowl"], PRESENT, PRESENT).values()) == pytest.approx(1.0)
    assert "| without it, learnt apart |" in path.with_suffix(".md").read_text()


def test_who_has_what_is_needed_within_reach_needs_nothing():
    needed = {number for told, number in training.sequence(3)}
    assert needed <= {*range(len(OBJECT_KINDS) + 1)} and len(training.sequence(3)) == training.STEPS
    for told, number in training.sequence(3):
        far = told.reshape(-1, len(OBJECT_KINDS))[5]
        assert number == len(OBJECT_KINDS) or far[number] == 1.0
