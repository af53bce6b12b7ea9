"""What was known, seen and true at a moment of a run: the content of one picture."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from gaze_vlm_ros.report.accuracy import TruthLookup
from gaze_vlm_ros.report.picture import Line, Scene
from gaze_vlm_ros.report.run import Run, Said
from gaze_vlm_ros.types import NS_PER_S

GAZE_NEAR_NS = 50_000_000
HELD_NS = NS_PER_S
"""Predictions and attention are shown for at most this long: then they are history, not the present."""
_WITH = {"pointing": "at", "helping": "with"}
TRUTH_NEAR_NS = NS_PER_S // 4


class SceneLookup:
    """The scene at a frame's stamp.

    Gaze and truth are those of the frame's own stamp, predictions those that were *known* by then, attention that of
    the frame that these rest on: none before there is a prediction.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        gaze = sorted(zip(run.gaze.stamp_ns, run.gaze.point_px, strict=True))
        self._gaze_ns, self._gaze_px = [item[0] for item in gaze], [item[1] for item in gaze]
        self._activities = sorted(run.activities, key=lambda said: said.known_ns)
        self._events = sorted(run.events, key=lambda said: said.known_ns)
        self._activity_ns = [said.known_ns for said in self._activities]
        self._event_ns = [said.known_ns for said in self._events]
        self._attention_ns = [attention.stamp_ns for attention in run.attention]
        self._assist_ns = [state.stamp_ns for state in run.assist]
        self._truth = TruthLookup(run.truth)
        self._digits = 1 if run.duration_s >= 10 else 2
        # A slow tracker's nearest sample may be half its interval away.
        self._near_ns = max(GAZE_NEAR_NS, int(0.6 * NS_PER_S / run.gaze.rate_hz)) if run.gaze.rate_hz else GAZE_NEAR_NS

    def at(self, stamp_ns: int) -> Scene:
        """What belongs over the frame stamped ``stamp_ns``."""
        truth = self._truth.at(stamp_ns, TRUTH_NEAR_NS)
        activity = _newest(self._activities, self._activity_ns, stamp_ns, HELD_NS)
        event = _newest(self._events, self._event_ns, stamp_ns, HELD_NS)
        used_ns = max((said.stamp_ns for said in (activity, event) if said), default=None)
        attention = None
        if used_ns is not None:
            attention = _newest(self._run.attention, self._attention_ns, used_ns, HELD_NS)
        lines = []
        if self._run.activities or self._run.truth:
            lines.append(_line("now", activity, truth.activity if truth else None))
        if self._run.events or self._run.truth:
            lines.append(_line("next", event, truth.event if truth else None))
        return Scene(
            gaze_px=self._gaze(stamp_ns),
            attention=attention.grid if attention else None,
            title=f"{self._run.seconds(stamp_ns):.{self._digits}f} s",
            robot=self._robot(stamp_ns),
            lines=lines,
        )

    def _gaze(self, stamp_ns: int) -> tuple[float, float] | None:
        right = bisect_right(self._gaze_ns, stamp_ns)
        near = [i for i in (right - 1, right) if 0 <= i < len(self._gaze_ns)]
        if not near:
            return None
        best = min(near, key=lambda i: abs(self._gaze_ns[i] - stamp_ns))
        point = self._gaze_px[best]
        fresh = abs(self._gaze_ns[best] - stamp_ns) <= self._near_ns
        return point if fresh and point[0] == point[0] and point[1] == point[1] else None

    def _robot(self, stamp_ns: int) -> str:
        state = _newest(self._run.assist, self._assist_ns, stamp_ns, HELD_NS)
        if state is None:
            return ""
        target = f" {_WITH[state.name]} the {state.target}" if state.target and state.name in _WITH else ""
        return f"robot: {state.name}{target}" + (f" ({state.limited_by})" if state.limited_by else "")


def _line(label: str, said: Said | None, truth: str | None) -> Line:
    return Line(label, said.text if said else "", truth, bool(said and said.out_of_domain))


def agreement(scene: Scene) -> int:
    """How much of the story one picture tells: the higher, the better it stands for its run."""
    right = sum(bool(line.truth) and line.said == line.truth for line in scene.lines)
    said = sum(bool(line.said) and not line.is_foreign for line in scene.lines)
    pointing = scene.robot.startswith(("robot: pointing", "robot: helping"))
    return 4 * right + 2 * said + 2 * (scene.gaze_px is not None) + 2 * (scene.attention is not None) + pointing


def _newest(items: Sequence, stamps_ns: Sequence[int], now_ns: int, held_ns: int):
    index = bisect_right(stamps_ns, now_ns) - 1
    return items[index] if index >= 0 and now_ns - stamps_ns[index] <= held_ns else None
