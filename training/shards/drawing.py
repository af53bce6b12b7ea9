"""A stored episode for people: pictures of a video, and a sheet of six instants with every label that has pixels."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from gaze_vlm_ros.training.shards.codec import FLOW
from gaze_vlm_ros.training.shards.reader import StoredEpisode
from gaze_vlm_ros.training.shards.schema import EpisodeHeader, FrameRecord, Labels, Pictures

BACKGROUND, TEXT, MUTED, ACCENT = (22, 24, 28), (236, 238, 240), (150, 156, 164), (255, 196, 64)
INSTANTS = 6
LEGEND = (
    "ring: where the tracker says that the wearer looks; white tail: its samples of the last 200 ms",
    "yellow outline and word: the thing that the wearer truly looks at; (occluded): hidden, (outside): beyond the edge",
)
"""What the marks in the pictures mean."""
_FONT = cv2.FontFace("sans")
_NEAR_M, _FAR_M = 0.25, 1.75
_FASTEST_SHARE = 0.98
_COUNTDOWN_S = 5.0
_TILE, _SIDE, _GAP, _STRIP = 224, 672, 8, 96


class EpisodeView:
    """Draws the frames of ``episode``; colours mean the same in all of them."""

    def __init__(self, episode: StoredEpisode) -> None:
        self._episode, self._header = episode, episode.header
        speeds = [np.linalg.norm(episode.picture(FLOW, index)[0], axis=-1) for index in _spread(len(episode), 12)]
        known = np.concatenate([speed[np.isfinite(speed)] for speed in speeds])
        self._fastest_px = max(1.0, float(np.quantile(known, _FASTEST_SHARE))) if len(known) else 1.0

    def video_picture(self, index: int) -> np.ndarray:
        """Frame ``index``, (768, 904, 3) uint8 RGB: the scene with gaze; beside it depth, classes and flow; words."""
        frame = self._episode.frame(index)
        canvas = np.full((_SIDE + _STRIP, _SIDE + _GAP + _TILE, 3), BACKGROUND, np.uint8)
        canvas[:_SIDE, :_SIDE] = paint_scene(self._header, frame, _SIDE)
        for row, (name, picture) in enumerate(self._layers(frame.pictures)):
            tile = _sized(picture, _TILE)
            _write(tile, name, (8, 20), 15, outlined=True)
            canvas[row * _TILE : (row + 1) * _TILE, _SIDE + _GAP :] = tile
        _words(canvas[_SIDE:], self._header, frame.labels)
        return canvas

    def sheet(self) -> np.ndarray:
        """Six instants side by side, (H, W, 3) uint8 RGB; from above scene with gaze, depth, classes, flow, words."""
        columns = [self._column(index) for index in _spread(len(self._episode), INSTANTS)]
        gap = np.full((columns[0].shape[0], _GAP, 3), BACKGROUND, np.uint8)
        body = np.hstack([item for column in columns for item in (gap, column)] + [gap])
        head = np.full((40 + 22 * len(LEGEND), body.shape[1], 3), BACKGROUND, np.uint8)
        header = self._header
        said = (
            f"episode {header.seed} · {header.split} · {header.frames} frames at {header.rate_hz:g} Hz · {header.robot}"
        )
        scale = (
            f"depth {_NEAR_M:g} m red, {_FAR_M:g} m blue · brightest flow {self._fastest_px:.0f} px, hidden next grey"
        )
        _write(head, f"{said} · {scale}", (_GAP, 26), 16, MUTED)
        for row, line in enumerate(LEGEND):
            _write(head, line, (_GAP, 48 + 22 * row), 16, MUTED)
        return np.vstack([head, body])

    def _column(self, index: int) -> np.ndarray:
        frame = self._episode.frame(index)
        words = np.full((88, _TILE, 3), BACKGROUND, np.uint8)
        labels = frame.labels
        lines = (f"{labels.time_s:.1f} s", labels.activity, f"next: {labels.event}", _countdown(labels))
        for row, line in enumerate(lines):
            _write(words, line, (2, 18 + 21 * row), 15, MUTED if row in (0, 3) else TEXT, room=_TILE - 4)
        tiles = [paint_scene(self._header, frame, _TILE)]
        for name, picture in self._layers(frame.pictures):
            tiles.append(_sized(picture, _TILE))
            _write(tiles[-1], name if index == 0 else "", (6, 18), 14, outlined=True)
        gap = np.full((4, _TILE, 3), BACKGROUND, np.uint8)
        return np.vstack([item for tile in tiles for item in (tile, gap)] + [words])

    def _layers(self, pictures: Pictures) -> list[tuple[str, np.ndarray]]:
        return [
            ("depth", paint_depth(pictures.depth_m)),
            ("classes", paint_classes(pictures.segmentation)),
            ("flow to next", paint_flow(pictures.flow_px, pictures.occluded, self._fastest_px)),
        ]


def _spread(count: int, wanted: int) -> list[int]:
    """Up to ``wanted`` of ``count`` frames, evenly; not the last one, from which nothing flows on."""
    return sorted({round(at) for at in np.linspace(0, max(0, count - 2), min(wanted, count))})


def paint_depth(depth_m: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: near is red, far is blue, nothing is black."""
    share = np.clip((_FAR_M - depth_m) / (_FAR_M - _NEAR_M), 0.0, 1.0)
    picture = cv2.applyColorMap(np.nan_to_num(share * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1].copy()
    picture[np.isnan(depth_m)] = 0
    return picture


def paint_classes(segmentation: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: each class has its colour, the background is grey."""
    colours = [colorsys.hsv_to_rgb(n * 0.618 % 1.0, (0.85, 0.55)[n % 2], (0.95, 0.75)[n // 2 % 2]) for n in range(256)]
    table = (np.array(colours) * 255).astype(np.uint8)
    table[0] = 60
    return table[segmentation]


def paint_flow(flow_px: np.ndarray, occluded: np.ndarray, fastest_px: float) -> np.ndarray:
    """(H, W, 3) uint8: hue is direction, brightness speed; what is hidden in the next frame is grey, unknown black."""
    length = np.nan_to_num(np.linalg.norm(flow_px, axis=-1))
    angle = np.nan_to_num(np.arctan2(flow_px[..., 1], flow_px[..., 0]))
    value = 255 * np.clip(length / fastest_px, 0.0, 1.0) ** 0.6
    hsv = np.stack([(angle / (2 * np.pi) % 1.0) * 179, np.full_like(length, 200), value], axis=-1).astype(np.uint8)
    picture = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    picture[occluded] = 128
    picture[np.isnan(flow_px[..., 0])] = 0
    return picture


def paint_scene(header: EpisodeHeader, frame: FrameRecord, side: int) -> np.ndarray:
    """The picture (side, side, 3) with the path of gaze, a ring where the tracker says it is, and the gazed thing's
    outline and name.
    """
    labels = frame.labels
    picture = cv2.resize(frame.pictures.rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    scale, unit = side / header.width, side / 336
    if labels.gaze_object in labels.things:
        mask = _sized((frame.pictures.instance == labels.gaze_instance).astype(np.uint8), side)
        outline = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        cv2.drawContours(picture, outline, -1, ACCENT, max(1, round(unit)), cv2.LINE_AA)
    path = (labels.gaze_recent_px + 0.5) * scale - 0.5
    if len(path) > 1:
        cv2.polylines(picture, [np.rint(path * 16).astype(np.int32)], False, TEXT, max(1, round(unit)), cv2.LINE_AA, 4)
    at = (labels.gaze_px + 0.5) * scale - 0.5
    if np.isfinite(at).all() and np.abs(at).max() < 8 * side:
        centre = tuple(np.rint(at * 16).astype(int).tolist())
        for radius, thickness, colour in ((8, 4, (0, 0, 0)), (8, 2, (255, 255, 255)), (1.5, -1, (255, 255, 255))):
            stroke = thickness if thickness < 0 else max(1, round(thickness * unit))
            cv2.circle(picture, centre, round(radius * unit * 16), colour, stroke, cv2.LINE_AA, 4)
    hidden = "" if labels.gaze_visibility == "seen" else f" ({labels.gaze_visibility})"
    said = "eyes closed" if labels.gaze_visibility == "none" else (labels.gaze_object or "background") + hidden
    _write(
        picture,
        said,
        (round(6 * unit), round(side - 7 * unit)),
        round(11 * unit) + 4,
        ACCENT,
        True,
    )
    return picture


def _words(strip: np.ndarray, header: EpisodeHeader, labels: Labels) -> None:
    """Activity, event and the time until it comes."""
    width = strip.shape[1]
    rows = (
        ("now", labels.activity),
        ("next", labels.event),
        ("hand", labels.contact and f"touches the {labels.contact}"),
    )
    for number, (name, text) in enumerate(rows):
        _write(strip, name, (12, 30 + 26 * number), 15, MUTED)
        _write(strip, text or "-", (70, 30 + 26 * number), 18, TEXT, room=width - 290)
    _write(
        strip, f"{labels.time_s:.1f} s · episode {header.seed} · {header.split}", (width - 210, 30), 15, MUTED, room=198
    )
    _write(strip, _countdown(labels), (width - 210, 56), 15, ACCENT)
    left = labels.event_time_s - labels.time_s
    if np.isfinite(left):
        share = float(np.clip(left / _COUNTDOWN_S, 0.0, 1.0))
        cv2.rectangle(strip, (width - 210, 70), (width - 12, 80), (60, 64, 70), -1)
        cv2.rectangle(strip, (width - 210, 70), (width - 210 + round(198 * share), 80), ACCENT, -1)


def _countdown(labels: Labels) -> str:
    left = labels.event_time_s - labels.time_s
    return f"in {max(0.0, left):.1f} s" if np.isfinite(left) else "at no known time"


def _sized(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_NEAREST)


def _write(
    image: np.ndarray,
    text: str,
    at: tuple[int, int],
    size: int,
    colour: tuple[int, int, int] = TEXT,
    outlined: bool = False,
    room: int | None = None,
) -> None:
    """Writes ``text`` at the baseline ``at``, smaller where it would not fit into ``room`` [px]."""
    while room and size > 8 and cv2.getTextSize((1, 1), text, (0, 0), _FONT, size, 500)[2] > room:
        size -= 1
    for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)) if outlined else ():
        cv2.putText(image, text, (at[0] + dx, at[1] + dy), (0, 0, 0), _FONT, size, 500)
    cv2.putText(image, text, at, colour, _FONT, size, 500)
