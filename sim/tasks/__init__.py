"""Five tasks of the robot as Gymnasium environments; importing this package registers them.

``gymnasium.make("gaze_vlm_ros.sim.tasks:gaze_vlm_ros/PickPlace-v0")`` imports it by itself.
"""

from __future__ import annotations

import gymnasium

from gaze_vlm_ros.sim.tasks.registry import CONFIGS, environment_id

for _name in CONFIGS:
    gymnasium.register(
        environment_id(_name),
        entry_point="gaze_vlm_ros.sim.tasks.environment:TaskEnvironment",
        kwargs={"task": _name},
    )
