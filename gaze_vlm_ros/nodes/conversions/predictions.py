"""What the model says and what follows from it: predictions, object maps, gaze targets, and markers to look at."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from gaze_vlm_msgs.msg import (
    GazeTarget as GazeTargetMsg,
)
from gaze_vlm_msgs.msg import (
    Hypothesis as HypothesisMsg,
)
from gaze_vlm_msgs.msg import (
    ObjectMap as ObjectMapMsg,
)
from gaze_vlm_msgs.msg import (
    Prediction as PredictionMsg,
)
from gaze_vlm_ros.nodes.conversions.common import (
    ConversionError,
    header_message,
    nanoseconds,
    point_message,
    pose_message,
    position_from,
)
from gaze_vlm_ros.types import GazeTarget, Hypothesis, ObjectMap, Prediction, PredictionKind

_KINDS = {PredictionKind.ACTIVITY: PredictionMsg.ACTIVITY, PredictionKind.EVENT: PredictionMsg.EVENT}
_KIND_OF = {number: kind for kind, number in _KINDS.items()}
_ELLIPSOID_SIGMAS = 2.0


def prediction_message(prediction: Prediction, frame_id: str) -> PredictionMsg:
    return PredictionMsg(
        header=header_message(prediction.stamp_ns, frame_id),
        kind=_KINDS[prediction.kind],
        text=prediction.text,
        window_s=float(prediction.window_s),
        horizon_s=float(prediction.horizon_s),
        confidence=float(prediction.confidence),
        hypotheses=[
            HypothesisMsg(text=h.text, verb=h.verb, object=h.object, place=h.place, probability=float(h.probability))
            for h in prediction.hypotheses
        ],
        model_name=prediction.model_name,
        model_version=prediction.model_version,
        used_gaze=prediction.used_gaze,
        out_of_domain=prediction.out_of_domain,
    )


def prediction_from(message: PredictionMsg) -> Prediction:
    if message.kind not in _KIND_OF:
        raise ConversionError(f"prediction kind {message.kind} is unknown")
    if not 0.0 <= message.confidence <= 1.0:
        raise ConversionError(f"the prediction's confidence must be 0..1, got {message.confidence}")
    hypotheses = tuple(Hypothesis(h.text, h.verb, h.object, h.place, h.probability) for h in message.hypotheses)
    return Prediction(
        nanoseconds(message.header.stamp),
        _KIND_OF[message.kind],
        message.text,
        message.confidence,
        hypotheses,
        message.window_s,
        message.horizon_s,
        message.model_name,
        message.model_version,
        message.used_gaze,
        message.out_of_domain,
    )


def object_map_message(objects: ObjectMap, frame_id: str) -> ObjectMapMsg:
    rows, columns = objects.label_index.shape
    return ObjectMapMsg(
        header=header_message(objects.stamp_ns, frame_id),
        rows=rows,
        columns=columns,
        labels=list(objects.labels),
        label_index=objects.label_index.astype(np.uint8).tobytes(),
        probability=objects.probability.astype(np.float32).ravel().tolist(),
    )


def object_map_from(message: ObjectMapMsg) -> ObjectMap:
    shape = message.rows, message.columns
    index = np.frombuffer(bytes(message.label_index), np.uint8)
    if len(index) != shape[0] * shape[1] or len(message.probability) != len(index):
        raise ConversionError(f"an object map of {shape[0]}x{shape[1]} cannot have {len(index)} entries")
    if len(index) and index.max() >= len(message.labels):
        raise ConversionError(f"label index {index.max()} is not among {len(message.labels)} labels")
    probability = np.array(message.probability, dtype=np.float32).reshape(shape)
    return ObjectMap(
        nanoseconds(message.header.stamp), tuple(message.labels), index.reshape(shape).astype(np.int32), probability
    )


def target_message(target: GazeTarget) -> GazeTargetMsg:
    return GazeTargetMsg(
        header=header_message(target.stamp_ns, target.frame_id),
        label=target.label,
        instance_id=target.instance_id,
        probability=float(target.probability),
        region_px=np.asarray(target.region_px, dtype=np.float32),
        position=point_message(target.position_m),
        covariance=np.asarray(target.covariance_m2, dtype=np.float64).ravel(),
    )


def target_from(message: GazeTargetMsg) -> GazeTarget:
    position = position_from(message.position)
    if not np.isfinite(position).all():
        raise ConversionError(f"a gaze target needs a finite position, got {position.tolist()}")
    return GazeTarget(
        nanoseconds(message.header.stamp),
        position,
        np.array(message.covariance).reshape(3, 3),
        message.label,
        message.instance_id,
        message.probability,
        np.array(message.region_px, dtype=np.float64),
        message.header.frame_id,
    )


def target_markers(target: GazeTarget) -> MarkerArray:
    """An ellipsoid of two standard deviations at the gaze target, and its label above."""
    variances, axes = np.linalg.eigh(target.covariance_m2)
    if np.linalg.det(axes) < 0:
        axes[:, 0] = -axes[:, 0]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = axes, target.position_m
    size = 2 * _ELLIPSOID_SIGMAS * np.sqrt(np.maximum(variances, 1e-8))
    header = header_message(target.stamp_ns, target.frame_id)
    ellipsoid = Marker(
        header=header,
        ns="gaze_target",
        id=0,
        type=Marker.SPHERE,
        pose=pose_message(pose),
        scale=Vector3(x=float(size[0]), y=float(size[1]), z=float(size[2])),
        color=ColorRGBA(r=1.0, g=0.5, b=0.0, a=0.5),
    )
    above = np.eye(4)
    above[:3, 3] = target.position_m + np.array([0.0, 0.0, 0.1])
    label = Marker(
        header=header,
        ns="gaze_target",
        id=1,
        type=Marker.TEXT_VIEW_FACING,
        pose=pose_message(above),
        text=target.label,
        scale=Vector3(z=0.05),
        color=ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0),
    )
    return MarkerArray(markers=[ellipsoid, label])
