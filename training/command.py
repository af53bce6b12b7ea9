"""What the training commands share: their arguments, one line per message, an exit code that tells."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.loop import LoopSettings


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def add_loop_arguments(parser: argparse.ArgumentParser, default: LoopSettings) -> None:
    """``--minutes`` or ``--steps``, ``--learning-rate``, ``--seed``, ``--threads``."""
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=default.minutes, help="wall time (default %(default)s)")
    budget.add_argument("--steps", type=int, help="train exactly so many steps instead")
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")


def loop_settings(options: argparse.Namespace) -> LoopSettings:
    return LoopSettings(
        minutes=None if options.steps else options.minutes,
        steps=options.steps,
        learning_rate=options.learning_rate,
        seed=options.seed,
    )


def run_command(action: Callable[[], object], threads: int) -> int:
    """0, or 1 with the one line of the error that the user can mend."""
    torch.set_num_threads(threads)
    try:
        action()
    except GazeVlmError as error:
        say(f"error: {error}")
        return 1
    return 0
