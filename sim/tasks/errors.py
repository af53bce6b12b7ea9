"""Errors of the tasks that a user can cause and mend."""

from gaze_vlm_ros.errors import GazeVlmError


class TaskError(GazeVlmError):
    """A task, mode or option that does not exist, or a scene that cannot be built."""
