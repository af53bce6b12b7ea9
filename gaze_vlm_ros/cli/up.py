"""``gaze-vlm-ros up sim|replay|bringup [name:=value ...]``: the graph without a ROS installation."""

from __future__ import annotations

import argparse
import contextlib
import signal

from gaze_vlm_ros.cli.inputs import check
from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.environment import DomainLease, require_messages
from gaze_vlm_ros.graph import DEPLOYMENTS, GraphError, arguments_of, build, parameters_path

_FOREVER_S = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    lines = [f"arguments of {name}:\n{_help_of(name)}" for name in DEPLOYMENTS]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n\n".join(lines)
    parser.add_argument("deployment", choices=list(DEPLOYMENTS), help="which graph to start")
    parser.add_argument(
        "arguments", nargs="*", default=[], metavar="name:=value", help="arguments of the deployment, see below"
    )


def run(options: argparse.Namespace) -> int:
    require_messages()
    given = parse(options.arguments)
    deployment = build(options.deployment, given)
    parameters_path(deployment)
    check(given)
    with contextlib.ExitStack() as stack:
        domain = stack.enter_context(DomainLease()).domain_id if deployment.own_domain else None
        if domain is not None:
            print(
                f"ROS_DOMAIN_ID={domain} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST namespace /{deployment.namespace}",
                flush=True,
            )
        signal.signal(signal.SIGTERM, _interrupt)
        graph = stack.enter_context(ProcessGraph(deployment, domain, lambda line: print(line, flush=True)))
        try:
            graph.wait(_FOREVER_S)
        except KeyboardInterrupt:
            print("stopping", flush=True)
    return 0


def parse(words: list[str]) -> dict[str, str]:
    """``["seed:=3"]`` to ``{"seed": "3"}``. Raises GraphError for a word of another form."""
    given = {}
    for word in words:
        name, found, value = word.partition(":=")
        if not (found and name):
            raise GraphError(f"arguments have the form name:=value, got {word!r}")
        given[name] = value
    return given


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _help_of(deployment: str) -> str:
    return "\n".join(
        f"  {item.name + ':=' + item.default:<18} {item.text}{' (needed)' if item.needed else ''}"
        for item in arguments_of(deployment)
    )
