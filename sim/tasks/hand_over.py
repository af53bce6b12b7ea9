"""HandOver: of several things on the table, the one that was asked for, into the wearer's open hand."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.sim.tasks.bench import Bench
from gaze_vlm_ros.sim.tasks.open_hand import GRIP_M, OpenHand
from gaze_vlm_ros.sim.tasks.terms import Task, standard_config
from gaze_vlm_ros.sim.things import ThingLook

HANDED = ("apple", "bottle", "can", "glass", "jar", "orange", "pill box", "salt shaker")
"""Kinds of which most looks fit between the fingers of the robot, from above."""
_WIDEST_HALF_M = 0.045
THINGS = 3
_TAKING_M = 0.05
_CALM_M_S = 0.08
_FINGER_FRICTION = (1.3, 0.02, 0.001)


class HandOver(Task):
    """Done when the wearer's hand holds the thing and the robot has let go of it.

    The hand takes what comes to rest on the palm, if it is the thing that was asked for: a weld then fixes it.
    """

    def __init__(self, bench: Bench) -> None:
        rng = bench.rng
        looks = [ThingLook.sample(str(kind), rng, bench.mode.looks) for kind in rng.permutation(HANDED)]
        looks = [look for look in looks if look.half_extents[:2].min() < _WIDEST_HALF_M][:THINGS]
        self.kinds = [look.kind for look in looks]
        asked = looks[int(rng.integers(THINGS))]
        self.asked_for = asked.kind
        self._taken = False
        self._half_m = np.array(asked.half_extents, dtype=np.float64)
        radii = [float(np.linalg.norm(look.half_extents[:2])) + 0.04 for look in looks]
        hand, *spots = bench.free_spots_m(0.12, *radii)
        self.hand = OpenHand(bench, np.array([*hand, rng.uniform(0.06, 0.13)]))
        for look, spot in zip(looks, spots, strict=True):
            bench.add_thing(look, spot, float(rng.uniform(-np.pi, np.pi)))
        self._prepare_for_grasp(bench)
        bench.add_distractors(without=HANDED)

    def _prepare_for_grasp(self, bench: Bench) -> None:
        for kind in self.kinds:
            for geom in bench.spec.body(kind).geoms:
                if geom.contype:
                    geom.condim, geom.friction = 4, _FINGER_FRICTION
        bench.spec.add_equality(
            name="taken",
            type=mujoco.mjtEq.mjEQ_WELD,
            objtype=mujoco.mjtObj.mjOBJ_BODY,
            name1=OpenHand.BODY,
            name2=self.asked_for,
            active=False,
        )

    def advance(self) -> None:
        world = self.world
        if self._taken or world.speed(self.asked_for) > _CALM_M_S:
            return
        aside = np.linalg.norm(world.position(self.asked_for)[:2] - self._palm_m()[:2])
        if aside < _TAKING_M and world.touching(self.asked_for, OpenHand.BODY):
            self._take()

    def _take(self) -> None:
        """Fixes the thing where it is in the hand, and the fingers close."""
        model, data = self.world.model, self.world.data
        hand, thing = model.body(OpenHand.BODY).id, model.body(self.asked_for).id
        back, turn = np.zeros(3), np.zeros(4)
        mujoco.mju_negPose(back, turn, data.xpos[hand], data.xquat[hand])
        place, way = np.zeros(3), np.zeros(4)
        mujoco.mju_mulPose(place, way, back, turn, data.xpos[thing], data.xquat[thing])
        weld = model.equality("taken").id
        model.eq_data[weld, :3] = 0.0
        model.eq_data[weld, 3:6], model.eq_data[weld, 6:10] = place, way
        data.eq_active[weld] = 1
        self.hand.close(model)
        self._taken = True

    def _foot_m(self) -> np.ndarray:
        """The lowest point of the thing that was asked for (3,), were it upright."""
        return self.world.position(self.asked_for) - [0.0, 0.0, self._half_m[2]]

    def _palm_m(self) -> np.ndarray:
        return self.world.position(OpenHand.BODY) + GRIP_M

    def state(self) -> dict[str, np.ndarray]:
        world = self.world
        return {
            "asked_m": world.position(self.asked_for),
            "asked_R": world.rotation(self.asked_for).ravel(),
            "asked_half_m": self._half_m.copy(),
            "palm_m": self._palm_m(),
            "taken": np.array([float(self._taken)]),
            "things_m": np.concatenate([world.position(kind) for kind in self.kinds]),
        }

    @property
    def success(self) -> bool:
        return self._taken and not self.world.gripped((self.asked_for,))

    @property
    def progress(self) -> float:
        away = float(np.linalg.norm(self._foot_m() - self._palm_m()))
        return 0.8 * (1.0 - float(np.tanh(4.0 * away))) + 0.2 * float(self._taken)

    @property
    def reach_for(self) -> np.ndarray:
        return self.world.position(self.asked_for)


CONFIG = standard_config("HandOver", HandOver, 24.0)
