"""An ideal observer of the steps: its probabilities are the true ones, and leave much open."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from gaze_vlm_ros.language import OBJECT_KINDS, TABLE, Slots
from gaze_vlm_ros.sim.intentions import IntentionError, Intentions, Observer, Step
from gaze_vlm_ros.sim.intentions import entropy as entropy_of_history
from gaze_vlm_ros.sim.intentions.grammar import Goal, Habits, Item, grammar_of
from gaze_vlm_ros.sim.intentions.sampling import sample_things
from gaze_vlm_ros.sim.things.state import ThingState, initial_state

ORDERLY = Habits(slip=0, interruption=0, abandon=0, stop=1, go_on=1, close=0, back=1, anywhere=0, again=1)


def things_of(seed: int, count: int) -> tuple[tuple[str, ...], dict[str, ThingState]]:
    rng = np.random.default_rng(seed)
    things = sample_things(rng, count)
    return things, {thing: initial_state(thing, rng) for thing in things}


def small_grammar(habits: Habits = ORDERLY):
    """Two goals that begin alike: both fruits on the tray in any order; or the apple alone, then the pen elsewhere."""
    return grammar_of(
        Goal("fruit", (Item("apple", "put", "apple", "tray"), Item("pear", "put", "orange", "tray")), weight=3),
        Goal(
            "mixed",
            (Item("apple", "put", "apple", "tray"), Item("pen", "put", "pen", "place", after=("apple",))),
            roles={"place": ("mat", "shelf")},
        ),
        habits=habits,
    )


def test_a_small_grammar_by_hand():
    """P(fruit) = 3/4 at first. Fruit begins with either fruit (1/2 each), mixed with the apple."""
    things = ("apple", "orange", "pen")
    observer = Observer(things, dict.fromkeys(things, ThingState()), small_grammar())
    apple, orange = Slots("put", "apple", "tray"), Slots("put", "orange", "tray")
    assert observer.goals() == {}
    assert observer.next_steps() == pytest.approx({apple: 3 / 8 + 1 / 4, orange: 3 / 8})
    observer.see(apple)
    assert observer.goals() == pytest.approx({"fruit": 0.6, "mixed": 0.4})
    pen = [Slots("put", "pen", "mat"), Slots("put", "pen", "shelf")]
    assert observer.next_steps() == pytest.approx({orange: 0.6, pen[0]: 0.2, pen[1]: 0.2})
    assert observer.next_objects() == pytest.approx({"orange": 0.6, "pen": 0.4})
    observer.see(Step("put", "pen", "mat", "whatever", "slip"))
    assert observer.goals() == pytest.approx({"mixed": 1.0})


def test_habits_by_hand():
    """After the apple: given up 0.1; else an interruption 0.2; else the orange, or by mistake the pen for it 0.3."""
    things = ("apple", "orange", "pen")
    habits = Habits(slip=0.3, notices=0.75, interruption=0.2, abandon=0.1, stop=1, again=1, back=1, anywhere=0)
    fruit = Goal("fruit", (Item("apple", "put", "apple", "tray"), Item("o", "put", "orange", "tray", after=("apple",))))
    pen = Goal("pen", (Item("pen", "put", "pen", "mat"),))
    grammar = grammar_of(fruit, pen, habits=habits, look_alikes=(("orange", "pen"),))
    observer, other = (Observer(things, dict.fromkeys(things, ThingState()), grammar) for _ in range(2))
    observer.see(Slots("put", "apple", "tray"))
    orange, on_mat, on_tray = Slots("put", "orange", "tray"), Slots("put", "pen", "mat"), Slots("put", "pen", "tray")
    fresh = 0.1 + 0.9 * 0.2  # a new goal: half of them tidy the orange, as the apple is there already, half the pen
    own = 0.9 * 0.8
    expected = {orange: own * 0.7 + fresh / 2, on_tray: own * 0.3, on_mat: fresh / 2}
    assert observer.next_steps() == pytest.approx(expected)
    other.see(Slots("put", "apple", "tray"))
    other.see(on_mat)
    in_between = other.next_steps()
    assert in_between[on_tray] == pytest.approx(0.18 / 0.28 * own * 0.3), "only from an interruption fruit goes on"
    assert in_between[orange] == pytest.approx(1 - in_between[on_tray])
    observer.see(on_tray)
    back = Slots("put", "pen", TABLE)
    after = observer.next_steps()
    assert after[back] == pytest.approx(0.75)
    assert sum(after.values()) == pytest.approx(1.0)


def test_probabilities_are_frequencies_after_one_history():
    """Of many episodes that begin alike, the second and third steps come as often as the observer says."""
    things = ("apple", "orange", "pen", "mug")
    states = dict.fromkeys(things, ThingState())
    grammar = small_grammar(Habits(interruption=0.2, abandon=0.2))
    runs = []
    for seed in range(2000):
        intentions = Intentions(np.random.default_rng(seed), things, states, grammar)
        runs.append(tuple(intentions.next_step().seen for _ in range(3)))
    for known in (0, 1, 2):
        beginning, count = Counter(run[:known] for run in runs).most_common(1)[0]
        observer = Observer(things, states, grammar)
        for slots in beginning:
            observer.see(slots)
        seen = Counter(run[known] for run in runs if run[:known] == beginning)
        expected = observer.next_steps()
        assert seen.keys() <= expected.keys()
        for slots, probability in expected.items():
            assert (
                abs(seen[slots] / count - probability) < 4 * math.sqrt(probability * (1 - probability) / count) + 1e-9
            )


def test_probabilities_are_calibrated_on_whole_episodes():
    said, came = [], []
    for seed in range(18):
        things, states = things_of(seed, 6 + seed % 9)
        intentions, observer = Intentions(np.random.default_rng(seed), things, states), Observer(things, states)
        for _ in range(16):
            steps = observer.next_steps()
            assert sum(steps.values()) == pytest.approx(1.0)
            step = intentions.next_step()
            said += steps.values()
            came += [slots == step.seen for slots in steps]
            observer.see(step)
    said, came = np.array(said), np.array(came)
    for low, high in ((0, 0.02), (0.02, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.01)):
        part = (said >= low) & (said < high)
        spread = math.sqrt((said[part] * (1 - said[part])).sum())
        assert part.sum() > 20
        assert abs(came[part].sum() - said[part].sum()) < 3 * spread + 0.5, (low, high)


def test_the_observer_objects_to_what_cannot_come():
    things, states = things_of(0, 8)
    with pytest.raises(IntentionError, match="does not know how"):
        Observer(things, states).see(Slots("fly", things[0]))


# --- entropy


def test_bits_and_ambiguity_of_a_point():
    def point(*probabilities):
        return entropy_of_history.Point("mug", dict(zip(OBJECT_KINDS, probabilities, strict=False)), OBJECT_KINDS, 0)

    assert point(0.25, 0.25, 0.25, 0.25).bits == pytest.approx(2.0)
    assert point(1.0, 0.0).bits == pytest.approx(0.0)
    assert point(0.4, 0.3, 0.3).is_ambiguous
    assert not point(0.5, 0.5).is_ambiguous, "two are not three"
    assert not point(0.85, 0.05, 0.05, 0.05).is_ambiguous
    assert point(0.2, 0.5, 0.3).guess == "bottle"


def test_a_decision_point_takes_a_new_thing():
    takes = entropy_of_history.takes
    assert takes(Step("pour", "kettle", "mug"), "")
    assert takes(Step("press", "phone"), "")
    assert not takes(Step("put", "kettle", TABLE), "kettle")
    assert not takes(Step("search", "kettle"), "")


def test_history_tells_something_but_not_too_much(capsys):
    entropy_of_history.main(["--episodes", "24", "--steps", "10"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["episodes"] == 24
    assert figures["ambiguous_share"]["value"] >= 0.4
    assert figures["bits"]["value"] > 1.5
    assert figures["history_accuracy"]["value"] <= 0.5
    assert figures["expected_accuracy"] == pytest.approx(figures["history_accuracy"]["value"], abs=0.08)
    assert figures["history_accuracy"]["value"] > figures["no_history_accuracy"]["value"] + 0.12
    assert figures["no_history_accuracy"]["value"] > figures["uniform_accuracy"] > 1 / 14
