"""When help is wanted, and with what: evidence from predictions and gaze, accumulated and weighed."""

from gaze_vlm_ros.policies.wants.chooser import WantChooser
from gaze_vlm_ros.policies.wants.decision import Want, WantDecision
from gaze_vlm_ros.policies.wants.evidence import Evidence
from gaze_vlm_ros.policies.wants.files import WantError
from gaze_vlm_ros.policies.wants.weights import WantWeights

__all__ = ["Evidence", "Want", "WantChooser", "WantDecision", "WantError", "WantWeights"]
