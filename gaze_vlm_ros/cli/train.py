"""``gaze-vlm-ros train``: the stages of the vision-language model, one after the other; a killed run goes on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data/kitchen"), help="episodes of `gaze-vlm-ros generate`")
    parser.add_argument(
        "--glances",
        type=Path,
        help="short episodes in many more kitchens, for the frame encoder: `generate --seconds 4`",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder for the runs; the model ends in OUT/vlm/checkpoint"
    )
    parser.add_argument("--encoder-minutes", type=float, default=45.0, help="time for the frame encoder")
    parser.add_argument("--naming-minutes", type=float, default=2.0, help="time to learn the names of things")
    parser.add_argument("--minutes", type=float, default=16.0, help="time for gaze block and language model")
    parser.add_argument("--name", default="gaze-vlm-kitchen-tiny", help="name of the model")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")


def run(args: argparse.Namespace) -> int:
    import torch

    from gaze_vlm_ros.training.cache_tokens import cache_tokens
    from gaze_vlm_ros.training.fit_calibration import fit_calibration
    from gaze_vlm_ros.training.fit_domain import fit_domain
    from gaze_vlm_ros.training.pretrain_encoder import ENCODER_LOOP, pretrain
    from gaze_vlm_ros.training.pretrain_language import NAMING_LOOP, pretrain_language
    from gaze_vlm_ros.training.train_vlm import VLM_LOOP, train_vlm

    torch.set_num_threads(args.threads)
    encoder = args.out / "encoder"
    pretrain(args.data, encoder, replace(ENCODER_LOOP, minutes=args.encoder_minutes), glances=args.glances)
    cache_tokens(args.data, encoder / "checkpoint", args.out / "tokens")
    naming = replace(NAMING_LOOP, minutes=args.naming_minutes)
    named = pretrain_language(args.out / "tokens", encoder / "checkpoint", args.out / "language", naming)
    train_vlm(args.out / "tokens", named, args.out / "vlm", replace(VLM_LOOP, minutes=args.minutes), name=args.name)
    fit_domain(args.out / "tokens", args.out / "vlm" / "checkpoint", args.data)
    fit_calibration(args.out / "tokens", args.out / "vlm" / "checkpoint")
    return 0
