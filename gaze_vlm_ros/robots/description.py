"""RobotDescription: everything the package knows of an arm, read from its ``robot.yaml``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.robots.limits import Box, JointLimits

if TYPE_CHECKING:
    import mujoco

DATA_DIR = Path(__file__).parent / "data"
_LIMIT_KEYS = ("lower_rad", "upper_rad", "velocity_rad_s", "acceleration_rad_s2", "braking_rad_s2")
_JERK_KEY = "jerk_rad_s3"
_SERVO_KEYS = ("torque_nm", "armature_kg_m2", "stiffness_nm_rad", "damping_nm_s_rad")
_JOINT_KEYS = {"name", "home_rad", *_LIMIT_KEYS, *_SERVO_KEYS}
_KEYS = {
    "name", "title", "base_frame", "tool_site", "builder", "mjcf", "joints", "gripper", "workspace", "link_radius_m"
}  # fmt: skip


class RobotError(GazeVlmError):
    """A robot that is unknown, or whose robot.yaml or MJCF is wrong."""


@dataclass(frozen=True)
class Servos:
    """Position servos of the joints, all (n,): torque = stiffness (ctrl - q) - damping q'.

    ``armature_kg_m2`` is the rotor's inertia seen at the joint.
    """

    torque_nm: np.ndarray
    armature_kg_m2: np.ndarray
    stiffness_nm_rad: np.ndarray
    damping_nm_s_rad: np.ndarray

    @property
    def lag_s(self) -> np.ndarray:
        """(n,) times by which a servo lags a ramp: ``ctrl = q_ref + lag_s * v_ref`` tracks without lag."""
        return self.damping_nm_s_rad / self.stiffness_nm_rad


@dataclass(frozen=True)
class RobotDescription:
    """An arm: joints in order, limits, home, frames, workspace of the tool point, and where its MJCF comes from.

    ``home_rad`` is (n,). ``gripper_rad`` maps joints that are held still to their position. ``workspace`` is in the
    base frame. Exactly one of ``builder`` (a name known to ``robots.mjcf``) and ``mjcf`` (a file) is set.
    ``link_radius_m`` holds a radius for each segment of ``ArmKinematics.link_points``, in order; empty: the arm counts
    as thin, and nobody checks it against itself.
    """

    name: str
    limits: JointLimits
    home_rad: np.ndarray
    servos: Servos
    workspace: Box
    base_frame: str = "robot_base"
    tool_site: str = "tool"
    title: str = ""
    builder: str = ""
    mjcf: Path | None = None
    gripper_rad: dict[str, float] = field(default_factory=dict)
    link_radius_m: tuple[float, ...] = ()

    @property
    def joint_names(self) -> tuple[str, ...]:
        return self.limits.names

    @property
    def base_body(self) -> str:
        """The MuJoCo body that stands for ``base_frame``."""
        return self.base_frame

    @property
    def initial_positions(self) -> dict[str, float]:
        """Where each joint of the MJCF stands at start, gripper included [rad]."""
        return dict(zip(self.joint_names, self.home_rad.tolist(), strict=True)) | self.gripper_rad

    @staticmethod
    def available() -> list[str]:
        """Names that ``load`` knows without a path."""
        return sorted(path.parent.name for path in DATA_DIR.glob("*/robot.yaml"))

    @classmethod
    def load(cls, name_or_path: str | Path) -> RobotDescription:
        """Read a robot by name (``"jaco"``) or by the path of its robot.yaml.

        Raises RobotError that names what is wrong; for an unknown name it lists those that exist.
        """
        path = DATA_DIR / str(name_or_path) / "robot.yaml"
        if not os.path.isfile(path):
            path = Path(name_or_path)
        if not os.path.isfile(path):
            known = ", ".join(cls.available())
            raise RobotError(f"no robot {str(name_or_path)!r}; use one of: {known}, or the path of a robot.yaml")
        try:
            return cls._from_dict(yaml.safe_load(path.read_text(encoding="utf-8")), path.parent)
        except (ValueError, TypeError, OverflowError, RecursionError, OSError, yaml.YAMLError) as error:
            raise RobotError(f"{path}: {' '.join(str(error).split())}") from error

    @classmethod
    def _from_dict(cls, raw: Any, folder: Path) -> RobotDescription:
        _check_keys(raw, _KEYS, {"name", "joints", "workspace"}, "the file")
        if not isinstance(raw["joints"], list) or not raw["joints"]:
            raise ValueError("joints must be a list with one entry per joint")
        for joint in raw["joints"]:
            where = f"joint {joint.get('name', '?')}" if isinstance(joint, dict) else "joint"
            _check_keys(joint, _JOINT_KEYS | {_JERK_KEY}, _JOINT_KEYS, where)
        if 0 < sum(_JERK_KEY in joint for joint in raw["joints"]) < len(raw["joints"]):
            raise ValueError(f"{_JERK_KEY} must be given for every joint or for none")
        if ("builder" in raw) == ("mjcf" in raw):
            raise ValueError("exactly one of builder and mjcf must be given")
        _check_keys(raw["workspace"], {"lower_m", "upper_m"}, {"lower_m", "upper_m"}, "workspace")
        for joint in raw["joints"]:
            _check_numbers([joint[key] for key in joint if key != "name"], f"joint {joint['name']}")
        for key, corner in raw["workspace"].items():
            _check_numbers(corner, f"workspace {key}")
        if not isinstance(raw.get("gripper") or {}, dict):
            raise ValueError("gripper must be a mapping from joint to angle")
        column = {key: [joint[key] for joint in raw["joints"]] for key in _JOINT_KEYS}
        limits = JointLimits(
            tuple(str(name) for name in column["name"]),
            *(column[key] for key in _LIMIT_KEYS),
            [joint[_JERK_KEY] for joint in raw["joints"]] if _JERK_KEY in raw["joints"][0] else None,
        )
        home = np.array(column["home_rad"], dtype=np.float64)
        outside = ~((home >= limits.lower_rad) & (home <= limits.upper_rad))
        if outside.any():
            raise ValueError(f"{limits.names[int(np.argmax(outside))]}: home_rad must lie within the limits")
        return cls(
            name=str(raw["name"]),
            limits=limits,
            home_rad=home,
            servos=_servos(column),
            workspace=Box(**raw["workspace"]),
            base_frame=str(raw.get("base_frame", cls.base_frame)),
            tool_site=str(raw.get("tool_site", cls.tool_site)),
            title=str(raw.get("title", "")),
            builder=str(raw.get("builder", "")),
            mjcf=folder / str(raw["mjcf"]) if "mjcf" in raw else None,
            gripper_rad={str(joint): float(angle) for joint, angle in (raw.get("gripper") or {}).items()},
            link_radius_m=_radii(raw.get("link_radius_m") or ()),
        )

    def build_spec(self, visual: str = "mesh") -> mujoco.MjSpec:
        """The arm under a body named ``base_frame`` at the origin, with servos, weightless; see ``robots.mjcf``."""
        from gaze_vlm_ros.robots import mjcf

        return mjcf.build_spec(self, visual)


def _servos(column: dict[str, list]) -> Servos:
    values = {}
    for key in _SERVO_KEYS:
        values[key] = np.array(column[key], dtype=np.float64)
        if not (np.isfinite(values[key]) & (values[key] > 0)).all():
            raise ValueError(f"{key} must be positive for each joint, got {column[key]}")
    return Servos(**values)


def _check_numbers(values: Any, where: str) -> None:
    """Nothing nested, which an alias in YAML may make larger than any memory."""
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ValueError(f"{where} must hold numbers, got {str(values)[:80]}")


def _radii(values: Any) -> tuple[float, ...]:
    _check_numbers(list(values), "link_radius_m")
    radii = np.array(values, dtype=np.float64)
    if radii.ndim != 1 or not (np.isfinite(radii) & (radii >= 0.0)).all():
        raise ValueError(f"link_radius_m must be a list of radii that are not negative, got {values}")
    return tuple(radii.tolist())


def _check_keys(raw: Any, known: set[str], needed: set[str], where: str) -> None:
    if not isinstance(raw, dict):
        raise ValueError(f"{where} must be a mapping")
    if unknown := sorted(set(map(str, raw)) - known):
        raise ValueError(f"{where} has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    if missing := sorted(needed - set(raw)):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
