"""A recording for the load run: a clip of the simulated kitchen over and over, at the rates that are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load_judgement import Replayed
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.attached import as_bytes
from gaze_vlm_ros.nodes.conversions.common import camera_pose_message, time_message
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, jpeg_message
from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import NS_PER_S, GazeSample

FRAME_HZ, GAZE_HZ, WIDTH, HEIGHT = 30, 200, 640, 480
CLIP_S = 10
GAZE_ENDS_NS = NS_PER_S // 2
"""Before the last frame: who reads gaze when a frame comes, as the VLM does, has read all of it at the end."""
FIRST_NS = 1_700_000_000 * NS_PER_S
_POSE_COVARIANCE = np.eye(6) * 1e-6
_QUEUE_BYTES = 1 << 30

Timed = tuple[int, str, Any]
"""Time since the beginning of the clip [ns], topic, message."""


class NotWritten(GazeVlmError):
    """The recording cannot be made."""


def clip(seed: int, seconds: int) -> list[Timed]:
    """Frames, camera and pose at 30 Hz, gaze without a gap at 200 Hz, of ``seconds``, in order of time."""
    simulation = Simulation(SimulationConfig(seed=seed, width=WIDTH, height=HEIGHT, tracker="ideal"))
    try:
        return sorted(_clip(simulation, seconds), key=lambda item: item[0])
    finally:
        simulation.close()


def _clip(simulation: Simulation, seconds: int) -> Iterator[Timed]:
    camera, base = simulation.camera, simulation.base_frame
    samples: list[GazeSample] = []
    for number in itertools.count():
        simulation.advance(1.0 / FRAME_HZ)
        samples += simulation.gaze_samples()
        if number < seconds * FRAME_HZ:
            at_ns = number * NS_PER_S // FRAME_HZ
            picture = simulation.render(depth=False).rgb
            yield at_ns, names.SCENE_INFO, camera_info_message(camera, at_ns)
            pose = camera_pose_message(at_ns, simulation.base_T_camera(), _POSE_COVARIANCE, base)
            yield at_ns, names.SCENE_POSE, pose
            yield at_ns, names.SCENE_IMAGE_COMPRESSED, jpeg_message(picture, at_ns, camera.frame_id)
        elif len(samples) >= seconds * GAZE_HZ:
            break
    for number, sample in enumerate(samples[: seconds * GAZE_HZ]):
        at_ns = number * NS_PER_S // GAZE_HZ
        yield at_ns, names.GAZE_SAMPLE, gaze_message(sample, camera.frame_id, at_ns)


def write(
    path: Path, seconds: int, seed: int, clip_s: int = CLIP_S, report: Callable[[float], None] = lambda share: None
) -> Replayed:
    """``seconds`` of the clip of ``seed``, repeated; gaze ends ``GAZE_ENDS_NS`` earlier.

    Raises NotWritten where the disk does not take it.
    """
    one = clip(seed, min(clip_s, seconds))
    length_ns = min(clip_s, seconds) * NS_PER_S
    writer = McapWriter(path, settings=WriterSettings(compression="none", queue_bytes=_QUEUE_BYTES))
    counts = {topic: 0 for _, topic, _ in one}
    frames: list[int] = []
    for start_ns in range(0, seconds * NS_PER_S, length_ns):
        for at_ns, topic, message in one:
            if start_ns + at_ns >= seconds * NS_PER_S - (GAZE_ENDS_NS if topic == names.GAZE_SAMPLE else 0):
                continue
            stamp_ns = FIRST_NS + start_ns + at_ns
            message.header.stamp = time_message(stamp_ns)
            if topic == names.GAZE_SAMPLE:
                message.sequence = counts[topic]
            elif topic == names.SCENE_IMAGE_COMPRESSED:
                frames.append(stamp_ns)
            writer.write(f"/{topic}", names.RECORDED[topic], as_bytes(message), stamp_ns, stamp_ns)
            counts[topic] += 1
        report(min(1.0, (start_ns + length_ns) / (seconds * NS_PER_S)))
    summary = writer.close()
    if summary.dropped:
        raise NotWritten(f"{path}: {summary.problem or 'the disk is too slow'}; name a larger or faster one by TMPDIR")
    return Replayed(np.array(frames, np.int64), counts)
