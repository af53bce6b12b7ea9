"""Labels of a pinhole picture as those of a device's distorted one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaze_vlm_ros.geometry.camera import inside
from gaze_vlm_ros.sim.devices.warp import SceneWarp
from gaze_vlm_ros.sim.labels.frame import FrameLabels
from gaze_vlm_ros.sim.labels.gaze import GazeLabel
from gaze_vlm_ros.sim.labels.motion import Motion


def warp_labels(labels: FrameLabels, warp: SceneWarp) -> FrameLabels:
    """``labels`` of the camera ``warp.pinhole`` as those of ``warp.camera``.

    Where the lens sees nothing, the picture is black and background, depth and flow are NaN, and all is occluded.
    """
    return replace(
        labels,
        camera=warp.camera,
        rgb=warp.image(labels.rgb),
        depth_m=warp.values(labels.depth_m, np.nan),
        segmentation=warp.values(labels.segmentation),
        instance=warp.values(labels.instance),
        to_next=_warp_motion(labels.to_next, warp),
        to_previous=_warp_motion(labels.to_previous, warp),
        gaze=_warp_gaze(labels.gaze, warp),
    )


def _warp_motion(motion: Motion, warp: SceneWarp) -> Motion:
    flow = warp.flow(motion.flow_px)
    height, width = warp.seen.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x += flow[..., 0]
    y += flow[..., 1]
    arrives = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)  # false for NaN
    return Motion(flow, warp.values(motion.occluded, True) | ~arrives)


def _warp_gaze(gaze: GazeLabel, warp: SceneWarp) -> GazeLabel:
    """A point outside the pinhole picture is outside the device's too, which is the smaller one."""
    if not gaze.valid:
        return gaze
    point_px = warp.points(gaze.point_px[None])
    outside = gaze.outside or not inside(warp.camera, point_px)[0]
    if not outside:
        column, row = np.rint(point_px[0]).astype(int)
        outside = not warp.seen[row, column]
    return replace(gaze, point_px=point_px[0], outside=outside, occluded=gaze.occluded and not outside)
