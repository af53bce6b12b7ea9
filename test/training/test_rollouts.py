from gaze_vlm_ros.scoring import Point
from gaze_vlm_ros.training.rollouts import RIVALS, Rollout, run_rollout, summarise
from gaze_vlm_ros.vlm.checkpoint import default_checkpoint
from gaze_vlm_ros.vlm.predictor import StreamingPredictor


def test_summary_counts_each_rival_by_itself():
    rollout = Rollout([Point("a", "a", "b")], [Point("x", "y", "x"), Point("x", "x", "")])
    rollout.assisted = {"predicted": [True, False], "without_prediction": [False, False], "truth": [True, True]}
    summary = summarise([rollout, rollout])
    assert summary["rollouts"] == 2
    assert summary["activity_accuracy"]["value"] == 1.0
    assert (summary["event_accuracy"]["value"], summary["event_accuracy"]["n"]) == (0.5, 4)
    assert summary["majority"]["event"]["value"] == 1.0
    assert summary["repeat"]["event"]["value"] == 0.5
    assist = summary["assist"]
    assert [assist[key]["value"] for key in ("success", "without_prediction", "with_truth")] == [0.5, 0.0, 1.0]


def test_the_oracle_points_in_time_and_equal_seeds_give_equal_rollouts():
    """The true event is enough for the arm to point before the hand arrives: what fails otherwise is the prediction."""
    predictor = StreamingPredictor.from_checkpoint(default_checkpoint())
    first, again = (run_rollout(1_000_003, predictor, duration_s=9.0) for _ in range(2))
    assert first == again
    assert len(first.assisted["truth"]) >= 1
    assert all(first.assisted["truth"])
    assert {len(first.assisted[rival]) for rival in RIVALS} == {len(first.assisted["truth"])}
