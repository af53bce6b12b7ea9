"""Which running graph a command talks to: the arguments that name it."""

from __future__ import annotations

import argparse

LARGEST_DOMAIN = 232
"""Beyond it DDS has no ports."""


def add_graph_arguments(parser: argparse.ArgumentParser, waiting_for: str) -> None:
    """``--domain``, ``--namespace``, and ``--within``: the seconds to wait for ``waiting_for``."""
    parser.add_argument("--domain", type=_domain, help="ROS domain, as `up` prints it; default ROS_DOMAIN_ID")
    parser.add_argument("--namespace", default="", help="namespace of the graph: `sim` for `up sim` and `up replay`")
    parser.add_argument("--within", type=float, default=5.0, help=f"seconds to wait for {waiting_for}")


def _domain(text: str) -> int:
    if not text.isdecimal() or int(text) > LARGEST_DOMAIN:
        raise argparse.ArgumentTypeError(f"a ROS domain is a number from 0 to {LARGEST_DOMAIN}, got {text!r}")
    return int(text)
