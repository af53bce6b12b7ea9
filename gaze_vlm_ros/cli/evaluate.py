"""``gaze-vlm-ros evaluate``: what a model is worth on episodes it has never seen, beside its trivial rivals."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"), help="folder of the model")
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"), help="token cache that `train` wrote")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="which episodes")


def run(args: argparse.Namespace) -> int:
    from gaze_vlm_ros.training import evaluate_vlm

    words = ["--checkpoint", str(args.checkpoint), "--tokens", str(args.tokens), "--split", args.split]
    return evaluate_vlm.main(words)
