"""The last seconds of frames, each with its gaze heatmap and, once encoded, its patch tokens."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.types import NS_PER_S, Frame, GazeSample
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.frames import resize_frame

GAZE_SPAN_NS = 200_000_000
"""Gaze this long before a frame belongs to it (the paper's delta)."""
ENCODED_TOLERANCE_NS = 100_000_000
"""An encoded frame this near to the wanted instant is taken instead of a nearer one that would have to be encoded."""


@dataclass
class Entry:
    """One frame: ``rgb`` (S, S, 3) uint8, ``heatmap`` (rows, cols) float32, zeros without gaze, ``tokens`` (P, D).

    ``is_foreign``, known with the tokens: it is not of the kind that the model was trained on.
    """

    stamp_ns: int
    rgb: np.ndarray
    heatmap: np.ndarray
    tokens: torch.Tensor | None = None
    is_foreign: bool = False


class FrameHistory:
    """Frames in order of their stamps, as long as the observation window needs them."""

    def __init__(self, config: GazeVLMConfig) -> None:
        self._config = config
        self._spacing_ns = round(config.spacing_s * NS_PER_S)
        self._keep_ns = self._spacing_ns * config.frames
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        self._entries.clear()

    def add(self, frame: Frame, samples: Sequence[GazeSample], camera_size: tuple[int, int]) -> None:
        """See ``StreamingPredictor.observe``."""
        if self._entries and frame.stamp_ns < self._entries[-1].stamp_ns - self._keep_ns:
            self.clear()
        at = bisect_left(self._entries, frame.stamp_ns, key=_stamp)
        if at < len(self._entries) and self._entries[at].stamp_ns == frame.stamp_ns:
            return
        rgb = resize_frame(frame.rgb, self._config.image_size)
        self._entries.insert(at, Entry(frame.stamp_ns, rgb, self._heatmap(frame, samples, camera_size)))
        oldest_kept = self._entries[-1].stamp_ns - self._keep_ns
        del self._entries[: bisect_left(self._entries, oldest_kept, key=_stamp)]

    def window(self) -> tuple[list[Entry], int]:
        """The frames nearest to t - 4 s, ..., t - 1 s, t (t: the newest), and for how many instants there was none.

        An instant without a frame within half the spacing takes the nearest one all the same: a short history is
        padded with its oldest frame.
        """
        newest = self._entries[-1].stamp_ns
        wanted = [newest - k * self._spacing_ns for k in reversed(range(self._config.frames))]
        window = [self._nearest(stamp) for stamp in wanted]
        off = (abs(entry.stamp_ns - stamp) for entry, stamp in zip(window, wanted, strict=True))
        return window, sum(distance > self._spacing_ns // 2 for distance in off)

    def _nearest(self, stamp_ns: int) -> Entry:
        encoded = (entry for entry in self._entries if entry.tokens is not None)
        best = min(encoded, key=lambda entry: abs(entry.stamp_ns - stamp_ns), default=None)
        is_newest = stamp_ns == self._entries[-1].stamp_ns
        if best is not None and not is_newest and abs(best.stamp_ns - stamp_ns) <= ENCODED_TOLERANCE_NS:
            return best
        return min(self._entries, key=lambda entry: abs(entry.stamp_ns - stamp_ns))

    def _heatmap(self, frame: Frame, samples: Sequence[GazeSample], camera_size: tuple[int, int]) -> np.ndarray:
        points = [
            sample.point_px
            for sample in samples
            if sample.valid and frame.stamp_ns - GAZE_SPAN_NS <= sample.stamp_ns <= frame.stamp_ns
        ]
        sigma_px = self._config.gaze_sigma_px * camera_size[0] / 640
        return heatmap(np.array(points).reshape(-1, 2), camera_size, self._config.grid, sigma_px)


def _stamp(entry: Entry) -> int:
    return entry.stamp_ns
