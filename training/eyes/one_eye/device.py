"""A virtual phone or tablet in a wearer's hands: what its camera sees of an eye that looks at a dot on its screen.

The device's frame is its camera's optical frame (x right and y down in its picture, z towards the wearer) [mm].
A dot is given as One Eye does (GazeCapture): in cm from the camera, to the right and up *as the wearer sees the
screen*, which is (-x, -y). The picture is the crop of one eye, as wide as 1.7 times the distance of the eye's corners.
Pictures are grey: the renderer knows no colours of eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector, transform_points
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeCamera, EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene
from gaze_vlm_ros.types import CameraKind, CameraModel

PICTURE_PX = (480, 640)
"""Width and height of the device camera's picture, as in GazeCapture."""
_FOCAL_PX = 580.0
_CROP = 1.7
_CORNER_DEPTH_MM = 4.0
_LIGHT_MM = 55.0


@dataclass(frozen=True)
class Device:
    """``screen_cm``: left, right, bottom, top of the screen, from the camera; ``distance_mm``: least, most."""

    name: str
    screen_cm: tuple[float, float, float, float]
    distance_mm: tuple[float, float]


DEVICES = (
    Device("phone", (-3.2, 3.2, -12.5, -0.8), (280.0, 420.0)),
    Device("tablet", (-7.6, 7.6, -20.5, -1.0), (330.0, 500.0)),
)


@dataclass(frozen=True, eq=False)
class Hold:
    """How a device is held and lit: its pose in the head frame (4, 4) [mm]; unit directions (N, 3) to the lights
    [head frame]; how bright the camera's picture becomes (0..1)."""

    head_T_device: np.ndarray
    lights: np.ndarray
    level: float


@dataclass(frozen=True, eq=False)
class Frame:
    """One moment: crops (2, S, S) uint8 of the left and the right eye, their corners (2, 4) as shares of the camera's
    picture, left corner in the picture first, x and y each; and the dot (2,) [cm]."""

    pictures: np.ndarray
    landmarks: np.ndarray
    dot_cm: np.ndarray


def hold_device(rng: np.random.Generator, device: Device) -> Hold:
    """A way to hold it: below or before the face, turned to it within some degrees, two or three lights about."""
    distance = rng.uniform(*device.distance_mm)
    right, up = np.radians(rng.normal((0.0, -9.0), (5.0, 7.0)))
    place = distance * np.array([np.sin(right), -np.sin(up), np.cos(right) * np.cos(up)])
    turn = _facing(place) @ rotation_from_vector(np.radians(rng.normal(0.0, (4.0, 4.0, 3.0))))
    lights = rng.normal((0.0, -0.5, 0.9), (0.6, 0.4, 0.2), (int(rng.integers(2, 4)), 3))
    lights /= np.linalg.norm(lights, axis=1, keepdims=True)
    return Hold(make_transform(turn, place), lights, float(rng.uniform(0.28, 0.52)))


def moved(hold: Hold, rng: np.random.Generator, shift_mm: float, turn_deg: float) -> Hold:
    """The same a moment later: hands and head have moved by normal errors."""
    turn = rotation_from_vector(np.radians(rng.normal(0.0, turn_deg, 3)))
    change = make_transform(turn, np.zeros(3))
    pose = hold.head_T_device @ change
    pose[:3, 3] += rng.normal(0.0, shift_mm, 3)
    return Hold(pose, hold.lights, hold.level)


def target_in_head_m(hold: Hold, dot_cm: np.ndarray) -> np.ndarray:
    """The dot (2,) [cm] on the screen as a point (3,) [m, head frame]."""
    return 0.001 * transform_points(hold.head_T_device, 10.0 * np.array([-dot_cm[0], -dot_cm[1], 0.0]))


def take(
    person: EyePerson, hold: Hold, dot_cm: np.ndarray, image_size: int, rng: np.random.Generator, pupil_mm: float
) -> Frame:
    """What the device's camera sees of both eyes while they look at the dot; ``rng``: sensor, lids, landmarks."""
    scene = EyeScene(target_in_head_m(hold, dot_cm), pupil_mm, float(rng.uniform(0.8, 1.0)))
    pictures, landmarks = [], []
    for side in SIDES:
        corners = _corners_px(person, hold, side) + rng.normal(0.0, 0.5, (2, 2))
        rig = EyeRig("device", {side: _camera(person, hold, side, corners, image_size)})
        pictures.append(render_eye(person, rig, side, scene, rng).image)
        landmarks.append((corners / PICTURE_PX).ravel())
    return Frame(np.stack(pictures), np.array(landmarks), np.asarray(dot_cm, dtype=np.float64))


def _facing(place: np.ndarray) -> np.ndarray:
    """Axes (3, 3) of a camera at ``place`` (3,) [head frame] that looks back at the head, upright."""
    ahead = -place / np.linalg.norm(place)
    right = np.cross((0.0, 1.0, 0.0), ahead)
    right /= np.linalg.norm(right)
    return np.column_stack([right, np.cross(ahead, right), ahead])


def _whole() -> CameraModel:
    return _model(PICTURE_PX, _FOCAL_PX, (0.5 * (PICTURE_PX[0] - 1), 0.5 * (PICTURE_PX[1] - 1)))


def _model(size: tuple[int, int], focal_px: float, centre_px: tuple[float, float]) -> CameraModel:
    matrix = np.array([[focal_px, 0.0, centre_px[0]], [0.0, focal_px, centre_px[1]], [0.0, 0.0, 1.0]])
    return CameraModel(*size, matrix, np.zeros(0), CameraKind.PINHOLE, "device_camera_optical")


def _corners_px(person: EyePerson, hold: Hold, side: str) -> np.ndarray:
    """Pixels (2, 2) of one eye's corners in the device camera's picture, the left one there first."""
    shape = person.eyes[side].lids
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    corners = np.array(
        [
            [shape.nasal_x_mm, shape.nasal_y_mm, _CORNER_DEPTH_MM],
            [shape.temporal_x_mm, shape.temporal_y_mm, _CORNER_DEPTH_MM],
        ]
    )
    in_device = transform_points(
        invert_transform(hold.head_T_device), mirror * corners + person.eyeball_centre_mm(side)
    )
    pixels = project(_whole(), in_device)
    return pixels[np.argsort(pixels[:, 0])]


def _camera(person: EyePerson, hold: Hold, side: str, corners_px: np.ndarray, image_size: int) -> EyeCamera:
    """The device's camera, cut out about one eye. Its lights stand near that eye in the directions of the true ones."""
    side_px = _CROP * float(np.linalg.norm(corners_px[1] - corners_px[0]))
    scale = image_size / side_px
    whole, middle = _whole(), corners_px.mean(axis=0)
    centre = 0.5 * (image_size - 1) + scale * (whole.matrix[:2, 2] - middle)
    # the renderer hangs a rig where the glasses sit on this face; a device knows nothing of that
    rig_T_camera = hold.head_T_device.copy()
    rig_T_camera[:3, 3] -= person.fit_mm
    lights = person.eyeball_centre_mm(side) - person.fit_mm + _LIGHT_MM * hold.lights
    model = _model((image_size, image_size), scale * whole.matrix[0, 0], tuple(centre))
    return EyeCamera(
        model, rig_T_camera, lights, level=hold.level, vignette=0.0, defocus_px=0.7, read_noise=1.0, shot_noise=5.0
    )
