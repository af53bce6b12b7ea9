"""``gaze-vlm-ros evaluate``: what a model is worth on episodes it has never seen, beside its trivial rivals."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"), help="folder of the model")
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"), help="token cache that `train` wrote")
    parser.add_argument(
        "--data", type=Path, default=None, help="episodes of `generate`: make the token cache from them first"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="where the figures and the card go (default: to the checkpoint; not to a shipped one, "
        "whose figures go to runs/evaluation)",
    )
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="which episodes")


def run(args: argparse.Namespace) -> int:
    import torch

    from gaze_vlm_ros.training.evaluate_vlm import write_evaluation
    from gaze_vlm_ros.vlm.checkpoint import SHIPPED

    torch.set_num_threads(args.threads)
    is_shipped = args.checkpoint.resolve().is_relative_to(SHIPPED.resolve())
    out = args.out or (Path("runs/evaluation") if is_shipped else args.checkpoint)
    write_evaluation(args.checkpoint, args.tokens, args.split, args.data, out=out)
    return 0
