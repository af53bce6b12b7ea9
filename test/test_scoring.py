from gaze_vlm_ros.scoring import Actual, Said, activity_points, event_points, score


def _truth():
    """Activities a (0-2 s), b (2-4 s), a (4-6 s) at 10 Hz; events x at 2 s and y at 5 s."""
    return [
        Actual(t / 10, "b" if 20 <= t < 40 else "a", "x" if t < 20 else "y", 2.0 if t < 20 else 5.0) for t in range(50)
    ]


def test_one_point_per_phase_judged_by_the_last_sentence_in_it():
    said = [Said(0.5, "b"), Said(1.5, "a"), Said(3.0, "b"), Said(4.5, "b")]
    points = activity_points(said, _truth())
    assert [(p.truth, p.said) for p in points] == [("a", "a"), ("b", "b"), ("a", "b")]


def test_repeat_is_what_the_model_said_two_seconds_before():
    said = [Said(1.0, "a"), Said(3.0, "b"), Said(4.5, "a")]
    assert [p.repeated for p in activity_points(said, _truth())] == ["", "a", "a"]


def test_an_event_must_be_said_half_a_second_before_it_happens():
    said = [Said(1.4, "wrong"), Said(1.6, "x"), Said(4.4, "y"), Said(4.6, "wrong")]
    assert [(p.truth, p.said) for p in event_points(said, _truth())] == [("x", "wrong"), ("y", "y")]


def test_sentences_about_another_event_do_not_count():
    assert event_points([Said(1.0, "x")], _truth())[0].truth == "x"
    assert len(event_points([Said(1.0, "x")], _truth())) == 1


def test_scores_of_model_and_rivals():
    said = [Said(0.5, "a"), Said(1.5, "a"), Said(3.0, "b"), Said(4.5, "b")]
    scores = score(activity_points(said, _truth()))
    assert (scores.model.value, scores.model.n) == (2 / 3, 3)
    assert scores.majority.value == 2 / 3
    assert scores.repeat.value == 1 / 3


def test_nothing_said_gives_no_cases():
    assert score(activity_points([], _truth())).model.n == 0


def test_any_phrasing_of_the_truth_is_right():
    truth = [Actual(t / 10, "opening the jar", "pick up the mug", 2.0) for t in range(10)]
    right, wrong = [Said(0.5, "undoing the jar")], [Said(0.5, "undoing the can")]
    assert [score(activity_points(said, truth)).model.value for said in (right, wrong)] == [1.0, 0.0]
    assert score(event_points([Said(0.5, "grasp the mug")], truth)).model.value == 1.0
    rephrased = [Actual(1 + t / 10, "unsealing the jar", "grab the mug", 2.0) for t in range(10)]
    assert len(activity_points(right, truth + rephrased)) == 1, "one phase, said in two ways"
