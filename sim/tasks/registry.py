"""Which tasks there are."""

from __future__ import annotations

from gaze_vlm_ros.sim.tasks import hand_over, pick_place, press_button, towel, wipe
from gaze_vlm_ros.sim.tasks.errors import TaskError
from gaze_vlm_ros.sim.tasks.terms import TaskConfig

CONFIGS: dict[str, TaskConfig] = {
    module.CONFIG.name: module.CONFIG for module in (press_button, pick_place, towel, wipe, hand_over)
}


def environment_id(task: str) -> str:
    """``"PickPlace"`` -> ``"gaze_vlm_ros/PickPlace-v0"``."""
    return f"gaze_vlm_ros/{task}-v0"


def config_named(task: str) -> TaskConfig:
    """Takes the bare name and the registered one; raises TaskError that lists the tasks there are."""
    bare = task.removeprefix("gaze_vlm_ros/").removesuffix("-v0")
    if bare not in CONFIGS:
        raise TaskError(f"no task {task!r}; use one of: {', '.join(CONFIGS)}")
    return CONFIGS[bare]
