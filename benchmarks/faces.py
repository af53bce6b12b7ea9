"""What the blurring of faces finds and what it misses: ``python -m benchmarks.faces`` prints one JSON line.

The pictures are photographs of OSIE, drawn at random (less seven with tiny or shadowy people), scaled to 640x480.
``faces.csv`` holds the boxes of every face in
them with features to be seen and at least 15 px wide: proposed by the detector, each accepted by eye, and looked for
by eye where it proposed none (nothing was missing). So the first row is no fair recall; the others start from it.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.environment import ROOT
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.recording.privacy import FaceBlur

WIDTH, HEIGHT = 640, 480
COVERED = 0.7
"""Share of a face's box that has to be blurred."""
Changed = tuple[np.ndarray, np.ndarray]


def _smaller(factor: int) -> Callable[[np.ndarray, np.ndarray], Changed]:
    def change(rgb: np.ndarray, boxes: np.ndarray) -> Changed:
        picture = np.full_like(rgb, 128)
        small = cv2.resize(rgb, (WIDTH // factor, HEIGHT // factor), interpolation=cv2.INTER_AREA)
        picture[: small.shape[0], : small.shape[1]] = small
        return picture, boxes / factor

    return change


def _turned(rgb: np.ndarray, boxes: np.ndarray) -> Changed:
    """By 90 degrees, as in a camera that is mounted turned."""
    left, top, right, bottom = boxes.T
    return np.ascontiguousarray(np.rot90(rgb)), np.stack([top, WIDTH - right, bottom, WIDTH - left], axis=1)


def _moving(rgb: np.ndarray, boxes: np.ndarray) -> Changed:
    """Smeared over 21 px: the head turns at 80 deg/s during an exposure of 20 ms."""
    return cv2.blur(rgb, (21, 1)), boxes


def _dark(rgb: np.ndarray, boxes: np.ndarray) -> Changed:
    noise = np.random.default_rng(0).normal(0.0, 4.0, rgb.shape)
    return np.clip(rgb * 0.12 + noise, 0, 255).astype(np.uint8), boxes


def _masked(rgb: np.ndarray, boxes: np.ndarray) -> Changed:
    """Something over the lower half of each face."""
    picture = rgb.copy()
    for left, top, right, bottom in boxes.astype(int):
        picture[(top + bottom) // 2 : bottom, left:right] = (150, 190, 220)
    return picture, boxes


CONDITIONS: dict[str, Callable[[np.ndarray, np.ndarray], Changed]] = {
    "as_they_are": lambda rgb, boxes: (rgb, boxes),
    "half_as_large": _smaller(2),
    "quarter_as_large": _smaller(4),
    "turned_90": _turned,
    "smeared_21px": _moving,
    "dark": _dark,
    "lower_half_covered": _masked,
}


def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By name: (480, 640, 3) RGB, and (n, 4) boxes of faces [px]. Raises GazeVlmError where OSIE is absent."""
    data = Path(os.environ.get("GAZE_VLM_TEST_DATA", ROOT.parent / "shared" / "data"))
    boxes: dict[str, list[list[float]]] = {}
    with Path(__file__).with_name("faces.csv").open(encoding="utf-8") as file:
        for name, *corners in list(csv.reader(file))[1:]:
            boxes.setdefault(name, []).extend([[float(corner) for corner in corners]] if corners[0] else [])
    read = {name: cv2.imread(str(data / "osie" / "stimuli" / name)) for name in boxes}
    if absent := [name for name, bgr in read.items() if bgr is None]:
        raise GazeVlmError(f"{data}/osie/stimuli has no {absent[0]}; set GAZE_VLM_TEST_DATA to the folder with osie")
    return {
        name: (
            cv2.cvtColor(cv2.resize(bgr, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB),
            np.array(boxes[name]).reshape(-1, 4),
        )
        for name, bgr in read.items()
    }


def covered(face: np.ndarray, found: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether the ``found`` boxes (n, 4) together hide the box ``face`` (4,)."""
    hidden = np.zeros(shape[:2], bool)
    for left, top, right, bottom in found:
        hidden[top:bottom, left:right] = True
    left, top, right, bottom = np.round(face).astype(int)
    return bool(hidden[max(top, 0) : bottom, max(left, 0) : right].mean() >= COVERED)


def measure() -> dict:
    """Per condition the share of faces hidden, and the share of faceless pictures' area that is blurred for nothing."""
    blur, osie = FaceBlur(), pictures()
    result: dict = {"pictures": len(osie), "faces": sum(len(boxes) for _, boxes in osie.values()), "hidden": {}}
    spent_s, empty = [], []
    with contextlib.redirect_stdout(sys.stderr), Progress() as progress:
        task = progress.add_task("faces", total=len(CONDITIONS) * len(osie))
        for name, change in CONDITIONS.items():
            hits = []
            for rgb, boxes in osie.values():
                picture, faces = change(rgb, boxes)
                began_s = time.process_time()
                found = blur.find(picture)
                spent_s.append(time.process_time() - began_s)
                hits += [covered(face, found, picture.shape) for face in faces]
                if not len(boxes) and name == "as_they_are":
                    empty.append(float(np.prod(found[:, 2:] - found[:, :2], axis=1).sum()) / (WIDTH * HEIGHT))
                progress.advance(task)
            result["hidden"][name] = round(float(np.mean(hits)), 3)
    result["blurred_for_nothing"] = round(float(np.mean(empty)), 4)
    result["cpu_ms_p50"] = round(float(np.median(spent_s)) * 1e3, 1)
    return result


if __name__ == "__main__":
    try:
        print(json.dumps(measure()))
    except GazeVlmError as error:
        sys.exit(f"error: {error}")
