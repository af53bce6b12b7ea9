"""The episodes that ``generate_episodes`` wrote, as training wants them, and how they are cut into observation windows.

Splits are by episode and stand in the shards themselves, so a window never has a neighbour in another split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.gaze.heatmap import SIGMA_PX, heatmap
from gaze_vlm_ros.language import OBJECT_KINDS, plain
from gaze_vlm_ros.training.shards.codec import LABELS, RGB, SEGMENTATION
from gaze_vlm_ros.training.shards.reader import StoredEpisode, read_shards, shard_paths
from gaze_vlm_ros.training.shards.schema import SPLITS, DataError

__all__ = [
    "SPLITS",
    "DataError",
    "Episode",
    "in_camera",
    "of_split",
    "read_episode",
    "read_episodes",
    "thinned",
    "window_indices",
]

FRAME_PERIOD_S = 0.5
"""Frames that training uses; the shards hold more."""
CAMERA_SIZE = (640, 480)
"""Width and height of the picture that gaze is given in here, as live frames have them [px]."""


@dataclass(frozen=True)
class Episode:
    """One episode of N frames, one in 0.5 s or all that were recorded.

    ``jpeg_data`` uint8 and ``jpeg_offset`` int64 (N + 1) hold the pictures; ``stamp_s`` (N,); ``patch_label`` uint8
    (N, rows, columns), index into ``label_names``; ``half_label`` uint8 (N, 2 rows, 2 columns), the class in the middle
    of each half patch; ``heatmap`` float32 (N, rows, columns), the gaze of the last 200 ms
    carried to the frame by its 3-D hits; ``heatmap_input`` likewise, from raw gaze pixels, as a live model gets it;
    zeros where gaze is missing; ``gaze_px`` (N, 2) in a picture of 640x480; ``activity``, ``event`` str (N,), each in
    its plain phrasing; ``event_time_s`` (N,); ``phase_id`` int (N,); ``activity_start_s`` (N,), when the present
    activity began, to a frame of the recording, NaN for the one that the recording begins with; ``visible`` bool
    (N, len(OBJECT_KINDS)), the kinds of thing that at least one pixel of the picture shows.
    """

    number: int
    split: str
    label_names: tuple[str, ...]
    jpeg_data: np.ndarray
    jpeg_offset: np.ndarray
    stamp_s: np.ndarray
    patch_label: np.ndarray
    half_label: np.ndarray
    heatmap: np.ndarray
    heatmap_input: np.ndarray
    gaze_px: np.ndarray
    activity: np.ndarray
    event: np.ndarray
    event_time_s: np.ndarray
    phase_id: np.ndarray
    activity_start_s: np.ndarray
    visible: np.ndarray

    def __len__(self) -> int:
        return len(self.stamp_s)

    def frame(self, index: int) -> np.ndarray:
        """Picture ``index`` as RGB, (S, S, 3) uint8."""
        data = self.jpeg_data[self.jpeg_offset[index] : self.jpeg_offset[index + 1]]
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if picture is None:
            raise DataError(f"frame {index} of episode {self.number} is no JPEG; generate the episode again")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_episode(stored: StoredEpisode, every_frame: bool = False) -> Episode:
    """One episode of a shard, thinned out to one frame in 0.5 s unless ``every_frame`` is wanted.

    Raises DataError where its labels cannot be read.
    """
    header, stamp_s = stored.header, stored.column("time_s")
    kept = np.arange(len(stamp_s)) if every_frame else thinned(stamp_s)
    size = header.width, header.height
    labels = [stored.labels[index] for index in kept]
    activity = np.array([plain(str(text), "activity") for text in stored.column("activity")])
    jpegs = [np.frombuffer(stored.members[RGB][index], np.uint8) for index in kept]
    grid = labels[0].patch_label.shape
    segmentations = [stored.picture(SEGMENTATION, index) for index in kept]

    def maps(points: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([gaze_heatmap(item, size, grid) for item in points])

    return Episode(
        number=header.seed,
        split=header.split,
        label_names=header.classes,
        jpeg_data=np.concatenate(jpegs),
        jpeg_offset=np.cumsum([0, *map(len, jpegs)]).astype(np.int64),
        stamp_s=stamp_s[kept],
        patch_label=np.stack([item.patch_label for item in labels]),
        half_label=np.stack([_middles(item, grid) for item in segmentations]),
        heatmap=maps([item.gaze_carried_px for item in labels]),
        heatmap_input=maps([item.gaze_recent_px for item in labels]),
        gaze_px=in_camera(np.stack([item.gaze_px for item in labels]), size),
        activity=activity[kept],
        event=np.array([plain(item.event, "event") for item in labels]),
        event_time_s=np.array([item.event_time_s for item in labels]),
        phase_id=np.array([item.phase for item in labels]),
        activity_start_s=_start_s(activity, stamp_s)[kept],
        visible=np.stack([_shown(item, header.classes) for item in segmentations]),
    )


def thinned(stamp_s: np.ndarray) -> np.ndarray:
    """Indices of the frames that training uses, one in FRAME_PERIOD_S."""
    wanted = np.arange(FRAME_PERIOD_S, stamp_s[-1] + 1e-6, FRAME_PERIOD_S)
    return np.unique(np.abs(stamp_s[None] - wanted[:, None]).argmin(axis=1))


def gaze_heatmap(points_px: np.ndarray, picture_size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """Heatmap (rows, columns) of gaze points (K, 2) in a stored picture of ``picture_size`` (width, height), as a live
    model gets it.
    """
    return heatmap(in_camera(points_px, picture_size), CAMERA_SIZE, grid, SIGMA_PX)


def in_camera(points_px: np.ndarray, picture_size: tuple[int, int]) -> np.ndarray:
    """Points (..., 2) [px] of a stored picture in a picture of CAMERA_SIZE."""
    return (points_px + 0.5) * (np.array(CAMERA_SIZE) / picture_size) - 0.5


def _start_s(activity: np.ndarray, stamp_s: np.ndarray) -> np.ndarray:
    """When the run of equal activities (N,) began that each frame lies in; NaN for the first run."""
    begins = np.r_[False, activity[1:] != activity[:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(activity)), 0))
    return np.where(first > 0, stamp_s[first], np.nan)


def _middles(segmentation: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Half patches (2 rows, 2 columns) of a picture (H, W): the class of the pixel in the middle of each."""
    high, wide = (side // (2 * patches) for side, patches in zip(segmentation.shape, grid, strict=True))
    return segmentation[high // 2 :: high, wide // 2 :: wide]


def _shown(segmentation: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Which of OBJECT_KINDS a picture of ``classes`` shows."""
    shown = {classes[index] for index in np.unique(segmentation)}
    return np.array([kind in shown for kind in OBJECT_KINDS])


def read_episodes(folder: Path, every_frame: bool = False) -> tuple[list[Episode], list[str]]:
    """All readable episodes of a folder's shards, training first, and one line for each shard that was left out.

    ``every_frame``: as in ``read_episode``.     Raises DataError where none can be read or where their classes differ.
    """
    episodes, faults = [], []
    for path in shard_paths(Path(folder)):
        try:
            stored = read_shards(path, members=(RGB, SEGMENTATION, LABELS))
            episodes += [read_episode(one, every_frame) for one in stored]
        except DataError as error:
            faults.append(str(error))
    if not episodes:
        raise DataError(f"no usable episode in {folder}: {faults[0]}")
    if len({episode.label_names for episode in episodes}) > 1:
        raise DataError(f"the episodes of {folder} differ in their classes of patches; keep data sets in own folders")
    return episodes, faults


def of_split(episodes: Sequence[Episode], split: str) -> list[Episode]:
    """The episodes of one split. Raises DataError where there is none."""
    found = [episode for episode in episodes if episode.split == split]
    if not found:
        raise DataError(f"no episode of the split {split!r} among {len(episodes)}; generate more episodes")
    return found


def window_indices(stamp_s: np.ndarray, frames: int, spacing_s: float) -> np.ndarray:
    """The observation windows of one episode: (W, frames) indices into its frames, oldest first.

    Window by window the same rule as in streaming: the frames nearest to t - 4 s, ..., t; a short history is padded
    with its oldest frame, and windows in which more than half is missing are left out.
    """
    wanted = stamp_s[:, None] - spacing_s * np.arange(frames)[::-1]
    distance = np.abs(stamp_s[None, None, :] - wanted[..., None])
    nearest = distance.argmin(axis=-1)
    missing = (distance.min(axis=-1) > spacing_s / 2).sum(axis=1)
    return nearest[missing <= frames / 2]
