"""Panorama: all that can be seen from the eye's place at one instant, stored as finely as the fovea needs it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import mujoco
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.robot_eye.viewpoint import Viewpoint

FINE_PX_PER_DEG = 4
"""Of the arc; the fovea shows 3.7."""
REST_PX_PER_DEG = 2
"""Of the whole sphere: twice what the two wider views need."""
_REST_SIZE_PX = 180 * REST_PX_PER_DEG, 360 * REST_PX_PER_DEG
_FORMATS = {"png": [], "jpg": [cv2.IMWRITE_JPEG_QUALITY, 95]}
_FINE_FACE_PX, _COARSE_FACE_PX = 448, 256
"""Faces of the cube where the arc lies (3.9 px per degree at their coarsest) and elsewhere."""
_RIM_PX = 2
"""So much of its neighbours each face shows beyond its edge, for interpolation."""
_FACES = np.array(
    [
        [[0, 0, 1], [-1, 0, 0], [0, -1, 0]],  # ahead
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]],  # left
        [[0, 0, -1], [1, 0, 0], [0, -1, 0]],  # behind
        [[-1, 0, 0], [0, 0, -1], [0, -1, 0]],  # right
        [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],  # up
        [[0, -1, 0], [-1, 0, 0], [0, 0, -1]],  # down
    ],
    dtype=np.float64,
)
"""(6, 3, 3): the faces' optical axes, x right, y down, z forward, as columns in the mount's frame."""


class PanoramaError(GazeVlmError):
    """A stored panorama that is missing, broken or of another kind."""


@dataclass(frozen=True)
class Arc:
    """The part of the sphere that is stored finely, in degrees: azimuths to the left, elevations upwards."""

    left_deg: int = 105
    right_deg: int = -105
    top_deg: int = -12
    bottom_deg: int = -72

    def __post_init__(self) -> None:
        if not (-180 <= self.right_deg < self.left_deg <= 180 and -90 <= self.bottom_deg < self.top_deg <= 90):
            raise ValueError(f"no arc of the sphere: {self}")

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.top_deg - self.bottom_deg, self.left_deg - self.right_deg
        return height * FINE_PX_PER_DEG, width * FINE_PX_PER_DEG


@dataclass(frozen=True)
class Panorama:
    """``fine`` (*arc.size_px, 3) uint8 and ``rest`` (360, 720, 3) uint8, the whole sphere coarsely.

    In both a row is an elevation, from the top down, and a column an azimuth, from the left to the right.
    """

    fine: np.ndarray
    rest: np.ndarray
    arc: Arc = Arc()

    def __post_init__(self) -> None:
        for name, picture, size in (("fine", self.fine, self.arc.size_px), ("rest", self.rest, _REST_SIZE_PX)):
            if picture.dtype != np.uint8 or picture.shape != (*size, 3):
                raise PanoramaError(f"panorama: {name} must be {(*size, 3)} uint8, got {picture.shape} {picture.dtype}")

    @functools.cached_property
    def round_rest(self) -> np.ndarray:
        """``rest`` twice side by side (360, 1442, 3) with a column more on either side: any azimuth can begin a row."""
        return _go_round(self.rest)

    @functools.cached_property
    def round_coarse(self) -> np.ndarray:
        """The same at half the density, averaged (180, 722, 3)."""
        height, width = self.rest.shape[:2]
        return _go_round(cv2.resize(self.rest, (width // 2, height // 2), interpolation=cv2.INTER_AREA))

    def save(self, folder: Path, picture_format: str = "png") -> None:
        """Writes ``arc``, ``rest`` and ``panorama.json`` into ``folder``, the last one at the end; "jpg" is smaller."""
        if picture_format not in _FORMATS:
            raise PanoramaError(f"no picture format {picture_format!r}; use one of: {', '.join(_FORMATS)}")
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in (("arc", self.fine), ("rest", self.rest)):
            _, coded = cv2.imencode(f".{picture_format}", picture[..., ::-1], _FORMATS[picture_format])
            (folder / f"{name}.{picture_format}").write_bytes(coded)
        (folder / "panorama.json").write_text(json.dumps({"format": picture_format, "arc": asdict(self.arc)}) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Panorama:
        """Raises PanoramaError that names what is missing or wrong."""
        path = folder / "panorama.json"
        try:
            described = json.loads(path.read_text())
            arc, ending = Arc(**described["arc"]), _FORMATS.keys() & {described["format"]}
        except OSError as error:
            raise PanoramaError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise PanoramaError(f"{path} does not describe a panorama: {error}") from None
        if not ending:
            raise PanoramaError(f"{path}: no picture format {described['format']!r}; use one of: {', '.join(_FORMATS)}")
        return cls(*(_read_picture(folder / f"{name}.{described['format']}") for name in ("arc", "rest")), arc)


class PanoramaBuilder:
    """Makes panoramas of a model's instants from six pictures, the faces of a cube."""

    def __init__(self, model: mujoco.MjModel, arc: Arc = Arc()) -> None:
        self.arc = arc
        fine = _rays(arc.left_deg, arc.top_deg, FINE_PX_PER_DEG, arc.size_px)
        rest = _rays(180, 90, REST_PX_PER_DEG, _REST_SIZE_PX)
        used = np.unique(_face_of(fine))
        self._sizes_px = np.where(np.isin(np.arange(6), used), _FINE_FACE_PX, _COARSE_FACE_PX)
        self._half_widths = self._sizes_px / (self._sizes_px - 2 * _RIM_PX)
        self._fine_maps = list(_atlas_maps(fine, self._sizes_px, self._half_widths))
        self._rest_maps = list(_atlas_maps(rest, self._sizes_px // 2, self._half_widths))
        self._viewpoint = Viewpoint(model, int(self._sizes_px.max()))

    def build(self, data: mujoco.MjData, world_T_mount: np.ndarray) -> Panorama:
        """What is seen from the origin of ``world_T_mount`` (4, 4); ``data`` needs up-to-date kinematics."""
        rotations = world_T_mount[:3, :3] @ _FACES
        faces = self._viewpoint.pictures(data, world_T_mount[:3, 3], rotations, self._half_widths, self._sizes_px)
        halves = [cv2.resize(face, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for face in faces]
        fine = cv2.remap(_atlas(faces), *self._fine_maps, cv2.INTER_LINEAR)
        return Panorama(fine, cv2.remap(_atlas(halves), *self._rest_maps, cv2.INTER_LINEAR), self.arc)

    def close(self) -> None:
        self._viewpoint.close()


def _rays(left_deg: int, top_deg: int, px_per_deg: int, size_px: tuple[int, int]) -> np.ndarray:
    """Unit rays (H, W, 3) [mount's frame] of the pixels of a picture whose upper left corner is given."""
    height, width = size_px
    elevation = np.radians(top_deg - (np.arange(height) + 0.5) / px_per_deg)[:, None]
    azimuth = np.radians(left_deg - (np.arange(width) + 0.5) / px_per_deg)[None, :]
    flat = np.cos(elevation)
    return np.stack(np.broadcast_arrays(flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)), axis=-1)


def _face_of(rays: np.ndarray) -> np.ndarray:
    """Which face (...) each ray (..., 3) meets."""
    return np.argmax(rays @ _FACES[:, :, 2].T, axis=-1)


def _atlas_maps(rays: np.ndarray, sizes_px: np.ndarray, half_widths: np.ndarray) -> Iterator[np.ndarray]:
    """OpenCV's two maps from a picture with ``rays`` (H, W, 3) to the faces below one another."""
    face = _face_of(rays)
    local = np.einsum("hwij,hwi->hwj", _FACES[face], rays)
    focal = (sizes_px / 2 / half_widths)[face]
    middle = (sizes_px[face] - 1) / 2
    above = np.concatenate([[0], np.cumsum(sizes_px)[:-1]])[face]
    column = local[..., 0] / local[..., 2] * focal + middle
    row = local[..., 1] / local[..., 2] * focal + middle + above
    yield from cv2.convertMaps(column.astype(np.float32), row.astype(np.float32), cv2.CV_16SC2)


def _atlas(faces: list[np.ndarray]) -> np.ndarray:
    """The faces below one another, aligned at the left."""
    atlas = np.zeros((sum(len(face) for face in faces), max(len(face) for face in faces), 3), np.uint8)
    top = 0
    for face in faces:
        atlas[top : top + len(face), : len(face)] = face
        top += len(face)
    return atlas


def _go_round(picture: np.ndarray) -> np.ndarray:
    return np.concatenate([picture[:, -1:], picture, picture, picture[:, :1]], axis=1)


def _read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PanoramaError(f"{path} cannot be read: {error.strerror}") from None
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR) if len(coded) else None
    if picture is None:
        raise PanoramaError(f"{path} is not a picture")
    return np.ascontiguousarray(picture[..., ::-1])
