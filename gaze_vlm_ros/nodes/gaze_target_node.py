"""Where in space, and at which thing, the wearer looks: gaze, camera pose and surface give a point in the base."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from gaze_vlm_msgs.msg import GazeSample, GazeTarget, ObjectMap
from gaze_vlm_msgs.srv import AskGaze
from gaze_vlm_ros import types
from gaze_vlm_ros.gaze.looked_at import NOTHING, looked_through, named_target
from gaze_vlm_ros.geometry.gaze_target import NoIntersection
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import ConversionError, camera_pose_from, header_message, stamp_of
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.conversions.images import camera_from
from gaze_vlm_ros.nodes.conversions.predictions import object_map_from, target_markers, target_message
from gaze_vlm_ros.nodes.history import History
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.nodes.surfaces import SURFACES, Seen, Surface
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.types import NS_PER_S

REMEMBERED_FRAMES = 90
REMEMBERED_SAMPLES = 2000
GAZE_TOLERANCE_NS = 40_000_000
POSE_TOLERANCE_NS = 100_000_000
LABELS_STALE_AFTER_S = 1.0
ANSWER_STALE_AFTER_S = 1.0


@dataclass(frozen=True)
class GazeTargetParameters(Parameters):
    """Parameters of the gaze target node."""

    robot: str = parameter("jaco", "name or robot.yaml of the arm in whose base frame targets are given")
    mode: str = parameter("live", "replay: no frame may be lost", choices=("live", "replay"))
    surface: str = parameter("depth", "what the gaze ray meets", choices=tuple(SURFACES))
    plane_point_m: tuple[float, ...] = parameter((0.0, 0.0, 0.0), "a point of the plane, in the robot's base", unit="m")
    plane_normal: tuple[float, ...] = parameter((0.0, 0.0, 1.0), "normal of the plane, in the robot's base")
    plane_sigma_m: float = parameter(
        0.02, "1-sigma of how far from the plane things are that stand on it", unit="m", low=0.001, high=0.2
    )
    robot_camera_pose: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), "robot's depth camera in its base: x, y, z [m], quaternion x, y, z, w"
    )


class GazeTargetNode(ManagedNode):
    """One target for each object map, at that map's own frame; without a model, one unlabelled for each frame."""

    Parameters = GazeTargetParameters

    def _setup(self) -> None:
        p = self.parameters
        self._base = RobotDescription.load(p.robot).base_frame
        self._camera: types.CameraModel | None = None
        self._gaze: History[types.GazeSample] = History(REMEMBERED_SAMPLES)
        self._poses: History[tuple[np.ndarray, np.ndarray]] = History(REMEMBERED_FRAMES)
        self._newest: types.GazeTarget | None = None
        self._labels_heard_s = float("-inf")
        self._located, self._missed = 0, ""
        self._replays = p.mode == "replay"
        result = qos.REPLAYED_RESULT if self._replays else qos.RESULT
        self._targets = self.advertise(GazeTarget, names.GAZE_TARGET, result)
        self._markers = self.advertise(MarkerArray, names.MARKERS, result)
        profile = qos.REPLAYED_FRAMES if self._replays else qos.SENSOR
        self._surface: Surface = SURFACES[p.surface](p)
        for topic, kind, callback in self._surface.inputs():
            self.subscribe(kind, topic, callback, qos.SENSOR if kind is CameraInfo else profile, silent_after_s=1.0)
        self.subscribe(ObjectMap, names.OBJECTS, self._on_objects, result)
        self.subscribe(CameraInfo, names.SCENE_INFO, self._on_info, profile)
        samples = qos.REPLAYED_SAMPLES if self._replays else qos.SAMPLES
        self._inboxes = [
            self.inbox(PoseWithCovarianceStamped, names.SCENE_POSE, self._on_pose, samples, silent_after_s=1.0),
            self.inbox(GazeSample, names.GAZE_FILTERED, self._on_gaze, samples),
        ]
        self.serve(AskGaze, names.ASK_GAZE, self._answer)

    def _figures(self) -> dict[str, str]:
        return {"located": str(self._located), "last miss": self._missed} if self._configured else {}

    def _on_gaze(self, message: GazeSample) -> None:
        self._gaze.add(stamp_of(message) or 0, gaze_from(message))

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        stamp_ns, base_T_camera, covariance, frame_id = camera_pose_from(message)
        if frame_id != self._base:
            raise ConversionError(f"the camera's pose is given in {frame_id!r}; this robot's base is {self._base!r}")
        self._poses.add(stamp_ns, (base_T_camera, covariance))

    def _on_info(self, message: CameraInfo) -> None:
        self._camera = camera_from(message)
        if time.monotonic() - self._labels_heard_s > LABELS_STALE_AFTER_S:
            self._locate(stamp_of(message) or 0, None)

    def _on_objects(self, message: ObjectMap) -> None:
        self._labels_heard_s = time.monotonic()
        objects = object_map_from(message)
        self._locate(objects.stamp_ns, objects)

    def _locate(self, stamp_ns: int, objects: types.ObjectMap | None) -> None:
        for take in self._inboxes:
            take()
        sample = self._gaze.nearest(stamp_ns, GAZE_TOLERANCE_NS)
        pose = self._poses.nearest(stamp_ns, POSE_TOLERANCE_NS)
        if sample is None or pose is None or self._camera is None:
            what = "gaze" if sample is None else "camera pose" if pose is None else "camera calibration"
            self._missed = f"no {what} near the frame's stamp"
            return
        try:
            point = self._surface.meet(Seen(stamp_ns, sample, self._camera, *pose))
        except NoIntersection as miss:
            self._missed = str(miss)
            return
        looked = looked_through(objects, sample, self._camera) if objects is not None else NOTHING
        target = named_target(stamp_ns, point, looked, self._base)
        self._newest = target
        self._located += 1
        self._targets.publish(target_message(target))
        if self._replays or self._markers.get_subscription_count():
            self._markers.publish(target_markers(target))

    def _answer(self, request: AskGaze.Request, response: AskGaze.Response) -> AskGaze.Response:
        """Answers where the wearer looks now; abstains from any other question and where it is not known."""
        words = request.question.lower()
        target = self._newest
        age_s = (self.now_ns() - target.stamp_ns) / NS_PER_S if target is not None else float("inf")
        response.abstained = True
        if not ("look" in words or "gaze" in words):
            response.answer = "I only know where the wearer looks."
        elif age_s > ANSWER_STALE_AFTER_S:
            response.answer = (
                f"I have not known that for {age_s:.1f} s." if target is not None else "I do not know that yet."
            )
        else:
            response.abstained = False
            response.answer = f"at the {target.label}" if target.label else "at nothing that I can name"
            response.confidence = float(np.nan_to_num(target.probability))
            message = target_message(target)
            response.point.header, response.point.point = header_message(target.stamp_ns, self._base), message.position
        return response


def main() -> None:
    sys.exit(run(partial(GazeTargetNode, "gaze_target")))


if __name__ == "__main__":
    main()
