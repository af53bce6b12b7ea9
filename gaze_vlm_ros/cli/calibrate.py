"""``gaze-vlm-ros calibrate``: makes a running graph's eye cameras personal, or measures how far off they are."""

from __future__ import annotations

import argparse
import math
import time

from gaze_vlm_ros.cli.call import CallError
from gaze_vlm_ros.cli.which_graph import add_graph_arguments
from gaze_vlm_ros.environment import enter, require_messages
from gaze_vlm_ros.gaze.eyes.corrections import CalibrationError

METHODS = ("offset", "affine", "adapters")
ENDS_WITHIN_S = 240.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--targets", type=int, choices=(1, 5, 9), default=5, help="how many targets are shown")
    parser.add_argument("--method", choices=METHODS, default="offset", help="what is fitted to the looks")
    parser.add_argument("--display", choices=("screen", "scene"), default="screen", help="where targets are shown")
    parser.add_argument("--check", action="store_true", help="only measure how far off gaze is; nothing is changed")
    add_graph_arguments(parser, "the graph")


def run(args: argparse.Namespace) -> int:
    """Prints what the wearer should do, then what came of it; 0 where the calibration is in force, else 1.

    Raises CalibrationError where one target is too few for the method.
    """
    if args.targets == 1 and args.method != "offset" and not args.check:
        raise CalibrationError(f"one target is too few for the method {args.method}; show 5 or 9, or use offset")
    enter(args.domain, local_only=False)
    require_messages()
    import rclpy
    from rclpy.node import Node

    rclpy.init()
    node = Node("calibrate", namespace=args.namespace)
    try:
        result = _calibrate(node, args)
    finally:
        node.destroy_node()
        rclpy.shutdown()
    print(result.message)
    for words, error in (("before", result.error_before_rad), ("targets left out, after", result.error_after_rad)):
        if math.isfinite(error):
            print(f"{words}: {math.degrees(error):.2f} deg")
    return 0 if result.success else 1


def _calibrate(node, args: argparse.Namespace):
    """The action's result. Raises CallError where there is no such action, or it refuses or hangs."""
    import rclpy
    from rclpy.action import ActionClient

    from gaze_vlm_msgs.action import CalibrateEyes
    from gaze_vlm_ros.nodes import names

    client = ActionClient(node, CalibrateEyes, names.CALIBRATE_EYES)
    end = time.monotonic() + args.within
    while not client.server_is_ready() and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.05)
    if not client.server_is_ready():
        raise CallError(
            f"no action {names.CALIBRATE_EYES} within {args.within:g} s in domain {node.context.get_domain_id()}; is "
            "the graph up with eye cameras, in this --domain and --namespace?"
        )
    goal = CalibrateEyes.Goal(targets=args.targets, method="" if args.check else args.method, display=args.display)
    sent = client.send_goal_async(goal, feedback_callback=_Teller())
    rclpy.spin_until_future_complete(node, sent, timeout_sec=args.within)
    if not sent.done() or not sent.result().accepted:
        raise CallError("the eye gaze node refused; its log says why")
    finished = sent.result().get_result_async()
    rclpy.spin_until_future_complete(node, finished, timeout_sec=ENDS_WITHIN_S)
    if not finished.done():
        raise CallError(f"no result within {ENDS_WITHIN_S:g} s; see the eye gaze node's diagnostics")
    return finished.result().result


class _Teller:
    """Prints each new word of the feedback once."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, message) -> None:
        words = message.feedback.message
        if words != self._said:
            self._said = words
            print(words, flush=True)
