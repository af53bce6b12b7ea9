"""One simulated episode, frame by frame, with everything that is known of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.kitchen import LABELS
from gaze_vlm_ros.sim.labels.frame import FrameLabeller, FrameLabels
from gaze_vlm_ros.sim.labels.gaze import GazeLabel
from gaze_vlm_ros.sim.simulation import TICK_S, Simulation, SimulationConfig
from gaze_vlm_ros.training.shards.schema import EpisodeHeader, FrameRecord, Labels, Pictures, RecordOptions
from gaze_vlm_ros.types import NS_PER_S, GazeSample, JointTrajectory

PICTURE_SIZE = 224
GRID = (14, 14)
GAZE_SPAN_S = 0.2
_GAZE_TICKS = 3
"""One sample of the tracker in 24 ms is kept."""
_SAMPLES = 256
"""More than any tracker delivers in GAZE_SPAN_S and its delay."""
_SMALL_THING_SHARE = 0.12
_FOREGROUND = np.isin(LABELS, [*OBJECT_KINDS, "hand", "arm"])


@dataclass(frozen=True)
class Recording:
    """An episode while it is made: ``frames`` can be gone through once, and simulates as it goes."""

    header: EpisodeHeader
    frames: Iterator[FrameRecord]


@dataclass(frozen=True)
class _Gaze:
    """A sample of the tracker: its pixel (2,), NaN if lost, and the surface point (3,) that it names, as things stand
    at the frame.
    """

    pixel: np.ndarray
    hit_m: np.ndarray


def record_episode(seed: int, options: RecordOptions) -> Recording:
    """The episode ``seed``: kitchen, wearer, wandering arm, tracker. It depends on the arguments alone."""
    split = options.split_of(seed)
    simulation = Simulation(
        SimulationConfig(
            seed=seed,
            width=PICTURE_SIZE,
            height=PICTURE_SIZE,
            looks=options.looks,
            split=split,
            eye_head_coupling=options.eye_head_coupling,
        )
    )
    index = simulation.scene_index
    header = EpisodeHeader(
        seed,
        split,
        options.rate_hz,
        options.frames,
        PICTURE_SIZE,
        PICTURE_SIZE,
        tuple(tuple(float(round(value, 5)) for value in row) for row in simulation.camera.matrix),
        index.class_names,
        ("background", *index.instance_names[1:]),
        simulation.config.robot,
        tuple(simulation.robot.joint_names),
    )
    return Recording(header, _frames(simulation, header))


def _frames(simulation: Simulation, header: EpisodeHeader) -> Iterator[FrameRecord]:
    """Yields each frame when the next one is drawn, because its flow leads there; the last one at the end."""
    labeller, waiting = FrameLabeller(simulation.scene_index, look_back=False), {}
    try:
        for gaze in _instants(simulation, header):
            labels = labeller.add(simulation.shot(), simulation.moment())
            if labels is not None:
                yield _record(header, labels, waiting)
            waiting = _beside(simulation, gaze)
        yield _record(header, labeller.finish(), waiting)
    finally:
        simulation.close()


def _instants(simulation: Simulation, header: EpisodeHeader) -> Iterator[list[_Gaze]]:
    """Lets the simulation run to the instant of each frame; yields the gaze of the last 200 ms."""
    arm = WanderingArm(simulation, np.random.default_rng([header.seed, 2]))
    poses: deque[tuple[float, np.ndarray]] = deque(maxlen=round(GAZE_SPAN_S / TICK_S / _GAZE_TICKS))
    samples: deque[GazeSample] = deque(maxlen=_SAMPLES)
    now = 0
    for number in range(1, header.frames + 1):
        due = round(number / header.rate_hz / TICK_S)
        while now < due:
            ahead = min(due, (now // _GAZE_TICKS + 1) * _GAZE_TICKS)
            simulation.advance((ahead - now) * TICK_S)
            now = ahead
            arm.advance()
            poses.append((simulation.time_s, simulation.wearer.eyes.world_T_camera()))
        samples.extend(simulation.gaze_samples())
        since_s = simulation.time_s - GAZE_SPAN_S
        yield list(_gaze(simulation, [pose for pose in poses if pose[0] > since_s], list(samples)))


def _gaze(simulation: Simulation, poses: list[tuple[float, np.ndarray]], samples: list[GazeSample]) -> Iterator[_Gaze]:
    """For each pose of the camera the sample nearest in time, where there is one."""
    stamps_s = np.array([sample.stamp_ns for sample in samples]) / NS_PER_S
    for time_s, pose in poses:
        if not len(stamps_s) or np.abs(stamps_s - time_s).min() > _GAZE_TICKS * TICK_S / 2:
            continue
        sample = samples[int(np.abs(stamps_s - time_s).argmin())]
        if sample.valid:
            yield _Gaze(sample.point_px, simulation.cast(pose[:3, 3], pose[:3, :3] @ sample.ray)[0])
        else:
            yield _Gaze(np.full(2, np.nan), np.full(3, np.nan))


def _beside(simulation: Simulation, gaze: list[_Gaze]) -> dict[str, Any]:
    """Those ``Labels`` of this instant that the labeller does not know."""
    valid = [item for item in gaze if np.isfinite(item.pixel).all()]
    camera_T_world = invert_transform(simulation.wearer.eyes.world_T_camera())
    hits = transform_points(camera_T_world, np.array([item.hit_m for item in valid]).reshape(-1, 3))
    carried = project(simulation.camera, hits)
    joints, positions = simulation.joint_state(), simulation.thing_positions_in_base()
    states = simulation.wearer.states
    return {
        "base_T_camera": simulation.base_T_camera(),
        "gaze_px": gaze[-1].pixel if gaze else np.full(2, np.nan),
        "gaze_recent_px": np.array([item.pixel for item in valid]).reshape(-1, 2),
        "gaze_carried_px": carried[np.isfinite(carried).all(axis=1)],
        "phase": simulation.wearer.phase_count,
        "joint_position_rad": joints.position_rad,
        "joint_velocity_rad_s": joints.velocity_rad_s,
        "joint_command_rad": np.array(simulation.arm.command_rad),
        "things": {thing: {"position_m": positions[thing]} | asdict(states[thing]) for thing in sorted(positions)},
    }


def _record(header: EpisodeHeader, labels: FrameLabels, beside: dict[str, Any]) -> FrameRecord:
    motion, gaze = labels.to_next, labels.gaze
    pictures = Pictures(
        labels.rgb, labels.depth_m, labels.segmentation, labels.instance, motion.flow_px, motion.occluded
    )
    return FrameRecord(
        pictures,
        Labels(
            time_s=labels.time_s,
            gaze_object=gaze.object,
            gaze_instance=header.instances.index(gaze.instance) if gaze.instance else 0,
            gaze_visibility=_visibility(gaze),
            gaze_target_m=gaze.target_m,
            gaze_target_px=gaze.point_px,
            activity=labels.activity,
            event=labels.event,
            event_time_s=labels.event_time_s,
            contact=labels.contact,
            patch_label=patch_labels(labels.segmentation),
            **beside,
        ),
    )


def _visibility(gaze: GazeLabel) -> str:
    """One of ``GAZE_VISIBILITY``."""
    if not gaze.valid:
        return "none"
    return "outside" if gaze.outside else "occluded" if gaze.occluded else "seen"


def patch_labels(segmentation: np.ndarray) -> np.ndarray:
    """The class (14, 14) uint8 of each patch of a segmented picture (S, S), S a multiple of 14.

    That is the largest *thing, hand or arm* that fills at least 12 % of the patch, else the largest class.
    """
    rows, columns = GRID
    high, wide = segmentation.shape[0] // rows, segmentation.shape[1] // columns
    cells = segmentation.reshape(rows, high, columns, wide).transpose(0, 2, 1, 3).reshape(rows * columns, -1)
    patch = np.arange(rows * columns)[:, None] * len(LABELS)
    counts = np.bincount((patch + cells).ravel(), minlength=rows * columns * len(LABELS)).reshape(-1, len(LABELS))
    foreground = counts * _FOREGROUND
    is_clear = foreground.max(axis=1) >= _SMALL_THING_SHARE * high * wide
    return np.where(is_clear, foreground.argmax(axis=1), counts.argmax(axis=1)).reshape(GRID).astype(np.uint8)


class WanderingArm:
    """Moves the arm to random postures at random times, so that its motion tells nothing about the wearer's
    intention.
    """

    SPREAD_RAD = 1.1

    def __init__(self, simulation: Simulation, rng: np.random.Generator) -> None:
        self._simulation, self._rng = simulation, rng
        self._next_s = float(rng.uniform(0, 4)) if rng.random() < 0.7 else np.inf

    def advance(self) -> None:
        """Call it often; begins a motion when one is due."""
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
