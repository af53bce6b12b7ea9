"""Bringing: what is held goes along, what stands there is left in peace, and the arm goes home."""

from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.policies.skills import Look, Skill, SkillError, load_skill
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.types import NS_PER_S, AssistMode, WearerState
from test.policies.skills.test_skill_assist import HOME, MUG_M, Table, Turns

ROBOT = RobotDescription.load("jaco")
LOOK = Look(1, np.zeros((3, 64, 64, 3), np.uint8), np.array([1.0, 0.0, 0.0]))


@pytest.fixture
def skill(tmp_path) -> Skill:
    config = FoveatedConfig(name="tiny", eye_blocks=1, hand_blocks=1, hand_width=32, helps_by="Bring")
    FoveatedPolicy(config).save(tmp_path)
    return load_skill(tmp_path, ROBOT)


def at(skill, opening, time_s, q=HOME):
    skill.step(LOOK, np.append(q, opening), time_s)


class TestTheSkill:
    def test_without_a_goal_it_says_so(self, skill):
        with pytest.raises(SkillError, match="a place to bring the mug to"):
            skill.reset("mug", MUG_M)

    def test_what_the_gripper_holds_is_brought_until_it_stands_there(self, skill):
        kinematics, away = ArmKinematics(ROBOT), HOME + [0.4, 0, 0, 0, 0, 0]
        tool, there = (kinematics.base_T_tool(q)[:3, 3] for q in (HOME, away))
        skill.reset("mug", tool, there[:2])
        at(skill, 1.0, 0.0)
        at(skill, 1.0, 0.1)
        assert skill.brings and not skill.holding and not skill.under_way
        at(skill, 0.4, 0.2)
        assert skill.holding and skill.under_way
        at(skill, 0.4, 0.3, away)
        at(skill, 1.0, 0.4, away)
        assert not skill.holding and skill.under_way and not skill.done
        at(skill, 1.0, 1.7, away)
        assert skill.done and not skill.under_way

    def test_where_the_gaze_says_it_is_is_followed_slowly(self, skill):
        skill.reset("mug", MUG_M, MUG_M[:2] + 0.3)
        for _ in range(3):
            skill.told(MUG_M + [0.1, 0.0, 0.0])
        assert 0.01 < skill._places[0, 0] - MUG_M[0] < 0.05

    def test_what_falls_on_the_way_is_not_done(self, skill):
        tool = ArmKinematics(ROBOT).base_T_tool(HOME)[:3, 3]
        skill.reset("mug", tool, tool[:2] + 0.3)
        for time_s, opening in enumerate((1.0, 0.4, 1.0, 1.0)):
            at(skill, opening, float(time_s))
        assert not skill.done and not skill.under_way


class Brings(Turns):
    """A skill that brings, held or not as the test says."""

    brings = True

    def reset(self, label, position_m, goal_m=None):
        self.goal_m = goal_m
        super().reset(label, position_m)

    closes = False

    def step(self, look, joints, time_s):
        action = super().step(look, joints, time_s)
        self.joints[-1] = 0.0 if self.closes or self.holding else 1.0
        return action


def bench(wearer=True, head_m=1.0):
    table = Table()
    table.skill = table.assist.skill = Brings()
    table.gripper = 0.4
    if wearer:
        head = np.eye(4)
        head[:3, 3] = [head_m, 0.0, 0.5]
        table.wearer = WearerState(0, head, np.array([0.8, 0.3, 0.05]), np.array([0.8, -0.3, 0.05]), 0.01)
    return table


class TestAssistance:
    def test_the_goal_is_within_the_wearers_reach(self):
        table = bench()
        assert table.run().state.mode is AssistMode.HELPING
        assert np.linalg.norm(table.skill.goal_m - [1.0, 0.0]) < 0.55

    def test_a_wearer_who_is_not_seen_is_named(self):
        state = bench(wearer=False).run().state
        assert state.mode is AssistMode.BLOCKED and state.limited_by == "where the wearer's head is is not known"

    def test_a_head_that_is_not_seen_is_named(self):
        table = bench()
        table.wearer = replace(table.wearer, base_T_head=np.full((4, 4), np.nan))
        state = table.run().state
        assert state.mode is AssistMode.BLOCKED and state.limited_by == "where the wearer's head is is not known"

    def test_a_gripper_that_is_not_measured_is_named(self):
        table = bench()
        table.gripper = None
        state = table.run().state
        assert state.mode is AssistMode.BLOCKED and "how far the gripper is open is not measured" in state.limited_by

    def test_a_wearer_too_far_off_is_named(self):
        state = bench(head_m=2.0).run().state
        assert state.mode is AssistMode.BLOCKED and "no room for the mug within the wearer's reach" in state.limited_by

    def test_what_is_within_reach_is_left_where_it_is(self):
        table = bench(head_m=0.8)
        table.wearer = WearerState(
            0, table.wearer.base_T_head, np.array([0.7, 0.5, 0.05]), np.array([0.7, -0.5, 0.05]), 0.01
        )
        state = table.run().state
        assert state.mode is AssistMode.IDLE and "within the wearer's reach" in state.reason and not table.skill.resets

    def test_what_is_held_is_brought_though_nobody_wants_it_any_more(self):
        table = bench()
        table.run()
        table.skill.holding, table.chooser.label, table.mug_seen = True, "", False
        state = table.run(22.0).state
        assert state.mode is AssistMode.HELPING and state.target_label == "mug" and len(table.skill.resets) == 1

    def test_fingers_that_are_closing_finish_though_nobody_wants_the_thing_any_more(self):
        table = bench()
        table.run()
        table.skill.closes = True
        table.run()
        table.chooser.label = ""
        assert table.run().state.mode is AssistMode.HELPING and table.assist.opening == 0.0
        table.gripper = 0.0  # there was nothing between them
        assert table.run().state.mode is AssistMode.IDLE and table.assist.opening == 1.0

    def test_what_is_held_is_not_dropped_where_joint_states_stay_away_for_a_moment(self):
        table = bench()
        table.run()
        table.skill.holding = True
        table.run()
        table.now_ns += NS_PER_S
        assert table.assist.step(table.now_ns).state.limited_by == "joint states are too old"
        table.chooser.label = ""
        assert table.run().state.mode is AssistMode.HELPING and table.assist.opening == 0.0

    def test_once_done_it_knows_where_the_thing_is_and_goes_home(self):
        table = bench()
        table.run()
        table.skill.holding = True
        table.run()
        table.skill.holding, table.skill.done, table.mug_seen = False, True, False
        table.run(0.04)
        mug = table.assist.memory.find("mug", table.now_ns)
        np.testing.assert_allclose(mug.position_m[:2], table.skill.goal_m)
        table.chooser.label = ""
        table.position = HOME + 0.1
        table.run(1.5)
        assert not table.moves
        table.run(1.0)
        assert table.decisions[-1].state.mode is AssistMode.IDLE and table.moves
