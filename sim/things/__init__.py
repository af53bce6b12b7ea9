"""The everyday things of the kitchen: kinds, looks, states, and how they become bodies of a model."""

from gaze_vlm_ros.sim.things.body import (
    CONTENT_USER,
    SEEN_GROUP,
    STEAM_GROUP,
    add_mesh,
    add_texture,
    add_thing,
    apply_state,
)
from gaze_vlm_ros.sim.things.look import KINDS, VARIANTS_OF_LOOKS, ThingLook, kind_named, sample_colour
from gaze_vlm_ros.sim.things.shape import ThingKind
from gaze_vlm_ros.sim.things.state import ThingError, ThingState, initial_state

__all__ = [
    "CONTENT_USER",
    "KINDS",
    "SEEN_GROUP",
    "STEAM_GROUP",
    "VARIANTS_OF_LOOKS",
    "ThingError",
    "ThingKind",
    "ThingLook",
    "ThingState",
    "add_mesh",
    "add_texture",
    "add_thing",
    "apply_state",
    "initial_state",
    "kind_named",
    "sample_colour",
]
