"""What every source of frames and gaze offers, and how a path or name is recognised as one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.types import CameraModel, CameraPose, EyeMovement, EyePicture, Frame, GazeSample

SCENE_CAMERA = "scene_camera"
"""Key of the scene camera in :attr:`Source.cameras`."""

SourceItem = Frame | GazeSample | EyeMovement | CameraPose


class SourceError(GazeVlmError):
    """A recording or device cannot be used; the message names it and the remedy."""


@dataclass(frozen=True)
class SourceInfo:
    """What a source says about itself before the first item.

    ``counts`` has the keys ``frames``, ``gaze`` and ``eye_movements`` (the device's own); it is empty for a live
    device. Rates are NaN where there is no such stream, ``duration_s`` is infinite for a live device.
    ``has_poses``: the scene camera's poses in a robot's base come along. ``device_clock`` says in words what the stamps
    count from. ``notes`` are sentences for people: which topic was
    chosen, what is missing or damaged.
    """

    name: str
    location: str
    frame_rate_hz: float
    gaze_rate_hz: float
    duration_s: float
    counts: Mapping[str, int]
    has_depth: bool
    device_clock: str
    live: bool = False
    has_poses: bool = False
    notes: tuple[str, ...] = ()


@runtime_checkable
class Source(Protocol):
    """Frames, gaze samples, recorded camera poses and the device's own eye movements, in stamp order.

    Iterating a recording again starts it from its beginning. Stamps are the device's own; mapping them to ROS time
    is the reader's business (:mod:`gaze_vlm_ros.gaze.clock`).
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        """Calibrations by camera; ``scene_camera`` is the one that frames and gaze points refer to."""

    def __iter__(self) -> Iterator[SourceItem]:
        """Items in order of :func:`item_stamp_ns`. Raises :class:`SourceError` where the data cannot be read."""

    def close(self) -> None:
        """Give files and devices back; harmless when repeated."""


def item_stamp_ns(item: SourceItem | EyePicture) -> int:
    """The stamp by which items are ordered [ns]; an eye movement counts when it ends."""
    return item.end_ns if isinstance(item, EyeMovement) else item.stamp_ns


def in_stamp_order(*streams: Iterable[SourceItem | EyePicture]) -> Iterator[SourceItem | EyePicture]:
    """Merge streams that are each in stamp order; at equal stamps the earlier argument goes first.

    Pass gaze before frames, so that a frame finds the gaze of its own instant already there.
    """
    return heapq.merge(*streams, key=item_stamp_ns)


def rate_hz(count: int, span_ns: int) -> float:
    """Mean rate of ``count`` items whose first and last are ``span_ns`` apart [Hz]; NaN for fewer than two."""
    return (count - 1) * 1e9 / span_ns if count > 1 and span_ns > 0 else float("nan")


def open_source(location: str | Path) -> Source:
    """Open a recording or device by what it is.

    ``location`` is a Project Aria ``.vrs`` file or the folder that holds one, a Pupil Labs Neon native recording
    folder, an ``.mcap`` file, a rosbag2 folder, or ``webcam:N``. Raises :class:`SourceError` with the remedy where it
    is none of these or cannot be read.
    """
    text = str(location)
    if text.startswith("webcam:"):
        return _create("webcam", "WebcamSource", text)
    path = Path(text).expanduser()
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder; check the path")
    return _open_folder(path) if path.is_dir() else _open_file(path)


def _open_file(path: Path) -> Source:
    if path.suffix == ".vrs":
        return _create("aria", "AriaSource", path)
    if path.suffix == ".mcap":
        return _create("mcap", "McapSource", path)
    if path.name in ("info.json", "metadata.yaml"):
        return _open_folder(path.parent)
    raise SourceError(f"{path}: not a recording that is known here; give {_KNOWN}")


def _open_folder(path: Path) -> Source:
    if (path / "metadata.yaml").is_file():
        return _create("mcap", "McapSource", path)
    if (path / "info.json").is_file():
        return _create("neon", "NeonSource", path)
    for suffix in (".vrs", ".mcap"):
        files = sorted(path.glob(f"*{suffix}"))
        if len(files) == 1:
            return _open_file(files[0])
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise SourceError(f"{path}: holds several recordings ({names}); give the path of one of them")
    raise SourceError(f"{path}: holds no recording (no .vrs, .mcap, metadata.yaml or info.json); give {_KNOWN}")


def _create(module: str, name: str, location: str | Path) -> Source:
    """A source of a module that is imported only now, so that one's packages are not needed by the others."""
    return getattr(import_module(f"gaze_vlm_ros.sources.{module}"), name)(location)


_KNOWN = "an Aria .vrs, a Neon recording folder (with info.json), an .mcap, a rosbag2 folder or webcam:N"
