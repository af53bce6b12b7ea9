"""Pictures as another camera would take them: as bright, as sharp and as noisy as unlabelled pictures of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class PictureStyle:
    """What many pictures (N, S, S) have in common: ``level``, their mean, and ``power`` (S/2 + 1,), the mean of their
    spectrum's squared amplitudes at each distance from zero frequency."""

    level: float
    power: np.ndarray

    @classmethod
    def of(cls, pictures: np.ndarray) -> PictureStyle:
        """Of pictures (N, S, S) uint8."""
        values = pictures.astype(np.float32)
        level = float(values.mean())
        rings = _rings(pictures.shape[-1])
        squares = (np.abs(np.fft.rfft2(values - values.mean((1, 2), keepdims=True))) ** 2).mean(0)
        power = np.bincount(rings.ravel(), squares.ravel()) / np.bincount(rings.ravel())
        return cls(level, power)


def restyled(
    pictures: np.ndarray, own: PictureStyle, other: PictureStyle, rng: np.random.Generator, share: float = 1.0
) -> np.ndarray:
    """``pictures`` (N, S, S) uint8 of the style ``own``, a ``share`` of them in the style ``other``: dimmed or lit, and
    blurred where their spectrum is too strong; what it lacks in fine detail is added as noise. Where the eye looks does
    not change."""
    side = pictures.shape[-1]
    rings = _rings(side)
    gain = np.sqrt(other.power / np.maximum(own.power, 1e-9))
    # Fine detail of the scene cannot be made, only noise, so that no ring gains more than the coarse ones do.
    coarse = float(np.sqrt(other.power[1:4].sum() / own.power[1:4].sum()))
    gain = np.minimum(gain, coarse)
    missing = np.sqrt(np.maximum(other.power - gain**2 * own.power, 0.0)) / side
    gain[0], missing[0] = other.level / own.level, 0.0
    noise = np.fft.rfft2(rng.standard_normal(pictures.shape)) * missing[rings]
    made = np.fft.irfft2(np.fft.rfft2(pictures.astype(np.float32)) * gain[rings] + noise, s=(side, side))
    chosen = rng.random(len(pictures)) < share
    return np.clip(np.where(chosen[:, None, None], made, pictures), 0.0, 255.0).astype(np.uint8)


def _rings(side: int) -> np.ndarray:
    """(S, S/2 + 1) int: which ring each frequency belongs to; the corners to the last one."""
    away = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) * side
    return np.minimum(away.round().astype(int), side // 2)
