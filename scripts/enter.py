#!/usr/bin/env python3
"""Run a command in the environment of the graph; without one, print the variables for `eval` in a shell.

.venv/bin/python scripts/enter.py [COMMAND...]
"""

from __future__ import annotations

import os
import shlex
import sys

from gaze_vlm_ros.environment import child_environment
from gaze_vlm_ros.errors import GazeVlmError


def main(command: list[str]) -> None:
    try:
        wanted = child_environment()
        if command:
            os.execvpe(command[0], command, wanted)
    except GazeVlmError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")
    for name, value in sorted(wanted.items()):
        if os.environ.get(name) != value:
            print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main(sys.argv[1:])
