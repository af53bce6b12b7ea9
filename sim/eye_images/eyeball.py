"""How the eyeball between the lids looks: sclera, limbus, and through the refracting cornea iris and pupil."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import Eye
from gaze_vlm_ros.sim.eye_images.face import lambert
from gaze_vlm_ros.sim.eye_images.labels import Part
from gaze_vlm_ros.sim.eye_images.lids import Lids
from gaze_vlm_ros.sim.eye_images.optics import CORNEA_INDEX, refract, sphere_entry
from gaze_vlm_ros.sim.eye_images.pose import EyePose
from gaze_vlm_ros.sim.eye_images.textures import IRIS_SHAPE, MIDDLE, sclera_cells

_PUPIL_REFLECTANCE = 0.015
_LIMBUS_SCLERA_MM, _LIMBUS_IRIS_MM = 0.9, 0.75
_CARUNCLE, _LID_EDGE = 0.65, 0.8
_WHITE_WRAP = 0.1
_LID_SHADE_MM = (1.5, 0.9)


def shade_eyeball(
    eye: Eye,
    pose: EyePose,
    lids: Lids,
    pupil_radius_mm: float,
    origin: np.ndarray,
    rays: np.ndarray,
    skin: np.ndarray,
    lights: np.ndarray,
    pixel_mm: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Radiance (N,) and :class:`Part` (N,) uint8 of ``rays`` (3, N) that pass between the lids [mm, socket frame].

    ``skin`` (N,) is the radiance of the skin about there, for the lids' edges and the caruncle; ``pixel_mm`` the
    width of a pixel at the eye, by which the pupil's rim is softened.
    """
    start = origin.astype(np.float32)[:, None]
    reach, on_cornea, on_ball = _surface(eye, pose, origin, rays)
    points = start + np.where(on_ball, reach, 0.0).astype(np.float32) * rays
    below_upper, above_lower = points[1] - lids.upper(points[0]), lids.lower(points[0]) - points[1]
    lid = 1.0 - lids.share_open(points[0], points[1], pixel_mm)
    lid[~on_ball] = 1.0
    shade = 1.0 - 0.45 * np.exp(np.minimum(-below_upper, 0.0) / _LID_SHADE_MM[0])
    shade -= 0.2 * np.exp(np.minimum(-above_lower, 0.0) / _LID_SHADE_MM[1])
    seen = lid < 1.0

    value = skin * np.where(on_ball, np.float32(_LID_EDGE), np.float32(_CARUNCLE))
    parts = np.full(len(value), Part.SKIN, np.uint8)
    white = np.flatnonzero(seen & ~on_cornea)
    spots = points[:, white]
    normals = spots * np.float32(1.0 / eye.eyeball.radius_mm)
    light = _sclera(eye, pose, spots) * lambert(spots, normals, lights, _WHITE_WRAP) * shade[white]
    value[white] = light + lid[white] * (value[white] - light)
    parts[white] = Part.SCLERA

    clear = np.flatnonzero(seen & on_cornea)
    spots = points[:, clear]
    reflectance, pupil = _iris(eye, pose, pupil_radius_mm, spots, rays[:, clear], pixel_mm)
    forward = np.broadcast_to(pose.optical_axis.astype(np.float32)[:, None], spots.shape)
    light = reflectance * lambert(spots, forward, lights) * shade[clear]
    value[clear] = light + lid[clear] * (value[clear] - light)
    parts[clear] = np.where(pupil, Part.PUPIL, Part.IRIS)
    parts[lid > 0.5] = Part.SKIN
    return value, parts


def _surface(
    eye: Eye, pose: EyePose, origin: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance (N,) to the outside of the eye, whether it is cornea, and whether the eye is met at all."""
    ball = eye.eyeball
    to_cornea = sphere_entry(origin, rays, pose.cornea_centre_mm, ball.cornea_radius_mm)
    axis = pose.optical_axis.astype(np.float32)
    forward = np.float32(origin @ pose.optical_axis) + np.where(np.isfinite(to_cornea), to_cornea, 0.0) * (axis @ rays)
    on_cornea = np.isfinite(to_cornea) & (forward > ball.limbus_plane_mm)
    reach = np.where(on_cornea, to_cornea, sphere_entry(origin, rays, np.zeros(3), ball.radius_mm))
    return reach, on_cornea, np.isfinite(reach)


def _sclera(eye: Eye, pose: EyePose, points: np.ndarray) -> np.ndarray:
    """Reflectance (N,) of the white, which darkens into the limbus."""
    local = pose.rotation.T.astype(np.float32) @ points
    scale = 1.0 / (eye.eyeball.radius_mm + local[2])
    texture = eye.textures.sclera[sclera_cells(local[1] * scale), sclera_cells(local[0] * scale)]
    white = texture.astype(np.float32) * np.float32(eye.face.sclera / MIDDLE)
    rim = _smooth((eye.eyeball.limbus_plane_mm - local[2]) / _LIMBUS_SCLERA_MM)
    return _rim(eye) + (white - _rim(eye)) * rim


def _iris(
    eye: Eye, pose: EyePose, pupil_radius_mm: float, points: np.ndarray, rays: np.ndarray, pixel_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance (N,) behind the cornea's ``points`` (3, N), and which of them show the pupil."""
    ball = eye.eyeball
    centre = pose.cornea_centre_mm.astype(np.float32)[:, None]
    bent = refract(rays, (points - centre) * np.float32(1.0 / ball.cornea_radius_mm), CORNEA_INDEX)
    turn = pose.rotation.T.astype(np.float32)
    local, ahead = turn @ points, turn @ bent
    depth = (ball.iris_plane_mm - local[2]) / np.minimum(ahead[2], -0.05)
    x, y = local[0] + depth * ahead[0], local[1] + depth * ahead[1]
    radius = np.sqrt(x * x + y * y)
    share = (radius - pupil_radius_mm) / (ball.limbus_radius_mm - pupil_radius_mm)
    rows = np.clip(share * IRIS_SHAPE[0], 0, IRIS_SHAPE[0] - 1).astype(np.int32)
    columns = (np.arctan2(y, x) * (IRIS_SHAPE[1] / (2 * np.pi))).astype(np.int32) % IRIS_SHAPE[1]
    value = eye.textures.iris[rows, columns].astype(np.float32) * np.float32(eye.face.iris / MIDDLE)
    rim = _smooth((local[2] - ball.limbus_plane_mm) / _LIMBUS_IRIS_MM)
    value = _rim(eye) + (value - _rim(eye)) * rim
    outside = np.clip((radius - pupil_radius_mm) / pixel_mm + 0.5, 0.0, 1.0)
    return _PUPIL_REFLECTANCE + (value - _PUPIL_REFLECTANCE) * outside, radius < pupil_radius_mm


def _rim(eye: Eye) -> float:
    """Reflectance on the limbus, where white and iris meet."""
    return 0.45 * eye.face.iris + 0.35 * eye.face.sclera


def _smooth(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
