"""Shows a picture file on the whole screen, again whenever it changes, until the process that asked for it ends.

A process of its own: OpenCV's window library aborts where it finds no display, and a node must not.

    python -m gaze_vlm_ros.nodes.screen_viewer PICTURE PARENT
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2

from gaze_vlm_ros.environment import end_with

WINDOW = "calibration"
LOOKS_EVERY_MS = 30


def main(path: Path, parent: int) -> None:
    end_with(parent)
    cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL)
    cv2.setWindowProperty(WINDOW, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
    shown_ns = 0
    while True:
        changed_ns = path.stat().st_mtime_ns
        if changed_ns != shown_ns:
            shown_ns = changed_ns
            cv2.imshow(WINDOW, cv2.imread(str(path)))
        cv2.waitKey(LOOKS_EVERY_MS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
