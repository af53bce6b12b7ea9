"""A kitchen with a wearer of little reach, whose things a robot, or somebody else, brings nearer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaze_vlm_ros.geometry.transforms import invert_transform
from gaze_vlm_ros.language import TABLE
from gaze_vlm_ros.sim.assistance.gripper import Gripper
from gaze_vlm_ros.sim.assistance.reach import ArmsReach, LimitedIntentions, LimitedScene, everyday_grammar
from gaze_vlm_ros.sim.assistance.wearer import AssistedWearer
from gaze_vlm_ros.sim.eyes import Eyes
from gaze_vlm_ros.sim.eyes.free_viewing import FreeViewing
from gaze_vlm_ros.sim.intentions import Intentions
from gaze_vlm_ros.sim.kitchen.grip import set_touching
from gaze_vlm_ros.sim.simulation import HAND_REST_M, REST_TARGET_M, TICK_S, Simulation, SimulationConfig
from gaze_vlm_ros.sim.wearer import Person

_SHOULDERS_M = np.array([[0.2, 0.0, -0.24], [-0.2, 0.0, -0.24]])
_VIEW_M = np.array([1.1, 0.6])
"""Width and height of what an idle wearer looks about in."""
_FINGERS_M = np.array([0.02, 0.02, 0.02])
"""So far about a thing the fingers still reach it."""
_STREAM = 20
"""Numbers of the random streams that a ``Simulation`` does not use."""


@dataclass(frozen=True)
class Scenario:
    """``reach_m``: how far a hand comes from its shoulder. ``apart_m``: what is brought is set down at least so far
    from the hands, and no further than ``robot_m`` from the robot's base. ``clear_m``: the wearer takes nothing that
    the gripper is nearer to. ``lead_in_s``: for how long the wearer looks about before the first step; with ``idle``
    for ever."""

    reach_m: float = 0.58
    apart_m: float = 0.18
    robot_m: float = 0.64
    clear_m: float = 0.1
    lead_in_s: float = 5.0
    idle: bool = False


class AssistedKitchen(Simulation):
    """A seated wearer with ``Scenario.reach_m``, everyday goals, and the robot's arm at the far edge of the table.

    ``brought`` and ``lift``/``let_go`` move things; everything else is as in ``Simulation``.
    """

    def __init__(self, seed: int, scenario: Scenario = Scenario(), config: SimulationConfig | None = None) -> None:
        config = replace(config or SimulationConfig(), seed=seed, mount="far", posture="seated")
        super().__init__(config)
        self.scenario = scenario
        self.gripper = Gripper(self._grasp, self.let_go)
        self._lifted: tuple[str, np.ndarray] | None = None
        self._due_s = 0.0
        rng = [np.random.default_rng([seed, _STREAM + stream]) for stream in range(5)]
        head_m = self.layout.head_m
        self.reach = ArmsReach(head_m + _SHOULDERS_M, scenario.reach_m)
        person = Person.sample(rng[0])
        rest_target = REST_TARGET_M + [head_m[0], 0.0, 0.0]
        eyes = Eyes(rng[1], head_m, rest_target, person.eyes, self.layout.camera_mount)
        self.scene = LimitedScene(self.layout, self.data, eyes.mouth_m, self.reach)
        states = dict(self.wearer.states)
        drawn = Intentions(rng[2], self.things, states, everyday_grammar())
        self.intentions = LimitedIntentions(drawn, self.layout, self.reach, rng[3])
        self.wearer: AssistedWearer = AssistedWearer(
            rng[3], person, eyes, self.intentions, self.scene, HAND_REST_M,
            things_move=True, available=self.available, waiting=rng[4],
        )  # fmt: skip
        self.wearer.viewing = FreeViewing(rng[4], eyes, _facing(eyes.position_m, rest_target), _VIEW_M)
        self.body.place(self.wearer)

    @property
    def base_T_world(self) -> np.ndarray:
        return self._base_T_world

    def in_reach(self, thing: str) -> bool:
        """Whether the wearer's hand comes to ``thing`` as it stands."""
        return bool(self.reach.holds(self.scene.grip_of(thing)))

    def available(self, thing: str) -> bool:
        """Whether the wearer can have ``thing`` now: in reach, let go of, and the gripper is out of the way."""
        if self._lifted is not None and self._lifted[0] == thing:
            return False
        away = np.linalg.norm(self.arm.world_T_tool()[:3, 3] - self.scene.position_of(thing))
        return self.in_reach(thing) and bool(away > self.scenario.clear_m)

    def far_things(self) -> tuple[str, ...]:
        """The things that the wearer cannot reach and does not hold."""
        return tuple(thing for thing in self.things if thing != self.wearer.carried and not self.in_reach(thing))

    def next_wanted(self) -> str:
        """The first thing out of reach that the steps which the wearer has in mind need; "" where none is."""
        if self.scenario.idle:
            return ""
        if self.wearer.want:
            return self.wearer.want
        far = self.far_things()
        for step in self.intentions.steps[self.wearer.finished :]:
            for thing in (step.object, step.place):
                if thing in far and step.verb != "search":
                    return thing
        return ""

    # --- what others do for the wearer

    def spot_for(self, thing: str) -> np.ndarray:
        """Centre (3,) of ``thing`` where it is best brought to. Raises NoRoomError where there is no such spot."""
        return self.free_spot_near(thing, self.scene.position_of(thing))

    def free_spot_near(self, thing: str, near_m: np.ndarray) -> np.ndarray:
        """Centre (3,) of ``thing`` on the free spot nearest to ``near_m`` (3,) in the wearer's reach that is away from
        the hands, where the robot comes. Raises NoRoomError where there is none."""
        hands = np.array([self.wearer.hand_m, self.wearer.world_T_left_hand()[:3, 3]])
        base_m, scenario = self.layout.mount.position_m, self.scenario

        def allowed(spots_m: np.ndarray) -> np.ndarray:
            apart = np.linalg.norm(spots_m[:, None, :2] - hands[None, :, :2], axis=2)
            far = np.linalg.norm(spots_m[:, :2] - base_m[:2], axis=1) > scenario.robot_m
            return (apart > scenario.apart_m).all(axis=1) & ~far

        return self.scene.spot_on(thing, TABLE, near_m, allowed)

    def bring(self, thing: str) -> None:
        """Somebody has brought ``thing`` into the wearer's reach."""
        joint = self.data.joint(f"{thing}/free")
        joint.qpos[:3], joint.qvel[:] = self.spot_for(thing), 0.0
        joint.qvel[2] = -1e-6  # wakes it

    def lift(self, thing: str) -> None:
        """From now on ``thing`` goes with the robot's tool, and touches nothing."""
        set_touching(self.model, thing, False)
        self._lifted = thing, invert_transform(self.arm.world_T_tool())[:3] @ [*self.scene.position_of(thing), 1.0]

    def open_gripper(self, opening: float) -> None:
        """Tells the fingers to go to ``opening`` (0 closed .. 1 open); what they close about is lifted."""
        self.gripper.want(opening)
        self.arm.open_fingers(opening)

    def between_fingers(self) -> str:
        """The thing about whose box the tool point is, of several the one with the nearest middle; "" for none."""
        tool, found = self.arm.world_T_tool()[:3, 3], []
        for thing in self.things:
            pose = self.scene.pose_of(thing)
            half = self.layout.look_of(thing).half_extents + _FINGERS_M
            in_thing = pose[:3, :3].T @ (tool - pose[:3, 3])
            if thing != self.wearer.carried and (np.abs(in_thing) <= half).all():
                found.append((float(np.linalg.norm(in_thing)), thing))
        return min(found)[1] if found else ""

    def _grasp(self) -> bool:
        if thing := self.between_fingers():
            self.lift(thing)
        return bool(thing)

    def let_go(self) -> None:
        if self._lifted is not None:
            set_touching(self.model, self._lifted[0], True)
            self._lifted = None

    @property
    def lifted(self) -> str:
        """What the robot carries, "" for nothing."""
        return "" if self._lifted is None else self._lifted[0]

    def advance(self, dt_s: float) -> None:
        self._due_s += dt_s
        while self._due_s + 1e-9 >= TICK_S:
            if self.time_s >= self.scenario.lead_in_s and not self.scenario.idle:
                self.wearer.viewing = None
            super().advance(TICK_S)
            self._due_s -= TICK_S
            self.gripper.advance(TICK_S)
            if self.lifted and self.lifted == self.wearer.carried:
                self.let_go()
                self.gripper.lost()
            if self._lifted is not None:
                self._carry_lifted(*self._lifted)

    def _carry_lifted(self, thing: str, in_tool_m: np.ndarray) -> None:
        """The thing keeps its heading and stays upright; its middle goes with the tool."""
        joint, tool = self.data.joint(f"{thing}/free"), self.arm.world_T_tool()
        joint.qpos[:3], joint.qvel[:] = tool[:3] @ [*in_tool_m, 1.0], 0.0
        joint.qvel[2] = -1e-6


def _facing(eye_m: np.ndarray, point_m: np.ndarray) -> np.ndarray:
    """Pose (4, 4) of a picture about ``point_m`` that faces ``eye_m``: x to its right, y down, z away."""
    ahead = (point_m - eye_m) / np.linalg.norm(point_m - eye_m)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.column_stack([right, np.cross(ahead, right), ahead]), point_m
    return pose
