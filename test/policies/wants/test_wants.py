"""When help is wanted: evidence that adds up and fades, its weights, and the decision."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.policies.wants import Evidence, Want, WantChooser, WantDecision, WantError, WantWeights
from gaze_vlm_ros.policies.wants.evidence import (
    GAZE_SPANS_S,
    MOST_TAKEN,
    NOTHING_FEATURES,
    THING_FEATURES,
    needed_thing,
)
from gaze_vlm_ros.types import NS_PER_S, GazeTarget, Hypothesis, Prediction, PredictionKind, WearerState

LOOKS = GAZE_SPANS_S.index(1.0) + 3
DWELL = THING_FEATURES.index("dwell")
RESTS = NOTHING_FEATURES.index("hands at rest")
SIMPLE = WantWeights((1.0, 0, 0, 0, 0, 0, 2.0, 0, 0), (0, 0, 0, 0, 0, 0), start=0.8, keep=0.4)


def event(time_s, **probability):
    hypotheses = tuple(
        Hypothesis(f"pick up the {thing}", "pick up", thing, "", share) for thing, share in probability.items()
    )
    return Prediction(round(time_s * NS_PER_S), PredictionKind.EVENT, "", 0.5, hypotheses)


def look(evidence, label, start_s, end_s, hertz=50):
    for time_s in np.arange(start_s, end_s, 1 / hertz):
        evidence.on_look(label, round(time_s * NS_PER_S))


class TestNeededThing:
    @pytest.mark.parametrize(
        ("verb", "thing", "place", "needed"),
        [
            ("pick up", "mug", "", "mug"),
            ("press", "kettle", "", "kettle"),
            ("pour", "kettle", "mug", "mug"),
            ("put", "mug", "tray", ""),
            ("drink", "mug", "", ""),
        ],
    )
    def test_is_what_has_to_come_within_reach(self, verb, thing, place, needed):
        assert needed_thing(Hypothesis("", verb, thing, place, 0.5)) == needed


class TestEvidence:
    def test_gaze_rises_to_its_time_constant_and_fades(self):
        evidence = Evidence()
        look(evidence, "mug", 0.0, 1.02)
        level = evidence.features(["mug"])[0][0, LOOKS]
        assert level == pytest.approx(1 - math.exp(-1.0), abs=0.02)
        look(evidence, "bowl", 1.02, 2.04)
        assert evidence.features(["mug"])[0][0, LOOKS] == pytest.approx(level * math.exp(-1.0), abs=0.02)

    def test_after_a_long_silence_a_dwell_begins_anew_and_old_looks_have_faded(self):
        evidence = Evidence()
        look(evidence, "mug", 0.0, 1.5)
        evidence.on_look("mug", 20 * NS_PER_S)
        thing = evidence.features(["mug"])[0][0]
        assert evidence.dwell_s("mug") == 0.0 and thing[LOOKS] < 0.15

    def test_a_clock_that_was_set_back_is_followed(self):
        evidence = Evidence()
        for hour_s in (3600.0, 0.0):
            look(evidence, "mug" if hour_s else "bowl", hour_s, hour_s + 2.0)
            evidence.on_prediction(event(hour_s + 2.0, **{"mug" if hour_s else "bowl": 0.9}))
            evidence.on_hands(np.ones((2, 3)), round((hour_s + 2.0) * NS_PER_S))
        things, nothing = evidence.features(["mug", "bowl"])
        assert things[0, LOOKS] == 0.0 and things[1, LOOKS] > 0.8 and things[1, 0] > things[0, 0]
        assert evidence.prediction_ns == 2 * NS_PER_S and np.isfinite(nothing).all()

    def test_so_many_things_taken_are_remembered_and_no_more(self):
        evidence = Evidence()
        for number in range(40):
            for time_s in (number, number + 0.5):
                evidence.on_things(("bowl", "mug"), ("bowl", "mug")[number % 2], round(time_s * NS_PER_S))
        assert len(evidence._taken) == MOST_TAKEN

    def test_a_gap_without_samples_counts_for_little(self):
        evidence = Evidence()
        evidence.on_look("mug", 0)
        evidence.on_look("mug", 5 * NS_PER_S)
        assert evidence.features(["mug"])[0][0, LOOKS] < 0.1

    def test_a_dwell_bears_a_short_look_away_but_no_long_one(self):
        evidence = Evidence()
        look(evidence, "mug", 0.0, 0.5)
        look(evidence, "bowl", 0.5, 0.7)
        look(evidence, "mug", 0.7, 1.0)
        assert evidence.dwell_s("mug") == pytest.approx(1.0, abs=0.05)
        look(evidence, "bowl", 1.0, 1.6)
        assert evidence.dwell_s("mug") == 0.0 and evidence.dwell_s("bowl") == pytest.approx(0.3, abs=0.05)

    def test_an_activity_and_an_older_event_change_nothing(self):
        evidence = Evidence()
        evidence.on_prediction(event(2.0, mug=0.6))
        before = evidence.features(["mug", "bowl"])[0]
        evidence.on_prediction(event(1.0, bowl=0.9))
        evidence.on_prediction(Prediction(3 * NS_PER_S, PredictionKind.ACTIVITY, "", 1.0))
        np.testing.assert_array_equal(evidence.features(["mug", "bowl"])[0], before)

    def test_what_is_said_lately_lags_behind_what_is_said_now(self):
        evidence = Evidence()
        evidence.on_prediction(event(0.0, mug=0.8))
        evidence.on_prediction(event(0.25, bowl=0.8))
        mug, bowl = evidence.features(["mug", "bowl"])[0]
        assert bowl[0] > mug[0] and mug[1] > bowl[1] and bowl[2] == 1.0 and mug[2] == 0.0

    def test_hands_come_to_rest_slowly_and_move_at_once(self):
        evidence = Evidence()
        hands = np.zeros((2, 3))
        for tick in range(100):
            evidence.on_hands(hands, tick * NS_PER_S // 20)
        rested = evidence.features([])[1][RESTS]
        evidence.on_hands(hands + 0.02, 101 * NS_PER_S // 20)
        assert rested > 0.6 and evidence.features([])[1][RESTS] == 0.0
        evidence.on_hands(hands + 0.02, 121 * NS_PER_S // 20)
        assert 0.1 < evidence.features([])[1][RESTS] < 0.3

    def test_hands_that_nobody_sees_are_not_said_to_rest(self):
        evidence, unseen = Evidence(), np.full((2, 3), np.nan)
        evidence.on_hands(unseen, 0)
        assert evidence.hands_rest_s == 0.0
        evidence = Evidence()
        for tick in range(100):
            evidence.on_hands(np.zeros((2, 3)), tick * NS_PER_S // 20)
        rested = evidence.hands_rest_s
        for tick in range(100, 200):
            evidence.on_hands(unseen, tick * NS_PER_S // 20)
        assert evidence.hands_rest_s < 0.1 * rested

    def test_a_hand_that_comes_into_view_elsewhere_has_moved(self):
        evidence, left_alone = Evidence(), np.array([[0.0] * 3, [np.nan] * 3])
        for tick in range(100):
            evidence.on_hands(left_alone if tick % 2 else np.zeros((2, 3)), tick * NS_PER_S // 20)
        assert evidence.features([])[1][RESTS] > 0.6, "one that flickers where it is rests"
        evidence.on_hands(left_alone, 5 * NS_PER_S)
        evidence.on_hands(np.array([[0.0] * 3, [0.3, 0.0, 0.0]]), round(5.05 * NS_PER_S))
        assert evidence.features([])[1][RESTS] == 0.0


class TestWeights:
    def test_probabilities_leave_room_for_nothing(self):
        shares = SIMPLE.probabilities(np.zeros((3, len(THING_FEATURES))), np.zeros(len(NOTHING_FEATURES)))
        np.testing.assert_allclose(shares, 0.25)

    def test_what_is_stored_is_found_again(self, tmp_path):
        SIMPLE.save(tmp_path / "mine.json")
        assert WantWeights.load(tmp_path / "mine.json") == SIMPLE

    @pytest.mark.parametrize("change", [{"thing": [1.0]}, {"keep": 0.9}, {"colour": 3}])
    def test_a_file_of_another_form_is_named(self, tmp_path, change):
        SIMPLE.save(tmp_path / "mine.json")
        told = json.loads((tmp_path / "mine.json").read_text())
        (tmp_path / "mine.json").write_text(json.dumps(told | change))
        with pytest.raises(WantError, match="holds no weights"):
            WantWeights.load(tmp_path / "mine.json")

    def test_a_missing_one_lists_the_choices(self):
        with pytest.raises(WantError, match="use rgb or gaze, or a file"):
            WantWeights.load("touch")

    @pytest.mark.parametrize("name", ["rgb", "gaze"])
    def test_the_shipped_ones_say_where_they_come_from(self, name):
        assert WantWeights.load(name).provenance


class TestDecision:
    def decided(self, decision, start_s, end_s, candidates=("bowl", "mug"), looked="mug", **probability):
        for time_s in np.arange(start_s, end_s, 0.05):
            decision.evidence.on_prediction(event(time_s, **probability))
            decision.evidence.on_look(looked, round(time_s * NS_PER_S))
            want = decision.step(round(time_s * NS_PER_S), candidates)
        return want

    def test_it_starts_when_evidence_is_enough_and_tells_how_probable_each_thing_is(self):
        decision = WantDecision(SIMPLE)
        assert self.decided(decision, 0.0, 0.4, mug=0.6).label == ""
        assert SIMPLE.start > decision.probable["mug"] > decision.probable["bowl"] > 0.0
        want = self.decided(decision, 0.4, 2.0, mug=0.6)
        assert want.label == "mug" and want.probability > 0.8 and "looked at for" in want.reason

    def test_it_ends_on_contradiction(self):
        decision = WantDecision(SIMPLE)
        self.decided(decision, 0.0, 2.0, mug=0.6)
        assert self.decided(decision, 2.0, 2.2, mug=0.6, looked="bowl").label == "mug"
        assert self.decided(decision, 2.2, 4.0, bowl=0.6, looked="bowl").label == "bowl"

    def test_it_goes_on_for_a_while_though_the_wearer_looks_elsewhere(self):
        decision = WantDecision(SIMPLE, linger_s=2.0)
        self.decided(decision, 0.0, 2.0, mug=0.6)
        waits = self.decided(decision, 2.0, 3.5, looked="")
        assert waits.label == "mug" and waits.probability < SIMPLE.keep and "a moment ago" in waits.reason
        assert self.decided(decision, 3.5, 5.0, looked="").label == ""

    def test_out_of_domain_nothing_begins_and_what_has_begun_lingers(self):
        decision = WantDecision(SIMPLE, linger_s=2.0)
        foreign = replace(event(2.0, mug=0.9), out_of_domain=True)
        self.decided(decision, 0.0, 2.0, mug=0.6)
        decision.evidence.on_prediction(foreign)
        assert decision.step(round(2.5 * NS_PER_S), ("bowl", "mug")).label == "mug"
        fresh = WantDecision(SIMPLE)
        fresh.evidence.on_prediction(foreign)
        look(fresh.evidence, "mug", 0.0, 2.0)
        assert "out of the model's domain" in fresh.step(2 * NS_PER_S, ("mug",)).reason

    def test_it_ends_with_what_is_no_candidate_any_more(self):
        decision = WantDecision(SIMPLE)
        self.decided(decision, 0.0, 2.0, mug=0.6)
        assert decision.step(2 * NS_PER_S, ("bowl",)).label == ""
        assert "Nothing that the wearer could want" in decision.step(2 * NS_PER_S, ()).reason

    def test_without_a_fresh_prediction_nothing_is_wanted(self):
        decision = WantDecision(SIMPLE)
        assert "No event" in decision.step(0, ("mug",)).reason
        self.decided(decision, 0.0, 2.0, mug=0.6)
        late = decision.step(4 * NS_PER_S, ("mug",))
        assert late.label == "" and "old" in late.reason and decision.probable == {}

    def test_the_order_of_candidates_does_not_matter(self):
        wants = [
            self.decided(WantDecision(SIMPLE), 0.0, 2.0, candidates=order, mug=0.6)
            for order in (("mug", "bowl"), ("bowl", "mug"))
        ]
        assert wants[0] == wants[1]


class TestChooser:
    HEAD = np.eye(4)

    def chosen(self, mug_m, hand_m=(9.0, 9.0, 9.0), seconds=3.0, moves_m=0.0, brought=False):
        chooser, memory = WantChooser(SIMPLE), ThingMemory()
        head, hand_m = np.eye(4), np.array(hand_m)
        head[:3, 3] = 1.0, 0.0, 0.5
        for tick in range(round(20 * seconds)):
            now_ns = NS_PER_S + tick * NS_PER_S // 20
            memory.observe(GazeTarget(now_ns, np.array(mug_m), 1e-5 * np.eye(3), "mug"))
            if brought and not tick:
                memory.put("mug", np.array(mug_m[:2]), now_ns)
            hand_m = hand_m + [0.0, 0.0, moves_m]
            chooser.on_prediction(event(now_ns / NS_PER_S, mug=0.8))
            wearer = WearerState(now_ns, head, right_hand_m=np.array(hand_m), left_hand_m=np.array([9.0, 9.0, 9.0]))
            choice = chooser.choose(now_ns, memory, wearer)
        return choice.label

    def test_helps_with_what_is_out_of_the_wearers_reach_alone(self):
        assert self.chosen([0.2, 0.0, 0.1]) == "mug" and self.chosen([0.7, 0.0, 0.1]) == ""

    def test_what_may_be_in_reach_is_helped_with_where_the_wearer_stares_and_does_nothing(self):
        near = [0.45, 0.0, 0.1]  # 0.57 m from the shoulders
        assert self.chosen(near) == "mug" and self.chosen(near, seconds=1.8) == ""
        assert self.chosen(near, moves_m=0.01) == "" and self.chosen(near, brought=True) == ""
        assert self.chosen([0.55, 0.0, 0.1], seconds=6.0) == ""

    def test_places_hands_and_walls_are_no_things_to_bring(self):
        chooser, memory, far = WantChooser(SIMPLE), ThingMemory(), np.array([2.0, 0.0, 0.0])
        for label in ("hand", "mat", "wall", "mug"):
            memory.observe(GazeTarget(NS_PER_S, far, 1e-4 * np.eye(3), label))
        seen = []
        chooser.decision.step = lambda now_ns, things: seen.append(things) or Want("", 0.0, "")
        chooser.choose(NS_PER_S, memory, None)
        assert seen == [["mug"]]

    def test_a_thing_at_the_hand_needs_no_help(self):
        assert self.chosen([0.2, 0.0, 0.1], hand_m=[0.25, 0.0, 0.1]) == ""
