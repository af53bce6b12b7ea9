"""Writes a small recording whose every figure is known: a wearer who tidies a mug and a bowl, in cycles of 12 s."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from mcap_ros2.writer import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

REPOSITORY = Path(__file__).resolve().parents[2]
START_S = 1_700_000_000
CYCLE_S = 12.0
# end [s in the cycle], activity, next event, its time [s in the cycle], its object
PHASES = (
    (2.0, "looking around", "pick up the mug", 3.2, "mug"),
    (3.2, "reaching for the mug", "pick up the mug", 3.2, "mug"),
    (5.0, "moving the mug to the tray", "put the mug on the tray", 5.0, "mug"),
    (7.0, "withdrawing the hand", "pick up the bowl", 8.2, "bowl"),
    (8.2, "reaching for the bowl", "pick up the bowl", 8.2, "bowl"),
    (10.0, "moving the bowl to the mat", "put the bowl on the mat", 10.0, "bowl"),
    (12.0, "withdrawing the hand", "pick up the mug", 15.2, "mug"),
)
PREDICTION_AGE_S = 0.15
LAG_S = 0.3
"""The model says what was true this long ago."""


def phase_at(t: float) -> tuple[float, str, str, float, str]:
    """End of phase, activity, event, event time [s of the run] and object at second ``t``."""
    cycle = math.floor(t / CYCLE_S + 1e-9)
    end, activity, event, event_s, thing = next(phase for phase in PHASES if t - cycle * CYCLE_S < phase[0] - 1e-9)
    return cycle * CYCLE_S + end, activity, event, cycle * CYCLE_S + event_s, thing


class Recording:
    """An MCAP file that takes messages as dictionaries; a field that is left out is zero."""

    def __init__(self, path: Path, namespace: str) -> None:
        self._namespace = namespace
        self._store = get_typestore(Stores.ROS2_JAZZY)
        types = {}
        for file in sorted((REPOSITORY / "gaze_vlm_msgs" / "msg").glob("*.msg")):
            types.update(get_types_from_msg(file.read_text(), f"gaze_vlm_msgs/msg/{file.stem}"))
        self._store.register(types)
        self._writer = Writer(str(path))
        self._schemas: dict[str, object] = {}
        self._waiting: list[tuple[int, str, str, dict]] = []

    def put(self, topic: str, ros_type: str, at_s: float, age_s: float, **fields) -> None:
        """Record a message stamped ``at_s`` seconds into the run and received ``age_s`` later."""
        header = {"stamp": time_of(at_s), "frame_id": "scene_camera_optical"}
        log_ns = START_S * 10**9 + round((at_s + age_s) * 1e9)
        self._waiting.append(
            (log_ns, f"/{self._namespace}/{topic}".replace("//", "/"), ros_type, {"header": header, **fields})
        )

    def close(self) -> None:
        for log_ns, topic, ros_type, message in sorted(self._waiting, key=lambda item: item[0]):
            if ros_type not in self._schemas:
                text = self._store.generate_msgdef(ros_type, ros_version=2)[0]
                self._schemas[ros_type] = self._writer.register_msgdef(ros_type, text)
            self._writer.write_message(topic, self._schemas[ros_type], message, log_ns)
        self._writer.finish()


def time_of(at_s: float) -> dict:
    total = START_S * 10**9 + round(at_s * 1e9)
    return {"sec": total // 10**9, "nanosec": total % 10**9}


def write_run(
    path: Path, seconds: float = 24.0, *, namespace: str = "sim", video: bool = True, truth: bool = True
) -> Path:
    """Everything the simulator's graph records; gaze at 200 Hz with one blink, one lost sample; frames at 15 Hz."""
    recording = Recording(path, namespace)
    _gaze(recording, seconds)
    if video:
        _frames(recording, seconds)
        _predictions(recording, seconds)
        _robot(recording, seconds)
    if truth:
        _truth(recording, seconds)
    recording.close()
    return path


