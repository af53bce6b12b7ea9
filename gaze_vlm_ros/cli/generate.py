"""``gaze-vlm-ros generate``: simulated episodes for training."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--episodes", type=int, default=520, help="how many episodes in all (existing ones are kept)")
    parser.add_argument("--out", type=Path, default=Path("data/kitchen"), help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first episode; each next one adds 1")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate side by side")


def run(args: argparse.Namespace) -> int:
    from gaze_vlm_ros.training.generate_episodes import generate

    written = generate(args.out, args.episodes, args.seed, workers=args.workers)
    print(f"{written} episodes written, {args.episodes - written} were there already: {args.out}")
    return 0
