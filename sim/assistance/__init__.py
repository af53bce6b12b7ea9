"""A kitchen whose wearer cannot reach everything: what a robot's help is worth is measured in it."""

from gaze_vlm_ros.sim.assistance.kitchen import AssistedKitchen, Scenario
from gaze_vlm_ros.sim.assistance.live import LiveKitchen
from gaze_vlm_ros.sim.assistance.wearer import AssistedWearer

__all__ = ["AssistedKitchen", "AssistedWearer", "LiveKitchen", "Scenario"]
