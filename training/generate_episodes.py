"""Writes simulated episodes for the vision-language model, one ``episode_NNNNNN.npz`` each.

The file of an episode depends on its seed alone, whatever the number of workers; the split is drawn from the
seed too, so
that no test episode can have a neighbour in training. What exists is kept: a killed run goes on where it stopped.

Arrays of a file (N frames at ``1 / FRAME_PERIOD_S``): ``jpeg_data`` uint8 and ``jpeg_offset`` int64 (N + 1)
hold 224x224
pictures; ``stamp_s`` (N,); ``patch_label`` uint8 (N, 14, 14), index into ``label_names``; ``heatmap`` float32
(N, 14, 14),
the gaze of the last 200 ms carried to the frame by its 3-D hits; ``heatmap_input`` likewise, from raw gaze
pixels, as a live
model gets it; zeros where gaze is missing; ``gaze_px`` (N, 2) in 640x480; ``activity``, ``event`` str (N,);
``event_time_s`` (N,); ``phase_id`` int (N,); ``split`` str.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.kitchen import LABELS
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import JointTrajectory

FRAME_PERIOD_S = 0.5
IMAGE_SIZE = 224
GRID = (14, 14)
HEATMAP_SPAN_S = 0.2
HEATMAP_SIGMA_PX = 20.0
_GAZE_PERIOD_S = 0.02
_SMALL_THING_SHARE = 0.12
_PLACES_FROM = LABELS.index("tray")
_HAND = LABELS.index("hand")


def split_of(seed: int) -> str:
    """Test, validation or train, by a hash of the episode's seed (10 %, 10 %, 80 %)."""
    draw = np.random.default_rng([seed, 7]).random()
    return "test" if draw < 0.1 else "validation" if draw < 0.2 else "train"


def patch_labels(segmentation: np.ndarray) -> np.ndarray:
    """The class (14, 14) uint8 of each patch of a segmented picture (H, W).

    That is the largest *thing, hand or arm* that fills at least 12 % of the patch, else the largest class.
    """
    small = cv2.resize(segmentation, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_NEAREST)
    rows, columns = GRID
    cells = (
        small.reshape(rows, IMAGE_SIZE // rows, columns, IMAGE_SIZE // columns)
        .transpose(0, 2, 1, 3)
        .reshape(rows * columns, -1)
    )
    counts = np.stack([(cells == label).sum(axis=1) for label in range(len(LABELS))], axis=1)
    foreground = counts.copy()
    foreground[:, 0] = 0
    foreground[:, _PLACES_FROM:_HAND] = 0
    chosen = np.where(
        foreground.max(axis=1) >= _SMALL_THING_SHARE * cells.shape[1], foreground.argmax(axis=1), counts.argmax(axis=1)
    )
    return chosen.reshape(GRID).astype(np.uint8)


class WanderingArm:
    """Moves the arm to random postures at random times, so that its motion tells nothing about the wearer's
    intention.
    """

    SPREAD_RAD = 1.1

    def __init__(self, simulation: Simulation, rng: np.random.Generator) -> None:
        self._simulation, self._rng = simulation, rng
        self._next_s = float(rng.uniform(0, 4)) if rng.random() < 0.7 else np.inf

    def advance(self) -> None:
        if self._simulation.time_s < self._next_s:
            return
        robot = self._simulation.robot
        pose = np.asarray(robot.home_rad) + self._rng.uniform(-self.SPREAD_RAD, self.SPREAD_RAD, len(robot.joint_names))
        pose = np.clip(pose, robot.limits.lower_rad, robot.limits.upper_rad)
        duration = float(self._rng.uniform(0.8, 2.0))
        state = self._simulation.joint_state()
        self._simulation.set_joint_trajectory(
            JointTrajectory(state.stamp_ns, state.names, pose[None], np.zeros((1, len(pose))), np.array([duration]))
        )
        self._next_s = self._simulation.time_s + duration + float(self._rng.uniform(0.5, 4.0))


def record_episode(seed: int, duration_s: float) -> dict[str, np.ndarray]:
    """Simulates one episode and returns the arrays of its file."""
    simulation = Simulation(SimulationConfig(seed=seed, things=int(np.random.default_rng([seed, 1]).integers(6, 10))))
    arm = WanderingArm(simulation, np.random.default_rng([seed, 2]))
    rows: dict[str, list] = {}
    jpegs = []
    try:
        for gaze_px, gaze_m in _frames(simulation, arm, duration_s):
            snapshot = simulation.snapshot()
            rgb = cv2.resize(
                simulation.render_snapshot(snapshot, depth=False).rgb,
                (IMAGE_SIZE, IMAGE_SIZE),
                interpolation=cv2.INTER_AREA,
            )
            jpegs.append(cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].ravel())
            for key, value in _labels(simulation, simulation.segmentation(snapshot), gaze_px, gaze_m).items():
                rows.setdefault(key, []).append(value)
    finally:
        simulation.close()
    return {
        **{key: np.asarray(values) for key, values in rows.items()},
        "jpeg_data": np.concatenate(jpegs),
        "jpeg_offset": np.cumsum([0, *(len(jpeg) for jpeg in jpegs)]).astype(np.int64),
        "label_names": np.asarray(LABELS),
        "split": np.asarray(split_of(seed)),
    }


