"""Random looks of simulated people into eye cameras: who wears what, how it sits and slips, where the eyes turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaze_vlm_ros.gaze.eyes.frames import direction_of
from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.sim.eye_images.rig import EyeCamera, EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene

YAW_DEG, PITCH_DEG = 28.0, 22.0
"""Looks are even over this rectangle about straight ahead [head frame]."""
_DISTANCE_M = (0.3, 5.0)
_RIGS = {"neon": 0.75, "aria": 0.25}
_SIZES = {"neon": ((192, 192), (128, 128), (96, 96)), "aria": ((320, 240), (160, 120))}
_FULL_SIZE_SHARE = 0.4
_SLIP_MM, _SLIP_DEG = 2.5, 2.0
_JITTER_MM, _JITTER_DEG = 0.1, 0.1
_CLOSED_SHARE, _DROOPING_SHARE = 0.07, 0.12


@dataclass(frozen=True, eq=False)
class Wearing:
    """Glasses as they sit from one touch to the next: ``slip_mm`` (3,) and ``slip_deg`` (3,) since they were put on."""

    slip_mm: np.ndarray
    slip_deg: np.ndarray

    @classmethod
    def fresh(cls) -> Wearing:
        return cls(np.zeros(3), np.zeros(3))

    @classmethod
    def slipped(cls, rng: np.random.Generator, most_mm: float = _SLIP_MM, most_deg: float = _SLIP_DEG) -> Wearing:
        """Up to ``most_mm`` along, and ``most_deg`` about, each axis."""
        return cls(rng.uniform(-most_mm, most_mm, 3), rng.uniform(-most_deg, most_deg, 3))


def draw_rig(rng: np.random.Generator, name: str | None = None, full_size: bool = False) -> EyeRig:
    """Glasses as they leave a factory: lights, focus and noise differ a little from pair to pair.

    Cameras of ``full_size`` give all the pixels that they have; others are binned now and then.
    """
    name = name or str(rng.choice(list(_RIGS), p=list(_RIGS.values())))
    sizes = _SIZES[name]
    size = sizes[0] if full_size or rng.random() < _FULL_SIZE_SHARE else sizes[int(rng.integers(1, len(sizes)))]
    rig = EyeRig.preset(name, size)
    changes = {
        "level": rng.uniform(0.8, 1.2),
        "defocus_px": rng.uniform(0.7, 1.5),
        "vignette": rng.uniform(0.6, 1.3),
        "read_noise": rng.uniform(0.5, 3.0),
        "shot_noise": rng.uniform(0.5, 1.5),
    }
    return EyeRig(name, {side: _changed(rng, camera, changes) for side, camera in rig.cameras.items()})


def _changed(rng: np.random.Generator, camera: EyeCamera, changes: dict[str, float]) -> EyeCamera:
    tilt = make_transform(rotation_from_vector(np.radians(rng.normal(0.0, 0.3, 3))), rng.normal(0.0, 0.1, 3))
    return replace(
        camera,
        rig_T_camera=camera.rig_T_camera @ tilt,
        lights_mm=camera.lights_mm + rng.normal(0.0, 0.5, camera.lights_mm.shape),
        **{name: factor * getattr(camera, name) for name, factor in changes.items()},
    )


def draw_scene(rng: np.random.Generator, wearing: Wearing, attentive: bool = False) -> EyeScene:
    """One moment; an ``attentive`` person, who looks at a target when asked to, has the eyes well open."""
    yaw, pitch = rng.uniform(-YAW_DEG, YAW_DEG), rng.uniform(-PITCH_DEG, PITCH_DEG)
    return scene_at(rng, wearing, yaw, pitch, rng.uniform(0.7, 1.0) if attentive else _openness(rng))


def scene_at(rng: np.random.Generator, wearing: Wearing, yaw_deg: float, pitch_deg: float, openness: float) -> EyeScene:
    """A look at a target in one direction from between the eyes, with all else at random."""
    near, far = np.log(_DISTANCE_M)
    return EyeScene.looking_along(
        direction_of(np.radians(yaw_deg), np.radians(pitch_deg)),
        float(np.exp(rng.uniform(near, far))),
        pupil_diameter_mm=float(rng.uniform(2.2, 7.0)),
        openness=float(openness),
        slip_mm=wearing.slip_mm + rng.normal(0.0, _JITTER_MM, 3),
        slip_deg=wearing.slip_deg + rng.normal(0.0, _JITTER_DEG, 3),
        exposure=float(np.exp(rng.normal(0.0, 0.25))),
    )


def _openness(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < _CLOSED_SHARE:
        return rng.uniform(0.0, 0.05)
    if kind < _CLOSED_SHARE + _DROOPING_SHARE:
        return rng.uniform(0.05, 0.65)
    return rng.uniform(0.65, 1.0)
