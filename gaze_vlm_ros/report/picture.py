"""One picture of the scene camera with gaze, attention and predictions drawn in."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

BACKGROUND = (22, 24, 28)
TEXT = (236, 238, 240)
MUTED = (150, 156, 164)
RIGHT = (112, 214, 190)
WRONG = (250, 160, 92)
_FONT = cv2.FontFace("sans")
_HEAT_COLOURS = np.linspace((214, 40, 96), (255, 214, 64), 256).astype(np.uint8)[None]


@dataclass(frozen=True)
class Line:
    """One line of the strip: what the model says beside what is true. ``truth`` is None where nobody knows.

    ``is_foreign``: the prediction is marked out of domain, so its words are grey.
    """

    label: str
    said: str
    truth: str | None = None
    is_foreign: bool = False

    @property
    def colour(self) -> tuple[int, int, int]:
        if self.is_foreign:
            return MUTED
        if not self.truth or not self.said:
            return TEXT
        return RIGHT if self.said == self.truth else WRONG


@dataclass(frozen=True)
class Scene:
    """What to draw over a frame: ``gaze_px`` in the frame's own pixels, ``attention`` (rows, cols); None = nothing."""

    gaze_px: tuple[float, float] | None = None
    attention: np.ndarray | None = None
    title: str = ""
    robot: str = ""
    lines: list[Line] = field(default_factory=list)


def draw(rgb: np.ndarray, scene: Scene, width: int) -> np.ndarray:
    """(H, width, 3) uint8: the frame (h, w, 3) scaled to ``width`` with the strip below; even sides, as H.264 wants."""
    scale = width / rgb.shape[1]
    height = round(rgb.shape[0] * scale)
    picture = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if scene.attention is not None:
        picture = blend_attention(picture, scene.attention)
    if scene.gaze_px is not None:
        _ring(picture, (scene.gaze_px[0] + 0.5) * scale - 0.5, (scene.gaze_px[1] + 0.5) * scale - 0.5)
    both = np.vstack([picture, _strip(scene, width)])
    return both[: both.shape[0] // 2 * 2, : width // 2 * 2]


def blend_attention(picture: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """``picture`` (h, w, 3) uint8 under ``attention`` (rows, cols), which covers the whole picture.

    Opacity and hue rise from the uniform share to the peak; attention that is nearly even leaves the picture clear.
    """
    share = np.nan_to_num(attention.astype(np.float32))
    uniform = share.mean()
    if share.max() <= 2 * uniform or uniform <= 0:
        return picture
    size = picture.shape[1], picture.shape[0]
    heat = np.clip((share - uniform) / (share.max() - uniform), 0, 1)
    heat = np.clip(cv2.resize(heat, size, interpolation=cv2.INTER_CUBIC), 0, 1)
    colour = cv2.LUT(cv2.merge([(heat * 255).astype(np.uint8)] * 3), _HEAT_COLOURS)
    opacity = 0.62 * cv2.sqrt(heat)
    return cv2.blendLinear(picture, colour, 1 - opacity, opacity)


def _ring(picture: np.ndarray, x: float, y: float) -> None:
    if not (-1e4 < x < 1e4 and -1e4 < y < 1e4):
        return
    unit = picture.shape[1] / 480
    shift = 4
    centre = (round(x * 2**shift), round(y * 2**shift))
    for radius, thickness, colour in ((12, 6, (0, 0, 0)), (12, 3, (255, 255, 255)), (2, -1, (255, 255, 255))):
        stroke = thickness if thickness < 0 else max(1, round(thickness * unit))
        cv2.circle(picture, centre, round(radius * unit * 2**shift), colour, stroke, cv2.LINE_AA, shift)


def _strip(scene: Scene, width: int) -> np.ndarray:
    """The panel below the picture: a title row, then one row per line with the columns model and actual."""
    unit = width / 480
    row = round(20 * unit)
    known = any(line.truth is not None for line in scene.lines)
    strip = np.full((row * (1 + len(scene.lines)) + round(26 * unit), width, 3), BACKGROUND, np.uint8)
    said_x, truth_x = round(56 * unit), round((56 + 212) * unit)
    said_width = (truth_x - said_x if known else width - said_x) - round(8 * unit)
    _write(strip, scene.title, round(8 * unit), row - round(5 * unit), MUTED, 12 * unit, said_x - round(12 * unit))
    model = "model: out of domain" if any(line.is_foreign for line in scene.lines) else "model"
    _write(strip, model if scene.lines else "", said_x, row - round(5 * unit), MUTED, 12 * unit, said_width)
    if known:
        _write(strip, "actual", truth_x, row - round(5 * unit), MUTED, 12 * unit, width - truth_x)
    for number, line in enumerate(scene.lines, start=2):
        base = number * row - round(5 * unit)
        _write(strip, line.label, round(8 * unit), base, MUTED, 12 * unit, said_x)
        _write(strip, line.said or "–", said_x, base, line.colour, 14 * unit, said_width)
        if line.truth is not None:
            _write(strip, line.truth or "–", truth_x, base, TEXT, 14 * unit, width - truth_x - round(6 * unit))
    _write(
        strip,
        scene.robot,
        round(8 * unit),
        strip.shape[0] - round(9 * unit),
        MUTED,
        12 * unit,
        width - round(14 * unit),
    )
    return strip


def _write(image: np.ndarray, text: str, x: int, y: int, colour: tuple[int, int, int], size: float, room: int) -> None:
    """Write ``text`` at baseline (x, y): smaller where it would not fit into ``room`` px, then cut."""
    pixels = round(size)
    while pixels > 0.75 * size and _width(text, pixels) > room:
        pixels -= 1
    if _width(text, pixels) > room:
        while text and _width(text + "…", pixels) > room:
            text = text[:-1]
        text += "…"
    if text:
        cv2.putText(image, text, (x, y), colour, _FONT, pixels, 500)


def _width(text: str, pixels: int) -> int:
    return cv2.getTextSize((1, 1), text, (0, 0), _FONT, pixels, 500)[2] if text else 0
