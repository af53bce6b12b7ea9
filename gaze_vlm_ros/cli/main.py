"""``gaze-vlm-ros``: one command whose subcommands are modules that are imported only when they are asked for."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from importlib.metadata import version

from gaze_vlm_ros.errors import GazeVlmError


class _Help(argparse.HelpFormatter):
    """Says each option's default, where it has one and its help does not speak of it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        said = action.help or ""
        if "default" in said or action.default in (None, "", False, argparse.SUPPRESS):
            return said
        return f"{said} (default %(default)s)"


COMMANDS = {
    "up": ("gaze_vlm_ros.cli.up", "start a deployment: sim, replay or bringup"),
    "demo": ("gaze_vlm_ros.cli.demo", "run the closed loop in simulation and write a report"),
    "replay": ("gaze_vlm_ros.cli.replay", "run a recording through the graph and write a report"),
    "recover": ("gaze_vlm_ros.cli.recover", "make a whole recording of one that was cut off"),
    "generate": ("gaze_vlm_ros.cli.generate", "generate simulated episodes"),
    "look": ("gaze_vlm_ros.cli.look", "show an episode as a video and a sheet of pictures"),
    "train": ("gaze_vlm_ros.cli.train", "train a model"),
    "evaluate": ("gaze_vlm_ros.cli.evaluate", "evaluate a model"),
    "call": ("gaze_vlm_ros.cli.call", "call a service of a running graph, such as governor/arm"),
    "calibrate": ("gaze_vlm_ros.cli.calibrate", "calibrate the wearer's eyes in a running graph with eye cameras"),
    "status": ("gaze_vlm_ros.cli.status", "show the nodes of a running graph: state, rates, ages, drops, reasons"),
    "board": ("gaze_vlm_ros.cli.board", "make the marker board that the registration node looks for, to print"),
    "doctor": ("gaze_vlm_ros.cli.doctor", "say what is there, what is missing, and how to mend it"),
}
USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code: 2 for an error that the user can mend, said in one line."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser(words).parse_args(words)
        return options.run(options)
    except GazeVlmError as error:
        print(f"gaze-vlm-ros: error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return 130


def available() -> dict[str, tuple[str, str]]:
    """The subcommands that this version has."""
    return {name: entry for name, entry in COMMANDS.items() if importlib.util.find_spec(entry[0]) is not None}


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gaze-vlm-ros", description="Gaze-regularised VLM and assistive robot on ROS 2."
    )
    parser.add_argument("--version", action="version", version=f"gaze-vlm-ros {version('gaze_vlm_ros')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in words if not word.startswith("-")), "")
    for name, (module, text) in available().items():
        command = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=_Help
        )
        if name == chosen:
            loaded = importlib.import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
