"""The report's video: the scene camera with gaze, attention and predictions, small enough to live in a web page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np

from gaze_vlm_ros.recording.images import decode_rgb
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.report.collect import stamp_of
from gaze_vlm_ros.report.picture import draw
from gaze_vlm_ros.report.run import Run
from gaze_vlm_ros.report.scenes import SceneLookup, agreement
from gaze_vlm_ros.types import NS_PER_S


@dataclass(frozen=True)
class VideoSettings:
    """Size and length. ``shortest_s`` is how long a recording of a few frames is stretched to play."""

    width: int = 480
    preview_width: int = 800
    frames_per_s: int = 15
    megabytes: float = 6.0
    longest_s: float = 600.0
    shortest_s: float = 6.0
    stills: int = 8

    def __post_init__(self) -> None:
        for name in ("width", "preview_width", "frames_per_s", "megabytes", "longest_s", "shortest_s", "stills"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass
class Video:
    """An H.264 ``mp4`` from ``start_s`` of the run, ``slowdown`` times slower than life.

    ``stills`` are JPEGs of a recording of few frames.
    ``preview`` is the picture (H, W, 3) uint8 RGB that stands best for the run, ``poster`` a small JPEG of it.
    """

    mp4: bytes = b""
    size: tuple[int, int] = (0, 0)
    slowdown: float = 1.0
    start_s: float = 0.0
    shown_s: float = 0.0
    stills: list[tuple[float, bytes]] = field(default_factory=list)
    preview: np.ndarray | None = None
    poster: bytes = b""


def make_video(recording: Path, run: Run, settings: VideoSettings | None = None) -> Video | None:
    """Read the frames of ``run`` once more and draw the video; None for a recording without video."""
    settings = settings or VideoSettings()
    stamps = sorted(set(run.frame_stamps))
    if not stamps:
        return None
    life_s = min((stamps[-1] - stamps[0]) / NS_PER_S, settings.longest_s)
    slowdown = max(1.0, settings.shortest_s / max(life_s, 1e-3)) if len(stamps) < 30 else 1.0
    lookup = SceneLookup(run)
    scenes = {stamp: lookup.at(stamp) for stamp in stamps if stamp - stamps[0] <= life_s * NS_PER_S}
    best = _best_stamp(scenes)
    video = Video(slowdown=slowdown, start_s=run.seconds(stamps[0]), shown_s=life_s)
    few = len(stamps) < 30
    still_stamps = set(np.array(stamps)[np.linspace(0, len(stamps) - 1, settings.stills).astype(int)]) if few else set()
    with _Encoder(settings, play_s=max(life_s * slowdown, 1.0 / settings.frames_per_s)) as encoder:
        for stamp, rgb in _frames(recording, run.image_topic):
            if stamp not in scenes:
                continue
            picture = draw(rgb, scenes[stamp], settings.width)
            encoder.show(picture, (stamp - stamps[0]) * slowdown / NS_PER_S)
            if stamp in still_stamps:
                video.stills.append((run.seconds(stamp), _jpeg(picture)))
            if stamp == best:
                video.preview, video.poster = draw(rgb, scenes[stamp], settings.preview_width), _jpeg(picture)
        video.mp4, video.size = encoder.finish(), encoder.size
    return video


class _Encoder:
    """Constant-rate H.264: each picture is shown until the next one is due, so that a gap is seen as a freeze.

    A context manager: its temporary file is gone when it ends.
    """

    def __init__(self, settings: VideoSettings, play_s: float) -> None:
        self.size = (0, 0)
        # A minute gets `megabytes`; longer videos share four times that.
        budget_bits = min(settings.megabytes * play_s / 60, 4 * settings.megabytes) * 8e6
        self._bits_per_s = int(max(60_000, min(budget_bits / play_s, 4_000_000)))
        self._rate = settings.frames_per_s
        # A file, not memory: to put the index first, FFmpeg reads again what it wrote.
        self._folder = TemporaryDirectory(prefix="gaze_vlm_report_")
        self._path = Path(self._folder.name) / "video.mp4"
        self._container = av.open(str(self._path), "w", format="mp4", options={"movflags": "faststart"})
        self._stream = None
        self._pending: np.ndarray | None = None
        self._ticks = 0

    def __enter__(self) -> _Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def show(self, picture: np.ndarray, at_s: float) -> None:
        """Show ``picture`` (h, w, 3) uint8 RGB from ``at_s`` on."""
        if self._stream is None:
            self._open(picture)
        self._fill(math.floor(at_s * self._rate))
        self._pending = picture

    def finish(self) -> bytes:
        """The file."""
        self._fill(self._ticks + max(1, self._rate // 2))
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        return self._path.read_bytes()

    def _open(self, picture: np.ndarray) -> None:
        height, width = picture.shape[:2]
        self.size = (width, height)
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        limit = str(self._bits_per_s)
        self._stream.options = {"preset": "veryfast", "crf": "25", "maxrate": limit, "bufsize": limit}

    def _fill(self, until_tick: int) -> None:
        while self._pending is not None and self._ticks < until_tick:
            frame = av.VideoFrame.from_ndarray(self._pending, format="rgb24")
            frame.pts = self._ticks
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
            self._ticks += 1


def _frames(recording: Path, topic: str) -> Iterator[tuple[int, np.ndarray]]:
    """Frames of ``topic`` with rising stamps; one that comes out of order is left out."""
    newest = -1
    for recorded in iter_messages(recording, [topic]):
        stamp = stamp_of(recorded.message.header.stamp)
        if stamp > newest:
            newest = stamp
            yield stamp, decode_rgb(recorded.message)


def _best_stamp(scenes: dict) -> int:
    """The frame that tells most; of equals the one in the middle of them."""
    scores = {stamp: agreement(scene) for stamp, scene in scenes.items()}
    top = [stamp for stamp, score in scores.items() if score == max(scores.values())]
    return top[len(top) // 2]


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def png(picture: np.ndarray) -> bytes:
    """PNG file of (h, w, 3) uint8 RGB."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
