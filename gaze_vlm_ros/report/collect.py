"""From the messages of a recording to a :class:`Run`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.recording.reader import RecordedMessage, iter_messages
from gaze_vlm_ros.report.run import SAME_CLOCK_NS, Attention, Run, Said, State, Target, TopicLog, Truth
from gaze_vlm_ros.types import NS_PER_S, AssistMode, EyeMovement, EyeMovementKind

ASSIST_MODES = [mode.value for mode in AssistMode]
GOVERNOR_STATES = ["disarmed", "holding", "moving", "protective stop"]
EYE_MOVEMENTS = list(EyeMovementKind)
DIAGNOSTIC_LEVELS = ["ok", "warning", "error", "stale"]


class ReportError(GazeVlmError):
    """No report can be made; the message names the recording and the remedy."""


def stamp_of(time) -> int:
    """Nanoseconds of a ``builtin_interfaces/Time``."""
    return time.sec * NS_PER_S + time.nanosec


def collect(recording: Path) -> tuple[Run, list[str]]:
    """Read ``recording`` once; return the run of its busiest namespace and the names of the other namespaces.

    Raises ReportError where no topic of this package is in it, and the reader's errors for an unreadable file.
    """
    runs: dict[str, Run] = {}
    foreign: dict[str, TopicLog] = defaultdict(TopicLog)
    for recorded in iter_messages(recording, None):
        namespace, name = split_topic(recorded.topic)
        if namespace is None:
            _log_times(foreign[name], recorded)
            continue
        run = runs.setdefault(namespace, Run(namespace))
        _log_times(run.topics.setdefault(name, TopicLog()), recorded)
        HANDLERS.get(name, _ignore)(run, recorded)
    if not runs:
        raise ReportError(f"{recording} has no topic of this package; record one with `gaze-vlm-ros up` or `replay`")
    run = max(runs.values(), key=lambda candidate: candidate.messages)
    run.topics.update(foreign)
    _sort(run)
    return run, sorted(set(runs) - {run.namespace})


def split_topic(topic: str) -> tuple[str | None, str]:
    """``/sim/gaze/sample`` -> ``("sim", "gaze/sample")``; the namespace of a topic that is not ours is None."""
    parts = topic.strip("/").split("/")
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if name in HANDLERS:
            return "/".join(parts[:start]), name
    return None, topic.strip("/")


def _log_times(log: TopicLog, recorded: RecordedMessage) -> None:
    log.log_ns.append(recorded.log_ns)
    header = getattr(recorded.message, "header", None)
    # ros2_control reads a zero stamp as "start now": it says nothing about age.
    if header is not None and stamp_of(header.stamp) > 0:
        log.age_ns.append(recorded.log_ns - stamp_of(header.stamp))


def _sort(run: Run) -> None:
    for series in (run.activities, run.events, run.attention, run.targets, run.assist, run.governor, run.truth):
        series.sort(key=lambda item: item.stamp_ns)
    run.eye_movements.sort(key=lambda movement: movement.start_ns)


def _name(names: list[str], number: int) -> str:
    return names[number] if number < len(names) else f"unknown ({number})"


def _ignore(run: Run, recorded: RecordedMessage) -> None:
    pass


def _image(run: Run, recorded: RecordedMessage) -> None:
    run.image_topics.setdefault(recorded.topic, []).append(stamp_of(recorded.message.header.stamp))


def _camera_info(run: Run, recorded: RecordedMessage) -> None:
    run.image_size = (recorded.message.width, recorded.message.height)


def _gaze(run: Run, recorded: RecordedMessage) -> None:
    sample = recorded.message
    usable = sample.worn and sample.confidence > 0.0 and all(map(math.isfinite, sample.ray))
    run.gaze.stamp_ns.append(stamp_of(sample.header.stamp))
    run.gaze.point_px.append(tuple(sample.point_px) if usable else (math.nan, math.nan))
    run.gaze.sequence.append(sample.sequence)


def _eye_movement(run: Run, recorded: RecordedMessage) -> None:
    movement = recorded.message
    if movement.kind >= len(EYE_MOVEMENTS):
        return
    run.eye_movements.append(
        EyeMovement(
            kind=EYE_MOVEMENTS[movement.kind],
            start_ns=stamp_of(movement.start),
            end_ns=stamp_of(movement.end),
            mean_point_px=np.asarray(movement.mean_point_px, dtype=np.float64),
            amplitude_rad=movement.amplitude_rad,
            peak_velocity_rad_s=movement.peak_velocity_rad_s,
        )
    )


def _said(run: Run, recorded: RecordedMessage) -> Said:
    prediction = recorded.message
    stamp = stamp_of(prediction.header.stamp)
    run.models[prediction.model_name] = prediction.model_version
    return Said(
        stamp_ns=stamp,
        known_ns=recorded.log_ns if abs(recorded.log_ns - stamp) < SAME_CLOCK_NS else stamp,
        text=prediction.text,
        confidence=prediction.confidence,
        out_of_domain=prediction.out_of_domain,
    )


def _activity(run: Run, recorded: RecordedMessage) -> None:
    run.activities.append(_said(run, recorded))


def _event(run: Run, recorded: RecordedMessage) -> None:
    run.events.append(_said(run, recorded))


def _attention(run: Run, recorded: RecordedMessage) -> None:
    image = recorded.message
    if image.encoding == "32FC1" and image.height * image.width * 4 == len(image.data):
        order = ">f4" if image.is_bigendian else "<f4"
        grid = np.frombuffer(bytes(image.data), order).reshape(image.height, image.width)
        run.attention.append(Attention(stamp_of(image.header.stamp), grid))


def _target(run: Run, recorded: RecordedMessage) -> None:
    target = recorded.message
    position = (target.position.x, target.position.y, target.position.z)
    run.targets.append(Target(stamp_of(target.header.stamp), target.label, position))


def _assist(run: Run, recorded: RecordedMessage) -> None:
    state = recorded.message
    run.assist.append(
        State(
            stamp_ns=stamp_of(state.header.stamp),
            name=_name(ASSIST_MODES, state.mode),
            reason=state.reason,
            target=state.target_label,
            limited_by=state.limited_by,
            acted_on_ns=stamp_of(state.prediction_stamp),
        )
    )


def _governor(run: Run, recorded: RecordedMessage) -> None:
    state = recorded.message
    run.governor.append(State(stamp_of(state.header.stamp), _name(GOVERNOR_STATES, state.state), state.reason))
    run.commands = (state.commands_passed, state.commands_refused)


def _protective_stop(run: Run, recorded: RecordedMessage) -> None:
    if recorded.message.data:
        run.protective_stops.append(recorded.log_ns)


def _truth(run: Run, recorded: RecordedMessage) -> None:
    truth = recorded.message
    run.truth.append(
        Truth(
            stamp_ns=stamp_of(truth.header.stamp),
            activity=truth.activity,
            event=truth.event,
            event_ns=stamp_of(truth.event_time),
            event_object=truth.event_object,
            gaze_label=truth.gaze_label,
            gaze_position_m=(truth.gaze_position.x, truth.gaze_position.y, truth.gaze_position.z),
            pointed_label=truth.pointed_label,
        )
    )


def _marker(run: Run, recorded: RecordedMessage) -> None:
    marker = recorded.message
    words = [word for word in (marker.condition, marker.participant, marker.text) if word]
    run.markers.append((stamp_of(marker.header.stamp), " · ".join(words)))


def _diagnostics(run: Run, recorded: RecordedMessage) -> None:
    for status in recorded.message.status:
        name = status.name.removeprefix(f"{run.namespace}/")
        entry = run.diagnostics.setdefault(name, {"worst": 0, "worst_message": "", "values": {}})
        level = int.from_bytes(status.level, "little") if isinstance(status.level, bytes) else int(status.level)
        if level > entry["worst"]:
            entry.update(worst=level, worst_message=status.message)
        entry.update(level=level, message=status.message)
        entry["values"].update({pair.key: pair.value for pair in status.values})


def _unread(names: Iterable[str]) -> dict[str, Callable]:
    return dict.fromkeys(names, _ignore)


HANDLERS: dict[str, Callable[[Run, RecordedMessage], None]] = {
    "scene_camera/image_raw": _image,
    "scene_camera/image_raw/compressed": _image,
    "scene_camera/camera_info": _camera_info,
    "gaze/sample": _gaze,
    "gaze/eye_movement": _eye_movement,
    "gaze_vlm/activity": _activity,
    "gaze_vlm/event": _event,
    "gaze_vlm/attention": _attention,
    "gaze_vlm/gaze_target": _target,
    "assist_policy/state": _assist,
    "governor/state": _governor,
    "protective_stop": _protective_stop,
    "sim/truth": _truth,
    "study/marker": _marker,
    "diagnostics": _diagnostics,
    **_unread(
        [
            "scene_camera/depth/image_raw",
            "scene_camera/depth/image_raw/compressedDepth",
            "scene_camera/pose",
            "wearer/state",
            "gaze_vlm/objects",
            "gaze_vlm/markers",
            "joint_states",
            "assist_policy/joint_trajectory",
            "joint_trajectory_controller/joint_trajectory",
            "robot_camera/depth/image_raw",
            "robot_camera/depth/image_raw/compressedDepth",
            "robot_camera/camera_info",
            "gaze/filtered",
        ]
    ),
}
"""What each topic, by its relative name, adds to a run."""
