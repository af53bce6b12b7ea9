from pathlib import Path

import pytest

from gaze_vlm_ros.robots.description import RobotDescription

ROBOTS = {"jaco": "jaco", "six_axis": Path(__file__).parent / "six_axis" / "robot.yaml"}


@pytest.fixture(scope="session", params=sorted(ROBOTS))
def robot(request) -> RobotDescription:
    return RobotDescription.load(ROBOTS[request.param])


@pytest.fixture(scope="session")
def jaco() -> RobotDescription:
    return RobotDescription.load("jaco")


@pytest.fixture(scope="session")
def six_axis_dir() -> Path:
    return Path(__file__).parent / "six_axis"
