"""Scripted experts: each solves one robot task from its true state, for demonstrations and as an upper bound."""

from __future__ import annotations

from gaze_vlm_ros.policies.experts.evaluate import evaluate
from gaze_vlm_ros.policies.experts.registry import EXPERTS, expert_for
from gaze_vlm_ros.policies.experts.skills import Expert

__all__ = ["EXPERTS", "Expert", "evaluate", "expert_for"]
