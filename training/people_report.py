"""The comparison of simulated and real eyes as lines of text and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.wearer.moments import TaskMoments

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 520, 340, 20, 40, 46
_COLOURS = ((60, 60, 60), (170, 170, 170), (30, 90, 220), (60, 150, 40))
_INK = (40, 40, 40)


@dataclass(frozen=True)
class Fixations:
    """Fixations (N,) of people in the order of time: who, the number within one picture, where [rad], how long [s]."""

    person: np.ndarray
    index: np.ndarray
    point_rad: np.ndarray
    duration_s: np.ndarray

    def of(self, people: np.ndarray) -> Fixations:
        """Those of some people only."""
        chosen = np.isin(self.person, people)
        return Fixations(self.person[chosen], self.index[chosen], self.point_rad[chosen], self.duration_s[chosen])

    def amplitudes_rad(self) -> np.ndarray:
        """Distances between successive fixations on one picture."""
        follows = self.index[1:] == self.index[:-1] + 1
        return np.linalg.norm(np.diff(self.point_rad, axis=0), axis=1)[follows]


@dataclass(frozen=True)
class Halving:
    """Kolmogorov-Smirnov distances for one way of halving the people: of the model from the tested half, and of the
    fitted half from the tested one.
    """

    durations: float
    durations_of_people: float
    amplitudes: float
    amplitudes_of_people: float


def free_viewing_lines(halvings: Mapping[str, Halving]) -> list[str]:
    """One line per halving."""
    lines = [
        "Free viewing (OSIE). Kolmogorov-Smirnov distance of the model, fitted to one half of the people, from the",
        "other half; in brackets that of the one half of the people from the other.",
        f"  {'fitted -> tested':24s}{'fixation durations':>20s}{'saccade amplitudes':>22s}",
    ]
    for name, one in halvings.items():
        durations = f"{one.durations:.3f} ({one.durations_of_people:.3f})"
        lines.append(f"  {name:24s}{durations:>20s}{f'{one.amplitudes:.3f} ({one.amplitudes_of_people:.3f})':>22s}")
    return lines


def task_lines(moments: TaskMoments, neon_s: np.ndarray) -> list[str]:
    """Own and published numbers; times as median [5 %, 95 %]."""
    rate = moments.acting_fixations / moments.acting_s
    rows = [
        (
            "gaze at a thing before the hand sets out",
            _spread(moments.lead_s, "s"),
            "0.56 s before handling (Land 1999)",
        ),
        (
            "gaze gone before a thing is put down",
            _spread(moments.gone_on_s, "s"),
            "0.61 s before handling ends (Land 1999)",
        ),
        ("right thing 0.5 s before a reach", f"{np.mean(moments.right):.2f} of {len(moments.right)}", ""),
        ("look-aheads per reach", f"{moments.look_aheads / max(moments.steps, 1):.2f}", "0.20 (Mennie 2007)"),
        ("fixations per second, hand busy", f"{rate:.2f}", "2.1: 7 in 3.3 s (Land 1999)"),
        ("fixations", f"{_spread(moments.fixation_s, 's')}, mean {np.mean(moments.fixation_s):.2f}", ""),
        ("saccades", _spread(np.rad2deg(moments.saccade_rad), "deg"), ""),
        ("saccades per second", f"{len(moments.saccade_rad) / moments.seconds:.2f}", ""),
    ]
    if len(neon_s):
        text = f"{_spread(neon_s, 's')}, mean {neon_s.mean():.2f}"
        rows.append((f"Neon sample, {len(neon_s)} fixations", text, "12 s, another activity"))
    head = f"Doing things at a table, {moments.seconds:.0f} s. Times are medians [5 %, 95 %]; published: on the right."
    return [head, *(f"  {name:42s}{value:34s}{published}".rstrip() for name, value, published in rows)]


def _spread(values: Sequence[float] | np.ndarray, unit: str) -> str:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.2f} [{low:.2f}, {high:.2f}] {unit}"


def draw_comparison(
    path: Path,
    fitted: Fixations,
    tested: Fixations,
    watched_s: np.ndarray,
    amplitudes_rad: np.ndarray,
    moments: TaskMoments,
    neon_s: np.ndarray,
) -> None:
    """Writes four panels of distributions as one PNG."""
    free_s = {
        "people, fitted half": fitted.duration_s,
        "people, tested half": tested.duration_s,
        "simulated": watched_s,
    }
    far = {
        "people, fitted half": np.rad2deg(fitted.amplitudes_rad()),
        "people, tested half": np.rad2deg(tested.amplitudes_rad()),
        "simulated": np.rad2deg(amplitudes_rad),
    }
    doing = {
        "Neon sample": neon_s,
        "people looking freely": tested.duration_s,
        "simulated": np.array(moments.fixation_s),
    }
    lead = {"": np.empty(0), " ": np.empty(0), "simulated": np.array(moments.lead_s)}
    panels = [
        _panel("Free viewing: duration of fixations [s]", free_s, 0.8, 40),
        _panel("Free viewing: amplitude of saccades [deg]", far, 25.0, 50),
        _panel("Doing things: duration of fixations [s]", doing, 1.2, 24),
        _panel("Doing things: gaze before the hand [s]; bar: 0.56, Land 1999", lead, 1.6, 16, mark=0.56),
    ]
    if not cv2.imwrite(str(path), np.vstack([np.hstack(panels[:2]), np.hstack(panels[2:])])):
        raise GazeVlmError(f"{path} cannot be written; name a PNG file in a folder that exists")


def _panel(title: str, samples: Mapping[str, np.ndarray], most: float, bins: int, mark: float = 0.0) -> np.ndarray:
    """Relative frequencies as lines over 0..``most``."""
    panel = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    right, floor = _WIDTH - 16, _HEIGHT - _BOTTOM
    shares = {
        name: np.histogram(values, bins, (0.0, most))[0] / len(values)
        for name, values in samples.items()
        if len(values)
    }
    highest = max(share.max() for share in shares.values())
    x = np.linspace(_LEFT, right, 2 * bins + 1)[1::2]
    cv2.line(panel, (_LEFT, floor), (right, floor), _INK)
    for tick in range(5):
        at = round(_LEFT + tick / 4 * (right - _LEFT))
        _write(panel, f"{tick / 4 * most:.3g}", (at - 8, floor + 18))
    if mark:
        at = round(_LEFT + mark / most * (right - _LEFT))
        cv2.line(panel, (at, _TOP), (at, floor), _COLOURS[3], 2)
    for number, (name, colour) in enumerate(zip(samples, _COLOURS, strict=False)):
        if name in shares:
            y = floor - shares[name] / highest * (floor - _TOP - 10)
            line = np.column_stack([x, y]).round().astype(np.int32)
            cv2.polylines(panel, [line], False, colour, 2, cv2.LINE_AA)
            _write(panel, name, (right - 190, _TOP + 18 + 18 * number), colour)
    _write(panel, title, (_LEFT, 22))
    return panel


def _write(panel: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int] = _INK) -> None:
    cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
