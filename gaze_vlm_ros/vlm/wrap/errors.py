"""What goes wrong with a wrapped model."""

from __future__ import annotations

from gaze_vlm_ros.errors import GazeVlmError


class WrapError(GazeVlmError):
    """A model that cannot be wrapped, or an input that does not fit the wrapped model."""


class WrapCheckpointError(WrapError):
    """A saved wrapped model that is missing, damaged or of another shape."""
