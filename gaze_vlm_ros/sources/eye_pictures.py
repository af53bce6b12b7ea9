"""Eye cameras of recordings and devices: what a source with eye cameras offers beside frames and gaze."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

from gaze_vlm_ros.sources.base import Source, SourceError
from gaze_vlm_ros.types import EyePicture


@runtime_checkable
class EyeCameraSource(Protocol):
    """A source that may hold pictures of the wearer's eyes, with stamps of the source's own clock."""

    def eye_pictures(self) -> Iterator[EyePicture]:
        """In stamp order, left before right; each call starts from the beginning.

        Raises :class:`SourceError` where there are no eye cameras, with the remedy, before the first picture.
        """

    @property
    def camera_T_rig(self) -> np.ndarray | None:
        """The rig (between the eyes, x right, y down, z forward) in the scene camera (4, 4) [m]; None if unknown."""


def eye_cameras_of(source: Source) -> EyeCameraSource:
    """The source as one with eye cameras. Raises :class:`SourceError` for a kind of source that never has them."""
    if isinstance(source, EyeCameraSource):
        return source
    raise SourceError(
        f"{source.info.location}: {source.info.name} sources have no eye cameras; replay it without eye_cameras, or "
        "use a recording of Aria or Neon"
    )


def halves(stamp_ns: int, both: np.ndarray, sequence: int) -> tuple[EyePicture, EyePicture]:
    """Left and right eye of one picture (H, W) uint8 that shows both side by side, the left eye in its left half."""
    middle = both.shape[1] // 2
    return (
        EyePicture(stamp_ns, "left", np.ascontiguousarray(both[:, :middle]), sequence),
        EyePicture(stamp_ns, "right", np.ascontiguousarray(both[:, middle : 2 * middle]), sequence),
    )
