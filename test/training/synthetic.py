"""A data set that can be learned in seconds: the person looks at one coloured square and does something with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.gaze.heatmap import heatmap

LABELS = ("background", "mug", "bowl")
COLOURS = {"mug": (220, 30, 30), "bowl": (30, 60, 220)}
GRID, SIZE, CAMERA = (14, 14), 224, (640, 480)
FRAMES = 16


def write_episode(folder: Path, number: int, split: str) -> Path:
    """Two squares stand at random patches; the wearer looks at one, without any sign of it in the picture."""
    rng = np.random.default_rng(number)
    looked = rng.permutation(["mug", "bowl"])[0]
    rgb, label = np.full((SIZE, SIZE, 3), 110, np.uint8), np.zeros(GRID, np.uint8)
    for kind, column in zip(("mug", "bowl"), rng.permutation([3, 9]), strict=True):
        row = int(rng.integers(3, 10))
        rgb[row * 16 : row * 16 + 32, column * 16 : column * 16 + 32] = COLOURS[kind]
        label[row : row + 2, column : column + 2] = LABELS.index(kind)
        if kind == looked:
            point = np.array([(column + 1) / 14 * CAMERA[0], (row + 1) / 14 * CAMERA[1]])
    jpeg = cv2.imencode(".jpg", rgb[..., ::-1])[1].ravel()
    gaze = np.tile(point, (FRAMES, 1))
    gaze[3] = np.nan
    maps = np.stack([heatmap(p[None], CAMERA, GRID, 20.0) for p in gaze])
    path = folder / f"episode_{number:06d}.npz"
    np.savez(
        path,
        jpeg_data=np.tile(jpeg, FRAMES),
        jpeg_offset=np.arange(FRAMES + 1, dtype=np.int64) * len(jpeg),
        stamp_s=np.arange(1, FRAMES + 1) * 0.5,
        patch_label=np.tile(label, (FRAMES, 1, 1)),
        label_names=np.array(LABELS),
        heatmap=maps,
        heatmap_input=maps,
        gaze_px=gaze,
        activity=np.array([f"reaching for the {looked}"] * FRAMES),
        event=np.array([f"pick up the {looked}"] * FRAMES),
        event_time_s=np.full(FRAMES, FRAMES * 0.5 + 1.0),
        phase_id=np.zeros(FRAMES, np.int64),
        split=np.array(split),
    )
    return path


def write_data(folder: Path, train: int = 24, validation: int = 4, test: int = 6) -> Path:
    """Episodes of each split; returns ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        for _ in range(count):
            write_episode(folder, number, split)
            number += 1
    return folder
