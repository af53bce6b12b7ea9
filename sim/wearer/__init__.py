"""The simulated wearer: a person who does step after step with the hands while the eyes run ahead."""

from gaze_vlm_ros.sim.wearer.person import GazeHabits, Person
from gaze_vlm_ros.sim.wearer.wearer import Wearer
from gaze_vlm_ros.sim.wearer.world import World

__all__ = ["GazeHabits", "Person", "Wearer", "World"]
