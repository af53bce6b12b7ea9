"""One unbroken stretch of gaze, cut into fixations and saccades as it grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaze_vlm_ros.gaze.detector_settings import DetectorSettings
from gaze_vlm_ros.gaze.noise import SpeedThreshold
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.types import NS_PER_S, EyeMovement, EyeMovementKind

_PEAK_WINDOW_S = 0.02
_FOLD_AT = 2048
_FOLD_TO = 512
_EDGE_SIGMAS = 0.7
_EDGE_SHARE = (0.01, 0.3)


class Track:
    """Samples since the fixation under way began, and what is not decided yet.

    A fixation ends, and the next begins, at the last and first sample that still lies where it rests; the saccade
    between them starts and ends at these same stamps.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self._settings = settings
        self._half = max(1, int(settings.window_s * settings.rate_hz / 2))
        self._peak_half = max(1, int(_PEAK_WINDOW_S * settings.rate_hz / 2))
        self._pause = max(2, round((settings.min_fixation_s - settings.window_s) * settings.rate_hz))
        self._threshold = SpeedThreshold(settings)
        self._clear()

    def add(self, stamp_ns: int, ray: np.ndarray, point_px: np.ndarray) -> list[EyeMovement]:
        """Eye movements that are decided by this sample, oldest first."""
        self._stamps.append(stamp_ns)
        self._rays.append(ray)
        self._points.append(point_px)
        self._speeds.append(float("nan"))
        centre = len(self._stamps) - 1 - self._half
        if centre < self._half:
            return []
        speed = self._slope(centre, self._half)
        self._threshold.add(speed)
        self._speeds[centre] = speed
        if speed > self._threshold.value():
            self._first = centre if self._first is None else self._first
            self._last = centre
            return self._break_off(centre) if self._lasts(self._first, centre, self._settings.max_saccade_s) else []
        if self._first is not None:
            return self._settle() if centre - self._last >= self._pause else []
        rested = self._lasts(0, centre, self._settings.min_fixation_s + self._settings.window_s)
        self._fold()
        return self._release() if rested else []

    def finish(self) -> list[EyeMovement]:
        """The fixation under way, up to the movement that has begun, if any; the track is then empty."""
        end = len(self._stamps) - 1 if self._first is None else self._first
        done = []
        if end >= 0 and self._lasts(0, end, self._settings.min_fixation_s):
            done = [*self._release(), self._fixation(end)]
        self._clear()
        return done

    @property
    def moving_since_ns(self) -> int | None:
        """Stamp at which the movement under way began; None while the eye rests."""
        return None if self._first is None else self._stamps[self._first]

    def _clear(self) -> None:
        self._stamps: list[int] = []
        self._rays: list[np.ndarray] = []
        self._points: list[np.ndarray] = []
        self._speeds: list[float] = []
        self._folded = 0
        self._folded_sum = np.zeros(2)
        self._folded_peak = 0.0
        self._start: tuple[int, np.ndarray] | None = None
        self._begins_at_rest = False
        self._first: int | None = None
        self._last = 0
        self._saccade: EyeMovement | None = None
        self._saccade_from = np.full(3, np.nan)

    def _settle(self) -> list[EyeMovement]:
        """The movement from ``_first`` to ``_last`` is over: was it a saccade?"""
        first, last, self._first = self._first, self._last, None
        if first <= self._half and not self._begins_at_rest:
            self._drop(last)
            return []
        before = np.array(self._rays[max(0, first - self._pause) : first])
        after = np.array(self._rays[last + 1 : last + 1 + self._pause])
        origin, landing = _mean_ray(before), _mean_ray(after)
        amplitude = float(angle_between(origin, landing))
        noise = self._position_sigma()
        if amplitude < max(self._settings.min_amplitude_rad, 3.0 * noise * np.sqrt(1 / len(before) + 1 / len(after))):
            return []
        onset, offset = self._edges(first, last, origin, landing, _EDGE_SIGMAS * noise / amplitude)
        peak = max(self._slope(index, self._peak_half) for index in range(onset, offset + 1))
        saccade = EyeMovement(
            EyeMovementKind.SACCADE,
            self._stamps[onset],
            self._stamps[offset],
            np.mean(self._points[onset : offset + 1], axis=0),
            amplitude,
            peak,
        )
        done = []
        if self._lasts(0, onset, self._settings.min_fixation_s):
            done = [*self._release(), self._fixation(onset)]
        elif self._saccade is not None:
            saccade = self._joined(saccade, landing)
            origin = self._saccade_from
        self._saccade, self._saccade_from = saccade, origin
        self._drop(offset)
        return done

    def _edges(
        self, first: int, last: int, origin: np.ndarray, landing: np.ndarray, tolerance: float
    ) -> tuple[int, int]:
        """Last sample that still lies at the origin, first that lies at the landing: the fitted slope smears both."""
        low, high = max(0, first - self._half), min(last + self._half, len(self._rays) - 1)
        way = landing - origin
        progress = (np.array(self._rays[low : high + 1]) - origin) @ way / (way @ way)
        share = float(np.clip(tolerance, *_EDGE_SHARE))
        middle = int(np.argmax(progress >= 0.5))
        behind = np.flatnonzero(progress[:middle] <= share)
        ahead = np.flatnonzero(progress[middle:] >= 1.0 - share)
        onset = low + int(behind[-1]) if len(behind) else low
        offset = low + middle + int(ahead[0]) if len(ahead) else high
        return onset, max(offset, onset + 1)

    def _joined(self, saccade: EyeMovement, landing: np.ndarray) -> EyeMovement:
        """The saccade held back and this one as one, because no fixation lies between them."""
        return replace(
            saccade,
            start_ns=self._saccade.start_ns,
            amplitude_rad=float(angle_between(self._saccade_from, landing)),
            peak_velocity_rad_s=max(self._saccade.peak_velocity_rad_s, saccade.peak_velocity_rad_s),
        )

    def _break_off(self, centre: int) -> list[EyeMovement]:
        """A movement too long for a saccade (pursuit, a turning head): neither kind; look again from here."""
        done = []
        if self._lasts(0, self._first, self._settings.min_fixation_s):
            done = [*self._release(), self._fixation(self._first)]
        self._first, self._saccade = None, None
        self._drop(centre)
        self._begins_at_rest = False
        return done

    def _drop(self, index: int) -> None:
        """Let the fixation under way begin at this sample."""
        for values in (self._stamps, self._rays, self._points, self._speeds):
            del values[:index]
        self._folded, self._folded_sum, self._folded_peak, self._start = 0, np.zeros(2), 0.0, None
        self._begins_at_rest = True

    def _fold(self) -> None:
        """Keep only sums of the older samples of a very long fixation."""
        if len(self._stamps) < _FOLD_AT:
            return
        surplus = len(self._stamps) - _FOLD_TO
        start, peak = self._start or (self._stamps[0], self._rays[0]), self._peak(surplus)
        folded, total = self._folded + surplus, self._folded_sum + np.sum(self._points[:surplus], axis=0)
        self._drop(surplus)
        self._start, self._folded, self._folded_sum, self._folded_peak = start, folded, total, peak

    def _release(self) -> list[EyeMovement]:
        """The saccade held back: the fixation after it is long enough to count."""
        held, self._saccade = self._saccade, None
        return [] if held is None else [held]

    def _fixation(self, end: int) -> EyeMovement:
        start_ns, start_ray = self._start or (self._stamps[0], self._rays[0])
        total = self._folded_sum + np.sum(self._points[: end + 1], axis=0)
        return EyeMovement(
            EyeMovementKind.FIXATION,
            start_ns,
            self._stamps[end],
            total / (self._folded + end + 1),
            float(angle_between(start_ray, self._rays[end])),
            self._peak(end + 1),
        )

    def _peak(self, count: int) -> float:
        """Highest speed of the fixation up to its first ``count`` samples here."""
        return float(np.nanmax([*self._speeds[:count], self._folded_peak]))

    def _lasts(self, first: int, last: int, duration_s: float) -> bool:
        start_ns = self._start[0] if first == 0 and self._start else self._stamps[first]
        return self._stamps[last] - start_ns >= duration_s * NS_PER_S

    def _slope(self, centre: int, half: int) -> float:
        """Speed [rad/s]: the line fitted to the samples within ``half`` of ``centre`` at their true stamps."""
        low, high = max(0, centre - half), centre + half + 1
        time = (np.array(self._stamps[low:high]) - self._stamps[centre]) / NS_PER_S
        time = time - time.mean()
        return float(np.linalg.norm(time @ np.array(self._rays[low:high])) / (time @ time))

    def _position_sigma(self) -> float:
        """Noise of one direction per axis [rad], from that of the fitted slopes."""
        half = self._half
        return self._threshold.sigma / self._settings.rate_hz * np.sqrt(half * (half + 1) * (2 * half + 1) / 3)


def _mean_ray(rays: np.ndarray) -> np.ndarray:
    mean = rays.mean(axis=0)
    return mean / np.linalg.norm(mean)
