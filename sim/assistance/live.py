"""LiveKitchen: the kitchen in which a robot is tried out live, with a wearer who cannot reach everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.assistance.kitchen import AssistedKitchen, Scenario
from gaze_vlm_ros.sim.kitchen import NoRoomError
from gaze_vlm_ros.sim.simulation import SimulationConfig
from gaze_vlm_ros.types import JointState

PATIENCE_S = 25.0
"""After so long somebody else brings what the wearer waits for."""
_MOVES_RAD_S = 0.03


@dataclass
class Waits:
    """What the wearer could not reach when the hand was to set out: how many things, ``served`` by the robot, ``given``
    by somebody else, and for how long the wearer waited in all. ``ahead`` counts things that the robot set down within
    reach before the wearer waited for them."""

    things: int = 0
    served: int = 0
    given: int = 0
    waited_s: float = 0.0
    ahead: int = 0

    def figures(self) -> dict[str, str]:
        """By names for people."""
        return {
            "things waited for": str(self.things),
            "brought by the robot": str(self.served),
            "given by somebody else": str(self.given),
            "brought ahead": str(self.ahead),
            "waited [s]": f"{self.waited_s:.1f}",
        }


class LiveKitchen(AssistedKitchen):
    """An ``AssistedKitchen`` that needs nobody to steer it: who waits watches the robot while it moves."""

    def __init__(self, config: SimulationConfig, scenario: Scenario | None = None) -> None:
        super().__init__(config.seed, scenario or Scenario(), config)
        self.waits = Waits()
        self._waits_for, self._was_given, self._carried = "", False, ""

    def advance(self, dt_s: float) -> None:
        super().advance(dt_s)
        tool = self.arm.world_T_tool()[:3, 3]
        moves = bool(np.abs(super().joint_state().velocity_rad_s).max() > _MOVES_RAD_S)
        self.wearer.helper_m = tool if moves else None
        if moves and not self.wearer.want and self.wearer.viewing is None:
            self.wearer.notice(tool)
        self._count_waits(dt_s)
        self._count_carried()

    def joint_state(self, stamp_ns: int | None = None) -> JointState:
        """Of the arm, and of its fingers."""
        arm = super().joint_state(stamp_ns)
        fingers = self.arm.fingers_at(self.gripper.opening)
        names = (*arm.names, *self.robot.gripper_rad)
        velocity = np.append(arm.velocity_rad_s, np.zeros(len(fingers)))
        return JointState(arm.stamp_ns, names, np.append(arm.position_rad, fingers), velocity)

    def _count_waits(self, dt_s: float) -> None:
        waits, want = self.waits, self.wearer.want
        if self._waits_for and want != self._waits_for:
            waits.served += not self._was_given
            self._waits_for = ""
        if not want:
            return
        if not self._waits_for:
            self._waits_for, self._was_given = want, False
            waits.things += 1
        waits.waited_s += dt_s
        waited_s = self.time_s - self.wearer.want_since_s
        if waited_s > PATIENCE_S and self.lifted != want and not self.in_reach(want):
            self._give(want)

    def _give(self, thing: str) -> None:
        try:
            self.bring(thing)
        except NoRoomError:
            return
        self.waits.given += 1
        self._was_given = True

    def _count_carried(self) -> None:
        if self._carried and not self.lifted and self.in_reach(self._carried):
            self.waits.ahead += self.wearer.want != self._carried
        self._carried = self.lifted
