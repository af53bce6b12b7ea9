"""The foveated eye-hand policy (EyeRobot, arXiv 2506.10968)."""

from __future__ import annotations

from gaze_vlm_ros.policies.foveated.config import FoveatedConfig, PolicyError
from gaze_vlm_ros.policies.foveated.policy import FoveatedPolicy
from gaze_vlm_ros.policies.foveated.runner import Runner, StepOutput
from gaze_vlm_ros.policies.foveated.target import TargetToken, embed_text, instruction

__all__ = [
    "FoveatedConfig",
    "FoveatedPolicy",
    "PolicyError",
    "Runner",
    "StepOutput",
    "TargetToken",
    "embed_text",
    "instruction",
]
