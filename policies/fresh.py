"""Which stamps are of the present, whatever clocks do."""

from __future__ import annotations

from gaze_vlm_ros.types import NS_PER_S

_AHEAD_S = 0.1
"""So far ahead may another host's clock be."""
_SET_BACK_S = 1.0


def is_fresh(stamp_ns: int, now_ns: int, max_age_s: float) -> bool:
    """Whether something is at most ``max_age_s`` [s] old, and not of the future either."""
    return -_AHEAD_S * NS_PER_S <= now_ns - stamp_ns <= max_age_s * NS_PER_S


def is_late(stamp_ns: int, newest_ns: int) -> bool:
    """Whether something came out of order. What is older by more than a second did not: a clock was set back, or the
    newest was stamped by a wrong one, and from then on the older stamps count."""
    return newest_ns - _SET_BACK_S * NS_PER_S <= stamp_ns < newest_ns
