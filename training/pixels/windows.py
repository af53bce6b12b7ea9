"""Observation windows of a stored episode, each decoded when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.gaze.heatmap import SIGMA_PX
from gaze_vlm_ros.language import plain
from gaze_vlm_ros.training.data import CAMERA_SIZE, in_camera, thinned, window_indices
from gaze_vlm_ros.training.shards.codec import LABELS, RGB
from gaze_vlm_ros.training.shards.reader import StoredEpisode
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid

MEMBERS = (RGB, LABELS)
"""What a shard has to give of each frame."""


@dataclass(frozen=True)
class Window:
    """One observation window of T frames, oldest first.

    ``frames`` uint8 (T, 3, H, W) RGB, stretched to the grid's frame size; ``target`` float32 (T, P), the gaze that
    supervises, and ``gaze`` (T, P), gaze as a live model gets it: each sums to 1 or is all zeros. ``activity`` and
    ``event`` are the plain sentences of the newest frame, "" where there is no further event.
    """

    frames: Tensor
    target: Tensor
    gaze: Tensor
    activity: str
    event: str


@dataclass(frozen=True)
class EpisodeWindows:
    """All windows of one episode, of ``frames`` frames ``spacing_s`` [s] apart, as ``training.data`` cuts them."""

    stored: StoredEpisode
    grid: TokenGrid
    frames: int
    spacing_s: float

    @cached_property
    def indices(self) -> np.ndarray:
        """(W, T) indices into the stored frames. Raises DataError where the labels cannot be read."""
        stamp_s = self.stored.column("time_s")
        kept = thinned(stamp_s)
        return kept[window_indices(stamp_s[kept], self.frames, self.spacing_s)]

    def decode(self, number: int) -> Window:
        """Window ``number``. Raises DataError where one of its pictures or labels cannot be read."""
        places = self.indices[number]
        labels = [self.stored.labels[place] for place in places]
        pictures = np.stack([self._picture(place) for place in places])
        return Window(
            frames=torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(),
            target=self._heatmaps([item.gaze_carried_px for item in labels]),
            gaze=self._heatmaps([item.gaze_recent_px for item in labels]),
            activity=plain(labels[-1].activity, "activity"),
            event=plain(labels[-1].event, "event"),
        )

    def _picture(self, place: int) -> np.ndarray:
        height, width = self.grid.frame_size
        return cv2.resize(self.stored.picture(RGB, place), (width, height), interpolation=cv2.INTER_AREA)

    def _heatmaps(self, points: Sequence[np.ndarray]) -> Tensor:
        header = self.stored.header
        placed = [in_camera(item, (header.width, header.height)) for item in points]
        maps = np.stack([self.grid.heatmap(item, CAMERA_SIZE, SIGMA_PX) for item in placed])
        return torch.from_numpy(maps).flatten(1)