def ticks(seconds: float, rate_hz: float) -> Iterator[float]:
    return (i / rate_hz for i in range(round(seconds * rate_hz)))


def gaze_at(t: float) -> tuple[float, float]:
    """Fixations of 0.4 s on a mug or bowl, with a little noise that repeats."""
    thing = phase_at(t)[4]
    centre = (200.0, 300.0) if thing == "mug" else (440.0, 260.0)
    step = math.floor(t / 0.4)
    return centre[0] + 30 * math.sin(2.1 * step) + 0.8 * math.sin(90 * t), centre[1] + 22 * math.cos(3.7 * step)


def _gaze(recording: Recording, seconds: float) -> None:
    eye = {"ray": [0.0, 0.0, 1.0], "valid": True, "pupil_diameter_mm": 3.4}
    for number, t in enumerate(ticks(seconds, 200.0)):
        if number == 50:
            continue
        closed = 1.0 <= t < 1.15
        x, y = (math.nan, math.nan) if closed else gaze_at(t)
        ray = [math.nan] * 3 if closed else [0.0, 0.0, 1.0]
        recording.put(
            "gaze/sample",
            "gaze_vlm_msgs/msg/GazeSample",
            t,
            0.004,
            sequence=number,
            point_px=[x, y],
            ray=ray,
            distance_m=math.nan,
            sigma_rad=[0.01, 0.01],
            confidence=0.0 if closed else 1.0,
            worn=True,
            left=eye,
            right=eye,
        )
    for i in range(int(seconds / 0.4)):
        _movement(recording, 0, 0.4 * i + 0.04, 0.4 * (i + 1), gaze_at(0.4 * i + 0.1), 0.01)
        _movement(recording, 1, 0.4 * i, 0.4 * i + 0.04, gaze_at(0.4 * i + 0.1), 0.02 + 0.015 * (i % 11))
    _movement(recording, 2, 1.0, 1.15, (math.nan, math.nan), math.nan)


def _movement(
    recording: Recording, kind: int, start: float, end: float, point: tuple[float, float], amplitude: float
) -> None:
    recording.put(
        "gaze/eye_movement",
        "gaze_vlm_msgs/msg/EyeMovement",
        end,
        0.006,
        kind=kind,
        start=time_of(start),
        end=time_of(end),
        mean_point_px=list(point),
        amplitude_rad=amplitude,
        peak_velocity_rad_s=amplitude * 40,
    )


def picture(t: float) -> np.ndarray:
    """(480, 640, 3) uint8 RGB: a table with a mug and a bowl."""
    image = np.full((480, 640, 3), (168, 176, 190), np.uint8)
    image[200:] = (150, 116, 84)
    cv2.circle(image, (200, 300), 46, (202, 60, 70), -1, cv2.LINE_AA)
    cv2.ellipse(image, (440, 260), (60, 34), 0, 0, 360, (70, 110, 190), -1, cv2.LINE_AA)
    cv2.circle(image, (320 + round(60 * math.sin(t)), 440), 30, (226, 190, 160), -1, cv2.LINE_AA)
    return image


def _frames(recording: Recording, seconds: float) -> None:
    for t in ticks(seconds, 15.0):
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture(t), cv2.COLOR_RGB2BGR))[1]
        kind = "sensor_msgs/msg/CompressedImage"
        recording.put(
            "scene_camera/image_raw/compressed",
            kind,
            t,
            0.012,
            format="rgb8; jpeg compressed bgr8",
            data=jpeg.tobytes(),
        )
    recording.put(
        "scene_camera/camera_info",
        "sensor_msgs/msg/CameraInfo",
        0.0,
        0.01,
        width=640,
        height=480,
        k=[1.0] * 9,
        r=[1.0] * 9,
        p=[1.0] * 12,
    )


