import pytest

from gaze_vlm_ros.report.accuracy import (
    TruthLookup,
    activity_accuracy,
    event_accuracy,
    pointed_in_time,
    with_settled_events,
)
from gaze_vlm_ros.report.run import Run, Said, Truth

S = 10**9


def truth(seconds: float, activity="looking around", event="pick up the mug", event_s=3.0, pointed="") -> Truth:
    thing = "mug" if "mug" in event else "bowl"
    return Truth(int(seconds * S), activity, event, int(event_s * S), thing, "mug", (0.0, 0.0, 0.0), pointed)


def said(seconds: float, text: str) -> Said:
    return Said(int(seconds * S), int(seconds * S), text, 0.9)


def tenths(first: int, last: int):
    return [number / 10 for number in range(first, last)]


def test_truth_is_looked_up_within_60_ms_only():
    lookup = TruthLookup([truth(1.0, "a"), truth(1.1, "b")])
    assert lookup.at(int(1.04 * S)).activity == "a"
    assert lookup.at(int(1.06 * S)).activity == "b"
    assert lookup.at(int(1.15 * S)).activity == "b"
    assert lookup.at(int(1.17 * S)) is None
    assert TruthLookup([]).at(S) is None


def test_without_truth_there_is_no_accuracy():
    run = Run(activities=[said(1.0, "a")])
    assert activity_accuracy(run) is event_accuracy(run) is pointed_in_time(run) is None


def test_truth_without_predictions_gives_no_case():
    accuracy = activity_accuracy(Run(truth=[truth(t) for t in tenths(0, 10)]))
    assert accuracy.as_dict()["n"] == 0
    assert accuracy.as_dict()["value"] is None


def test_an_event_due_after_the_recording_is_not_judged():
    run = Run(truth=[truth(t) for t in tenths(0, 28)], events=[said(1.0, "pick up the mug")])
    assert event_accuracy(run).per_phase.n == 0
    longer = Run(truth=[truth(t) for t in tenths(0, 31)], events=[said(1.0, "pick up the mug")])
    assert event_accuracy(longer).per_phase.value == 1.0


def test_moments_without_an_event_to_come_are_no_cases():
    run = Run(truth=[truth(t, event="") for t in tenths(0, 30)], events=[said(1.0, "")])
    assert event_accuracy(run).per_prediction.n == 0


def test_an_event_whose_time_drifts_is_one_event():
    drifting = [truth(t, event_s=3.0 + 0.1 * t) for t in tenths(0, 34)]
    later = [truth(t, event="put the mug on the tray", event_s=9.0) for t in tenths(34, 60)]
    run = Run(truth=drifting + later, events=[said(2.7, "pick up the mug"), said(2.9, "pick up the bowl")])
    # Settled at 3.33 s: 0.5 s before it the model still said the right thing.
    assert event_accuracy(run).per_phase.as_dict()["n"] == 1
    assert event_accuracy(run).per_phase.value == 1.0
    assert pointed_in_time(run).n == 1


def test_the_same_event_again_is_another_event():
    events = [item.event_ns for item in with_settled_events([truth(0.0, event_s=1.0), truth(1.1, event_s=3.0)])]
    assert events == [1 * S, 3 * S]


@pytest.mark.parametrize(("pointed", "rate"), [("mug", 1.0), ("bowl", 0.0), ("", 0.0)])
def test_the_arm_is_in_time_when_it_points_at_the_thing_picked_up(pointed, rate):
    before = [truth(t, pointed=pointed) for t in tenths(0, 30)]
    after = [truth(t, event="put the mug on the tray", event_s=5.0, pointed=pointed) for t in tenths(30, 52)]
    last = [truth(t, event="pick up the bowl", event_s=9.0, pointed=pointed) for t in tenths(52, 60)]
    assert pointed_in_time(Run(truth=before + after + last)).as_dict()["value"] == rate
    assert pointed_in_time(Run(truth=before + after + last)).n == 1
