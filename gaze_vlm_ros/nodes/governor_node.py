"""The safety governor: the last process before the controller."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from functools import partial

from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import AssistState, GazeSample, GovernorState, Prediction, WearerState
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.conversions.robot import (
    frame_problem,
    governor_state_message,
    joint_state_from,
    trajectory_from,
    trajectory_message,
    wearer_from,
)
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.safety.clearance import ArmShape
from gaze_vlm_ros.safety.deadlines import Deadlines, Input
from gaze_vlm_ros.safety.governor import Governor, GovernorMode, GovernorOutput, GovernorSettings

CLOCK_LATE_S = 0.1
"""Simulated time arrives as messages, after what it stamps: joint states seem to come from the future by so much."""
STATE_PERIOD_S = 0.1


@dataclass(frozen=True)
class GovernorParameters(Parameters):
    """Parameters of the governor."""

    robot: str = parameter("jaco", "name or robot.yaml of the arm")
    needed: tuple[str, ...] = parameter(
        ("gaze_messages", "valid_gaze", "frames", "predictions"),
        "inputs without which nothing moves, beside the joints and the policy",
        choices=tuple(name.value for name in Input),
    )
    tick_s: float = parameter(0.02, "time between decisions", unit="s", low=0.005, high=0.05)
    control_period_s: float = parameter(0.05, "half the length of what is sent at a time", unit="s", low=0.01, high=0.1)
    joint_states_s: float = parameter(0.05, "deadline of joint states", unit="s", low=0.01, high=1)
    policy_s: float = parameter(0.1, "deadline of the policy's heartbeat", unit="s", low=0.02, high=1)
    gaze_messages_s: float = parameter(0.15, "deadline of gaze messages, valid or not", unit="s", low=0.01, high=5)
    valid_gaze_s: float = parameter(1.0, "deadline of valid gaze; a blink is no fault", unit="s", low=0.1, high=10)
    frames_s: float = parameter(0.3, "deadline of frames", unit="s", low=0.05, high=5)
    predictions_s: float = parameter(0.75, "deadline of predictions: three periods", unit="s", low=0.1, high=10)
    wearer_s: float = parameter(0.3, "deadline of the wearer's state, once it was heard", unit="s", low=0.05, high=5)
    keep_out_m: tuple[float, ...] = parameter(
        (0.0,) * 6,
        "boxes that no link may enter, in the robot's base: x, y, z of two corners each; zeros: none",
        unit="m",
    )


class GovernorNode(ManagedNode):
    """Passes the policy's motion on in short horizons while everything that it must check is in order."""

    Parameters = GovernorParameters

    def _setup(self) -> None:
        p = self.parameters
        robot = RobotDescription.load(p.robot)
        deadlines = Deadlines(
            needed=tuple(p.needed), **{f"{name.value}_s": getattr(p, f"{name.value}_s") for name in Input}
        )
        keep_out = Box.several(p.keep_out_m, "keep_out_m")
        settings = GovernorSettings(deadlines, tick_s=p.tick_s, control_period_s=p.control_period_s, keep_out=keep_out)
        if self.get_parameter("use_sim_time").value:
            settings = replace(settings, stamp_ahead_s=CLOCK_LATE_S)
        arm = ArmKinematics(robot)
        shape = ArmShape(arm.link_points, robot.link_radius_m, arm.tool_jacobian)
        self.governor = Governor(robot.limits, robot.workspace, shape, settings)
        self._base, self._joint_names = robot.base_frame, robot.joint_names
        self._said: GovernorMode | None = None
        self._said_s = self._ticked_s = time.monotonic()
        self._largest_gap_s = 0.0
        self._controller = self.advertise(JointTrajectory, names.CONTROLLER_TRAJECTORY, qos.RESULT)
        self._state = self.advertise(GovernorState, names.GOVERNOR_STATE, qos.RESULT)
        self._stopped = self.advertise(Bool, names.PROTECTIVE_STOP, qos.LATCHED)
        self._inboxes = [
            self.inbox(JointState, names.JOINT_STATES, self._on_joints, qos.SAMPLES, silent_after_s=0.5),
            self.inbox(GazeSample, names.GAZE_SAMPLE, self._on_gaze, qos.SAMPLES),
            self.inbox(CameraInfo, names.SCENE_INFO, partial(self._heard, Input.FRAMES), qos.SENSOR),
            self.inbox(Prediction, names.EVENT, partial(self._heard, Input.PREDICTIONS), qos.RESULT),
            self.inbox(WearerState, names.WEARER_STATE, self._on_wearer, qos.RESULT),
            self.inbox(AssistState, names.POLICY_STATE, partial(self._heard, Input.POLICY), qos.RESULT),
            self.inbox(Bool, names.PROTECTIVE_STOP, self._on_stop, qos.LATCHED),
        ]
        self._is_answered = False
        self.subscribe(JointTrajectory, names.POLICY_TRAJECTORY, self._on_command, qos.RESULT)
        self.serve(Trigger, names.GOVERNOR_ARM, self._arm)
        self.serve(Trigger, names.GOVERNOR_RESET, self._reset)
        self.serve(Trigger, names.GOVERNOR_STOP, self._halt_now)
        self.every(p.tick_s, self._tick)

    def _start(self) -> None:
        self._stopped.publish(Bool(data=False))
        self._ticked_s = time.monotonic()

    def _stop(self) -> None:
        """The last horizon ends at rest: nothing has to be sent."""
        self.governor.disarm()
        self._say(self.governor.tick(time.monotonic()))

    def _figures(self) -> dict[str, str]:
        if not self._configured:
            return {}
        gap, self._largest_gap_s = self._largest_gap_s, 0.0
        return {
            "governor": f"{self.governor.state.value}: {self.governor.reason}", "longest tick [ms]": f"{gap * 1e3:.0f}"
        }  # fmt: skip

    # --- inputs

    def _heard(self, name: Input, message: object) -> None:
        self.governor.told(name, stamp_of(message) or 0, time.monotonic(), self.now_ns())

    def _on_gaze(self, message: GazeSample) -> None:
        self._heard(Input.GAZE_MESSAGES, message)
        if gaze_from(message).valid:
            self._heard(Input.VALID_GAZE, message)

    def _on_joints(self, message: JointState) -> None:
        """Joints of others, such as a gripper's, are left out."""
        arm = joint_state_from(message).of(self._joint_names)
        if arm.names:
            self._complain(self.governor.joint_state(arm, time.monotonic(), self.now_ns()))

    def _on_wearer(self, message: WearerState) -> None:
        problem = frame_problem(message, self._base)
        self._complain(self.governor.wearer(wearer_from(message), time.monotonic(), self.now_ns(), problem))

    def _on_command(self, message: JointTrajectory) -> None:
        """The first command after a tick is answered at once, for the next tick may be ``tick_s`` away."""
        command = trajectory_from(message, self.now_ns())
        self._take()
        problem = self.governor.command(command, time.monotonic(), self.now_ns())
        if not self._is_answered:
            self._is_answered = True
            self._decide()
        self._complain(problem)

    def _on_stop(self, message: Bool) -> None:
        """Anybody may ask for a stop on the topic on which this node says that there is one; only a reset ends it."""
        if message.data:
            self.governor.stop("somebody published protective_stop")

    @staticmethod
    def _complain(problem: str) -> None:
        if problem:
            raise ValueError(problem)

    # --- services

    def _arm(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        problem = self.governor.arm(time.monotonic()) if self.active else "the governor is not active"
        response.success, response.message = not problem, problem or "armed"
        if not problem and (unchecked := self.governor.unchecked(time.monotonic())):
            response.message = f"armed; {unchecked}"
            self.get_logger().warning(response.message)
        return response

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, self.governor.reset()
        self._stopped.publish(Bool(data=False))
        return response

    def _halt_now(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.governor.stop("somebody called governor/stop")
        response.success, response.message = True, self.governor.reason
        return response

    # --- output

    def _tick(self) -> None:
        now_s = time.monotonic()
        self._largest_gap_s, self._ticked_s = max(self._largest_gap_s, now_s - self._ticked_s), now_s
        self._is_answered = False
        self._take()
        self._decide()

    def _take(self) -> None:
        for take in self._inboxes:
            take()

    def _decide(self) -> None:
        output = self.governor.tick(time.monotonic())
        if output.trajectory is not None:
            self._controller.publish(trajectory_message(output.trajectory))
        if output.state is not self._said or time.monotonic() - self._said_s > STATE_PERIOD_S:
            self._say(output)

    def _say(self, output: GovernorOutput) -> None:
        if output.state is GovernorMode.PROTECTIVE_STOP and (self._said is not output.state):
            self._stopped.publish(Bool(data=True))
            self.get_logger().warning(f"protective stop: {output.reason}")
        self._said, self._said_s = output.state, time.monotonic()
        self._state.publish(governor_state_message(output, self.now_ns(), self._base))


def main() -> None:
    sys.exit(run(partial(GovernorNode, "governor")))


if __name__ == "__main__":
    main()
