"""``gaze-vlm-ros call governor/arm``: calls a service without arguments, where there is no ``ros2`` command."""

from __future__ import annotations

import argparse
import time

from gaze_vlm_ros.cli.which_graph import add_graph_arguments
from gaze_vlm_ros.environment import enter, require_messages
from gaze_vlm_ros.errors import GazeVlmError

TRIGGER = "std_srvs/srv/Trigger"


class CallError(GazeVlmError):
    """A service that is not there or does not answer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", help="such as governor/arm, governor/reset, governor/stop")
    add_graph_arguments(parser, "the service, and for its answer")


def run(args: argparse.Namespace) -> int:
    """Prints the answer; 0 where it is a yes, 1 where it is a no."""
    enter(args.domain, local_only=False)
    require_messages()
    import rclpy
    from rclpy.node import Node

    rclpy.init()
    node = Node("call", namespace=args.namespace)
    try:
        answer = _call(node, args.service, args.within)
    finally:
        node.destroy_node()
        rclpy.shutdown()
    print(answer.message)
    return 0 if answer.success else 1


def _call(node, name: str, within_s: float):
    """The response of the Trigger service ``name``."""
    import rclpy
    from std_srvs.srv import Trigger

    client = node.create_client(Trigger, name)
    end = time.monotonic() + within_s
    while not client.service_is_ready() and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    if not client.service_is_ready():
        known = {service for service, kinds in node.get_service_names_and_types() if TRIGGER in kinds}
        others = ", ".join(sorted(known - {client.service_name})) or "none"
        raise CallError(
            f"no service {client.service_name} within {within_s:g} s in domain {node.context.get_domain_id()}; others "
            f"of its kind: {others}; is the graph up, in this --domain and --namespace?"
        )
    future = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(node, future, timeout_sec=within_s)
    if not future.done():
        raise CallError(f"{client.service_name} did not answer within {within_s:g} s")
    return future.result()
