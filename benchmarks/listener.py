"""A reader of the streams, beside those of the graph: it writes down when it heard what. One process, one node."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sensor_msgs.msg import Image

from benchmarks.notes import Notes
from gaze_vlm_msgs.msg import GazeSample, GazeTarget, Prediction
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run

HEARD = {
    names.SCENE_IMAGE: (Image, qos.SENSOR),
    names.GAZE_SAMPLE: (GazeSample, qos.SAMPLES),
    names.EVENT: (Prediction, qos.RESULT),
    names.GAZE_TARGET: (GazeTarget, qos.RESULT),
}
PERIOD_S = 0.02


@dataclass(frozen=True)
class ListenerParameters(Parameters):
    """Parameters of the listener."""

    path: str = parameter("", "file of notes to write")


class ListenerNode(ManagedNode):
    """Hears pictures and results as they come, gaze samples as the nodes of the graph do: in batches."""

    Parameters = ListenerParameters
    _notes: Notes | None = None

    def _setup(self) -> None:
        self._notes = Notes(self.parameters.path)
        self._inboxes: list[Callable[[], None]] = []
        for number, (topic, (kind, profile)) in enumerate(HEARD.items()):
            hear = partial(self._hear, number)
            if profile is qos.SAMPLES:
                self._inboxes.append(self.inbox(kind, topic, hear, profile))
            else:
                self.subscribe(kind, topic, hear, profile)
        self.every(PERIOD_S, self._empty)

    def _teardown(self) -> None:
        if self._notes is not None:
            self._notes.close()

    def _hear(self, number: int, message: Any) -> None:
        self._notes.add(number, stamp_of(message) or 0, self.now_ns())

    def _empty(self) -> None:
        for take in self._inboxes:
            take()

    def _stop(self) -> None:
        self._empty()


def main() -> None:
    sys.exit(run(partial(ListenerNode, "listener")))


if __name__ == "__main__":
    main()
