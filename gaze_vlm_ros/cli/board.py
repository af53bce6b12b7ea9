"""``gaze-vlm-ros board``: the marker board of the registration node, to print."""

from __future__ import annotations

import argparse
from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError

_DEFAULTS = {"columns": 4, "rows": 3, "marker": 50.0, "gap": 15.0, "dictionary": "DICT_APRILTAG_36H11"}


class BoardError(GazeVlmError):
    """A board that cannot be made or written as asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("board.pdf"), help="file to write: .pdf or .png")
    parser.add_argument("--columns", type=int, default=_DEFAULTS["columns"], help="markers side by side")
    parser.add_argument("--rows", type=int, default=_DEFAULTS["rows"], help="markers one above the other")
    parser.add_argument("--marker-mm", type=float, default=_DEFAULTS["marker"], help="side of a marker")
    parser.add_argument("--gap-mm", type=float, default=_DEFAULTS["gap"], help="white between markers")
    parser.add_argument("--dictionary", default=_DEFAULTS["dictionary"], help="OpenCV's name of the set of markers")
    parser.add_argument("--dpi", type=int, default=300, help="dots per inch")


def run(args: argparse.Namespace) -> int:
    from gaze_vlm_ros.geometry.board_print import caption, printed, save
    from gaze_vlm_ros.geometry.registration import MarkerBoard

    if args.out.suffix.lower() not in (".pdf", ".png"):
        raise BoardError(f"--out must end in .pdf or .png, got {args.out}")
    if not 50 <= args.dpi <= 1200:
        raise BoardError(f"--dpi must lie in 50 to 1200, got {args.dpi}")
    try:
        board = MarkerBoard(args.columns, args.rows, args.marker_mm / 1e3, args.gap_mm / 1e3, args.dictionary)
    except ValueError as error:
        raise BoardError(str(error)) from error
    picture = printed(board, args.dpi)
    try:
        save(picture, args.dpi, args.out)
    except OSError as error:
        raise BoardError(f"cannot write {args.out} ({error.strerror})") from None
    across, up = (side / args.dpi * 25.4 for side in picture.shape[::-1])
    print(f"{args.out}: {across:.0f} x {up:.0f} mm; print it at its actual size and measure the bar")
    print(f"parameters of the registration node: {caption(board).split(';')[0]}")
    return 0
