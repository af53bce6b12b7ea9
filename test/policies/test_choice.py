from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.policies.choice import ChoiceSettings, PredictionChooser
from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.policies.rivals import NearestToHand
from gaze_vlm_ros.types import GazeTarget, Hypothesis, Prediction, PredictionKind, WearerState

S = 1_000_000_000


def predicted(*hypotheses, at_s=0.0, kind=PredictionKind.EVENT, **change):
    """Hypotheses as (verb, object, probability), best first."""
    ranked = tuple(Hypothesis(f"{verb} the {thing}", verb, thing, "", p) for verb, thing, p in hypotheses)
    text, confidence = (ranked[0].text, ranked[0].probability) if ranked else ("", 0.0)
    return replace(Prediction(round(at_s * S), kind, text, confidence, ranked), **change)


@pytest.fixture
def choose():
    chooser = PredictionChooser(ChoiceSettings(start_confidence=0.5, keep_confidence=0.3))

    def after(prediction, at_s=None):
        chooser.on_prediction(prediction)
        now_ns = prediction.stamp_ns if at_s is None else round(at_s * S)
        return chooser.choose(now_ns, ThingMemory(), None)

    return after


class TestPredictionChooser:
    def test_helps_with_what_is_picked_up_next(self, choose):
        choice = choose(predicted(("pick up", "mug", 0.8), at_s=3.0))
        assert choice.label == "mug"
        assert choice.prediction_stamp_ns == 3 * S
        assert choice.reason == "The wearer is about to pick up the mug (80%)."

    @pytest.mark.parametrize(
        "prediction",
        [
            predicted(("put", "mug", 0.9)),
            predicted(("pick up", "mug", 0.49)),
            predicted(("pick up", "mug", float("nan"))),
            predicted(),
            predicted(("pick up", "mug", 0.9), out_of_domain=True),
            predicted(("pick up", "mug", 0.9), kind=PredictionKind.ACTIVITY),
        ],
    )
    def test_does_not_help_otherwise(self, choose, prediction):
        assert choose(prediction).label == ""

    def test_goes_on_between_the_thresholds_but_does_not_begin_there(self, choose):
        assert choose(predicted(("pick up", "mug", 0.4))).label == ""
        assert choose(predicted(("pick up", "mug", 0.6), at_s=0.1)).label == "mug"
        assert choose(predicted(("pick up", "mug", 0.4), at_s=0.2)).label == "mug"
        assert choose(predicted(("put", "mug", 0.45), ("pick up", "mug", 0.35), at_s=0.3)).label == "mug"
        assert choose(predicted(("pick up", "mug", 0.2), at_s=0.4)).label == ""
        assert choose(predicted(("pick up", "mug", 0.4), at_s=0.5)).label == ""

    def test_another_event_ends_it_by_what_it_leaves(self, choose):
        choose(predicted(("pick up", "mug", 0.6)))
        assert choose(predicted(("put", "mug", 0.6), ("pick up", "mug", 0.35), at_s=0.1)).label == "mug"
        assert choose(predicted(("put", "mug", 0.75), ("pick up", "mug", 0.25), at_s=0.2)).label == ""

    def test_what_many_sentences_agree_on_counts_together(self, choose):
        spread = (("put", "bowl", 0.3), ("pick up", "mug", 0.28), ("pick up", "mug", 0.24), ("pick up", "bowl", 0.18))
        choice = choose(predicted(*spread))
        assert choice.label == "mug" and "(52%)" in choice.reason
        assert choose(predicted(*spread[:2], at_s=0.1)).label == "", "one sentence alone is not sure enough"

    def test_switches_only_to_a_confident_thing(self, choose):
        choose(predicted(("pick up", "mug", 0.6)))
        assert choose(predicted(("pick up", "bowl", 0.45), ("pick up", "mug", 0.4), at_s=0.1)).label == "mug"
        assert choose(predicted(("pick up", "bowl", 0.55), ("pick up", "mug", 0.4), at_s=0.2)).label == "bowl"

    def test_out_of_domain_ends_it_and_says_so(self, choose):
        choose(predicted(("pick up", "mug", 0.9)))
        choice = choose(predicted(("pick up", "mug", 0.9), at_s=0.1, out_of_domain=True))
        assert choice.label == "" and "out of the model's domain" in choice.reason
        assert choose(predicted(("pick up", "mug", 0.4), at_s=0.2)).label == ""

    def test_no_single_sentence_need_be_likely(self, choose):
        """Abstention is about the words: the thing may be sure though none of its sentences is."""
        agreed = predicted(("pick up", "mug", 0.3), ("pick up", "mug", 0.3), text="")
        assert choose(agreed).label == "mug"
        choice = choose(predicted(("pick up", "mug", 0.2), ("pick up", "bowl", 0.2), at_s=0.1, text=""))
        assert choice.label == "" and choice.reason.startswith("The model abstains (20%). Not sure enough of the mug")

    def test_an_old_prediction_is_worth_nothing(self, choose):
        assert "2.0 s old" in choose(predicted(("pick up", "mug", 0.9)), at_s=2.0).reason

    def test_a_late_prediction_changes_nothing(self, choose):
        choose(predicted(("pick up", "mug", 0.9), at_s=1.0))
        assert choose(predicted(("pick up", "bowl", 0.9), at_s=0.5), at_s=1.0).label == "mug"

    def test_an_activity_does_not_end_it(self, choose):
        choose(predicted(("pick up", "mug", 0.9)))
        assert choose(predicted(("look", "", 0.9), at_s=0.1, kind=PredictionKind.ACTIVITY)).label == "mug"


