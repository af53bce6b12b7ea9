"""Gaze-regularised vision-language models and assistive robot policies for ROS 2."""

import os

from gaze_vlm_ros.environment import rendering_backend

__version__ = "0.1.0"

# MuJoCo chooses its OpenGL when it is first imported, and without a screen it chooses one that cannot work.
if "DISPLAY" not in os.environ and (backend := rendering_backend()):
    os.environ.setdefault("MUJOCO_GL", backend)
