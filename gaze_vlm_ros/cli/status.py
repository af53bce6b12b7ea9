"""``gaze-vlm-ros status``: the running graph as a table, live in a terminal, once as text where there is none."""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from gaze_vlm_ros.cli.which_graph import add_graph_arguments
from gaze_vlm_ros.environment import enter, require_messages
from gaze_vlm_ros.errors import GazeVlmError

SILENT_AFTER_S = 3.0
"""Nodes tell of themselves once a second."""
_FIGURE = re.compile(r"(\S+) (rate \[Hz\]|age \[ms\])")
_ALL_WITHIN_S = 8.0
_WELL = b"\x00"
PLAIN_COLUMNS = 200
_NUMBERS = ("rate [Hz]", "age [ms]", "dropped", "lost")


class StatusError(GazeVlmError):
    """No graph is heard."""


@dataclass
class NodeStatus:
    """What one node said last. ``reason`` is the last one that it gave for not being well, and when [s since 1970]."""

    state: str = ""
    heard_s: float = 0.0
    dropped: str = ""
    lost: str = ""
    said: str = ""
    reason: tuple[float, str] | None = None
    rate_hz: dict[str, str] = field(default_factory=dict)
    age_ms: dict[str, float] = field(default_factory=dict)

    def hear(self, status: Any, now_s: float) -> None:
        """Takes in a ``DiagnosticStatus``."""
        values = {item.key: item.value for item in status.values}
        self.state, self.heard_s = values.get("state", "?"), now_s
        self.dropped, self.lost = values.get("dropped", ""), values.get("lost", "")
        self.said = values.get("governor", "")
        self.rate_hz, self.age_ms = {}, {}
        for key, value in values.items():
            if found := _FIGURE.fullmatch(key):
                topic = found[1]
                if found[2].startswith("rate"):
                    self.rate_hz[topic] = value
                else:
                    self.age_ms[topic] = float(value)
        if status.level != _WELL:
            self.reason = now_s, status.message

    def cells(self, now_s: float) -> tuple[str, ...]:
        """State, stalest stream with its rate and age, what was dropped here and lost on the way, last reason."""
        silent_s = now_s - self.heard_s
        state = f"silent for {silent_s:.0f} s" if silent_s > SILENT_AFTER_S else self.state
        moving = {topic: age for topic, age in self.age_ms.items() if self.rate_hz.get(topic, "0.0") != "0.0"}
        topic = max(moving, key=moving.get, default="")
        age = f"{moving[topic]:.0f}" if topic else ""
        reason = self.said
        if self.reason is not None:
            at_s, words = self.reason
            reason += " | " if reason else ""
            reason += f"{time.strftime('%H:%M:%S', time.localtime(at_s))} {words}"
        return state, topic, self.rate_hz.get(topic, ""), age, self.dropped, self.lost, reason


class Board:
    """The nodes that were heard, by name."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeStatus] = {}
        self.is_ready: bool | None = None
        self.expected = 0
        """How many nodes there are that tell of themselves."""

    def hear(self, statuses: list[Any], now_s: float) -> None:
        for status in statuses:
            self.nodes.setdefault(status.name, NodeStatus()).hear(status, now_s)

    def table(self, now_s: float, frame: box.Box = box.ROUNDED) -> Table:
        title = "life-cycle manager: " + {None: "not heard", True: "ready", False: "not ready"}[self.is_ready]
        if self.expected > len(self.nodes):
            title += f"; {len(self.nodes)} of {self.expected} nodes heard"
        table = Table(title=title, title_justify="left", box=frame)
        for name in ("node", "state", "stalest stream", "rate [Hz]", "age [ms]", "dropped", "lost", "last reason"):
            table.add_column(name, justify="right" if name in _NUMBERS else "left")
        for name, node in sorted(self.nodes.items()):
            table.add_row(name, *(cell.replace("[", r"\[") for cell in node.cells(now_s)))
        return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_graph_arguments(parser, "the first word of the graph")


def run(args: argparse.Namespace) -> int:
    """Until Ctrl-C in a terminal, once elsewhere."""
    enter(args.domain, local_only=False)
    require_messages()
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.node import Node
    from rclpy.signals import SignalHandlerOptions
    from std_msgs.msg import Bool

    from gaze_vlm_ros.nodes import names, qos

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node, board = Node("status", namespace=args.namespace), Board()
    node.create_subscription(
        DiagnosticArray, names.DIAGNOSTICS, lambda m: board.hear(m.status, time.time()), qos.RESULT
    )
    node.create_subscription(Bool, names.MANAGER_READY, lambda m: setattr(board, "is_ready", m.data), qos.LATCHED)

    def spin(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)
        board.expected = node.count_publishers(names.DIAGNOSTICS)

    try:
        _await_graph(board, spin, args.within, node.context.get_domain_id())
        if not sys.stdout.isatty():
            end = time.monotonic() + _ALL_WITHIN_S
            spin(2.0)
            while len(board.nodes) < board.expected and time.monotonic() < end:
                spin(0.5)
            Console(width=PLAIN_COLUMNS).print(board.table(time.time(), box.ASCII))
            return 0
        with Live(board.table(time.time()), auto_refresh=False, screen=True) as live:
            while True:
                spin(0.5)
                live.update(board.table(time.time()), refresh=True)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _await_graph(board: Board, spin: Any, within_s: float, domain: int) -> None:
    end = time.monotonic() + within_s
    while not board.nodes:
        if time.monotonic() > end:
            raise StatusError(
                f"nothing is heard of any node within {within_s:g} s in domain {domain}; is the graph up, in this "
                "--domain and --namespace?"
            )
        spin(0.2)
