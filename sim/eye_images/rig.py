"""Glasses with eye cameras and infrared lights: where they sit and what their cameras see.

The presets follow published calibrations. "neon": factory calibration of a Pupil Labs Neon (cameras on the nose side,
33 mm from the eyes, turned to them from slightly below). "aria": calibration of a Project Aria Gen 1 device (cameras
outside and below, some 30 mm away, fisheye). "frontal": straight ahead at 35 mm, as behind the lens of a headset.
Aria's lights are where the glints in such a device's pictures put them; those of "neon" are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, EyeImageError
from gaze_vlm_ros.types import CameraKind, CameraModel

_COARSE_PIXELS = 96 * 96


@dataclass(frozen=True, eq=False)
class EyeCamera:
    """One eye camera: ``camera`` [px], ``rig_T_camera`` (4, 4) [mm], its lights (N, 3) [mm, rig frame], its sensor.

    ``level`` is the mean grey (0..1) that its automatic exposure aims at; ``defocus_px`` the blur's sigma; ``vignette``
    the share of light lost in the corners; noise deviations are in grey levels: of the read-out, and of the light at
    full scale.
    """

    camera: CameraModel
    rig_T_camera: np.ndarray
    lights_mm: np.ndarray
    level: float = 0.42
    defocus_px: float = 0.55
    vignette: float = 0.35
    read_noise: float = 0.5
    shot_noise: float = 3.2

    @cached_property
    def rays(self) -> np.ndarray:
        """Unit rays (3, H * W) float32 of the pixels, camera frame."""
        x, y = np.meshgrid(np.arange(self.camera.width), np.arange(self.camera.height))
        return self._rays(x, y)

    @cached_property
    def coarse_rays(self) -> tuple[np.ndarray, tuple[int, int]]:
        """Rays (3, h * w) of a coarser grid over the same picture, at most about 96x96, and its shape (h, w)."""
        width, height = self.camera.width, self.camera.height
        shrink = max(1.45, np.sqrt(width * height / _COARSE_PIXELS))
        w, h = (4 * max(2, round(side / shrink / 4)) for side in (width, height))
        x, y = np.meshgrid((np.arange(w) + 0.5) * width / w - 0.5, (np.arange(h) + 0.5) * height / h - 0.5)
        return self._rays(x, y), (h, w)

    @cached_property
    def transmission(self) -> np.ndarray:
        """Vignetting (H, W) float32: 1 in the middle, 1 - ``vignette`` in the corners."""
        x, y = np.meshgrid(np.linspace(-1, 1, self.camera.width), np.linspace(-1, 1, self.camera.height))
        return (1.0 - self.vignette * (0.5 * (x**2 + y**2)) ** 1.5).astype(np.float32)

    def _rays(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        rays = unproject(self.camera, np.column_stack([x.ravel(), y.ravel()]))
        if not np.isfinite(rays).all():
            raise EyeImageError("an eye camera has pixels outside of its lens's field; give it a smaller picture")
        return np.ascontiguousarray(rays.T, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class EyeRig:
    """The eye cameras ("left", "right") of one pair of glasses."""

    name: str
    cameras: Mapping[str, EyeCamera]

    @classmethod
    def preset(cls, name: str, size_px: tuple[int, int] | None = None) -> EyeRig:
        """A known rig; ``size_px`` (width, height) scales its pictures and cuts them about the middle to fit."""
        if name not in _PRESETS:
            raise EyeImageError(f"no eye rig named {name!r}; there are {', '.join(_PRESETS)}")
        right = _PRESETS[name]
        if size_px is not None:
            right = replace(right, camera=_resized(right.camera, size_px))
        return cls(name, {"left": _mirrored(right), "right": right})

    def moved(self, side: str, rig_T_rig: np.ndarray) -> EyeRig:
        """The rig with one camera and its lights moved by a transform (4, 4) [mm, rig frame]."""
        if side not in SIDES:
            raise EyeImageError(f"no side named {side!r}; there are {', '.join(SIDES)}")
        old = self.cameras[side]
        lights = old.lights_mm @ rig_T_rig[:3, :3].T + rig_T_rig[:3, 3]
        new = replace(old, rig_T_camera=rig_T_rig @ old.rig_T_camera, lights_mm=lights)
        return EyeRig(self.name, {**self.cameras, side: new})


def _resized(camera: CameraModel, size_px: tuple[int, int]) -> CameraModel:
    width, height = size_px
    factor = max(width / camera.width, height / camera.height)
    matrix = camera.matrix.copy()
    matrix[:2] *= factor
    for axis, (new, old) in enumerate(((width, camera.width), (height, camera.height))):
        # pixel centres are at integers, so the picture's middle is at (side - 1) / 2
        matrix[axis, 2] = (new - 1) / 2 + factor * (camera.matrix[axis, 2] - (old - 1) / 2)
    return replace(camera, width=width, height=height, matrix=matrix)


def _mirrored(eye_camera: EyeCamera) -> EyeCamera:
    """The same camera on the other side of the head: its picture is the mirror image."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    camera = eye_camera.camera
    matrix = camera.matrix.copy()
    matrix[0, 2] = camera.width - 1 - matrix[0, 2]
    return replace(
        eye_camera,
        camera=replace(camera, matrix=matrix, frame_id="left_eye_camera_optical"),
        rig_T_camera=flip @ eye_camera.rig_T_camera @ flip,
        lights_mm=eye_camera.lights_mm * (-1.0, 1.0, 1.0),
    )


