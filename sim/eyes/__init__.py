"""Eyes and head of the simulated wearer, and free viewing of pictures."""

from gaze_vlm_ros.sim.eyes.eyes import Eyes
from gaze_vlm_ros.sim.eyes.traits import EyeTraits

__all__ = ["EyeTraits", "Eyes"]
