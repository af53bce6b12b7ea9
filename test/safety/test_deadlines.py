import pytest

from gaze_vlm_ros.safety.deadlines import Deadlines, Input

DESIGN = {"joint_states": 0.05, "policy": 0.1, "gaze_messages": 0.15, "valid_gaze": 1.0, "frames": 0.3}


class TestDefaults:
    @pytest.mark.parametrize(("name", "seconds"), DESIGN.items())
    def test_are_those_of_the_design(self, name, seconds):
        assert Deadlines().of(Input(name)) == seconds

    def test_predictions_may_miss_three_periods_of_four_per_second(self):
        assert Deadlines().predictions_s == pytest.approx(3 / 4)

    def test_joint_states_and_policy_are_always_needed(self):
        assert set(Deadlines(needed=("frames",)).needed) == {Input.JOINT_STATES, Input.POLICY, Input.FRAMES}


HEARD = dict.fromkeys(Input, 10.0)


class TestOverdue:
    def test_all_fresh(self):
        assert Deadlines(needed=tuple(Input)).overdue(HEARD, 10.04) == ""

    @pytest.mark.parametrize("name", list(Input))
    def test_each_needed_input_counts_from_its_own_deadline(self, name):
        deadlines = Deadlines(needed=tuple(Input))
        fresh = dict.fromkeys(Input, 100.0)
        for age, late in ((0.99, False), (1.01, True)):
            heard = fresh | {name: 100.0 - age * deadlines.of(name)}
            problem = deadlines.overdue(heard, 100.0)
            assert bool(problem) is late
            assert not late or name.value.replace("_", " ") in problem

    def test_an_input_never_heard_is_missing(self):
        assert Deadlines().overdue({}, 0.0) == "no joint states yet"

    def test_an_input_that_is_not_needed_may_be_silent(self):
        assert Deadlines().overdue({Input.JOINT_STATES: 1.0, Input.POLICY: 1.0}, 1.0) == ""

    @pytest.mark.parametrize("now_s", [9.0, float("nan"), float("inf"), float("-inf")])
    def test_a_broken_clock_is_silence(self, now_s):
        assert Deadlines().overdue(HEARD, now_s)


class TestBadSettings:
    def test_unknown_input_is_named(self):
        with pytest.raises(ValueError, match="sonar"):
            Deadlines(needed=("sonar",))

    @pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
    def test_deadline_out_of_range_is_named(self, value):
        with pytest.raises(ValueError, match="frames_s must be positive and finite"):
            Deadlines(frames_s=value)