def _camera(
    width: int, height: int, focal_px: float, centre_px: tuple[float, float], fisheye: tuple[float, ...] = ()
) -> CameraModel:
    matrix = np.array([[focal_px, 0.0, centre_px[0]], [0.0, focal_px, centre_px[1]], [0.0, 0.0, 1.0]])
    kind = CameraKind.FISHEYE if fisheye else CameraKind.PINHOLE
    return CameraModel(width, height, matrix, np.array(fisheye), kind, "right_eye_camera_optical")


def _pose(position_mm: tuple[float, ...], axes: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """A pose (4, 4) from a position and nearly orthonormal axes (rows: x, y, z of the camera in the rig)."""
    u, _, v = np.linalg.svd(np.array(axes).T)
    return make_transform(u @ v, np.array(position_mm))


def _ring(middle: tuple[float, float, float], radii_mm: tuple[float, float], degrees: tuple[float, ...]) -> np.ndarray:
    """Lights (N, 3) on an ellipse parallel to the face; 0 degrees points right, 90 down."""
    turn = np.radians(degrees)
    across, down = radii_mm[0] * np.cos(turn), radii_mm[1] * np.sin(turn)
    return np.array(middle) + np.column_stack([across, down, np.zeros(len(turn))])


# Each is the right eye's camera; the left one's is its mirror image.
_PRESETS = {
    "neon": EyeCamera(
        _camera(192, 192, 138.6, (96.4, 96.2)),
        _pose((16.6, 5.6, 29.2), ((-0.838, 0.052, -0.543), (0.146, 0.981, -0.131), (0.526, -0.189, -0.829))),
        np.array([[14.5, 1.0, 29.0], [17.5, 10.5, 27.5]]),
    ),
    "aria": EyeCamera(
        _camera(320, 240, 278.2, (159.5, 119.5), (0.0398, -0.0398, 0.1244, -0.2781)),
        _pose((54.0, 18.4, 21.6), ((-0.738, 0.595, 0.319), (-0.029, 0.478, -0.878), (-0.675, -0.646, -0.356))),
        np.array([[22.5, 12.0, 25.0], [25.5, 18.0, 23.0], [31.5, 23.0, 20.0], [39.0, 23.5, 19.0], [55.5, 12.3, 18.0]]),
        level=0.22,
        vignette=0.45,
    ),
    "frontal": EyeCamera(
        _camera(192, 192, 210.0, (95.5, 95.5)),
        _pose((31.5, 4.0, 47.0), ((-1.0, 0.0, 0.0), (0.0, 1.0, -0.09), (0.0, -0.09, -1.0))),
        _ring((31.5, 3.0, 26.0), (28.0, 24.0), (20.0, 160.0)),
    ),
}
