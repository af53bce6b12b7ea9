"""The assist policy: predictions, gaze targets, wearer and joints in; what the arm should do out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import AssistState, GazeTarget, Prediction, WearerState
from gaze_vlm_ros import types
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.assist_action import AskedChooser, AssistAction
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.predictions import prediction_from, target_from
from gaze_vlm_ros.nodes.conversions.robot import assist_state_message, joint_state_from, trajectory_message, wearer_from
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.assist import AssistPolicy, AssistSettings
from gaze_vlm_ros.policies.choice import ChoiceSettings, PredictionChooser
from gaze_vlm_ros.robots.description import RobotDescription


@dataclass(frozen=True)
class AssistPolicyParameters(Parameters):
    """Parameters of the assist policy."""

    robot: str = parameter("jaco", "name or robot.yaml of the arm")
    rate_hz: float = parameter(
        30.0, "steps of the policy, each a heartbeat for the governor", unit="Hz", low=15, high=100
    )
    start_confidence: float = parameter(0.3, "confidence of a prediction from which the arm helps", low=0.01, high=1)
    keep_confidence: float = parameter(0.2, "confidence above which it goes on helping", low=0.01, high=1)
    speed: float = parameter(0.9, "share of the arm's velocity limits", low=0.05, high=1)
    home_after_s: float = parameter(2.0, "idle time after which the arm goes home", unit="s", low=0, high=600)


class AssistPolicyNode(ManagedNode):
    """Steps the policy at a steady rate with everything that has come in by then."""

    Parameters = AssistPolicyParameters

    def _setup(self) -> None:
        p = self.parameters
        robot = RobotDescription.load(p.robot)
        choice = ChoiceSettings(p.start_confidence, p.keep_confidence)
        self._chooser = AskedChooser(PredictionChooser(choice))
        settings = AssistSettings(choice=choice, speed=p.speed, home_after_s=p.home_after_s)
        self.policy = AssistPolicy(settings, ArmModel(robot), self._chooser)
        self._base = robot.base_frame
        self._newest_joints: types.JointState | None = None
        self._trajectory = self.advertise(JointTrajectory, names.POLICY_TRAJECTORY, qos.RESULT)
        self._state = self.advertise(AssistState, names.POLICY_STATE, qos.RESULT)
        self._inboxes = [
            self.inbox(JointState, names.JOINT_STATES, self._on_joints, qos.SAMPLES, silent_after_s=0.5),
            self.inbox(WearerState, names.WEARER_STATE, lambda m: self.policy.on_wearer(wearer_from(m)), qos.RESULT),
            self.inbox(GazeTarget, names.GAZE_TARGET, lambda m: self.policy.on_gaze_target(target_from(m)), qos.RESULT),
            self.inbox(Prediction, names.EVENT, lambda m: self.policy.on_prediction(prediction_from(m)), qos.RESULT),
        ]
        self._action = AssistAction(self, self._chooser, self._base)
        self._owned.append(self._action.destroy)
        self.every(1.0 / p.rate_hz, self._step)

    def _on_joints(self, message: JointState) -> None:
        self._newest_joints = joint_state_from(message)
        self.policy.on_joint_state(self._newest_joints)

    def _step(self) -> None:
        for take in self._inboxes:
            take()
        decision = self.policy.step(self.now_ns())
        if decision.trajectory is not None:
            self._trajectory.publish(trajectory_message(decision.trajectory, decision.trajectory.stamp_ns))
        self._state.publish(assist_state_message(decision.state, self._base))
        self._action.step(decision.state, self._newest_joints)


def main() -> None:
    sys.exit(run(partial(AssistPolicyNode, "assist_policy")))


if __name__ == "__main__":
    main()
