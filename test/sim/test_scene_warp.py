"""Scene cameras of devices, and the pictures they make of drawn ones."""

import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.sim.devices.presets import PRESETS
from gaze_vlm_ros.sim.devices.warp import SceneWarp


@pytest.mark.parametrize(("name", "across_deg", "down_deg"), [("neon", 103.0, 77.0), ("aria", 110.0, 110.0)])
def test_scene_cameras_see_what_is_documented(name, across_deg, down_deg):
    camera = PRESETS[name].scene.camera
    middle = camera.matrix[:2, 2]
    ends = [[0, middle[1]], [camera.width - 1, middle[1]], [middle[0], 0], [middle[0], camera.height - 1]]
    rays = unproject(camera, np.array(ends))
    assert np.rad2deg(angle_between(rays[0], rays[1])) == pytest.approx(across_deg, abs=3.0)
    assert np.rad2deg(angle_between(rays[2], rays[3])) == pytest.approx(down_deg, abs=3.0)


@pytest.mark.parametrize("name", ["neon", "aria"])
def test_a_scaled_and_cropped_picture_keeps_its_rays(name):
    full = PRESETS[name].scene.camera
    small = PRESETS[name].scene.sized(224, 224)
    scale = 224 / full.height
    pixels = np.array([[30.0, 40.0], [112.0, 100.0], [200.0, 180.0]])
    in_full = (pixels + 0.5 - 112) / scale + np.array([full.width, full.height]) / 2 - 0.5
    np.testing.assert_allclose(unproject(small, pixels), unproject(full, in_full), atol=1e-6)


def world(rays):
    """Colours (N, 3) of a smooth world at infinity in the directions (N, 3)."""
    x, y, z = rays.T
    return np.stack([128 + 100 * np.sin(4 * x), 128 + 100 * np.sin(3 * y + 1), 128 + 100 * np.cos(4 * z * x)], axis=-1)


def picture(camera):
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.nan_to_num(unproject(camera, np.column_stack([x.ravel(), y.ravel()])))
    return np.round(world(rays)).reshape(camera.height, camera.width, 3).astype(np.uint8)


@pytest.mark.parametrize(("name", "size"), [("neon", (320, 240)), ("aria", (224, 224)), ("neon", (64, 64))])
def test_the_warped_picture_is_what_the_device_would_have_seen(name, size):
    warp = SceneWarp(PRESETS[name].scene, *size, sharpness=1.5)
    found, expected = warp.image(picture(warp.pinhole)), picture(warp.camera)
    assert found.shape == (size[1], size[0], 3)
    assert np.abs(found.astype(float) - expected)[warp.seen].max() < 5.0
    assert (found[~warp.seen] == 0).all()
    assert warp.seen.mean() > (0.98 if name == "neon" else 0.75)
    focal = warp.pinhole.height / 2 / np.tan(np.deg2rad(warp.fovy_deg) / 2)
    assert focal == pytest.approx(warp.pinhole.matrix[1, 1])
    assert focal == pytest.approx(1.5 * warp.camera.matrix[1, 1])
    middle = [(warp.pinhole.width - 1) / 2, (warp.pinhole.height - 1) / 2]
    np.testing.assert_allclose(warp.pinhole.matrix[:2, 2], middle)


def test_warped_points_values_and_flow_agree_with_the_camera_model():
    warp = SceneWarp(PRESETS["aria"].scene, 224, 224)
    y, x = np.mgrid[: warp.pinhole.height, : warp.pinhole.width].astype(float)
    rays = unproject(warp.pinhole, np.column_stack([x.ravel(), y.ravel()]))
    np.testing.assert_allclose(warp.points(np.column_stack([x.ravel(), y.ravel()])), project(warp.camera, rays))
    numbers = np.arange(x.size).reshape(x.shape)
    taken = warp.values(numbers, -1)
    assert set(taken[~warp.seen]) == {-1}
    back = project(warp.camera, rays[taken[warp.seen]])
    rows, columns = np.nonzero(warp.seen)
    assert np.abs(back - np.column_stack([columns, rows])).max() < 0.75
    flow = np.stack([2.0 + 0.01 * x, -1.5 + 0.005 * y], axis=-1)
    moved = warp.flow(flow)
    inner = warp.seen & (np.hypot(*(np.mgrid[:224, :224] - 112)) < 90)
    start = np.column_stack(np.nonzero(inner))[:, ::-1].astype(float)
    at = project(warp.pinhole, unproject(warp.camera, start))
    expected = project(
        warp.camera, unproject(warp.pinhole, at + np.column_stack([2 + 0.01 * at[:, 0], -1.5 + 0.005 * at[:, 1]]))
    )
    np.testing.assert_allclose(moved[inner], expected - start, atol=0.05)
    assert np.isnan(moved[~warp.seen]).all()
    with pytest.raises(ValueError, match="does not belong"):
        warp.values(np.zeros((4, 4)))
