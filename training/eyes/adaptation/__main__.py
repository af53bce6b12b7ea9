"""Trains, adapts and judges: ``python -m gaze_vlm_ros.training.eyes.adaptation``; a stopped run goes on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.eyes.adaptation.store import save_networks
from gaze_vlm_ros.training.eyes.adaptation.study import StudySize, figures, study
from gaze_vlm_ros.training.eyes.adaptation.train import AdaptationRun


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.training.eyes.adaptation", description=__doc__)
    parser.add_argument("--out", default="runs/eye_adaptation", help="renders and state (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=AdaptationRun.steps, help="of each network (default %(default)s)")
    parser.add_argument(
        "--self-training", type=float, default=AdaptationRun.self_training,
        help="weight of the mean teacher (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--people", type=int, default=StudySize.people, help="in each domain (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="that train (default %(default)s)")
    parser.add_argument("--ship", action="store_true", help="keep the networks in the package for `make bench-eyes`")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    run = AdaptationRun(
        steps=options.steps, adapt_steps=max(1, options.steps // 2), seed=options.seed,
        self_training=options.self_training,
    )  # fmt: skip
    out = Path(options.out)
    try:
        size = StudySize(people=options.people)
        networks, test = study(out, run, size, options.workers)
        found = figures(networks, test)
        if options.ship:
            save_networks(networks, {"command": parser.prog, "seed": run.seed, "people": size.people, **found})
    except GazeVlmError as error:
        sys.exit(f"adaptation: {error}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