def _frames(simulation: Simulation, arm: WanderingArm, duration_s: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Runs to each frame's instant; yields the gaze of the last 200 ms, in pixels (K, 2) and as world hits (K, 3)."""
    steps = round(HEATMAP_SPAN_S / _GAZE_PERIOD_S)
    for _ in range(int(duration_s / FRAME_PERIOD_S)):
        simulation.advance(FRAME_PERIOD_S - steps * _GAZE_PERIOD_S)
        arm.advance()
        pixels, hits = [], []
        for _ in range(steps):
            simulation.advance(_GAZE_PERIOD_S)
            sample = simulation.gaze_sample()
            if sample.valid:
                pose = simulation.wearer.eyes.world_T_camera()
                pixels.append(sample.point_px)
                hits.append(simulation.cast(pose[:3, 3], pose[:3, :3] @ sample.ray)[0])
        yield np.array(pixels).reshape(-1, 2), np.array(hits).reshape(-1, 3)


def _labels(
    simulation: Simulation, segmentation: np.ndarray, gaze_px: np.ndarray, gaze_m: np.ndarray
) -> dict[str, object]:
    size = simulation.config.width, simulation.config.height
    camera_T_world = invert_transform(simulation.wearer.eyes.world_T_camera())
    carried = project(simulation.camera, transform_points(camera_T_world, gaze_m)) if len(gaze_m) else gaze_px
    truth = simulation.truth()
    return {
        "stamp_s": simulation.time_s,
        "patch_label": patch_labels(segmentation),
        "heatmap": heatmap(carried[np.isfinite(carried).all(axis=1)], size, GRID, HEATMAP_SIGMA_PX),
        "heatmap_input": heatmap(gaze_px, size, GRID, HEATMAP_SIGMA_PX),
        "gaze_px": gaze_px[-1] if len(gaze_px) else np.full(2, np.nan),
        "activity": truth.activity,
        "event": truth.event,
        "event_time_s": truth.event_time_s,
        "phase_id": truth.phase,
    }


def _write(job: tuple[int, float, str]) -> int:
    seed, duration_s, folder = job
    path = Path(folder) / f"episode_{seed:06d}.npz"
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **record_episode(seed, duration_s))
    os.replace(partial, path)
    return seed


def generate(folder: Path, episodes: int, first_seed: int = 0, duration_s: float = 30.0, workers: int = 2) -> int:
    """Writes the missing ones of ``episodes`` files to ``folder``; returns how many were written. Shows progress."""
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [
        seed for seed in range(first_seed, first_seed + episodes) if not (folder / f"episode_{seed:06d}.npz").exists()
    ]
    jobs = [(seed, duration_s, str(folder)) for seed in seeds]
    columns = TextColumn("episodes"), *Progress.get_default_columns()[1:2], MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress, multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=8) as pool:
        task = progress.add_task("episodes", total=len(jobs))
        for _ in pool.imap_unordered(_write, jobs):
            progress.advance(task)
    return len(jobs)
