"""The kitchen as the wearer knows it: where things are, how to grip them, where they go and where they are used."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from gaze_vlm_ros.language import TABLE
from gaze_vlm_ros.sim.kitchen import TABLE_TOP_M, Layout, free_spot, grip_pose

_SHOWN_M = np.array([0.12, -0.24, TABLE_TOP_M + 0.16])
"""Where a thing is held that is used before the body."""
_WIPED_M = np.array([0.05, -0.16, TABLE_TOP_M])
_MOUTH_M = {"eat": np.array([0.0, 0.03, -0.01]), "drink": np.array([0.0, 0.06, 0.0])}
_BEFORE_FACE_M = np.array([0.0, 0.3, -0.2])
_GAP_M = 0.02


class Scene:
    """A ``World`` of the wearer over a running model; ``mouth_m`` gives the point (3,) before the mouth now."""

    def __init__(self, layout: Layout, data: mujoco.MjData, mouth_m: Callable[[], np.ndarray]) -> None:
        self._layout, self._data, self._mouth_m = layout, data, mouth_m
        self._looks = {look.kind: look for look in layout.looks}
        self._grips = {kind: grip_pose(look)[:3, 3] for kind, look in self._looks.items()}

    def position_of(self, thing: str) -> np.ndarray:
        return self._data.body(thing).xpos.copy()

    def grip_of(self, thing: str) -> np.ndarray:
        return self.position_of(thing) + self._grips[thing]

    def spot_for(self, thing: str, place: str) -> np.ndarray:
        near = self.position_of(thing) if place == TABLE else None
        return free_spot(self._layout, place, thing, {other: self.pose_of(other) for other in self._looks}, near)

    def pose_of(self, thing: str) -> np.ndarray:
        """Pose (4, 4) of the thing now."""
        body, pose = self._data.body(thing), np.eye(4)
        pose[:3, :3], pose[:3, 3] = body.xmat.reshape(3, 3), body.xpos
        return pose

    def use_point(self, verb: str, thing: str, place: str) -> np.ndarray:
        half_m = self._looks[thing].half_extents
        if verb in _MOUTH_M:
            below = [0.0, 0.0, -half_m[2]] if verb == "drink" else np.zeros(3)
            return self._mouth_m() + _MOUTH_M[verb] + below
        if verb == "read":
            return self._mouth_m() + _BEFORE_FACE_M
        if place in self._looks:
            return self._over(verb, half_m, place)
        if verb == "wipe":
            middle = _WIPED_M if place in ("", TABLE) else self._layout.place_named(place).top_m
            return middle + [0.0, 0.0, half_m[2]]
        return _SHOWN_M.copy()

    def _over(self, verb: str, half_m: np.ndarray, place: str) -> np.ndarray:
        """Above the thing ``place``; what is poured is tipped to the left, so it is held to the right."""
        top = self.position_of(place) + [0.0, 0.0, self._looks[place].half_extents[2]]
        if verb in ("pour", "season"):
            return top + [half_m[2] * 0.9, 0.0, half_m[2] * 0.6 + 0.05]
        reach = {"stir": half_m[0] * 0.3, "cut": half_m[2], "write": half_m[2]}.get(verb, half_m[2])
        return top + [0.0, 0.0, reach + _GAP_M]

    def visible_things(self) -> tuple[str, ...]:
        return tuple(self._looks)
