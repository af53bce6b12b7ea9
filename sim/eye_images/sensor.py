"""The camera's part: exposure, vignetting, defocus, noise, and 8 bits."""

from __future__ import annotations

import cv2
import numpy as np

from gaze_vlm_ros.sim.eye_images.rig import EyeCamera

_BLACK = 0.016
_LEAST_LIGHT = 0.02


def expose(radiance: np.ndarray, camera: EyeCamera, exposure: float, rng: np.random.Generator) -> np.ndarray:
    """A picture (H, W) uint8 of ``radiance`` (H, W) float32: its mean becomes ``camera.level * exposure``."""
    gain = camera.level * exposure / max(float(radiance.mean()), _LEAST_LIGHT)
    return digitise(gain * radiance * camera.transmission, camera, rng)


def digitise(light: np.ndarray, camera: EyeCamera, rng: np.random.Generator) -> np.ndarray:
    """Blur, noise and quantisation of ``light`` (H, W), 1 = full scale; brighter saturates."""
    light = cv2.GaussianBlur(np.minimum(light, 4.0).astype(np.float32), (0, 0), camera.defocus_px)
    grey = 255.0 * np.minimum(_BLACK + light, 1.0)
    deviation = np.sqrt(camera.read_noise**2 + (camera.shot_noise**2 / 255.0) * grey)
    grey += deviation * rng.standard_normal(grey.shape, dtype=np.float32)
    return np.clip(grey + 0.5, 0.0, 255.0).astype(np.uint8)
