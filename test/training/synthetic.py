"""A data set that can be learned in seconds: the person looks at one coloured square and does something with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from gaze_vlm_ros.training.shards.schema import EpisodeHeader, FrameRecord, Labels, Pictures, RecordOptions
from gaze_vlm_ros.training.shards.writer import ShardWriter

LABELS = ("background", "mug", "bowl")
COLOURS = {"mug": (220, 30, 30), "bowl": (30, 60, 220)}
GRID, SIZE, CAMERA = (14, 14), 224, (640, 480)
FRAMES = 16
OPTIONS = RecordOptions(seconds=FRAMES * 0.5, rate_hz=2.0)


@dataclass(frozen=True)
class Squares:
    """Two squares stand at random patches; the wearer looks at one, without any sign of it in the picture."""

    header: EpisodeHeader
    frames: Iterator[FrameRecord]


def squares(seed: int, options: RecordOptions = OPTIONS) -> Squares:
    rng = np.random.default_rng(seed)
    looked = str(rng.permutation(["mug", "bowl"])[0])
    rgb, label = np.full((SIZE, SIZE, 3), 110, np.uint8), np.zeros(GRID, np.uint8)
    for kind, column in zip(("mug", "bowl"), rng.permutation([3, 9]), strict=True):
        row = int(rng.integers(3, 10))
        rgb[row * 16 : row * 16 + 32, column * 16 : column * 16 + 32] = COLOURS[kind]
        label[row : row + 2, column : column + 2] = LABELS.index(kind)
        if kind == looked:
            point = np.array([(column + 1) * 16 - 0.5, (row + 1) * 16 - 0.5])
    classes = np.kron(label, np.ones((16, 16), np.uint8))
    pictures = Pictures(rgb, np.where(classes > 0, np.float32(0.8), np.float32(1.2)), classes, classes)
    matrix = ((200.0, 0.0, 111.5), (0.0, 200.0, 111.5), (0.0, 0.0, 1.0))
    header = EpisodeHeader(
        seed,
        options.split_of(seed),
        options.rate_hz,
        options.frames,
        SIZE,
        SIZE,
        matrix,
        LABELS,
        LABELS,
        "none",
        ("a",),
    )
    frames = (FrameRecord(pictures, _labels(i, point, label, looked, options)) for i in range(options.frames))
    return Squares(header, frames)


def _labels(index: int, point: np.ndarray, label: np.ndarray, looked: str, options: RecordOptions) -> Labels:
    gaze = np.full(2, np.nan) if index == 3 else point
    seen = gaze[None][np.isfinite(gaze[None]).all(axis=1)]
    return Labels(
        time_s=(index + 1) / options.rate_hz,
        base_T_camera=np.eye(4),
        gaze_px=gaze,
        gaze_recent_px=seen,
        gaze_carried_px=seen,
        gaze_object=looked,
        gaze_instance=LABELS.index(looked),
        gaze_visibility="seen",
        gaze_target_m=np.array([0.0, 0.0, 0.8]),
        gaze_target_px=point,
        activity=f"reaching for the {looked}",
        event=f"pick up the {looked}",
        event_time_s=options.seconds + 1.0,
        phase=0,
        contact="",
        joint_position_rad=np.array([0.1 * index]),
        joint_velocity_rad_s=np.array([0.2]),
        joint_command_rad=np.array([0.1 * index + 0.05]),
        patch_label=label,
        things={looked: {"position_m": np.array([0.0, 0.0, 0.8])}},
    )


def write_squares(folder: Path, seeds: list[int], options: RecordOptions = OPTIONS) -> Path:
    """Shards of the episodes ``seeds``; returns ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = ShardWriter(folder, options)
    for seed in seeds:
        writer.write(seed, squares(seed, options))
    writer.finish(seeds)
    writer.close(seeds)
    return folder


def write_data(folder: Path, train: int = 24, validation: int = 4, test: int = 6, first_seed: int = 0) -> Path:
    """Episodes of each split; returns ``folder``."""
    wanted = {"train": train, "validation": validation, "test": test}
    seeds = []
    for seed in count(first_seed):
        split = OPTIONS.split_of(seed)
        if wanted[split]:
            wanted[split] -= 1
            seeds.append(seed)
        if not any(wanted.values()):
            return write_squares(folder, seeds)
