"""Where what the decision learnt lies, and the error for what cannot be used."""

from __future__ import annotations

from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError

FITTED = Path(__file__).parent / "fitted"


class WantError(GazeVlmError):
    """Weights, thresholds or habits that are missing, or of another form."""
