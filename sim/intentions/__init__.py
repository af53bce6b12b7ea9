"""What the simulated wearer wants: goals that expand into steps, and what an ideal observer of the steps knows.

``goals`` holds the grammar as data, ``process`` the one random process over it, ``draw`` draws an episode's steps from
it, and ``posterior`` inverts it exactly.
"""

from gaze_vlm_ros.sim.intentions.draw import Intentions
from gaze_vlm_ros.sim.intentions.goals import GOALS, GRAMMAR
from gaze_vlm_ros.sim.intentions.posterior import Observer
from gaze_vlm_ros.sim.intentions.situation import IntentionError, effects_of
from gaze_vlm_ros.sim.intentions.step import Step

__all__ = ["GOALS", "GRAMMAR", "IntentionError", "Intentions", "Observer", "Step", "effects_of"]
