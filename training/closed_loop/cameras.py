"""The best searched fixed camera: the strongest rival that never turns."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner
from gaze_vlm_ros.training.closed_loop.episode import EpisodeOptions, Stage
from gaze_vlm_ros.training.closed_loop.gazes import gaze_named
from gaze_vlm_ros.training.demonstrations.schema import SPLITS

_AZIMUTHS_DEG, _ELEVATIONS_DEG = (-40, 0, 40), (-55, -40)
_EPISODES = 2


def search_fixed_camera(policy: FoveatedPolicy, task: str, seed: int, options: EpisodeOptions) -> str:
    """The direction, as ``fixed:AZIMUTH,ELEVATION``, with most successes on validation episodes."""
    best, found = -1.0, ""
    for azimuth in _AZIMUTHS_DEG:
        for elevation in _ELEVATIONS_DEG:
            name = f"fixed:{azimuth},{elevation}"
            stage = Stage(task, Runner(policy), gaze_named(name), options)
            seeds = range(SPLITS["validation"] + seed, SPLITS["validation"] + seed + _EPISODES)
            score = float(np.mean([stage.play(number).success for number in seeds]))
            stage.close()
            if score > best:
                best, found = score, name
    return found
