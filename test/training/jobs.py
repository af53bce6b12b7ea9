"""What worker processes of tests do; a module of its own, so that they can import it."""

import os
import signal
import sys
import time
from pathlib import Path

from synthetic import squares

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training import generate_episodes
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.shards import manifest
from gaze_vlm_ros.training.shards.schema import RecordOptions

# The sources may be edited while tests run; then processes would disagree about them, and rightly stop.
manifest.generator = lambda: {"sources_sha256": "that of the tests"}

OPTIONS = RecordOptions(seconds=1.0, rate_hz=4.0)


def make_squares(folder: str, kind: str, options: RecordOptions, seed: int) -> None:
    generate_episodes.WRITERS[kind](Path(folder), options).write(seed, squares(seed, options))


def make_slowly(folder: str, kind: str, options: RecordOptions, seed: int) -> None:
    time.sleep(0.1)
    make_squares(folder, kind, options, seed)


def die_once(marker: str) -> None:
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def complain(what: str) -> None:
    raise GazeVlmError(f"the {what} is empty; fill it")


def linger(marker: str) -> None:
    Path(marker).write_text(str(os.getpid()))
    time.sleep(60.0)


if __name__ == "__main__" and sys.argv[1] == "linger":
    list(run_jobs(linger, sys.argv[2:], workers=2))
elif __name__ == "__main__":
    generate_episodes._make = make_slowly
    generate_episodes.generate(Path(sys.argv[1]), generate_episodes.Request(int(sys.argv[2]), options=OPTIONS), 1)
