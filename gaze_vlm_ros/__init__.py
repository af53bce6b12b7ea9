"""Gaze-regularised vision-language models and assistive robot policies for ROS 2."""

__version__ = "0.1.0"
