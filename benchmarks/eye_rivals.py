"""pupil-detectors and pye3d as they are: ``.venv-eye-rivals/bin/python -m benchmarks.eye_rivals FOLDER``.

FOLDER holds ``*.npz`` of ``benchmarks.eye_sequences``: ``images`` (2, N, H, W) uint8, ``focal_px``, ``times_s`` (N,).
For each a ``*.pye3d`` is written beside it: ``axes`` (2, N, 3), optical axes in the camera's frame (x right, y down, z
away from the camera; they point at the camera), NaN where none was found, and ``confidence`` (2, N). A line on standard
output for each file done. Nothing of this package can be imported here: both need numpy < 2.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from pupil_detectors import Detector2D
from pye3d.camera import CameraModel
from pye3d.detector_3d import Detector3D

INTENSITY_RANGE = 12
"""Of pupil-detectors, whose default is 23. Tuned on six other people: 12 gave it less than 7 tenths of the error."""


def follow(images: np.ndarray, focal_px: float, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes (N, 3) and confidences (N,) of one eye's pictures (N, H, W), in their order."""
    height, width = images.shape[1:]
    finder = Detector2D({"intensity_range": INTENSITY_RANGE})
    model = Detector3D(CameraModel(focal_length=focal_px, resolution=(width, height)))
    axes, confidence = np.full((len(images), 3), np.nan), np.zeros(len(images))
    for number, (image, time_s) in enumerate(zip(images, times_s, strict=True)):
        found = finder.detect(np.ascontiguousarray(image))
        found["timestamp"] = float(time_s)
        told = model.update_and_detect(found, image)
        axis = np.array(told["circle_3d"]["normal"], dtype=np.float64)
        if found["confidence"] > 0.0 and np.linalg.norm(axis) > 0.5:
            axes[number], confidence[number] = axis, told["confidence"]
    return axes, confidence


def main(folder: str) -> None:
    for path in sorted(Path(folder).glob("*.npz")):
        with np.load(path) as file:
            images, focal_px, times_s = file["images"], float(file["focal_px"]), file["times_s"]
        both = [follow(eye, focal_px, times_s) for eye in images]
        with open(path.with_suffix(".pye3d"), "wb") as file:
            np.savez(file, axes=np.stack([axes for axes, _ in both]), confidence=np.stack([sure for _, sure in both]))
        print(path.name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
