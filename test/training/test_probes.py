"""The probes say what they need; with it they find what is there."""

import numpy as np
import pytest

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training import probes


def episodes(count: int) -> list[list[probes.DecisionPoint]]:
    """Gaze tells the thing, history and picture tell nothing."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        chosen = int(rng.integers(3))
        gaze = np.zeros((3, 5))
        gaze[chosen] = 1.0
        point = probes.DecisionPoint(
            ("mug", "bowl", "apple"), chosen, np.zeros(3), gaze, np.zeros((24, 32, 3), np.float32)
        )
        made.append([point])
    return made


def test_gaze_that_tells_the_thing_is_found_and_what_tells_nothing_is_not():
    found = probes.probe(episodes(60))
    assert found["points"] == {"train": 36, "test": 24}
    assert found["gaze"]["value"] == 1.0
    assert found["history"]["value"] < 0.7


def test_too_few_episodes_are_refused_in_words(capsys):
    with pytest.raises(SystemExit):
        probes.main(["--episodes", "0"])
    assert "--episodes must be 2 or more" in capsys.readouterr().err
    with pytest.raises(GazeVlmError, match="ask for more --episodes or --seconds"):
        probes.probe([[], []])
