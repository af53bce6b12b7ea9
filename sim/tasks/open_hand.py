"""OpenHand: the wearer's hand, palm up, waiting for a thing."""

from __future__ import annotations

import colorsys

import mujoco
import numpy as np

from gaze_vlm_ros.sim.tasks.bench import GEOM, SEEN_ONLY, Bench

GRIP_M = np.array([0.0, 0.0, 0.016])
"""Where a thing stands on the palm, seen from the hand's origin, in the base frame."""
_PALM_HALF_M = (0.05, 0.042, 0.014)
_FOREARM_M, _UPPER_ARM_M = 0.24, 0.27
_FINGERS = ((-0.033, 0.052), (-0.011, 0.058), (0.012, 0.056), (0.034, 0.046))
"""Across the palm, and length of the two phalanges together, from the little finger on [m]."""


class OpenHand:
    """A mocap body whose fingers point to the robot; the palm bears what is laid on it."""

    BODY = "wearer_hand"

    def __init__(self, bench: Bench, position_m: np.ndarray) -> None:
        rng = bench.rng
        self._skin = [*colorsys.hsv_to_rgb(rng.uniform(0.03, 0.07), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95)), 1]
        self._sleeve = [*colorsys.hsv_to_rgb(rng.uniform(0, 1), rng.uniform(0.2, 0.5), rng.uniform(0.25, 0.6)), 1]
        # The wearer sits outside the arc, roughly across from the robot; the arm comes from there.
        yaw = float(np.arctan2(position_m[1], position_m[0])) + rng.uniform(-0.4, 0.4)
        body = bench.add_body(self.BODY, position_m, yaw, mocap=True)
        self._add_palm(body)
        for side, pose in ((1, "open"), (0, "closed")):
            self._add_fingers(body, pose, float(side))

    def close(self, model: mujoco.MjModel) -> None:
        """Shows the fingers closed about the thing."""
        for geom in range(model.ngeom):
            name = model.geom(geom).name
            if name.startswith(f"{self.BODY}/"):
                model.geom_rgba[geom, 3] = float("/closed" in name)

    def _add_palm(self, body: mujoco.MjsBody) -> None:
        """The hand's x axis points back along the forearm, its z axis out of the palm."""
        flat = {"type": GEOM.mjGEOM_BOX, "size": [0.045, 0.04, 0.008], "pos": [0, 0, 0.006]}
        body.add_geom(name="palm", rgba=[0, 0, 0, 0], group=4, **flat)
        seen = {"rgba": self._skin, "group": 1, **SEEN_ONLY}
        body.add_geom(type=GEOM.mjGEOM_ELLIPSOID, size=_PALM_HALF_M, **seen)
        body.add_geom(type=GEOM.mjGEOM_ELLIPSOID, size=[0.03, 0.02, 0.016], pos=[0.015, 0.026, 0.002], **seen)
        wrist = {"type": GEOM.mjGEOM_CAPSULE, "quat": [np.sqrt(0.5), 0, np.sqrt(0.5), 0]}
        body.add_geom(size=[0.025, 0.03, 0], pos=[0.07, 0, -0.004], **wrist, **seen)
        sleeve = seen | {"rgba": self._sleeve}
        body.add_geom(size=[0.037, _FOREARM_M / 2, 0], pos=[0.1 + _FOREARM_M / 2, 0, -0.008], **wrist, **sleeve)
        elbow = np.array([0.1 + _FOREARM_M, 0.0, -0.008])
        shoulder = elbow + _UPPER_ARM_M * np.array([0.45, 0.0, 0.89])
        body.add_geom(type=GEOM.mjGEOM_CAPSULE, fromto=[*elbow, *shoulder], size=[0.045, 0, 0], **sleeve)

    def _add_fingers(self, body: mujoco.MjsBody, pose: str, alpha: float) -> None:
        """Two phalanges each; open they lie nearly flat, closed they stand up from the palm's edge and bend inwards."""
        lift, bend = ((0.2, 0.35), (1.25, 2.2))[pose == "closed"]
        skin = [*self._skin[:3], alpha]
        roots = [(np.array([-0.045, across, 0.0]), np.array([-1.0, 0.0, 0.0]), length) for across, length in _FINGERS]
        roots.append((np.array([0.0, 0.045, 0.0]), np.array([-0.6, 0.8, 0.0]), 0.05))
        for number, (knuckle, outwards, length) in enumerate(roots):
            start = knuckle
            for part, angle in enumerate((lift, bend)):
                way = np.cos(angle) * outwards + np.array([0.0, 0.0, np.sin(angle)])
                end = start + way * length * (0.58, 0.42)[part]
                body.add_geom(
                    name=f"{self.BODY}/{number}{part}/{pose}",
                    type=GEOM.mjGEOM_CAPSULE,
                    fromto=[*start, *end],
                    size=[0.0095 - 0.001 * part, 0, 0],
                    rgba=skin,
                    group=1,
                    **SEEN_ONLY,
                )
                start = end
