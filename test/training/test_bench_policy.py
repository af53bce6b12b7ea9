"""What ``make bench-policy`` plays."""

import pytest

from benchmarks.policy_parts import shipped_policy
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedPolicy


def test_the_policy_that_is_judged_by_the_five_tasks_was_trained_on_them():
    config = FoveatedPolicy.load(shipped_policy()).config
    assert config.name == "five-tasks" and config.helps_by == "HandOver"


def test_another_name_is_answered_by_what_is_shipped():
    with pytest.raises(GazeVlmError, match=r"no trained policy 'six' is shipped \(bring, five-tasks\)"):
        shipped_policy("six")
