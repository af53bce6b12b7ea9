"""`ros2 launch gaze_vlm_ros sim.launch.py`; `--show-args` lists the arguments."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from deployment import describe


def generate_launch_description():
    return describe("sim")
