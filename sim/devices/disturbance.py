"""What goes wrong in an eye tracker, sample by sample: offset, drift, noise, slips of the glasses, loss, latency."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.signal import lfilter

from gaze_vlm_ros.sim.devices.presets import TrackerPreset

_BLOCK = 256
"""Samples drawn at a time. Fixed, so that what a sample suffers does not depend on how often the device is read."""


@dataclass(frozen=True)
class Disturbance:
    """For n samples in a row: error of yaw and pitch (n, 2) [rad], of the angle between the eyes (n,) [rad], place of
    the glasses on the head relative to where they were fitted (n, 3) [mm, scene camera's axes], whether the sample is
    lost (n,) bool, and its latency (n,) [s].
    """

    angle_rad: np.ndarray
    vergence_rad: np.ndarray
    slip_mm: np.ndarray
    lost: np.ndarray
    latency_s: np.ndarray

    def __len__(self) -> int:
        return len(self.lost)


class DisturbanceStream:
    """Draws the disturbance of each sample in turn for one person wearing one device."""

    def __init__(self, preset: TrackerPreset, rng: np.random.Generator) -> None:
        self._preset = preset
        self._rng = rng
        offset_rad = np.deg2rad(preset.offset_sigma_deg)
        self._constant_rad = rng.normal(0.0, offset_rad * np.sqrt(1.0 - preset.drift_share), 2)
        step_s = 1.0 / preset.gaze_rate_hz
        self._drift = _Memory(
            rng, offset_rad * np.sqrt(preset.drift_share), float(np.exp(-step_s / preset.drift_time_s))
        )
        self._noise = _Memory(rng, np.deg2rad(preset.noise_sigma_deg), preset.noise_memory)
        self._slip_chance = 1.0 - np.exp(-step_s / preset.slippage_every_s)
        self._slip_mm = np.zeros(3)
        self._end_loss = min(1.0, step_s / preset.loss_duration_s) if preset.loss_duration_s > 0.0 else 1.0
        self._begin_loss = self._end_loss * preset.data_loss / (1.0 - preset.data_loss)
        self._losing = bool(rng.random() < preset.data_loss)
        self._ready = self._draw()

    def take(self, count: int) -> Disturbance:
        """The next ``count`` samples' disturbance."""
        while len(self._ready) < count:
            self._ready = _join(self._ready, self._draw())
        taken, self._ready = _cut(self._ready, slice(count)), _cut(self._ready, slice(count, None))
        return taken

    def _draw(self) -> Disturbance:
        preset, rng = self._preset, self._rng
        vergence_rad = np.deg2rad(preset.vergence_sigma_deg or 0.0)
        return Disturbance(
            self._constant_rad + self._drift.draw() + self._noise.draw(),
            rng.normal(0.0, vergence_rad, _BLOCK),
            self._draw_slips(),
            self._draw_losses(),
            self._draw_latencies(),
        )

    def _draw_slips(self) -> np.ndarray:
        """The glasses stay where they are until they slip to an independent new place."""
        places = np.vstack([self._slip_mm, self._rng.normal(0.0, self._preset.slippage_mm, (_BLOCK, 3))])
        slips = self._rng.random(_BLOCK) < self._slip_chance
        latest = np.maximum.accumulate(np.where(slips, np.arange(1, _BLOCK + 1), 0))
        self._slip_mm = places[latest[-1]]
        return places[latest]

    def _draw_losses(self) -> np.ndarray:
        lost = np.empty(_BLOCK, bool)
        for index, chance in enumerate(self._rng.random(_BLOCK).tolist()):
            self._losing = chance >= self._end_loss if self._losing else chance < self._begin_loss
            lost[index] = self._losing
        return lost

    def _draw_latencies(self) -> np.ndarray:
        mean, jitter = self._preset.latency_s, self._preset.latency_jitter_s
        if mean == 0.0 or jitter == 0.0:
            return np.full(_BLOCK, mean)
        return self._rng.gamma((mean / jitter) ** 2, jitter**2 / mean, _BLOCK)


class _Memory:
    """A stationary signal of two axes whose samples keep ``memory`` of the one before (first-order autoregression)."""

    def __init__(self, rng: np.random.Generator, sigma: float, memory: float) -> None:
        self._rng, self._sigma, self._memory = rng, sigma, memory
        self._last = rng.normal(0.0, sigma, 2)

    def draw(self) -> np.ndarray:
        """The next block (_BLOCK, 2)."""
        fresh = self._rng.normal(0.0, self._sigma * np.sqrt(1.0 - self._memory**2), (_BLOCK, 2))
        signal, _ = lfilter([1.0], [1.0, -self._memory], fresh, axis=0, zi=self._memory * self._last[None])
        self._last = signal[-1]
        return signal


def _join(first: Disturbance, second: Disturbance) -> Disturbance:
    parts = ((getattr(first, field.name), getattr(second, field.name)) for field in fields(Disturbance))
    return Disturbance(*(np.concatenate(part) for part in parts))


def _cut(whole: Disturbance, part: slice) -> Disturbance:
    return Disturbance(*(getattr(whole, field.name)[part] for field in fields(Disturbance)))
