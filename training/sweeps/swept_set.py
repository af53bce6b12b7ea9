"""The test windows of one data set, to be answered again and again with gaze that was disturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gaze_vlm_ros.training.answers import Answers, Input, answer
from gaze_vlm_ros.training.data import gaze_heatmap
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.training.metrics.next_object import asked_before
from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.training.sweeps.disturbance import Points, Sweep
from gaze_vlm_ros.training.sweeps.recorded_gaze import RecordedGaze, read_recorded_gaze
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.calibration import Calibration
from gaze_vlm_ros.vlm.decoding import Sentence
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

LEAD_S = 0.5
"""The next object is asked for this long before the hand starts."""
_ALIKE = 1e-4


@dataclass(frozen=True)
class Speaker:
    """A model as it speaks live: with its calibration where it has one."""

    model: GazeVLM
    tokenizer: SentenceTokenizer
    calibration: Calibration | None = None

    def answer(self, data: TokenSet, windows: np.ndarray, source: Input) -> Answers:
        return answer(self.model, self.tokenizer, data, windows, source, 0, self.calibration)


class SweptSet:
    """``windows`` of one split of ``data``, those that scores look at, and ``recorded``, the gaze of their episodes.

    ``most``: the first so many episodes alone. Raises DataError where ``folder`` does not hold their recording.
    """

    def __init__(
        self, speaker: Speaker, data: TokenSet, folder: Path, split: str = "test", most: int | None = None
    ) -> None:
        self._speaker, self.data, windows = speaker, data, data.of_split(split)
        episode = data.columns["episode"][data.last(windows)]
        numbers = np.unique(episode)[:most]
        self.windows = asked_windows(data, windows[np.isin(episode, numbers)])
        self.recorded = read_recorded_gaze(folder, data, numbers.tolist(), split)
        self._rows = np.unique(data.rows(self.windows))
        again = self.heatmaps(lambda gaze, stamp_s: gaze.at(stamp_s))
        if not np.allclose(again[self._rows], data.columns["heatmap_input"][self._rows], atol=_ALIKE):
            raise DataError(f"the gaze in {folder} gives other heatmaps than the token cache holds; cache it anew")

    @property
    def period_s(self) -> float:
        """Of the recorded frames."""
        return next(iter(self.recorded.values())).period_s

    def heatmaps(self, points_of: Callable[[RecordedGaze, np.ndarray], Points]) -> np.ndarray:
        """A column (F, rows, columns) of heatmaps of the points that ``points_of`` gives for an episode and the stamps
        of its frames; zeros in frames that no window has.
        """
        stamp_s, episode = (self.data.columns[name][self._rows] for name in ("stamp_s", "episode"))
        column = np.zeros_like(self.data.columns["heatmap_input"])
        for number, gaze in self.recorded.items():
            own = np.flatnonzero(episode == number)
            size = gaze.camera.width, gaze.camera.height
            for row, points in zip(self._rows[own], points_of(gaze, stamp_s[own]), strict=True):
                column[row] = gaze_heatmap(points, size, column.shape[1:])
        return column

    def disturbed(self, sweep: Sweep, level: float, seed: int) -> np.ndarray | None:
        """A column of heatmaps, as ``heatmaps``; None where the recording is too slow for ``level``."""
        if not all(sweep.is_told_by(gaze, level) for gaze in self.recorded.values()):
            return None
        return self.heatmaps(lambda gaze, stamp_s: sweep.points(gaze, stamp_s, level, seed))

    @cached_property
    def reference(self) -> Judged:
        """What is said of undisturbed windows, with every kind of input."""
        return Judged(self.data, self.windows, {s: self._speaker.answer(self.data, self.windows, s) for s in Input})

    def judged(self, heatmaps: np.ndarray) -> Judged:
        """What is said, under Input.GAZE, with the gaze ``heatmaps`` (F, rows, columns). As live, a window that has
        none in any frame is answered from frames alone, with the calibration of those.
        """
        data = self.data.with_columns(heatmap_input=heatmaps)
        has_gaze = np.flatnonzero(data.gaze(self.windows).flatten(1).any(1).numpy())
        alone = self.reference.said[Input.RGB]
        ranked, attention = list(alone.ranked), alone.attention.copy()
        if len(has_gaze):
            said = self._speaker.answer(data, self.windows[has_gaze], Input.GAZE)
            attention[has_gaze] = said.attention
            for i, sentences in zip(has_gaze, said.ranked, strict=True):
                ranked[i] = sentences
        return Judged(data, self.windows, {Input.GAZE: Answers(ranked, attention)})

    def share_with_gaze(self, heatmaps: np.ndarray) -> float:
        """Share of the windows' frames that have gaze."""
        return float(heatmaps[self._rows].any((1, 2)).mean())


def asked_windows(data: TokenSet, windows: np.ndarray, leads_s: Sequence[float] = (LEAD_S,)) -> np.ndarray:
    """Those of ``windows`` whose answers are judged: the last one of each phase, the last one 0.5 s before each event,
    those ``leads_s`` before each reach. Of these alone scores are what they are of all.
    """
    own_number = [[[Sentence(str(i), 1.0)]] * len(KINDS) for i in range(len(windows))]
    judged = Judged(data, windows, {Input.RGB: Answers(own_number, np.empty(0))})
    said = (int(point.said) for kind in KINDS for point in judged.points(Input.RGB, kind).judged)
    before = (i for lead_s in leads_s for i, _ in asked_before(judged, lead_s)[0])
    return windows[sorted({*said, *before})]
