"""The same eye before another background and in another light, by exact masks of what each pixel shows."""

from __future__ import annotations

import cv2
import numpy as np

from gaze_vlm_ros.sim.eye_images.labels import Part

_EYE = (Part.SCLERA, Part.IRIS, Part.PUPIL, Part.GLINT)
_GRID = 4
_LIGHT, _GAMMA, _NOISE = 0.35, 0.25, 6.0
_GLINTS = 3


def switched(pictures: np.ndarray, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (N, S, S) uint8 with ``parts`` (N, S, S): skin of another of them or as it was, light that falls from
    elsewhere, glints gone and others put in, more or less noise and focus. Where the eye looks does not change.
    """
    others = rng.permutation(len(pictures))
    made = [
        _switch(picture, part, pictures[other], rng)
        for picture, part, other in zip(pictures, parts, others, strict=True)
    ]
    return np.stack(made)


def _switch(picture: np.ndarray, part: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = len(picture)
    eye = np.isin(part, _EYE)
    value = _without_glints(picture, part == Part.GLINT)
    if rng.random() < 0.5:
        share = cv2.GaussianBlur(eye.astype(np.float32), (0, 0), 0.8)
        level = value[~eye].mean() / max(float(other.mean()), 1.0) if not eye.all() else 1.0
        value = share * value + (1.0 - share) * level * other
    field = cv2.resize(
        rng.standard_normal((_GRID, _GRID), dtype=np.float32), (side, side), interpolation=cv2.INTER_CUBIC
    )
    value = 255.0 * np.clip(value / 255.0, 0.0, 1.0) ** np.exp(_GAMMA * rng.standard_normal())
    value *= np.exp(_LIGHT * field + 0.3 * rng.standard_normal())
    value = _with_glints(value, eye, rng)
    value = cv2.GaussianBlur(value.astype(np.float32), (0, 0), float(rng.uniform(0.3, 0.9)))
    value += rng.uniform(0.0, _NOISE) * rng.standard_normal(value.shape)
    return np.clip(value, 0.0, 255.0).astype(np.uint8)


def _without_glints(picture: np.ndarray, glints: np.ndarray) -> np.ndarray:
    if not glints.any():
        return picture.astype(np.float32)
    wide = cv2.dilate(glints.astype(np.uint8), np.ones((3, 3), np.uint8))
    return cv2.inpaint(picture, wide, 2, cv2.INPAINT_TELEA).astype(np.float32)


def _with_glints(value: np.ndarray, eye: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Up to three bright spots somewhere on the eye."""
    rows, columns = np.nonzero(eye)
    count = int(rng.integers(_GLINTS + 1)) if len(rows) else 0
    y, x = np.mgrid[: len(value), : len(value)]
    for index in rng.integers(max(1, len(rows)), size=count):
        distance = (y - rows[index]) ** 2 + (x - columns[index]) ** 2
        value = value + 200.0 * np.exp(distance / (-2.0 * rng.uniform(0.5, 1.0) ** 2))
    return value
