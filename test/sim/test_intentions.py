"""What the wearer wants: steps that are possible for ever, slips that are put right, things that go together."""

from collections import Counter

import numpy as np
import pytest

from gaze_vlm_ros.language import FRAMES, OBJECT_KINDS, PLACES, ROBOT, TABLE, USES, Slots, makes_sense, parse, text_of
from gaze_vlm_ros.sim.intentions import GOALS, GRAMMAR, IntentionError, Intentions, Observer, Step, effects_of
from gaze_vlm_ros.sim.intentions.draw import choose
from gaze_vlm_ros.sim.intentions.grammar import Goal, Item, grammar_of
from gaze_vlm_ros.sim.intentions.sampling import sample_things
from gaze_vlm_ros.sim.things.state import EATABLE, LIQUID_HOLDERS, OPENABLE, ThingState, initial_state


def things_of(seed: int, count: int) -> tuple[tuple[str, ...], dict[str, ThingState]]:
    rng = np.random.default_rng(seed)
    things = tuple(rng.permutation(OBJECT_KINDS)[:count].tolist())
    return things, {thing: initial_state(thing, rng) for thing in things}


def episode(seed: int, count: int, steps: int, grammar=GRAMMAR) -> list[Step]:
    things, states = things_of(seed, count)
    intentions = Intentions(np.random.default_rng(seed), things, states, grammar)
    return [intentions.next_step() for _ in range(steps)]


class Bystander:
    """Follows an episode by rules of its own and objects to what cannot be."""

    def __init__(self, things, states) -> None:
        self.states, self.hand, self.where = dict(states), "", dict.fromkeys(things, TABLE)

    def check(self, step: Step) -> None:
        thing, place = step.object, step.place
        assert makes_sense(step.seen)
        assert thing in self.where
        assert place in self.where or place not in OBJECT_KINDS
        if step.verb in ("press", "search"):
            assert self.hand == ""
        else:
            assert self.hand in ("", thing)
        if step.verb in ("put", "give"):
            assert self.hand == thing or self.where[thing] != place
            self.hand, self.where[thing] = "", place
            return
        assert self.where[thing] != ROBOT
        assert self.where.get(place) != ROBOT
        self._check_states(step)
        if step.verb not in ("press", "search"):
            self.hand = thing

    def _check_states(self, step: Step) -> None:
        thing, place = self.states[step.object], self.states.get(step.place)
        if step.verb in ("open", "close"):
            assert thing.is_open == (step.verb == "close")
        if step.verb in ("pour", "drink", "take"):
            assert thing.level > 0.05
        if step.verb in ("pour", "drink", "take", "read") and step.object in OPENABLE - {"kettle", "teapot"}:
            assert thing.is_open or (step.verb == "read" and step.object in ("pill box", "cereal box"))
        if step.verb == "pour":
            assert place.level < 0.95
            assert thing.is_hot or step.object != "kettle"
            assert place.is_open or step.place != "teapot"
        if step.verb == "stir" or (step.verb == "eat" and place):
            assert place.level > 0.05
        if step.verb == "eat" and not place:
            assert thing.share > 0.3
        if step.verb == "write":
            assert place.is_open


@pytest.mark.parametrize("count", [1, 2, 6, 10, 14, 28])
def test_steps_come_for_ever_and_each_is_possible(count):
    for seed in range(3):
        things, states = things_of(100 * count + seed, count)
        intentions, bystander = Intentions(np.random.default_rng(seed), things, states), Bystander(things, states)
        for _ in range(100):
            before = intentions.states.copy()
            step = intentions.next_step()
            bystander.check(step)
            assert intentions.in_hand == bystander.hand
            assert {thing: place or TABLE for thing, place in intentions.where.items()} == bystander.where
            assert intentions.states == {**before, **effects_of(step, before)}
            bystander.states = intentions.states.copy()
            assert parse(text_of(step.seen, "event")) == step.seen


def test_equal_seeds_give_equal_steps_and_other_seeds_do_not():
    assert episode(3, 10, 40) == episode(3, 10, 40)
    assert episode(3, 10, 40) != episode(4, 10, 40)


def test_there_are_many_goals_and_verbs_and_all_of_them_occur():
    assert len(GOALS) >= 10
    verbs, goals = Counter(), Counter()
    for seed in range(30):
        steps = episode(seed, 14, 30)
        verbs.update(step.verb for step in steps)
        goals.update(step.goal for step in steps)
    assert set(verbs) == {"put", "give", *USES}
    assert len(verbs) >= 14
    assert set(goals) == set(GRAMMAR.goals)


def test_slips_are_put_right_and_interruptions_returned_from():
    slips = righted = interruptions = returns = 0
    for seed in range(20):
        steps, where = episode(seed, 12, 50), {}
        for before, step, after in zip(steps, steps[1:], steps[2:], strict=False):
            where[before.object] = before.place if before.verb in ("put", "give") else where.get(before.object, TABLE)
            if step.reason == "slip":
                slips += 1
                right = Step("put", step.object, where.get(step.object, TABLE), step.goal, "return")
                righted += after == right
            if before.reason == "interruption" and step.reason != "interruption":
                interruptions += 1
                returns += step.reason == "return"
    assert slips > 10
    assert righted > 0.8 * slips
    assert interruptions > 10
    assert returns > 0.6 * interruptions


