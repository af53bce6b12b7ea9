"""How far estimates are off: angles [deg] over pictures."""

from __future__ import annotations

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.frames import direction_of
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.training.eyes.batches import to_pixels

_BATCH = 256


def angles_deg(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Angles (N,) [deg] between directions given by yaw and pitch (N, 2) [rad]."""
    return np.degrees(angle_between(direction_of(*estimated.T), direction_of(*true.T)))


@torch.inference_mode()
def estimate_all(net: EyeNet, pictures: np.ndarray) -> np.ndarray:
    """Yaw and pitch (N, 2) [rad] of pictures (N, S, S) uint8 as of left eyes; ``net`` is in evaluation mode."""
    parts = [
        net(to_pixels(torch.from_numpy(pictures[start : start + _BATCH]))) for start in range(0, len(pictures), _BATCH)
    ]
    return torch.cat(parts).numpy()
