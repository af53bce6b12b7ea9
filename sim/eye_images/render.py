"""Draws one eye of one person as one camera of a rig sees it, with exact labels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, Eye, EyeImageError, EyePerson
from gaze_vlm_ros.sim.eye_images.eyeball import shade_eyeball
from gaze_vlm_ros.sim.eye_images.face import Relief, trace_skin
from gaze_vlm_ros.sim.eye_images.glints import draw_glints, find_glints
from gaze_vlm_ros.sim.eye_images.labels import Axes, EyeLabels, Part, absent_labels, fit_ellipse
from gaze_vlm_ros.sim.eye_images.lashes import lash_mask
from gaze_vlm_ros.sim.eye_images.lids import Lids, lids_at
from gaze_vlm_ros.sim.eye_images.optics import refraction_points
from gaze_vlm_ros.sim.eye_images.pose import RIM_POINTS, EyePose, pose_towards
from gaze_vlm_ros.sim.eye_images.rig import EyeCamera, EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene
from gaze_vlm_ros.sim.eye_images.sensor import digitise, expose
from gaze_vlm_ros.sim.eye_images.textures import MIDDLE, NOSE_X_MM, SKIN_SIDE, SKIN_STEP_MM

_LASH_SHADOW = 0.22


@dataclass(frozen=True, eq=False)
class EyeImage:
    """``image`` (H, W) uint8, infrared grey, as the camera delivers it, and its ``labels``."""

    image: np.ndarray
    labels: EyeLabels


def render_eye(person: EyePerson, rig: EyeRig, side: str, scene: EyeScene, rng: np.random.Generator) -> EyeImage:
    """The picture of the ``side`` ("left", "right": the wearer's) eye; ``rng`` gives the sensor's noise only."""
    view = _View.of(person, _camera_of(rig, side), side, scene)
    eye = person.eyes[side]
    target = view.socket_from_head(1000.0 * scene.target_m)
    pose = pose_towards(eye.eyeball, target)
    elevation = float(np.arctan2(-pose.visual_axis[1], pose.visual_axis[2]))
    lids = lids_at(eye.lids, eye.eyeball.radius_mm, elevation, scene.openness)
    relief = Relief(eye, lids, pose)
    pupil_radius = 0.5 * scene.pupil_diameter_mm

    radiance, parts, skin = _surfaces(view, eye, pose, lids, relief, pupil_radius)
    pupil_px = np.count_nonzero(parts == Part.PUPIL)  # before glints take some of them
    glints = find_glints(eye, pose, view.origin, view.lights)
    rims_px = view.to_pixels(np.vstack([*_rims(view, eye, pose, pupil_radius), glints.points]))
    glints_px = draw_glints(radiance, parts, rims_px[2 * RIM_POINTS :], glints, view.px_per_mm)
    mask = lash_mask(eye, lids, relief, view.to_pixels, parts.shape, view.px_per_mm)
    mask *= np.minimum(1.0, 30.0 * skin)  # hairs before the dark beyond the face would float
    width = max(3, round(1.2 * view.px_per_mm) // 2 * 2 + 1)
    radiance *= 1.0 - _LASH_SHADOW * cv2.blur(mask, (width, width))
    radiance += mask * (eye.face.lash * skin - radiance)
    image = expose(radiance, view.camera, scene.exposure, rng)
    return EyeImage(image, _labels(view, person, side, scene, pose, pupil_px, rims_px, glints_px, parts))


def render_absent(rig: EyeRig, side: str, rng: np.random.Generator) -> EyeImage:
    """The picture of a camera that nobody's eye is before: a dim room out of focus."""
    camera = _camera_of(rig, side)
    height, width = camera.camera.height, camera.camera.width
    grid = rng.uniform(0.0, 1.0, (4, 5)).astype(np.float32) ** 2
    room = np.maximum(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), 0.0)
    light = camera.level * rng.uniform(0.05, 0.6) * room * camera.transmission
    return EyeImage(digitise(light, camera, rng), absent_labels(side, len(camera.lights_mm), (height, width)))


def _camera_of(rig: EyeRig, side: str) -> EyeCamera:
    if side not in SIDES:
        raise EyeImageError(f"no side named {side!r}; there are {', '.join(SIDES)}")
    return rig.cameras[side]


