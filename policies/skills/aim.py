"""Where a skill is sent for a thing: where gazes say that it is, kept to where the robot may go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaze_vlm_ros.policies.memory import KnownThing
from gaze_vlm_ros.robots.limits import Box

_GAZE_ERRS_M = 0.05
"""Errors of gaze on one thing are much the same from look to look, so that many looks do not say it better."""


def aim_at(thing: KnownThing, workspace: Box) -> tuple[KnownThing, str]:
    """``thing`` to be fetched, and what forbids it, "" for nothing.

    One that seems to lie outside of ``workspace`` by no more than gaze errs is looked for at its edge.
    """
    # A thing may lie lower than the tool point ever goes: the fingers are below it.
    above = np.maximum(thing.position_m, [-np.inf, -np.inf, workspace.lower_m[2]])
    outside_m = workspace.outside_m(above)
    if outside_m > _GAZE_ERRS_M:
        return thing, f"the {thing.label} is out of reach: {outside_m:.2f} m outside the workspace"
    lower = [*workspace.lower_m[:2], -np.inf]
    return replace(thing, position_m=np.clip(thing.position_m, lower, workspace.upper_m)), ""
