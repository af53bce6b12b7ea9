"""Where the arm is, as its joint states say."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.fresh import is_fresh
from gaze_vlm_ros.types import JointState


class KnownJoints:
    """The newest joint states of one arm, in the order of its ``names``, and why there are none."""

    def __init__(self, names: tuple[str, ...], max_age_s: float) -> None:
        self._names, self._max_age_s = names, max_age_s
        self._newest: JointState | None = None
        self._problem = "no joint states yet"

    def take(self, joints: JointState) -> None:
        """Joint states in any order, others' joints among them; what cannot be used is told by ``at``."""
        missing = [name for name in self._names if name not in joints.names]
        if len(missing) == len(self._names) and self._newest is not None:
            return  # of something else, such as a gripper
        problem = f"joint states lack {', '.join(missing)}: another robot?" if missing else ""
        if not problem:
            order = [joints.names.index(name) for name in self._names]
            position, velocity = np.asarray(joints.position_rad)[order], np.asarray(joints.velocity_rad_s)[order]
            if not np.isfinite(position).all():
                problem = "joint states are not numbers"
            elif not np.isfinite(velocity).all():
                problem = "joint states carry no velocity; let the joint_state_broadcaster publish it, too"
            else:
                self._newest = JointState(joints.stamp_ns, self._names, position, velocity)
        self._problem = problem

    def at(self, now_ns: int) -> tuple[JointState | None, str]:
        """The joint states that hold at ``now_ns`` and "", or None and what is wrong with them."""
        if self._newest is not None and is_fresh(self._newest.stamp_ns, now_ns, self._max_age_s):
            return self._newest, ""
        if self._problem or self._newest is None:
            return None, self._problem
        ahead = now_ns < self._newest.stamp_ns
        return None, "joint states are of the future; set the hosts' clocks" if ahead else "joint states are too old"