def looked_at(label, *times_s, at=(0.4, 0.0, 0.05)):
    memory = ThingMemory()
    for time_s in times_s:
        memory.observe(GazeTarget(round(time_s * S), np.array(at), np.eye(3) * 1e-4, label))
    return memory


class TestGazeAndHand:
    @pytest.fixture
    def chooser(self):
        chooser = PredictionChooser(ChoiceSettings(start_confidence=0.5, keep_confidence=0.3))
        chooser.on_prediction(predicted(("pick up", "mug", 0.4), at_s=1.0))
        return chooser

    def test_a_look_that_lasts_adds_weight(self, chooser):
        assert chooser.choose(S, ThingMemory(), None).label == ""
        assert chooser.choose(S, looked_at("mug", 0.9), None).label == "", "a glance is no dwell"
        assert chooser.choose(S, looked_at("bowl", 0.4, 0.7, 1.0), None).label == ""
        choice = chooser.choose(S, looked_at("mug", 0.4, 0.7, 1.0), None)
        assert choice.label == "mug" and choice.reason.endswith("the mug (40%, looked at for 0.6 s).")

    def test_looking_alone_is_no_wish(self):
        chooser = PredictionChooser()
        chooser.on_prediction(predicted(("pick up", "mug", 0.15), ("put", "bowl", 0.8), at_s=1.0))
        assert chooser.choose(S, looked_at("mug", 0.0, 0.5, 1.0), None).label == ""

    @pytest.mark.parametrize(("hand", "label"), [((0.4, 0.05, 0.05), ""), ((0.4, 0.3, 0.05), "mug")])
    def test_begins_nothing_where_the_hand_is_already(self, chooser, hand, label):
        chooser.on_prediction(predicted(("pick up", "mug", 0.9), at_s=1.0))
        choice = chooser.choose(S, looked_at("mug", 1.0), WearerState(0, np.eye(4), right_hand_m=np.array(hand)))
        assert choice.label == label
        assert label or "hand is at the mug" in choice.reason

    def test_goes_on_where_the_hand_arrives_later(self, chooser):
        chooser.on_prediction(predicted(("pick up", "mug", 0.9), at_s=1.0))
        memory = looked_at("mug", 1.0)
        chooser.choose(S, memory, None)
        hand = WearerState(0, np.eye(4), right_hand_m=np.array([0.4, 0.05, 0.05]))
        assert chooser.choose(S, memory, hand).label == "mug"


class TestNearestToHand:
    @pytest.fixture
    def memory(self):
        memory = ThingMemory()
        for label, y in (("mug", -0.2), ("bowl", 0.2)):
            memory.observe(GazeTarget(0, np.array([0.4, y, 0.05]), np.eye(3) * 1e-4, label))
        return memory

    @pytest.mark.parametrize(("hand", "label"), [((0.6, -0.3, 0.1), "mug"), ((0.6, 0.1, 0.1), "bowl")])
    def test_takes_the_nearest(self, memory, hand, label):
        wearer = WearerState(0, np.eye(4), right_hand_m=np.array(hand))
        rival = NearestToHand()
        rival.on_prediction(predicted(("pick up", "teapot", 1.0)))
        assert rival.choose(0, memory, wearer).label == label

    def test_without_hand_or_thing_it_does_nothing(self, memory):
        wearer = WearerState(0, np.eye(4))
        assert NearestToHand().choose(0, memory, wearer).label == ""
        assert NearestToHand().choose(0, memory, None).label == ""
        hand = WearerState(0, np.eye(4), left_hand_m=np.zeros(3))
        assert NearestToHand().choose(0, ThingMemory(), hand).label == ""


class TestSettings:
    @pytest.mark.parametrize(
        "change", [{"keep_confidence": 0.6}, {"start_confidence": 1.5}, {"max_age_s": 0.0}, {"dwell_s": 0.0}]
    )
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            ChoiceSettings(**change)
