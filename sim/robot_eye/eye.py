"""RobotEye: which way the robot's eye looks, what it can do, and what it sees of a running simulation."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.sim.robot_eye.live import LiveViews

AZIMUTH_LIMIT_RAD = float(np.radians(130.0))
ELEVATION_LIMITS_RAD = (float(np.radians(-85.0)), float(np.radians(30.0)))
_MAGNITUDES_DEG = (10.0, 3.0, 1.0)


def _actions() -> np.ndarray:
    turn = np.arange(8) * (np.pi / 4)
    directions = np.column_stack([np.sin(turn), np.cos(turn)])
    steps = [np.radians(magnitude) * directions for magnitude in _MAGNITUDES_DEG]
    return np.concatenate([*steps, np.zeros((1, 2))])


EYE_ACTIONS_RAD = _actions()
"""(25, 2): by how much each action turns azimuth and elevation: 8 directions x 10, 3, 1 degrees, then staying."""
STAY = len(EYE_ACTIONS_RAD) - 1


class RobotEye:
    """A pan-tilt eye in the frame of its mount: x forward, y left, z up, usually that of the robot's base.

    Azimuth counts from straight ahead to the left, elevation upwards. ``world_T_mount`` (4, 4) puts the eye's centre
    into the world; only ``render`` needs it.
    """

    def __init__(
        self, azimuth_rad: float = 0.0, elevation_rad: float = 0.0, world_T_mount: np.ndarray | None = None
    ) -> None:
        self.azimuth_rad = self.elevation_rad = 0.0
        self.world_T_mount = np.eye(4) if world_T_mount is None else np.asarray(world_T_mount, dtype=np.float64)
        self._views: LiveViews | None = None
        self.look(azimuth_rad, elevation_rad)

    def look(self, azimuth_rad: float, elevation_rad: float) -> None:
        """Looks in that direction, or as near to it as the limits allow; ValueError where it is not finite."""
        if not np.isfinite([azimuth_rad, elevation_rad]).all():
            raise ValueError(f"the eye cannot look at azimuth {azimuth_rad}, elevation {elevation_rad}")
        self.azimuth_rad = float(np.clip(azimuth_rad, -AZIMUTH_LIMIT_RAD, AZIMUTH_LIMIT_RAD))
        self.elevation_rad = float(np.clip(elevation_rad, *ELEVATION_LIMITS_RAD))

    def turn(self, azimuth_rad: float, elevation_rad: float) -> None:
        self.look(self.azimuth_rad + azimuth_rad, self.elevation_rad + elevation_rad)

    def act(self, action: int) -> None:
        """Does one of the 25 ``EYE_ACTIONS_RAD``; IndexError for another."""
        if not 0 <= action < len(EYE_ACTIONS_RAD):
            raise IndexError(f"eye actions are 0..{STAY}, got {action}")
        self.turn(*EYE_ACTIONS_RAD[action])

    def look_at(self, point_m: np.ndarray) -> None:
        """Looks at a point (3,) of the mount's frame [m]."""
        x, y, z = np.asarray(point_m, dtype=np.float64)
        self.look(float(np.arctan2(y, x)), float(np.arctan2(z, np.hypot(x, y))))

    @property
    def direction(self) -> np.ndarray:
        """Unit vector (3,) in the mount's frame."""
        return rotation(self.azimuth_rad, self.elevation_rad)[:, 2]

    def render(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """What the eye sees now, (3, 64, 64, 3) uint8, fine to coarse. ``data`` needs up-to-date kinematics."""
        if self._views is None or self._views.model is not model:
            self.close()
            self._views = LiveViews(model)
        turned = self.world_T_mount[:3, :3] @ rotation(self.azimuth_rad, self.elevation_rad)
        return self._views.render(data, self.world_T_mount[:3, 3], turned)

    def close(self) -> None:
        """Frees what ``render`` took; it may be called again."""
        if self._views is not None:
            self._views.close()
            self._views = None


def rotation(azimuth_rad: float, elevation_rad: float) -> np.ndarray:
    """``mount_R_eye`` (3, 3): the eye's optical axes, x right, y down, z forward, as columns in the mount's frame."""
    sin_a, cos_a = np.sin(azimuth_rad), np.cos(azimuth_rad)
    sin_e, cos_e = np.sin(elevation_rad), np.cos(elevation_rad)
    return np.array(
        [[sin_a, sin_e * cos_a, cos_e * cos_a], [-cos_a, sin_e * sin_a, cos_e * sin_a], [0.0, -cos_e, sin_e]]
    )
