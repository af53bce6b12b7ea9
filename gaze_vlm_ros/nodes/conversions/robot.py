"""The robot and the people near it: joints, trajectories, states, the wearer."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Pose, PoseWithCovariance
from sensor_msgs.msg import JointState as JointStateMsg
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from trajectory_msgs.msg import JointTrajectoryPoint

from gaze_vlm_msgs.msg import AssistState as AssistStateMsg
from gaze_vlm_msgs.msg import GovernorState
from gaze_vlm_msgs.msg import WearerState as WearerStateMsg
from gaze_vlm_ros.nodes.conversions.common import (
    ConversionError,
    header_message,
    nanoseconds,
    point_message,
    pose_message,
    position_from,
    time_message,
    transform_from,
)
from gaze_vlm_ros.safety.governor import GovernorMode, GovernorOutput
from gaze_vlm_ros.types import NS_PER_S, AssistMode, AssistState, JointState, JointTrajectory, WearerState

_MODES = {
    AssistMode.IDLE: AssistStateMsg.IDLE,
    AssistMode.POINTING: AssistStateMsg.POINTING,
    AssistMode.HELPING: AssistStateMsg.HELPING,
    AssistMode.YIELDING: AssistStateMsg.YIELDING,
    AssistMode.BLOCKED: AssistStateMsg.BLOCKED,
}
_GOVERNOR_STATES = {
    GovernorMode.DISARMED: GovernorState.DISARMED,
    GovernorMode.HOLDING: GovernorState.HOLDING,
    GovernorMode.MOVING: GovernorState.MOVING,
    GovernorMode.PROTECTIVE_STOP: GovernorState.PROTECTIVE_STOP,
}
_MODE_OF = {number: mode for mode, number in _MODES.items()}


def joint_state_message(state: JointState) -> JointStateMsg:
    return JointStateMsg(
        header=header_message(state.stamp_ns, ""),
        name=list(state.names),
        position=state.position_rad.tolist(),
        velocity=state.velocity_rad_s.tolist(),
    )


def joint_state_from(message: JointStateMsg) -> JointState:
    """A missing velocity is NaN; ConversionError where the numbers do not fit the names or are not finite."""
    count = len(message.name)
    if len(message.position) != count or len(message.velocity) not in (0, count):
        raise ConversionError(
            f"{count} joints with {len(message.position)} positions and {len(message.velocity)} velocities"
        )
    position = np.array(message.position)
    if not np.isfinite(position).all():
        bad = message.name[int(np.argmin(np.isfinite(position)))]
        raise ConversionError(f"the position of joint {bad!r} is not finite")
    velocity = np.array(message.velocity) if message.velocity else np.full(count, np.nan)
    return JointState(nanoseconds(message.header.stamp), tuple(message.name), position, velocity)


def trajectory_message(trajectory: JointTrajectory, stamp_ns: int = 0) -> JointTrajectoryMsg:
    """A stamp of 0 is what joint_trajectory_controller reads as: start now."""
    points = [
        JointTrajectoryPoint(
            positions=position.tolist(), velocities=velocity.tolist(), time_from_start=_duration(time_s)
        )
        for position, velocity, time_s in zip(
            trajectory.position_rad, trajectory.velocity_rad_s, trajectory.time_from_start_s, strict=True
        )
    ]
    return JointTrajectoryMsg(header=header_message(stamp_ns, ""), joint_names=list(trajectory.names), points=points)


def trajectory_from(message: JointTrajectoryMsg, stamp_ns: int) -> JointTrajectory:
    """``stamp_ns`` is used where the message has none. ConversionError for anything that cannot be followed."""
    names = tuple(message.joint_names)
    if not names or not message.points:
        raise ConversionError("a trajectory needs joint names and at least one point")
    for point in message.points:
        if len(point.positions) != len(names) or len(point.velocities) not in (0, len(names)):
            raise ConversionError(
                f"a trajectory of {len(names)} joints has a point of {len(point.positions)} positions"
            )
    position = np.array([point.positions for point in message.points])
    velocity = np.array([point.velocities or np.full(len(names), np.nan) for point in message.points])
    times = np.array([point.time_from_start.sec + point.time_from_start.nanosec / NS_PER_S for point in message.points])
    if not np.isfinite(position).all():
        raise ConversionError("a trajectory's positions must be finite")
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise ConversionError("a trajectory's times must rise")
    return JointTrajectory(nanoseconds(message.header.stamp) or stamp_ns, names, position, velocity, times)


def _duration(seconds: float) -> Duration:
    whole, rest = divmod(round(seconds * NS_PER_S), NS_PER_S)
    return Duration(sec=int(whole), nanosec=int(rest))


def assist_state_message(state: AssistState, frame_id: str) -> AssistStateMsg:
    return AssistStateMsg(
        header=header_message(state.stamp_ns, frame_id),
        mode=_MODES[state.mode],
        target_label=state.target_label,
        target_position=point_message(state.target_position_m),
        reason=state.reason,
        limited_by=state.limited_by,
        prediction_stamp=time_message(state.prediction_stamp_ns),
    )


def assist_state_from(message: AssistStateMsg) -> AssistState:
    if message.mode not in _MODE_OF:
        raise ConversionError(f"assist mode {message.mode} is unknown")
    return AssistState(
        nanoseconds(message.header.stamp),
        _MODE_OF[message.mode],
        message.target_label,
        position_from(message.target_position),
        message.reason,
        message.limited_by,
        nanoseconds(message.prediction_stamp),
    )


def governor_state_message(output: GovernorOutput, stamp_ns: int, frame_id: str) -> GovernorState:
    return GovernorState(
        header=header_message(stamp_ns, frame_id),
        state=_GOVERNOR_STATES[output.state],
        reason=output.reason,
        commands_passed=output.passed,
        commands_refused=output.refused,
    )


def wearer_message(wearer: WearerState, frame_id: str, stamp_ns: int | None = None) -> WearerStateMsg:
    """``stamp_ns``: the stamp in ROS time, where the wearer's own is of another clock."""
    sigma = wearer.sigma_m if np.isfinite(wearer.sigma_m) else 0.0
    seen = np.isfinite(wearer.base_T_head).all()
    pose = pose_message(wearer.base_T_head) if seen else Pose(position=point_message(np.full(3, np.nan)))
    head = PoseWithCovariance(pose=pose, covariance=np.diag([sigma**2] * 3 + [0.0] * 3).ravel())
    return WearerStateMsg(
        header=header_message(wearer.stamp_ns if stamp_ns is None else stamp_ns, frame_id),
        head=head,
        left_hand=point_message(wearer.left_hand_m),
        right_hand=point_message(wearer.right_hand_m),
        hand_sigma_m=float(wearer.sigma_m),
    )


def frame_problem(message: WearerStateMsg, base_frame: str) -> str:
    """Why a wearer's state is of no use to the robot with that base; "" for nothing."""
    given = message.header.frame_id
    return "" if given == base_frame else f"the wearer is given in {given!r}; this robot's base is {base_frame!r}"


def wearer_from(message: WearerStateMsg, base_frame: str | None = None) -> WearerState:
    """A head or hand that is not seen is NaN; ConversionError where the frame is not ``base_frame``."""
    if base_frame is not None and (problem := frame_problem(message, base_frame)):
        raise ConversionError(problem)
    head = message.head.pose
    unseen = np.isnan(position_from(head.position)).all()
    return WearerState(
        nanoseconds(message.header.stamp),
        np.full((4, 4), np.nan) if unseen else transform_from(head),
        position_from(message.left_hand),
        position_from(message.right_hand),
        message.hand_sigma_m,
    )
