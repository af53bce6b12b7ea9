"""The porter: the arm fetches a thing and sets it down within the wearer's reach, at no more than 250 mm/s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from gaze_vlm_ros.geometry.transforms import transform_points
from gaze_vlm_ros.policies.experts.reach import Reach
from gaze_vlm_ros.robots.clearance import chain_distance
from gaze_vlm_ros.robots.trajectory import Point, fastest_motion, sample
from gaze_vlm_ros.sim.assistance import AssistedKitchen
from gaze_vlm_ros.sim.kitchen import NoRoomError
from gaze_vlm_ros.training.assist_study.path import Path
from gaze_vlm_ros.types import JointTrajectory

_SLOWLY = 0.15
_LEAN_M = 0.03
"""What is probable moves the place where it waits by more than that, or not at all."""
TABLE_M = 0.0
"""Height of the table in the base frame of an arm that stands on it."""


@dataclass(frozen=True)
class PorterSettings:
    """``speed_m_s`` is that of ISO 10218-1's reduced speed. ``grip_s``: to close or open the fingers. ``hover_m``:
    above a thing. ``ready_m`` (3,) in the base: where the tool waits. ``yield_m``: no nearer to a hand."""

    speed_m_s: float = 0.25
    acceleration_m_s2: float = 1.5
    grip_s: float = 0.3
    hover_m: float = 0.05
    ready_m: tuple[float, float, float] = (0.38, 0.0, 0.2)
    yield_m: float = 0.12
    stuck_s: float = 1.0


class Stage(str, Enum):
    START = "start"
    READY = "ready"
    APPROACH = "approach"
    GRIP = "grip"
    CARRY = "carry"
    RELEASE = "release"
    RETREAT = "retreat"


class Porter:
    """Give it what to fetch with ``wish`` and call ``step`` once per control period; positions in the base frame.

    Where things are is known to it, as to any robot that looks at a table. A grip always holds: what is studied is
    when help comes, not how fingers close.
    """

    def __init__(self, kitchen: AssistedKitchen, settings: PorterSettings = PorterSettings()) -> None:
        self.kitchen, self.settings = kitchen, settings
        self.reach = Reach(kitchen.robot)
        self.stage, self.label = Stage.START, ""
        self.yielding = False
        self.delivered = 0
        """How many things have been set down."""
        self.refused: dict[str, str] = {}
        """Things that cannot be fetched as they stand, and why."""
        self._q = kitchen.robot.home_rad.copy()
        found = self.reach.choose(np.array(settings.ready_m), [k * np.pi / 4 for k in range(-4, 4)], self._q)
        self._ready_q, self._ready_yaw = found
        self._unfold(0.5)
        self._path = Path([self.tool_m], self._ready_yaw, self._ready_yaw)
        self._wait_s = self._stuck_s = 0.0

    # --- what is asked of it

    def wish(self, label: str) -> None:
        """Fetch ``label`` ("" for nothing). What is on its way in the gripper is brought first; a way to a thing that
        is not wished for any more is given up."""
        if self.stage is Stage.START:
            return
        if self.stage is Stage.APPROACH and label != self.label:
            self._retreat()
        if label and self.stage in (Stage.READY, Stage.RETREAT) and self._may_set_out():
            self._set_out(label)

    def lean(self, probable: Mapping[str, float]) -> None:
        """While nothing is to be fetched, wait above the mean of where the things lie that may be wanted, each weighed
        by its probability, and of the usual place, which has the rest."""
        if self.stage is not Stage.READY:
            return
        ready = np.array(self.settings.ready_m)
        ways = [p * (self._in_base(self.kitchen.scene.position_of(thing)) - ready) for thing, p in probable.items()]
        point = ready + np.sum(ways, axis=0) * [1.0, 1.0, 0.0] if ways else ready
        moved = np.linalg.norm(point - self._path.end_m) > _LEAN_M
        if moved and self.reach.choose(point, [self._yaw], self._q) is not None:
            self._go([point], self._yaw)

    @property
    def engaged(self) -> str:
        """What it is on its way to, or brings; "" for nothing."""
        return self.label if self.stage in (Stage.APPROACH, Stage.GRIP, Stage.CARRY, Stage.RELEASE) else ""

    @property
    def tool_m(self) -> np.ndarray:
        """Where the tool point (3,) is commanded to be."""
        return self.reach.kinematics.base_T_tool(self._q)[:3, 3]

    @property
    def posture_rad(self) -> np.ndarray:
        """The joints (n,) as commanded."""
        return self._q.copy()

    def disturb(self, off_rad: np.ndarray) -> None:
        """The arm stands ``off_rad`` (n,) from where it was sent, and finds its way again."""
        limits = self.kitchen.robot.limits
        self._q = np.clip(self._q + off_rad, limits.lower_rad, limits.upper_rad)

    def _may_set_out(self) -> bool:
        """On its way back it first gets clear of what it has just set down."""
        return self.stage is Stage.READY or self._path.travelled_m > self.settings.hover_m

    def _set_out(self, label: str) -> None:
        grip = self._grip_m(label)
        above = grip + [0.0, 0.0, self.settings.hover_m]
        found = self.reach.choose(grip, self._yaws(), self._q)
        if found is None or self.reach.choose(above, [found[1]], found[0]) is None:
            self.refused[label] = f"the {label} is out of the arm's reach"
            return
        self.refused.pop(label, None)
        self.label, self.stage = label, Stage.APPROACH
        self._go([above, grip], found[1])

    def _yaws(self) -> list[float]:
        return [self._yaw + k * np.pi / 4 for k in (0, -1, 1, -2, 2)]

    def _grip_m(self, thing: str) -> np.ndarray:
        """Where the tool grips ``thing``: around its upper part."""
        middle = self._in_base(self.kitchen.scene.position_of(thing))
        half = self.kitchen.layout.look_of(thing).half_extents[2]
        return np.array([*middle[:2], max(middle[2] + half - 0.03, TABLE_M + 0.02)])

    def _in_base(self, point_m: np.ndarray) -> np.ndarray:
        return transform_points(self.kitchen.base_T_world, np.atleast_2d(point_m))[0]

    def _unfold(self, share: float) -> None:
        """To the ready posture joint by joint, at a ``share`` of their speed: out of one from which no way leads."""
        limits = self.kitchen.robot.limits
        self._start = fastest_motion(
            limits.names,
            Point(self._q, np.zeros(len(self._q))),
            self._ready_q,
            share * limits.velocity_rad_s,
            share * limits.acceleration_rad_s2,
        )
        self._started_s, self._yaw, self.stage = 0.0, self._ready_yaw, Stage.START

    # --- time

    def step(self, dt_s: float) -> None:
        """One control period: moves on, and tells the arm."""
        if self.stage is Stage.START:
            self._take_start(dt_s)
        elif self.stage in (Stage.GRIP, Stage.RELEASE):
            self._wait_s -= dt_s
            if self._wait_s <= 0.0:
                self._gripped() if self.stage is Stage.GRIP else self._released()
        elif self.stage is Stage.CARRY and self._wearer_has(self.label):
            self.kitchen.let_go()
            self._retreat()
        elif self.stage is not Stage.READY or not self._path.ended:
            self._move(dt_s)
            if self._path.ended:
                self._arrived()

    def _take_start(self, dt_s: float) -> None:
        self._started_s += dt_s
        q = sample(self._start, self._started_s).position_rad
        self._command(q, dt_s)
        if self._started_s > self._start.time_from_start_s[-1]:
            self.stage, self.label = Stage.READY, ""

    def _move(self, dt_s: float) -> None:
        path, settings = self._path, self.settings
        point, yaw = path.ahead(dt_s, settings.speed_m_s, settings.acceleration_m_s2)
        q = self.reach.follow(point, yaw, self._q)
        most = self.kitchen.robot.limits.velocity_rad_s * dt_s
        q = self._not_faster(self._q + np.clip(q - self._q, -most, most), dt_s)
        self.yielding = self._comes_too_near(q)
        if self.yielding:
            path.stand()
            self._stuck_s += dt_s
            self._command(self._q, dt_s)
            if self._stuck_s > settings.stuck_s:
                self._think_again()
            return
        behind_m = float(np.linalg.norm(self.reach.kinematics.base_T_tool(q)[:3, 3] - point))
        self._stuck_s = self._stuck_s + dt_s if behind_m > 0.02 else 0.0
        if behind_m <= 0.02:
            path.go()
            self._yaw = yaw
        elif self._stuck_s > settings.stuck_s:
            self.refused[self.label] = f"the arm cannot follow the way to the {self.label}"
            self.kitchen.let_go()
            self._unfold(_SLOWLY)
            return
        self._command(q, dt_s)

    def _not_faster(self, q: np.ndarray, dt_s: float) -> np.ndarray:
        """``q``, or so much of the way there that the tool keeps its speed, as when it catches up after a jump."""
        tool = self.reach.kinematics.base_T_tool
        way_m = float(np.linalg.norm(tool(q)[:3, 3] - tool(self._q)[:3, 3]))
        return self._q + (q - self._q) * min(1.0, self.settings.speed_m_s * dt_s / max(way_m, 1e-9))

    def _comes_too_near(self, q: np.ndarray) -> bool:
        """Whether posture ``q`` is too near to a hand, and nearer than the present one."""
        wearer = self.kitchen.wearer
        hands = np.array([self._in_base(wearer.hand_m), self._in_base(wearer.world_T_left_hand()[:3, 3])])
        chain = self.reach.kinematics.link_points
        then = float(chain_distance(chain(q), hands).min())
        return then < self.settings.yield_m and then < float(chain_distance(chain(self._q), hands).min())

    def _think_again(self) -> None:
        """A way that stays barred: the thing goes to another spot, or the arm draws back."""
        self._stuck_s = 0.0
        if self.stage is Stage.CARRY:
            self._carry()
        elif self.stage is Stage.READY:
            self._go([], self._yaw)
        else:
            self._retreat()

    def _command(self, q: np.ndarray, dt_s: float) -> None:
        names = self.kitchen.robot.joint_names
        velocity = (q - self._q) / dt_s
        self.kitchen.set_joint_trajectory(JointTrajectory(0, tuple(names), q[None], velocity[None], np.array([dt_s])))
        self._q = q

    def _wearer_has(self, thing: str) -> bool:
        return thing in (self.kitchen.wearer.carried, self.kitchen.wearer.contact)

    # --- from one stage to the next

    def _arrived(self) -> None:
        if self.stage is Stage.APPROACH:
            if np.linalg.norm(self._grip_m(self.label)[:2] - self.tool_m[:2]) > 0.04:
                self._set_out(self.label)  # it was moved meanwhile
                if self.label in self.refused:
                    self._retreat()
            else:
                self.stage, self._wait_s = Stage.GRIP, self.settings.grip_s
        elif self.stage is Stage.CARRY:
            self.stage, self._wait_s = Stage.RELEASE, self.settings.grip_s
        elif self.stage is Stage.RETREAT:
            self.stage, self.label = Stage.READY, ""

    def _gripped(self) -> None:
        if self._wearer_has(self.label):
            self._retreat()  # the wearer was quicker
            return
        self.kitchen.lift(self.label)
        self._carry()

    def _carry(self) -> None:
        try:
            spot = self._in_base(self.kitchen.spot_for(self.label))
        except NoRoomError:
            spot = self._in_base(self.kitchen.scene.position_of(self.label))
            self.refused[self.label] = "there is no room within the wearer's reach"
        offset = self.tool_m - self._in_base(self.kitchen.scene.position_of(self.label))
        down = spot + offset
        up = [0.0, 0.0, self.settings.hover_m]
        self.stage = Stage.CARRY
        found = self.reach.choose(down, self._yaws(), self._q)
        self._go([self.tool_m + up, down + up, down], self._yaw if found is None else found[1])

    def _released(self) -> None:
        self.kitchen.let_go()
        self.delivered += 1
        self._retreat()

    def _retreat(self) -> None:
        self.stage = Stage.RETREAT
        up = self.tool_m + [0.0, 0.0, self.settings.hover_m]
        self._go([up, np.array(self.settings.ready_m)], self._ready_yaw)

    def _go(self, points: list[np.ndarray], yaw: float) -> None:
        self._path, self._stuck_s = Path([self.tool_m, *points], self._yaw, yaw), 0.0
