"""python -m gaze_vlm_ros.policies.experts [--task NAME|all] [--episodes N] [--mode MODE]: prints success as JSON."""

from __future__ import annotations

import argparse
import json
import sys

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS, evaluate
from gaze_vlm_ros.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.policies.experts", description=__doc__)
    parser.add_argument("--task", default="all", help=f"all, or one of {', '.join(EXPERTS)}")
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--mode", default="id")
    parser.add_argument("--robot", default="jaco")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    if options.episodes < 1 or options.processes < 1:
        parser.error("--episodes and --processes must be at least 1")
    tasks = list(EXPERTS) if options.task == "all" else [options.task]
    results = {}
    try:
        with Progress() as bar:
            for task in tasks:
                line = bar.add_task(task, total=options.episodes)
                results[task] = evaluate(
                    task,
                    options.episodes,
                    options.mode,
                    options.seed,
                    options.processes,
                    options.robot,
                    lambda played, line=line: bar.advance(line, played),
                )
    except GazeVlmError as error:
        sys.exit(str(error))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
