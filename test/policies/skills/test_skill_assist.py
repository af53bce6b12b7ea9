"""When a trained policy may move the arm, and what is said when it may not."""

from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.policies.arm import ArmModel, PointingSettings
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.skills import Look, RefusedSkill, Skill, SkillAssist, SkillError, SkillSettings
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.types import NS_PER_S, AssistMode, GazeTarget, JointState, WearerState

ROBOT = RobotDescription.load("jaco")
ARM = ArmModel(ROBOT, PointingSettings(table_clearance_m=0.0))
MUG_M = np.array([0.35, -0.1, 0.1])
HOME = np.array(ROBOT.home_rad, dtype=float)


class Turns(Skill):
    """A skill that turns the first joint, and remembers what it was asked."""

    name, eye_m = "turns", np.array([-0.1, 0.24, 0.46])

    def __init__(self):
        self.resets, self.steps, self.offset = [], [], np.zeros(7)
        self.offset[0] = 0.05

    def reset(self, label, position_m, goal_m=None):
        self.resets.append((label, position_m.copy()))

    def step(self, look, joints, time_s):
        self.steps.append((look.stamp_ns, joints, time_s))
        self.joints = np.append(joints[:-1], 0.25)
        return 3

    def joints_at(self, time_s):
        return self.joints + self.offset


class Wants:
    """A chooser that says what the test says."""

    label = "mug"

    def on_prediction(self, prediction): ...

    def choose(self, now_ns, memory, wearer):
        return Choice(self.label, f"{self.label or 'nothing'} is wanted.")


def fingers_at(opening):
    """Names and angles of the fingers, as joint states have them."""
    ranges = [ROBOT.build_spec().compile().joint(name).range for name in ROBOT.gripper_rad]
    return tuple(ROBOT.gripper_rad), np.array([high - opening * (high - low) for low, high in ranges])


class Table:
    """Everything is as it should be; a test changes one thing. 30 Hz. ``gripper``: the measured opening, if it is."""

    gripper: float | None = None

    def __init__(self, **settings):
        self.skill, self.chooser = Turns(), Wants()
        self.assist = SkillAssist(self.skill, ARM, self.chooser, SkillSettings(**settings))
        self.now_ns, self.position, self.mug_m, self.decisions = NS_PER_S, HOME.copy(), MUG_M.copy(), []
        self.sees, self.mug_seen, self.wearer, self.labels = True, True, None, ("mug",)

    def run(self, seconds=0.3):
        for _ in range(round(seconds * 30)):
            self.now_ns += NS_PER_S // 30
            self.assist.on_joint_state(JointState(self.now_ns, ROBOT.joint_names, self.position, np.zeros(6)))
            if self.gripper is not None:
                names, angles = fingers_at(self.gripper)
                self.assist.on_joint_state(JointState(self.now_ns, names, angles, np.full(len(names), np.nan)))
            if self.mug_seen:
                for label in self.labels:
                    target = GazeTarget(self.now_ns, self.mug_m, 1e-5 * np.eye(3), label, frame_id=ROBOT.base_frame)
                    self.assist.on_gaze_target(target)
            if self.sees:
                views = np.zeros((3, 64, 64, 3), np.uint8)
                self.assist.on_look(Look(self.now_ns, views, np.array([1.0, 0.0, 0.0])))
            if self.wearer is not None:
                self.assist.on_wearer(replace(self.wearer, stamp_ns=self.now_ns))
            self.decisions.append(self.assist.step(self.now_ns))
        return self.decisions[-1]

    @property
    def moves(self):
        """Whether the newest command leads anywhere."""
        trajectory = self.decisions[-1].trajectory
        return trajectory is not None and bool(np.abs(trajectory.position_rad - self.position).max() > 1e-6)


class TestWhereAllIsWell:
    def test_it_helps_at_the_rates_of_eye_and_hand(self):
        table = Table()
        decision = table.run(2.0)
        assert decision.state.mode is AssistMode.HELPING and decision.state.limited_by == "" and table.moves
        assert table.assist.eye_action in (3, None) and len(table.skill.steps) == pytest.approx(30, abs=1)
        assert len(table.decisions) == 60 and table.skill.resets[0][0] == "mug"
        np.testing.assert_allclose(table.skill.resets[0][1], MUG_M, atol=1e-3)

    def test_a_command_starts_where_the_arm_is_keeps_the_speed_and_ends_at_rest(self):
        table = Table(speed=0.5)
        table.skill.offset[0] = 0.6
        trajectory = table.run().trajectory
        path = np.vstack([table.position, trajectory.position_rad])
        speeds = np.abs(np.diff(path, axis=0)) / np.diff(np.append(0.0, trajectory.time_from_start_s))[:, None]
        assert (speeds <= 0.5 * ROBOT.limits.velocity_rad_s + 1e-9).all() and table.moves
        assert not trajectory.velocity_rad_s[-1].any()

    def test_the_gripper_is_told_and_told_of(self):
        table = Table()
        table.run(1.0)
        assert table.assist.opening == 0.25 and table.skill.steps[-1][1][-1] == 0.25

    def test_a_gripper_may_tell_its_opening_by_messages_of_its_own(self):
        table = Table()
        table.gripper = 0.75
        assert table.run(1.0).state.mode is AssistMode.HELPING
        assert table.skill.steps[-1][1][-1] == pytest.approx(0.75)

    def test_until_it_has_helped_the_gripper_keeps_what_it_holds(self):
        table = Table()
        table.chooser.label = ""
        table.run(1.0)
        assert table.assist.opening is None and RefusedSkill("why").opening is None

    def test_nothing_is_wanted_nothing_is_commanded(self):
        table = Table()
        table.chooser.label = ""
        assert table.run().state.mode is AssistMode.IDLE and not table.moves


