"""Runs one node as a process: signals, orderly end, and one clear line where it cannot start."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from gaze_vlm_ros.environment import end_with
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import PARENT_VARIABLE

ENDS_WITHIN_S = 8.0


def run(make: Callable[[], Node]) -> int:
    """Makes the node and spins it until SIGINT, SIGTERM or a SystemExit of its own, then ends the process.

    Returns, with the exit code, only where the node could not be made. The node lives in a thread, so that the main
    thread can wait for signals: an executor that waits hears none.
    """
    if parent := os.environ.get(PARENT_VARIABLE):
        end_with(int(parent))
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: asked.append(received))
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
    except GazeVlmError as error:
        print(f"{_program()}: error: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 2
    spinner = _Spinner(node)
    spinner.start()
    while spinner.is_alive() and not asked:
        spinner.join(0.1)
    _end_within(ENDS_WITHIN_S)
    del node
    spinner.finish()
    rclpy.try_shutdown()
    gc.collect()  # only with its last object does a node give its shared memory back, 35 MB of it
    _leave(spinner.code)


class _Spinner(threading.Thread):
    """The thread in which all of the node happens, its shutdown too."""

    def __init__(self, node: Node) -> None:
        super().__init__(daemon=True)
        self.code = 0
        self._node = node
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)

    def run(self) -> None:
        try:
            self._executor.spin()
        except SystemExit as end:
            self.code = int(end.code or 0)
        except Exception as error:  # nobody is above this thread: the process ends with a word and a code
            self._node.get_logger().fatal("".join(traceback.format_exception(error)))
            self.code = 1

    def finish(self) -> None:
        if self.is_alive():
            self._executor.create_task(self._shut_down)
            self.join()
        self._executor.remove_node(self._node)
        self._node.destroy_node()
        self._executor.shutdown()
        del self._node, self._executor

    def _shut_down(self) -> None:
        if isinstance(self._node, LifecycleNode) and self._node._state_machine.current_state[1] != "finalized":
            self._node.trigger_shutdown()
        raise SystemExit(0)


def _leave(code: int) -> None:
    """Ends the process at once: taking the interpreter down costs seconds where torch was imported, and nothing is left
    to do, since node and context are gone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_within(seconds: float) -> None:
    """A node that hangs in its own end is no node that may stay."""
    timer = threading.Timer(seconds, os._exit, args=(3,))
    timer.daemon = True
    timer.start()


def _program() -> str:
    """The node's name as the command line gives it, else the program's."""
    names = [argument.split(":=", 1)[1] for argument in sys.argv if argument.startswith(("__node:=", "__name:="))]
    return names[-1] if names else os.path.basename(sys.argv[0])