def test_after_an_interruption_the_goal_goes_on():
    for seed in range(10):
        goal = ""
        for step in episode(seed, 12, 50):
            if step.reason == "return":
                assert step.goal == goal
            elif step.reason == "interruption":
                assert goal
            else:
                goal = step.goal


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        (Slots("open", "jar"), {"jar": ThingState()}, {"jar": ThingState(is_open=True)}),
        (Slots("close", "jar"), {"jar": ThingState(is_open=True)}, {"jar": ThingState()}),
        (Slots("press", "kettle"), {"kettle": ThingState(level=0.8)}, {"kettle": ThingState(level=0.8, is_hot=True)}),
        (Slots("press", "phone"), {"phone": ThingState()}, {}),
        (
            Slots("pour", "kettle", "mug"),
            {"kettle": ThingState(level=0.8, is_hot=True), "mug": ThingState()},
            {"kettle": ThingState(level=0.45, is_hot=True), "mug": ThingState(level=0.35, is_hot=True)},
        ),
        (
            Slots("pour", "can", "glass"),
            {"can": ThingState(is_open=True, level=0.8), "glass": ThingState(level=0.8)},
            {"can": ThingState(is_open=True, level=0.6), "glass": ThingState(level=1.0)},
        ),
        (Slots("drink", "mug"), {"mug": ThingState(level=0.35, is_hot=True)}, {"mug": ThingState(level=0.05)}),
        (Slots("eat", "apple"), {"apple": ThingState()}, {"apple": ThingState(share=0.7)}),
        (
            Slots("eat", "spoon", "bowl"),
            {"spoon": ThingState(), "bowl": ThingState(level=0.7)},
            {"bowl": ThingState(level=0.4)},
        ),
        (Slots("take", "pill box"), {"pill box": ThingState(True, 0.8)}, {"pill box": ThingState(True, 0.75)}),
        (Slots("put", "mug", "tray"), {"mug": ThingState(level=0.5)}, {}),
    ],
)
def test_what_a_step_changes(step, before, after):
    found = effects_of(step, before)
    assert found.keys() == after.keys()
    for thing, state in after.items():
        assert (found[thing].is_open, found[thing].is_hot) == (state.is_open, state.is_hot)
        assert (found[thing].level, found[thing].share) == pytest.approx((state.level, state.share))


def test_the_verbs_fit_the_kinds_that_things_are():
    assert {thing for frame in FRAMES["open"] for thing in frame.objects} <= OPENABLE
    poured = {name for frame in FRAMES["pour"] for name in (*frame.objects, *frame.places)}
    assert poured - {"cereal box"} <= LIQUID_HOLDERS
    assert {thing for thing in FRAMES["eat"][0].objects} == EATABLE


# --- things, and bad input


def test_sampled_things_go_together():
    def complete(things) -> bool:
        return {"kettle", "mug", "jar"} <= set(things) or {"bowl", "cereal box", "carton"} <= set(things)

    rng = np.random.default_rng(0)
    sampled = [sample_things(rng, 6 + number % 9) for number in range(300)]
    assert [len(things) for things in sampled] == [6 + number % 9 for number in range(300)]
    assert all(len(set(things)) == len(things) and set(things) <= set(OBJECT_KINDS) for things in sampled)
    assert set(sample_things(rng, 28)) == set(OBJECT_KINDS)
    assert sample_things(np.random.default_rng(1), 9) == sample_things(np.random.default_rng(1), 9)
    at_random = [rng.permutation(OBJECT_KINDS)[: len(things)].tolist() for things in sampled]
    assert sum(map(complete, sampled)) > 1.5 * sum(map(complete, at_random)) > 0


def test_choose_follows_its_weights():
    rng = np.random.default_rng(0)
    drawn = Counter(choose(rng, "abc", (0.7, 0.0, 0.3)) for _ in range(2000))
    assert drawn["b"] == 0
    assert drawn["a"] == pytest.approx(1400, abs=80)


@pytest.mark.parametrize(
    ("things", "states", "words"),
    [
        (("mug", "sofa"), {}, "no thing 'sofa'; there are mug, bottle"),
        (("mug", "mug"), {"mug": ThingState()}, "different things are needed, got mug, mug"),
        ((), {}, "different things are needed, got none"),
        (("mug", "pen"), {"mug": ThingState()}, "no state is given for the pen"),
    ],
)
def test_things_that_cannot_be(things, states, words):
    for make in (lambda: Intentions(np.random.default_rng(0), things, states), lambda: Observer(things, states)):
        with pytest.raises(IntentionError, match=words):
            make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Goal("g", (Item("i", "put", "sofa", "tray"),)), "'sofa' is neither a role nor a thing or place"),
        (lambda: Goal("g", (Item("i", "put", "mug", "tray", after=("j",)),)), "no item 'j' that 'i' could follow"),
        (lambda: Goal("g", (Item("i", "press", "phone"),), core=("j",)), "no item 'j' that could be its core"),
        (lambda: Goal("g", (Item("i", "pour", "pen", "mug"),)), "no choice makes sense for item 'i'"),
        (lambda: grammar_of(GOALS[0], GOALS[0]), "different names, got make tea, make tea"),
    ],
)
def test_grammars_that_cannot_work(make, words):
    with pytest.raises(IntentionError, match=words):
        make()


def test_a_grammar_with_nothing_to_do_says_so():
    things = ("mug", "pen")
    grammar = grammar_of(Goal("fruit", (Item("eat", "eat", "apple"),)))
    with pytest.raises(IntentionError, match="no goal that can be begun with mug, pen"):
        Intentions(np.random.default_rng(0), things, dict.fromkeys(things, ThingState()), grammar).next_step()


def test_every_use_belongs_to_a_goal():
    named = {item.verb for goal in GOALS for item in goal.items}
    assert set(USES) - {"open", "close"} <= named, "opening and closing come by themselves"
    used = {slots for goal in GOALS for item in goal.items for slots, _ in goal.fillings(item, ())}
    assert {slots.object for slots in used} == set(OBJECT_KINDS)
    assert {slots.place for slots in used if slots.verb == "put"} >= set(PLACES)