class TestBadInput:
    def blocked(self, table, words):
        state = table.decisions[-1].state
        assert state.mode is AssistMode.BLOCKED and words in state.limited_by and not table.moves

    def test_a_target_that_is_not_in_the_scene(self):
        table = Table()
        table.chooser.label = "teapot"
        table.run()
        self.blocked(table, "where the teapot is is not known")

    def test_a_target_that_vanishes_and_one_that_comes_back(self):
        table = Table()
        table.run()
        table.mug_seen = False
        table.run(21.0)
        self.blocked(table, "the mug is gone")
        table.mug_seen = True
        assert table.run().state.mode is AssistMode.HELPING and table.moves

    def test_a_target_that_moves_is_followed_by_a_new_episode(self):
        table = Table()
        table.run(1.0)
        assert len(table.skill.resets) == 1
        table.mug_m = MUG_M + [0.0, 0.2, 0.0]
        table.run(1.0)
        assert len(table.skill.resets) > 1
        np.testing.assert_allclose(table.skill.resets[-1][1], table.mug_m, atol=0.03)

    def test_predictions_that_contradict_one_another(self):
        table = Table()
        table.labels = ("mug", "bowl")
        for label in ("mug", "bowl", "mug", "bowl"):
            table.chooser.label = label
            table.run(0.3)
        self.blocked(table, "the predictions contradict one another: mug, bowl")
        table.run(3.5)
        assert table.decisions[-1].state.mode is AssistMode.HELPING

    def test_a_hand_in_the_way_stops_it_at_once(self):
        table = Table()
        table.run()
        assert table.moves
        tool_m = ARM.kinematics.base_T_tool(HOME)[:3, 3]
        head = np.eye(4)
        head[:3, 3] = 1.5, 0.0, 0.6
        table.wearer = WearerState(0, head, right_hand_m=tool_m + [0.0, 0.0, 0.08])
        table.run(1 / 30)
        state = table.decisions[-1].state
        assert state.mode is AssistMode.YIELDING and "right hand" in state.limited_by and not table.moves

    def test_a_target_out_of_reach(self):
        table = Table()
        table.mug_m = np.array([1.6, 0.0, 0.1])
        table.run()
        self.blocked(table, "the mug is out of reach")

    def test_what_seems_to_lie_a_little_outside_is_looked_for_at_the_edge(self):
        table = Table()
        table.mug_m = np.array([0.35, ROBOT.workspace.upper_m[1] + 0.03, 0.1])
        assert table.run().state.mode is AssistMode.HELPING
        table = Table()
        table.mug_m = np.array([0.35, ROBOT.workspace.upper_m[1] + 0.1, 0.1])
        table.run()
        self.blocked(table, "outside the workspace")

    def test_a_thing_that_lies_flat_on_the_table_is_in_reach(self):
        table = Table()
        table.mug_m = np.array([0.35, -0.1, 0.005])
        assert table.run().state.mode is AssistMode.HELPING

    def test_a_posture_that_cannot_be(self):
        table = Table()
        table.skill.offset[1] = 9.0
        table.run()
        self.blocked(table, f"beyond the limits of {ROBOT.joint_names[1]}")
        table.skill.offset[1] = np.nan
        table.run()
        self.blocked(table, "not a number")

    def test_pictures_of_another_camera(self):
        table = Table()
        table.sees = False
        table.assist.on_look(Look(table.now_ns, np.zeros((480, 640, 3), np.uint8), np.array([1.0, 0.0, 0.0])))
        table.run()
        self.blocked(table, "another camera?")

    def test_an_eye_that_has_gone_dark(self):
        table = Table()
        table.run()
        table.sees = False
        table.run(1.0)
        self.blocked(table, "what the robot's eye sees is")

    def test_joint_states_of_another_robot(self):
        table = Table()
        table.assist.on_joint_state(JointState(0, ("a",), np.zeros(1), np.zeros(1)))
        state = table.assist.step(NS_PER_S).state
        assert "another robot?" in state.limited_by and state.mode is AssistMode.BLOCKED

    def test_an_eye_elsewhere_is_refused_by_name(self):
        with pytest.raises(SkillError, match="policy turns is for an eye at"):
            SkillAssist(Turns(), ARM, Wants(), SkillSettings(), np.array([0.5, 0.0, 0.5]))

    def test_a_skill_that_fails_says_so_and_the_rest_goes_on(self):
        table = Table()
        table.run()

        def fail(*_):
            raise SkillError("the skill lost its way")

        table.skill.step = fail
        table.run()
        self.blocked(table, "lost its way")
        del table.skill.step
        assert table.run().state.mode is AssistMode.HELPING
