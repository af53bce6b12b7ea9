"""The assist policy: predictions, gaze targets, wearer, joints and the robot's eye in; what the arm should do out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import AssistState, GazeTarget, Prediction, WearerState
from gaze_vlm_ros import types
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.assist_action import AskedChooser, AssistAction
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.predictions import prediction_from, target_from
from gaze_vlm_ros.nodes.conversions.robot import assist_state_message, joint_state_from, trajectory_message, wearer_from
from gaze_vlm_ros.nodes.eye_link import SOURCES, EyeLink
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.policies.arm import ArmModel, PointingSettings
from gaze_vlm_ros.policies.assist import AssistPolicy, AssistSettings
from gaze_vlm_ros.policies.choice import ChoiceSettings, Chooser, PredictionChooser
from gaze_vlm_ros.policies.skills import RefusedSkill, SkillAssist, SkillSettings, load_skill
from gaze_vlm_ros.policies.wants import WantChooser, WantWeights
from gaze_vlm_ros.robots.description import RobotDescription

DECISIONS = ("confidence", "rgb", "gaze")


@dataclass(frozen=True)
class AssistPolicyParameters(Parameters):
    """Parameters of the assist policy."""

    robot: str = parameter("jaco", "name or robot.yaml of the arm")
    rate_hz: float = parameter(
        30.0, "steps of the policy, each a heartbeat for the governor", unit="Hz", low=15, high=100
    )
    policy: str = parameter("", "trained policy: a shipped name, or a folder of ours or LeRobot's; empty: points only")
    decision: str = parameter(
        "confidence", "what decides that help is wanted: a threshold, or what was tuned", choices=DECISIONS
    )
    start_confidence: float = parameter(0.3, "confidence of a prediction from which the arm helps", low=0.01, high=1)
    keep_confidence: float = parameter(0.2, "confidence above which it goes on helping", low=0.01, high=1)
    speed: float = parameter(0.9, "share of the arm's velocity limits", low=0.05, high=1)
    home_after_s: float = parameter(2.0, "idle time after which the arm goes home", unit="s", low=0, high=600)
    eye_source: str = parameter("views", "a policy's eye: one that turns, or a wide camera", choices=SOURCES)
    eye_at: tuple[float, ...] = parameter(
        (0.0,) * 6, "where the eye is in the base: position [m], rotation vector [rad]; zeros: as the policy expects"
    )
    eye_rate_hz: float = parameter(15.0, "steps of a policy's eye", unit="Hz", low=1, high=30)


class AssistPolicyNode(ManagedNode):
    """Steps the policy at a steady rate with everything that has come in by then."""

    Parameters = AssistPolicyParameters

    def _setup(self) -> None:
        p = self.parameters
        robot = RobotDescription.load(p.robot)
        self._chooser = AskedChooser(self._decision())
        self.policy = self._skill(robot) if p.policy else self._pointing(robot)
        self._base, self._joint_names = robot.base_frame, robot.joint_names
        self._newest_joints: types.JointState | None = None
        self._trajectory = self.advertise(JointTrajectory, names.POLICY_TRAJECTORY, qos.RESULT)
        self._state = self.advertise(AssistState, names.POLICY_STATE, qos.RESULT)
        self._inboxes = [
            self.inbox(JointState, names.JOINT_STATES, self._on_joints, qos.SAMPLES, silent_after_s=0.5),
            self.inbox(WearerState, names.WEARER_STATE, self._on_wearer, qos.RESULT),
            self.inbox(GazeTarget, names.GAZE_TARGET, lambda m: self.policy.on_gaze_target(target_from(m)), qos.RESULT),
            self.inbox(Prediction, names.EVENT, lambda m: self.policy.on_prediction(prediction_from(m)), qos.RESULT),
        ]
        self._steps, self._told, self._since_s, self._eye = 0, (0, 0.0), time.monotonic(), None
        if p.policy:
            self._opening = self.advertise(Float64, names.POLICY_OPENING, qos.RESULT)
            self._eye = EyeLink(self, p.eye_source, p.eye_at, p.eye_rate_hz, self._base, self.policy.on_look)
            self._inboxes += self._eye.inboxes
        self._action = AssistAction(self, self._chooser, self._base, bool(p.policy))
        self._owned.append(self._action.destroy)
        self.every(1.0 / p.rate_hz, self._step)

    def _decision(self) -> Chooser:
        p = self.parameters
        if p.decision == "confidence":
            return PredictionChooser(ChoiceSettings(p.start_confidence, p.keep_confidence))
        return WantChooser(WantWeights.load(p.decision))

    def _pointing(self, robot: RobotDescription) -> AssistPolicy:
        p = self.parameters
        return AssistPolicy(AssistSettings(speed=p.speed, home_after_s=p.home_after_s), ArmModel(robot), self._chooser)

    def _skill(self, robot: RobotDescription) -> SkillAssist | RefusedSkill:
        """The named policy; one that cannot be used leaves the node up, still, and saying why."""
        p = self.parameters
        try:
            skill = load_skill(p.policy, robot)
            settings = SkillSettings(speed=p.speed, eye_hz=p.eye_rate_hz, home_after_s=p.home_after_s)
            arm = ArmModel(robot, PointingSettings(table_clearance_m=0.0))
            eye_m = np.array(p.eye_at[:3]) if any(p.eye_at) else None
            return SkillAssist(skill, arm, self._chooser, settings, eye_m)
        except GazeVlmError as error:
            self.get_logger().error(str(error))
            return RefusedSkill(str(error))

    def _on_joints(self, message: JointState) -> None:
        joints = joint_state_from(message)
        self.policy.on_joint_state(joints)
        arm = joints.of(self._joint_names)
        if arm.names:
            self._newest_joints = arm

    def _on_wearer(self, message: WearerState) -> None:
        self.policy.on_wearer(wearer_from(message, self._base))

    def _stop(self) -> None:
        self._action.end("the policy was deactivated")

    def _step(self) -> None:
        for take in self._inboxes:
            take()
        decision = self.policy.step(self.now_ns())
        if decision.trajectory is not None:
            self._trajectory.publish(trajectory_message(decision.trajectory, decision.trajectory.stamp_ns))
        self._state.publish(assist_state_message(decision.state, self._base))
        self._action.step(decision.state, self._newest_joints)
        self._steps += 1
        if self._eye is not None:
            if self.policy.opening is not None:
                self._opening.publish(Float64(data=self.policy.opening))
            if self.policy.eye_action is not None:
                self._eye.act(self.policy.eye_action)

    def _figures(self) -> dict[str, str]:
        """Measured since the last report; the eye's rate while the policy helped, as it stands still else."""
        if not self.active or self._eye is None:
            return {}
        now_s, eye, helped_s = time.monotonic(), self.policy.eye_steps, self.policy.helped_s
        figures = {"hand [Hz]": f"{self._steps / max(now_s - self._since_s, 1e-3):.1f}"}
        if helped_s - self._told[1] > 0.2:
            figures["eye [Hz]"] = f"{(eye - self._told[0]) / (helped_s - self._told[1]):.1f}"
        self._steps, self._since_s, self._told = 0, now_s, (eye, helped_s)
        return figures


def main() -> None:
    sys.exit(run(partial(AssistPolicyNode, "assist_policy")))


if __name__ == "__main__":
    main()
