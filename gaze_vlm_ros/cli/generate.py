"""``gaze-vlm-ros generate FOLDER``: simulated episodes with every label, for training and for others' tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

KINDS = ("webdataset", "lerobot")
SPLITS = ("auto", "train", "validation", "test")
LOOKS = ("known", "new")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where the data set is, or is to be; docs/data.md says what is in it")
    parser.add_argument("--episodes", type=int, required=True, help="how many in all; those that are there are kept")
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first episode; each next one adds 1")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of an episode (default %(default)s)")
    parser.add_argument("--rate", type=float, default=5.0, help="frames per second (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate side by side")
    parser.add_argument(
        "--shard",
        type=shard,
        default=(0, 1),
        metavar="i/n",
        help="make part i (from 0) of n, of them (default 0/1)",
    )
    parser.add_argument("--format", choices=KINDS, default=KINDS[0], help="what to write (default %(default)s)")
    parser.add_argument(
        "--split", choices=SPLITS, default=SPLITS[0], help="of all episodes; auto: drawn from each one's seed"
    )
    parser.add_argument(
        "--looks", choices=LOOKS, default=LOOKS[0], help="of the things; new: such as no data without this option shows"
    )
    parser.add_argument(
        "--eye-head-coupling",
        type=float,
        default=1.0,
        metavar="0..1",
        help="1: the head follows the wearer's gaze; 0: it wanders as it likes (default %(default)s)",
    )


def shard(text: str) -> tuple[int, int]:
    """``"1/4"`` to (1, 4)."""
    number, found, machines = text.partition("/")
    if not (found and number.isdecimal() and machines.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form i/n, such as 0/2")
    return int(number), int(machines)


def run(args: argparse.Namespace) -> int:
    from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from gaze_vlm_ros.progress import Progress
    from gaze_vlm_ros.training.generate_episodes import WRITERS, Request, generate
    from gaze_vlm_ros.training.shards.lerobot import is_finished, lerobot_digest
    from gaze_vlm_ros.training.shards.reader import data_digest
    from gaze_vlm_ros.training.shards.schema import RecordOptions

    options = RecordOptions(args.seconds, args.rate, args.split, args.looks, args.eye_head_coupling)
    request = Request(args.episodes, args.first_seed, args.shard, options)
    columns = TextColumn("episodes"), *Progress.get_default_columns()[1:2], MofNCompleteColumn(), TimeRemainingColumn()
    try:
        with Progress(*columns) as progress:

            def show(done: int, wanted: int) -> None:
                if not progress.task_ids:  # only now is it sure that what is asked for can be made
                    progress.add_task("episodes", total=wanted)
                progress.update(progress.task_ids[0], completed=done)

            made = generate(args.folder, request, args.workers, args.format, show)
    except KeyboardInterrupt:
        print("stopped; the finished episodes are kept, and the same command goes on from there", file=sys.stderr)
        raise
    there = len(WRITERS[args.format](args.folder, options).present())
    print(f"{made} episodes made, {len(request.seeds) - made} were there already; {args.folder} holds {there}")
    if args.format == KINDS[0]:
        print(f"sha256 of the data: {data_digest(args.folder)}")
    elif is_finished(args.folder):
        print(f"sha256 of the data: {lerobot_digest(args.folder)}")
    else:
        print("the episodes of the other parts are missing: copy their folders here, then run this without --shard")
    return 0
