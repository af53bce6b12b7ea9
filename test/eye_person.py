"""A person before two eye cameras, by rendered pictures or by a stub that reads the gaze off a picture's pixels."""

import numpy as np

from gaze_vlm_ros.gaze.eyes.binocular import EyeGeometry
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of

GEOMETRY = EyeGeometry()
SHUT = 255
_SCALE = 1e4


def picture(direction):
    """A picture (64, 64) uint8 that says in its first pixels where the eye looks; None: a shut eye."""
    made = np.full((64, 64), 120, np.uint8)
    made[0, :4] = SHUT if direction is None else 0
    if direction is not None:
        made[0, :4] = np.round(_SCALE * (yaw_pitch_of(direction) + 1.0)).astype(">u2").view(np.uint8)
    return made


def pictures_towards(point_m):
    """Both eyes' pictures of a person who looks at a point (3,) of the scene camera [m]; None: shut eyes."""
    if point_m is None:
        return picture(None), picture(None)
    return tuple(picture(direction) for direction in GEOMETRY.directions_to(point_m))


class PixelReader:
    """An estimator that reads ``picture``s, and is wrong by ``error_deg`` (yaw, pitch), as for a stranger."""

    error_deg = (0.0, 0.0)

    def estimate(self, left, right):
        return BinocularEstimate(*(None if seen is None else self._read(seen) for seen in (left, right)))

    def with_adapters(self, adapters):
        return self

    def _read(self, seen):
        if seen.max() < 20:
            return EyeEstimate.invalid("unusable", f"dark: 99 % of it is below {seen.max()} of 255")
        if (seen[0, :4] == SHUT).all():
            return EyeEstimate.invalid("closed", "the eye is closed")
        angles = seen[0, :4].copy().view(">u2") / _SCALE - 1.0 + np.radians(self.error_deg)
        return EyeEstimate(direction_of(*angles), np.radians([0.5, 0.5]), "open", pupil_diameter_mm=4.0)
