"""Unlabelled adaptation to the four real frames of the Project Aria sample: ``python -m benchmarks.aria_eyes``.

Prints one JSON line: each frame's yaw as Aria gives it, and ours before and after; whether all are finite and in
Aria's order. Aria's yaw is compared with, never learnt from. Four frames of one person prove no accuracy.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np

from gaze_vlm_ros.sources.vendor import require
from gaze_vlm_ros.training.eyes.adaptation.real import adapt_to_real, same_order
from gaze_vlm_ros.training.eyes.adaptation.train import AdaptationRun
from gaze_vlm_ros.training.people import data_folder


def aria_frames() -> list[tuple[tuple[np.ndarray, np.ndarray], float]]:
    """Pictures of the left and the right eye, and Aria's yaw [rad, to the right]."""
    folder = data_folder() / "aria_everyday_activities"
    if not (folder / "recording.vrs").is_file():
        sys.exit(
            f"aria_eyes: {folder / 'recording.vrs'} is missing; name the folder above it with GAZE_VLM_TEST_DATA=..."
        )
    provider = require("projectaria_tools.core.data_provider", "The Aria sample", "aria")
    recording = provider.create_vrs_data_provider(str(folder / "recording.vrs"))
    stream = recording.get_stream_id_from_label("camera-et")
    with open(folder / "mps" / "eye_gaze" / "general_eye_gaze.csv", encoding="utf-8") as file:
        yaws = [
            -float(row["yaw_rads_cpf"]) for row in csv.DictReader(file)
        ]  # the central pupil frame has x to the left
    count = min(recording.get_num_data(stream), len(yaws))
    both = [recording.get_image_data_by_index(stream, index)[0].to_numpy_array() for index in range(count)]
    return [(tuple(np.hsplit(picture, 2)), yaw) for picture, yaw in zip(both, yaws[:count], strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aria_eyes", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/aria_eyes"), help="renders and state")
    parser.add_argument("--people", type=int, default=200, help="rendered (default %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="of training (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    frames = aria_frames()
    run = AdaptationRun(steps=options.steps, adapt_steps=max(1, options.steps // 3), seed=options.seed)
    found = adapt_to_real(options.out, run, options.people, [pictures for pictures, _ in frames], workers=2)
    true = np.array([yaw for _, yaw in frames])
    line = {"aria_yaw_deg": _degrees(true)}
    for name, yaw in (("before", found.before), ("after", found.after)):
        finite = bool(np.isfinite(yaw).all())
        line |= {f"{name}_yaw_deg": _degrees(yaw), f"{name}_finite": finite, f"{name}_order": same_order(yaw, true)}
    print(json.dumps(line))


def _degrees(angles: np.ndarray) -> list[float]:
    return np.degrees(angles).round(2).tolist()


if __name__ == "__main__":
    main()
