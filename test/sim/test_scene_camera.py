"""The picture of a device's own camera shows what its calibration says."""

import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import inside, project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.devices.presets import UnknownTracker
from gaze_vlm_ros.sim.labels.frame import FrameLabeller
from gaze_vlm_ros.sim.labels.warped import warp_labels
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import CameraKind


@pytest.fixture(params=["neon", "aria"])
def simulation(request):
    made = Simulation(SimulationConfig(3, width=240, height=240, tracker=request.param, device_optics=True))
    made.advance(2.0)
    yield made
    made.close()


def test_things_stand_where_the_calibration_puts_them(simulation):
    """A straight projection of the same points would miss: the lens bends."""
    classes, camera_T_world = simulation.segmentation(), invert_transform(simulation.wearer.eyes.world_T_camera())
    found, missed = 0, 0
    for thing in simulation.things:
        mine = classes == kitchen.LABELS.index(thing)
        if mine.sum() < 60:
            continue
        rows, columns = np.nonzero(mine)
        middle = transform_points(camera_T_world, simulation.data.body(thing).xpos[None])
        extent = np.hypot(np.ptp(rows), np.ptp(columns))
        seen = np.array([columns.mean(), rows.mean()])
        found += np.linalg.norm(project(simulation.camera, middle)[0] - seen) < extent
        missed += np.linalg.norm(project(simulation.scene_camera.drawn, middle)[0] - seen) < extent
    assert found >= 3
    assert missed < found


def test_picture_depth_and_gaze_are_of_one_camera(simulation):
    frame = simulation.render()
    assert frame.rgb.shape == (240, 240, 3) and frame.depth_m.shape == (240, 240)
    assert simulation.camera.kind is (CameraKind.FISHEYE if simulation.config.tracker == "aria" else CameraKind.PINHOLE)
    sample = [sample for sample in simulation.gaze_samples() if sample.valid][-1]
    np.testing.assert_allclose(project(simulation.camera, sample.ray[None])[0], sample.point_px, atol=0.5)
    assert inside(simulation.camera, sample.point_px[None]).all()
    depth_m = frame.depth_m[tuple(np.rint(sample.point_px).astype(int)[::-1])]
    assert 0.2 < depth_m < 2.5


def test_labels_are_led_through_the_lens(simulation):
    labeller = FrameLabeller(simulation.scene_index)
    labeller.add(simulation.shot(), simulation.moment())
    labels = warp_labels(labeller.finish(), simulation.scene_camera.warp)
    np.testing.assert_array_equal(labels.segmentation, simulation.segmentation())
    np.testing.assert_array_equal(labels.rgb, simulation.render().rgb)


def test_a_tracker_without_a_scene_camera_says_which_have_one():
    with pytest.raises(UnknownTracker, match=r"'webcam' has no scene camera.*neon, aria"):
        Simulation(SimulationConfig(tracker="webcam", device_optics=True))
