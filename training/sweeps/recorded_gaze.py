"""The gaze of recorded episodes, frame by frame of the recording, which is more often than a token cache has frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaze_vlm_ros.training.shards.codec import LABELS
from gaze_vlm_ros.training.shards.reader import StoredEpisode, data_digest, read_shards, shard_paths
from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import CameraModel

_SLACK_S = 0.02
"""A frame this near to a wanted instant is taken for it: stamps are rounded to a tick of the simulation."""


@dataclass(frozen=True)
class RecordedGaze:
    """One episode of N recorded frames: ``stamp_s`` (N,); ``points_px``, for each frame the tracker's valid samples
    (K, 2) of the 200 ms before it, each in the picture of ``camera`` as the head stood when it was taken.
    """

    number: int
    camera: CameraModel
    stamp_s: np.ndarray
    points_px: list[np.ndarray]

    @property
    def period_s(self) -> float:
        """Time from frame to frame on average; infinite where there is only one."""
        return float(np.ptp(self.stamp_s)) / (len(self.stamp_s) - 1) if len(self.stamp_s) > 1 else np.inf

    def offers(self, age_s: float) -> bool:
        """Whether there is a recorded frame ``age_s`` before a frame, to 20 ms."""
        if age_s == 0.0 or not np.isfinite(self.period_s):
            return age_s == 0.0
        return abs(age_s - round(age_s / self.period_s) * self.period_s) <= _SLACK_S

    def at(self, stamp_s: np.ndarray, age_s: float = 0.0) -> list[np.ndarray]:
        """For each of the instants (F,) the points (K, 2) of the recorded frame ``age_s`` before it: none before the
        recording began.
        """
        wanted = np.asarray(stamp_s)[:, None] - age_s
        distance = np.abs(self.stamp_s - wanted)
        nearest, none = distance.argmin(axis=1), np.empty((0, 2))
        is_there = distance.min(axis=1) <= _SLACK_S
        return [self.points_px[i] if found else none for i, found in zip(nearest, is_there, strict=True)]


def read_recorded_gaze(folder: Path, data: TokenSet, episodes: Sequence[int], split: str) -> dict[int, RecordedGaze]:
    """The gaze of ``episodes`` of one split, by number, from the shards that the cache ``data`` was made from.

    Raises DataError where ``folder`` holds other data or lacks an episode. A damaged shard is passed over, as the
    cache does.
    """
    if data_digest(folder) != data.data_sha256:
        raise DataError(f"{folder} is not the data that the token cache was made from; name that folder")
    found, wanted = {}, set(episodes)
    for path in shard_paths(folder, split):
        try:
            own = (_recorded(stored) for stored in read_shards(path, members=(LABELS,)) if stored.seed in wanted)
            found |= {gaze.number: gaze for gaze in own}
        except DataError:
            continue
    if lacking := wanted - set(found):
        raise DataError(f"{folder} lacks the episode {min(lacking)} of the token cache; cache its tokens anew")
    return found


def _recorded(stored: StoredEpisode) -> RecordedGaze:
    header = stored.header
    camera = CameraModel(header.width, header.height, np.array(header.camera_matrix))
    points = [labels.gaze_recent_px for labels in stored.labels]
    return RecordedGaze(header.seed, camera, stored.column("time_s"), points)