@dataclass(frozen=True, eq=False)
class _View:
    """One camera and its lights in the socket frame of the eye before it. ``mirror`` is -1 for a right eye."""

    camera: EyeCamera
    mirror: np.ndarray
    centre: np.ndarray
    head_T_rig: np.ndarray
    head_T_camera: np.ndarray
    origin: np.ndarray
    turn: np.ndarray
    lights: np.ndarray

    @classmethod
    def of(cls, person: EyePerson, camera: EyeCamera, side: str, scene: EyeScene) -> _View:
        mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        centre = person.eyeball_centre_mm(side)
        head_T_rig = scene.head_T_worn @ make_transform(np.eye(3), np.array(person.fit_mm))
        head_T_camera = head_T_rig @ camera.rig_T_camera
        lights = camera.lights_mm @ head_T_rig[:3, :3].T + head_T_rig[:3, 3]
        origin = mirror * (head_T_camera[:3, 3] - centre)
        turn = mirror[:, None] * head_T_camera[:3, :3]
        return cls(camera, mirror, centre, head_T_rig, head_T_camera, origin, turn, mirror * (lights - centre))

    @property
    def px_per_mm(self) -> float:
        """Pixels that a millimetre of the cornea covers."""
        return float(self.camera.camera.matrix[0, 0] / (np.linalg.norm(self.origin) - 12.0))

    def socket_from_head(self, points: np.ndarray) -> np.ndarray:
        return self.mirror * (points - self.centre)

    def head_from_socket(self, points: np.ndarray) -> np.ndarray:
        return self.mirror * points + self.centre

    def rays(self, rays: np.ndarray) -> np.ndarray:
        """Rays (3, N) of the camera frame in the socket frame."""
        return self.turn.astype(np.float32) @ rays

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of points (N, 3) of the socket frame."""
        return project(self.camera.camera, (points - self.origin) @ self.turn)


def _surfaces(
    view: _View, eye: Eye, pose: EyePose, lids: Lids, relief: Relief, pupil_radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Radiance (H, W), parts (H, W), and what the skin alone would give (H, W)."""
    model = view.camera.camera
    rays = view.rays(view.camera.rays)
    coarse_rays, shape = view.camera.coarse_rays
    coarse = trace_skin(relief, view.origin, view.rays(coarse_rays), shape, view.lights)
    x, y, light = (
        cv2.resize(field, (model.width, model.height), interpolation=cv2.INTER_CUBIC)
        for field in (coarse.x, coarse.y, coarse.light)
    )
    texture = cv2.remap(
        eye.textures.skin,
        (x + np.maximum(x - NOSE_X_MM, 0.0)) * (1.0 / SKIN_STEP_MM) + SKIN_SIDE / 2,
        y * (1.0 / SKIN_STEP_MM) + SKIN_SIDE / 2,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    skin = np.maximum(light, 0.0) * texture * np.float32(eye.face.skin / MIDDLE)
    radiance = skin.copy()
    parts = np.full(skin.shape, Part.SKIN, np.uint8)
    pixel_mm = 1.0 / view.px_per_mm
    share = lids.share_open(x, y, pixel_mm).ravel()
    near = np.flatnonzero(share)
    if len(near):
        cover, under = share[near], skin.ravel()[near]
        value, part = shade_eyeball(
            eye, pose, lids, pupil_radius, view.origin, rays[:, near], under, view.lights, pixel_mm
        )
        radiance.ravel()[near] = under + cover * (value - under)
        parts.ravel()[near] = np.where(cover > 0.5, part, Part.SKIN)
    return radiance, parts, skin


def _rims(view: _View, eye: Eye, pose: EyePose, pupil_radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (RIM_POINTS, 3) on the cornea through which the pupil's rim is seen, and those of the limbus."""
    ball = eye.eyeball
    rim = pose.ring(pose.pupil_centre_mm, pupil_radius)
    seen = refraction_points(view.origin, rim, pose.cornea_centre_mm, ball.cornea_radius_mm)
    return seen, pose.ring(pose.limbus_centre_mm, ball.limbus_radius_mm)


def _labels(
    view: _View,
    person: EyePerson,
    side: str,
    scene: EyeScene,
    pose: EyePose,
    pupil_px: int,
    rims_px: np.ndarray,
    glints_px: np.ndarray,
    parts: np.ndarray,
) -> EyeLabels:
    pupil = fit_ellipse(rims_px[:RIM_POINTS])
    in_head = _axes_in_head(view, pose, scene)
    area = np.pi * np.prod(pupil.semi_axes_px)
    return EyeLabels(
        side=side,
        present=True,
        openness=scene.openness,
        pupil_visible=float(min(1.0, pupil_px / area)),
        pupil_diameter_mm=scene.pupil_diameter_mm,
        kappa_rad=np.array(person.eyes[side].eyeball.kappa_rad),
        in_head=in_head,
        in_rig=_moved(in_head, view.head_T_rig),
        in_camera=_moved(in_head, view.head_T_camera),
        pupil=pupil,
        iris=fit_ellipse(rims_px[RIM_POINTS : 2 * RIM_POINTS]),
        glints_px=glints_px,
        parts=parts,
    )


def _axes_in_head(view: _View, pose: EyePose, scene: EyeScene) -> Axes:
    return Axes(
        visual_axis=view.mirror * pose.visual_axis,
        optical_axis=view.mirror * pose.optical_axis,
        eyeball_centre_mm=view.centre,
        cornea_centre_mm=view.head_from_socket(pose.cornea_centre_mm),
        pupil_centre_mm=view.head_from_socket(pose.pupil_centre_mm),
        target_mm=1000.0 * scene.target_m,
    )


def _moved(axes: Axes, head_T_frame: np.ndarray) -> Axes:
    """The same in another frame, whose pose in the head is given (4, 4)."""
    rotation, place = head_T_frame[:3, :3], head_T_frame[:3, 3]
    points = (axes.eyeball_centre_mm, axes.cornea_centre_mm, axes.pupil_centre_mm, axes.target_mm)
    return Axes(
        axes.visual_axis @ rotation, axes.optical_axis @ rotation, *((point - place) @ rotation for point in points)
    )
