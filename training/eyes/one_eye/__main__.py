"""Trains and judges a One Eye ensemble: ``python -m gaze_vlm_ros.training.eyes.one_eye``; a stopped run goes on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.one_eye.store import SHIPPED, load_ensemble, save_ensemble
from gaze_vlm_ros.training.eyes.one_eye.evaluate import evaluate
from gaze_vlm_ros.training.eyes.one_eye.sessions import record
from gaze_vlm_ros.training.eyes.one_eye.train import STEPS, OneEyeRun, train_ensemble

TEST_PEOPLE = 16


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    run = OneEyeRun(
        options.eyes, options.people, steps=options.steps, seed=options.seed, std_02=options.std_02,
        broadcast_add=options.broadcast_add,
    )  # fmt: skip
    out = Path(options.out)
    checkpoint = SHIPPED[run.eyes] if options.ship else out / f"checkpoint-{run.eyes}"
    try:
        if not options.evaluate:
            ensemble, scores = train_ensemble(out, run, options.workers)
            about = {"command": "python -m gaze_vlm_ros.training.eyes.one_eye", **asdict(run), "validation_cm": scores}
            save_ensemble(checkpoint, ensemble, about)
        ensemble = load_ensemble(checkpoint, run.eyes)
        numbers = range(options.test_people)
        people = record(out / "people", "test", "test", numbers, ensemble.image_size, options.workers)
        print(json.dumps(evaluate(ensemble, people, run.seed)))
    except GazeVlmError as error:
        sys.exit(f"one_eye: {error}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.training.eyes.one_eye", description=__doc__)
    parser.add_argument("--out", default="runs/one_eye", help="renders and state of the run (default %(default)s)")
    parser.add_argument("--eyes", type=int, choices=(1, 2), default=1, help="that a network sees at once")
    parser.add_argument("--people", type=int, default=OneEyeRun.people, help="to train on (default %(default)s)")
    parser.add_argument("--test-people", type=int, default=TEST_PEOPLE, help="to judge by (default %(default)s)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each network (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2, help="processes that render (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="that train (default %(default)s)")
    parser.add_argument("--std-02", action="store_true", help="the release's normalisation")
    parser.add_argument("--broadcast-add", action="store_true", help="the release's last sum of the ResNet")
    parser.add_argument("--ship", action="store_true", help="into the package, not into --out")
    parser.add_argument("--evaluate", action="store_true", help="only judge the checkpoint that is there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
