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

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.recording.images import decode_rgb
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.report.collect import stamp_of
from gaze_vlm_ros.report.notes import FEW_FRAMES
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
    ``preview`` is the picture (H, W, 3) uint8 RGB that stands best for the run, ``poster`` a small JPEG of it, which
    the video itself shows ``poster_s`` after its beginning.
    ``unreadable`` counts frames that were left out because they are no picture or of another size.
    """

    mp4: bytes = b""
    size: tuple[int, int] = (0, 0)
    slowdown: float = 1.0
    start_s: float = 0.0
    shown_s: float = 0.0
    stills: list[tuple[float, bytes]] = field(default_factory=list)
    preview: np.ndarray | None = None
    poster: bytes = b""
    poster_s: float = 0.0
    unreadable: int = 0


def make_video(recording: Path, run: Run, settings: VideoSettings | None = None) -> Video | None:
    """Read the frames of ``run`` once more and draw the video; None for a recording without frames."""
    settings = settings or VideoSettings()
    stamps = sorted(set(run.frame_stamps))
    if not stamps:
        return None
    shown = [stamp for stamp in stamps if stamp - stamps[0] <= settings.longest_s * NS_PER_S]
    video = Video(start_s=run.seconds(stamps[0]), shown_s=(shown[-1] - shown[0]) / NS_PER_S)
    lookup = SceneLookup(run)
    scenes = {stamp: lookup.at(stamp) for stamp in shown}
    best, stills = _best_stamp(scenes), set()
    if len(stamps) < FEW_FRAMES:
        video.slowdown = max(1.0, settings.shortest_s / max(video.shown_s, 1e-3))
        stills = {shown[round(i)] for i in np.linspace(0, len(shown) - 1, settings.stills)}
    with _Encoder(settings, play_s=max(video.shown_s * video.slowdown, 1.0)) as encoder:
        for stamp, rgb in _frames(recording, run.image_topic, video):
            if stamp not in scenes:
                continue
            picture = draw(rgb, scenes[stamp], settings.width)
            play_s = (stamp - stamps[0]) * video.slowdown / NS_PER_S
            if not encoder.show(picture, play_s):
                video.unreadable += 1
            if stamp in stills:
                video.stills.append((run.seconds(stamp), _jpeg(picture)))
            if stamp == best or video.preview is None:
                video.preview, video.poster = draw(rgb, scenes[stamp], settings.preview_width), _jpeg(picture)
                # A hair later, so that no rounding shows the picture before it.
                video.poster_s = play_s + 0.5 / settings.frames_per_s
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

    def show(self, picture: np.ndarray, at_s: float) -> bool:
        """Show ``picture`` (h, w, 3) uint8 RGB from ``at_s`` on; False where it has another size than the first."""
        if self._stream is None:
            self._open(picture)
        if picture.shape[1::-1] != self.size:
            return False
        self._fill(math.floor(at_s * self._rate))
        self._pending = picture
        return True

    def finish(self) -> bytes:
        """The file; empty where nothing was shown."""
        if self._stream is None:
            return b""
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


def _frames(recording: Path, topic: str, video: Video) -> Iterator[tuple[int, np.ndarray]]:
    """Frames of ``topic`` with rising stamps; those out of order are left out, those that are no picture counted."""
    newest = -1
    for recorded in iter_messages(recording, [topic]):
        stamp = stamp_of(recorded.message.header.stamp)
        if stamp <= newest:
            continue
        try:
            rgb = decode_rgb(recorded.message)
        except GazeVlmError:
            video.unreadable += 1
            continue
        newest = stamp
        yield stamp, rgb


def _best_stamp(scenes: dict) -> int:
    """The frame that tells most; of equals the one in the middle of them."""
    scores = {stamp: agreement(scene) for stamp, scene in scenes.items()}
    top = [stamp for stamp, score in scores.items() if score == max(scores.values())]
    return top[len(top) // 2]


def _jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def notes_on_video(run: Run, video: Video | None) -> Iterator[str]:
    """What a viewer must know about ``video``, in sentences."""
    if video and run.duration_s > video.shown_s + 1.0:
        yield f"The video shows {video.shown_s:.0f} s of {run.duration_s:.0f} s."
    if video and video.unreadable:
        yield f"{video.unreadable} frames were left out of the video: they are no picture, or of another size."


def png(picture: np.ndarray) -> bytes:
    """PNG file of (h, w, 3) uint8 RGB."""
    return cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()
