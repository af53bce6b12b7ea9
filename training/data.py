"""Reads the episode files that ``generate_episodes`` writes, and cuts them into observation windows.

Splits are by episode and stand in the files themselves, so a window never has a neighbour in another split.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

SPLITS = ("train", "validation", "test")
_PER_FRAME = (
    "stamp_s",
    "patch_label",
    "heatmap",
    "heatmap_input",
    "gaze_px",
    "activity",
    "event",
    "event_time_s",
    "phase_id",
)
_KEYS = (*_PER_FRAME, "jpeg_data", "jpeg_offset", "label_names", "split")


class DataError(GazeVlmError):
    """An episode file or folder that cannot be used."""


@dataclass(frozen=True)
class Episode:
    """One episode of N frames; arrays as ``generate_episodes`` documents them."""

    number: int
    split: str
    label_names: tuple[str, ...]
    jpeg_data: np.ndarray
    jpeg_offset: np.ndarray
    stamp_s: np.ndarray
    patch_label: np.ndarray
    heatmap: np.ndarray
    heatmap_input: np.ndarray
    gaze_px: np.ndarray
    activity: np.ndarray
    event: np.ndarray
    event_time_s: np.ndarray
    phase_id: np.ndarray

    def __len__(self) -> int:
        return len(self.stamp_s)

    def frame(self, index: int) -> np.ndarray:
        """Picture ``index`` as RGB, (S, S, 3) uint8."""
        data = self.jpeg_data[self.jpeg_offset[index] : self.jpeg_offset[index + 1]]
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if picture is None:
            raise DataError(f"frame {index} of episode {self.number} is no JPEG; generate the episode again")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_episode(path: Path) -> Episode:
    """One file. Raises DataError where it is cut off, lacks an array, or its arrays disagree in length."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            values = {key: arrays[key] for key in _KEYS}
    except KeyError as error:
        raise DataError(f"{path} lacks the array {error.args[0].split()[0]!r}; generate it again") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); generate it again") from None
    frames = len(values["stamp_s"])
    lengths = {key: len(values[key]) for key in _PER_FRAME} | {"jpeg_offset": len(values["jpeg_offset"]) - 1}
    if wrong := [key for key, length in lengths.items() if length != frames or not frames]:
        raise DataError(f"{path} has {frames} stamps, but {lengths[wrong[0]]} of {wrong[0]}; generate it again")
    split = str(values.pop("split"))
    if split not in SPLITS:
        raise DataError(f"{path} is of the split {split!r}; it must be one of {', '.join(SPLITS)}")
    digits = re.findall(r"\d+", path.stem)
    return Episode(
        number=int(digits[-1]) if digits else 0,
        split=split,
        label_names=tuple(map(str, values.pop("label_names"))),
        **values,
    )


def read_episodes(folder: Path, limit: int | None = None) -> tuple[list[Episode], list[str]]:
    """All readable episodes of a folder in order of their names, and one line for each that was left out.

    Raises DataError where none can be read or where their classes of patches differ.
    """
    paths = sorted(Path(folder).glob("episode_*.npz"))[:limit]
    episodes, faults = [], []
    for path in paths:
        if path.name.endswith(".partial.npz"):
            continue
        try:
            episodes.append(read_episode(path))
        except DataError as error:
            faults.append(str(error))
    if not episodes:
        detail = faults[0] if faults else "there is no episode_*.npz; make some with `gaze-vlm-ros generate`"
        raise DataError(f"no usable episode in {folder}: {detail}")
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
