"""Fixations, saccades and blinks from a stream of gaze samples."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.gaze.detector_settings import DetectorSettings, RateTooLow
from gaze_vlm_ros.gaze.eyelids import EyelidGate
from gaze_vlm_ros.gaze.track import Track
from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.types import NS_PER_S, CameraModel, EyeMovement, EyeMovementKind, GazeSample

__all__ = ["DetectorSettings", "EyeMovementDetector", "RateTooLow"]


class EyeMovementDetector:
    """Finds eye movements as samples come in, in the order of their stamps; each is returned once it has ended.

    A blink is a pause of 50 to 600 ms in which samples are invalid (NaN, no confidence, not worn) or the pupils vanish
    (``EyelidGate``). ``camera`` gives the direction of samples that carry a point but no ray; without it they are
    invalid.
    """

    def __init__(self, settings: DetectorSettings, camera: CameraModel | None = None) -> None:
        self.settings = settings
        self.ignored = 0
        """Samples whose stamp did not rise."""
        self._camera = camera
        self._eyelids = EyelidGate()
        self._track = Track(settings)
        self._newest_ns: int | None = None
        self._closed_ns: int | None = None

    def update(self, sample: GazeSample) -> list[EyeMovement]:
        """Eye movements that this sample brings to an end, oldest first."""
        stamp_ns = sample.stamp_ns
        if self._newest_ns is not None and stamp_ns <= self._newest_ns:
            self.ignored += 1
            return []
        done = self._after_gap(stamp_ns)
        self._newest_ns = stamp_ns
        closed = self._eyelids.update(sample)
        ray = self._direction(sample)
        if closed or not np.isfinite(ray).all():
            return done + self._close(stamp_ns)
        return done + self._open(stamp_ns) + self._track.add(stamp_ns, ray, np.asarray(sample.point_px))

    def finish(self) -> list[EyeMovement]:
        """The eye movements still under way, ended by the last sample; the detector is then ready for a new stretch."""
        self._closed_ns = None
        return self._track.finish()

    def _after_gap(self, stamp_ns: int) -> list[EyeMovement]:
        if self._newest_ns is None or stamp_ns - self._newest_ns <= self.settings.max_gap_s * NS_PER_S:
            return []
        return self.finish()

    def _close(self, stamp_ns: int) -> list[EyeMovement]:
        if self._closed_ns is None:
            self._closed_ns = stamp_ns
        if stamp_ns - self._closed_ns > self.settings.max_blink_s * NS_PER_S:
            return self._track.finish()
        return []

    def _open(self, stamp_ns: int) -> list[EyeMovement]:
        """What a pause that ends now has been: nothing, a blink, or lost data."""
        if self._closed_ns is None:
            return []
        start_ns, self._closed_ns = self._closed_ns, None
        pause_s = (stamp_ns - start_ns) / NS_PER_S
        if pause_s < self.settings.min_blink_s:
            return []
        # A falling lid drags the gaze along before the pupil is gone: that movement is part of the blink.
        moving_ns = self._track.moving_since_ns
        done = self._track.finish()
        if pause_s <= self.settings.max_blink_s:
            done.append(EyeMovement(EyeMovementKind.BLINK, start_ns if moving_ns is None else moving_ns, stamp_ns))
        return done

    def _direction(self, sample: GazeSample) -> np.ndarray:
        if sample.valid:
            return np.asarray(sample.ray, dtype=np.float64)
        usable = sample.worn and sample.confidence > 0.0 and np.isfinite(sample.point_px).all()
        if usable and self._camera is not None:
            return unproject(self._camera, sample.point_px)[0]
        return np.full(3, np.nan)
