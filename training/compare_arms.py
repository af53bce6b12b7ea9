"""What does gaze buy? Trains and compares arms and controls on cached tokens, each with equal time on a processor.

Every arm first looks for its learning rate on the validation episodes. Then it is trained with every seed on a quarter,
half and all of the training episodes. What is finished is kept: the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gaze_vlm_ros.training.arms.arm import ARMS, CORE
from gaze_vlm_ros.training.arms.picture import draw_arms
from gaze_vlm_ros.training.arms.plan import Plan, carry_out
from gaze_vlm_ros.training.arms.summary import Comparison, summarize
from gaze_vlm_ros.training.arms.tables import report
from gaze_vlm_ros.training.arms.trial import Setup
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS
from gaze_vlm_ros.vlm.checkpoint import write_atomically


def compare_arms(plan: Plan, command: str) -> dict:
    """Carries out ``plan``; ``summary.json``, ``README.md`` and ``arms.png`` are in its ``out``."""
    summary = summarize(Comparison(carry_out(plan)))
    out = plan.setup.out
    write_atomically(out / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    write_atomically(out / "README.md", report(summary, command).encode())
    draw_arms(summary, out / "arms.png")
    say(f"{out / 'summary.json'}, README.md and arms.png written")
    return summary


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--encoder", type=Path, default=Path("runs/encoder/checkpoint"), help="whose tokens they are")
    parser.add_argument("--overlay-tokens", type=Path, help="of `cache_tokens --overlay`, for the arm gaze_overlay")
    parser.add_argument("--out", type=Path, default=Path("runs/arms"))
    parser.add_argument("--arms", nargs="+", default=list(CORE), choices=ARMS, metavar="ARM", help=", ".join(ARMS))
    parser.add_argument("--shares", nargs="+", type=float, default=Plan.shares, help="of the training episodes")
    parser.add_argument("--seeds", nargs="+", type=int, default=Plan.seeds)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, default=Setup.minutes, help="of each trial (default %(default)s)")
    budget.add_argument("--steps", type=int, help="train exactly so many steps instead")
    parser.add_argument("--rates", nargs="+", type=float, default=Plan.rates, help="learning rates to choose from")
    parser.add_argument("--batch", type=int, default=Setup.batch)
    for split in SPLITS:
        parser.add_argument(f"--most-{split}", type=int, metavar="N", help=f"use at most N {split} episodes")
    parser.add_argument("--draw", type=int, default=0, help="which of them: a seed (default %(default)s)")
    parser.add_argument("--text-layers", type=int, help="depth of the language model, if not the encoder checkpoint's")
    parser.add_argument("--workers", type=int, default=Plan.workers, help="trials side by side (default %(default)s)")
    parser.add_argument(
        "--threads", type=int, default=Setup.threads, help="torch threads of each (default %(default)s)"
    )
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)
    return run_command(lambda: compare_arms(_plan(options), _command(given)), options.threads)


def _plan(options: argparse.Namespace) -> Plan:
    setup = Setup(
        options.tokens,
        options.encoder,
        options.out,
        None if options.steps else options.minutes,
        options.steps,
        options.batch,
        options.threads,
        tuple(getattr(options, f"most_{split}") for split in SPLITS),
        options.draw,
        options.text_layers,
        options.overlay_tokens,
    )
    lists = (tuple(getattr(options, name)) for name in ("arms", "shares", "seeds", "rates"))
    return Plan(setup, *lists, workers=options.workers)


def _command(given: list[str]) -> str:
    return " ".join(["python -m gaze_vlm_ros.training.compare_arms", *given])


if __name__ == "__main__":
    raise SystemExit(main())
