from pathlib import Path

import pytest

from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.robots.description import RobotDescription

SIX_AXIS = Path(__file__).parents[1] / "robots" / "six_axis" / "robot.yaml"


@pytest.fixture(scope="session")
def arm() -> ArmModel:
    return ArmModel(RobotDescription.load("jaco"))


@pytest.fixture(scope="session", params=["jaco", SIX_AXIS], ids=["jaco", "six_axis"])
def any_arm(request) -> ArmModel:
    return ArmModel(RobotDescription.load(request.param))