def said_at(t: float) -> tuple[str, str]:
    """Activity and event that the model says at ``t``; in the second cycle it takes the bowl for a bottle."""
    _, activity, event, _, _ = phase_at(max(0.0, t - LAG_S))
    if t >= CYCLE_S:
        activity, event = activity.replace("bowl", "bottle"), event.replace("bowl", "bottle")
    return activity, event


def _predictions(recording: Recording, seconds: float) -> None:
    for t in ticks(seconds, 4.0):
        for kind, (name, text) in enumerate(zip(("activity", "event"), said_at(t), strict=True)):
            recording.put(
                f"gaze_vlm/{name}",
                "gaze_vlm_msgs/msg/Prediction",
                t,
                PREDICTION_AGE_S,
                kind=kind,
                text=text,
                window_s=5.0,
                horizon_s=2.0 * kind,
                confidence=0.8,
                hypotheses=[],
                model_name="synthetic",
                model_version="1",
                used_gaze=True,
                out_of_domain=t < 1.0,
            )
        x, y = gaze_at(t)
        rows, columns = np.mgrid[0:12, 0:16]
        grid = np.exp(-((columns + 0.5 - x / 40) ** 2 + (rows + 0.5 - y / 40) ** 2) / 3).astype("<f4")
        recording.put(
            "gaze_vlm/attention",
            "sensor_msgs/msg/Image",
            t,
            PREDICTION_AGE_S,
            height=12,
            width=16,
            encoding="32FC1",
            is_bigendian=0,
            step=64,
            data=(grid / grid.sum()).tobytes(),
        )
        thing = phase_at(t)[4]
        recording.put(
            "gaze_vlm/gaze_target",
            "gaze_vlm_msgs/msg/GazeTarget",
            t,
            0.16,
            label=thing,
            instance_id=thing,
            probability=0.9,
            region_px=[0.0] * 4,
            position={"x": 0.31, "y": 0.0, "z": 0.1},
            covariance=[0.0] * 9,
        )


def _robot(recording: Recording, seconds: float) -> None:
    for t in ticks(seconds, 20.0):
        _, activity, event, _, thing = phase_at(t)
        pointing = event.startswith("pick up") and t > 1.0
        mode = 2 if activity.startswith("moving") else int(pointing)
        reason = ("Nothing to help with.", f"The wearer will {event}.", "The wearer's hand is near.")[mode]
        recording.put(
            "assist_policy/state",
            "gaze_vlm_msgs/msg/AssistState",
            t,
            0.002,
            mode=mode,
            target_label=thing if mode else "",
            target_position={"x": 0.3, "y": 0.0, "z": 0.1},
            reason=reason,
            limited_by="hand within 0.2 m" if mode == 2 else "",
            prediction_stamp=time_of(max(0.0, t - 0.2)),
        )
        recording.put(
            "governor/state",
            "gaze_vlm_msgs/msg/GovernorState",
            t,
            0.001,
            state=2 if pointing else 1,
            reason="Commands pass." if pointing else "No command comes.",
            commands_passed=round(t * 10),
            commands_refused=3,
        )
    values = [{"key": "frames dropped", "value": "2"}]
    status = {"level": 1, "name": "sim/gaze_vlm", "message": "slow", "hardware_id": "", "values": values}
    recording.put("diagnostics", "diagnostic_msgs/msg/DiagnosticArray", 1.0, 0.001, status=[status])
    recording.put(
        "study/marker", "gaze_vlm_msgs/msg/StudyMarker", 2.0, 0.001, condition="A", participant="P7", text="start"
    )


def _truth(recording: Recording, seconds: float) -> None:
    for t in ticks(seconds, 20.0):
        _, activity, event, event_s, thing = phase_at(t)
        recording.put(
            "sim/truth",
            "gaze_vlm_msgs/msg/SimTruth",
            t,
            0.003,
            activity=activity,
            event=event,
            event_time=time_of(event_s),
            event_object=thing,
            gaze_label=thing,
            gaze_position={"x": 0.3, "y": 0.0, "z": 0.1},
            pointed_label="mug" if (t % CYCLE_S) < 5 else "",
        )
