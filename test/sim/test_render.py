from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.kitchen import stability
from gaze_vlm_ros.sim.render import Offscreen, RenderError
from gaze_vlm_ros.sim.things import ThingState, apply_state

SIZE = (160, 120)
SEEN_GROUPS = np.array([1, 1, 1, 0, 0, 0], np.uint8)


@pytest.fixture(scope="module")
def world():
    layout = kitchen.sample_layout(
        np.random.default_rng(5), 9, kinds=("glass", "jar", "mug"), mount="far", posture="seated"
    )
    model, data = stability.start(layout, RobotDescription.load("jaco"))
    forward = np.array([0.0, 0.05, 0.76]) - layout.head_m
    z = forward / np.linalg.norm(forward)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    body = model.body(kitchen.CAMERA).mocapid[0]
    data.mocap_pos[body] = layout.head_m
    mujoco.mju_mat2Quat(data.mocap_quat[body], np.column_stack([x, np.cross(z, x), z]).ravel())
    mujoco.mj_forward(model, data)
    return layout, model, data


@pytest.fixture(scope="module")
def offscreen(world):
    drawn = Offscreen(world[1], *SIZE, kitchen.CAMERA)
    yield drawn
    drawn.close()


def test_pictures_have_the_size_asked_for(world, offscreen):
    _, _, data = world
    rgb, depth = offscreen.rgb_depth(data)
    assert rgb.shape == (120, 160, 3)
    assert rgb.dtype == np.uint8
    assert rgb.std() > 20
    assert depth.shape == (120, 160)
    assert depth.dtype == np.float32
    assert offscreen.rgb_depth(data, False)[1] is None
    small, _ = offscreen.rgb_depth(data, size=(80, 60))
    assert small.shape == (60, 80, 3)
    halved = rgb.reshape(60, 2, 80, 2, 3).mean((1, 3))
    assert np.abs(small - halved).mean() < 12


def test_labels_and_their_depth_are_what_a_ray_hits(world, offscreen):
    _, model, data = world
    geoms, depth = offscreen.labels(data)
    np.testing.assert_array_equal(offscreen.segmentation(data), geoms)
    focal = SIZE[1] / 2 / np.tan(np.deg2rad(kitchen.FOVY_DEG) / 2)
    camera = data.camera(kitchen.CAMERA)
    axes = camera.xmat.reshape(3, 3) * [1, -1, -1]
    same = near = count = 0
    hit = np.full(1, -1, np.int32)
    for row in range(3, 120, 6):
        for column in range(3, 160, 6):
            ray = np.array([(column - 79.5) / focal, (row - 59.5) / focal, 1.0])
            length = np.linalg.norm(ray)
            distance = mujoco.mj_ray(model, data, camera.xpos, axes @ ray / length, SEEN_GROUPS, 1, -1, hit, None)
            count += 1
            same += geoms[row, column] == hit[0]
            near += abs(depth[row, column] - distance / length) < 0.01
    assert same / count > 0.98
    assert near / count > 0.97


def test_glass_is_a_surface_for_labels_but_not_for_the_depth_camera(world, offscreen):
    _, model, data = world
    geoms, depth = offscreen.labels(data)
    _, through = offscreen.rgb_depth(data)
    glass = geoms == model.geom("glass/clear").id
    assert glass.sum() > 10
    assert (through[glass] > depth[glass] + 0.005).mean() > 0.5


def test_steam_is_seen_but_hides_nothing_from_the_labels(world, offscreen):
    _, model, data = world
    apply_state(model, "mug", ThingState(level=0.9))
    cold, _ = offscreen.rgb_depth(data)
    cold_labels = offscreen.segmentation(data)
    apply_state(model, "mug", ThingState(level=0.9, is_hot=True))
    hot, _ = offscreen.rgb_depth(data)
    hot_labels = offscreen.segmentation(data)
    apply_state(model, "mug", ThingState())
    assert np.abs(hot.astype(int) - cold).max() > 10
    np.testing.assert_array_equal(hot_labels, cold_labels)


def test_an_open_jar_looks_otherwise_than_a_closed_one(world, offscreen):
    _, model, data = world
    closed, _ = offscreen.rgb_depth(data)
    apply_state(model, "jar", ThingState(is_open=True))
    opened, _ = offscreen.rgb_depth(data)
    apply_state(model, "jar", ThingState())
    changed = np.argwhere(np.abs(opened.astype(int) - closed).sum(-1) > 30)
    assert len(changed) > 10


def test_two_models_share_a_thread_without_disturbing_each_other(world, offscreen):
    _, _, data = world
    before, _ = offscreen.rgb_depth(data)
    spec = mujoco.MjSpec()
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.3, 0, 0], rgba=[1, 0, 0, 1])
    spec.worldbody.add_camera(name="front", pos=[0, -1, 0], quat=[0.7071, 0.7071, 0, 0])
    spec.worldbody.add_camera(name="behind", pos=[0, 1, 0], quat=[0, 0, 0.7071, 0.7071])
    model = spec.compile()
    other = mujoco.MjData(model)
    mujoco.mj_forward(model, other)
    ball = Offscreen(model, 64, 64)
    front, behind = (ball.segmentation(other, camera=name) for name in ("front", "behind"))
    assert (front == 0).any()
    assert (front == -1).any()
    np.testing.assert_array_equal(front, behind[:, ::-1])
    np.testing.assert_array_equal(offscreen.rgb_depth(data)[0], before)
    ball.close()
    np.testing.assert_array_equal(offscreen.rgb_depth(data)[0], before)


def test_another_thread_draws_the_same_picture(world, offscreen):
    _, model, data = world

    def picture():
        own = Offscreen(model, *SIZE, kitchen.CAMERA)
        rgb, _ = own.rgb_depth(data)
        own.close()
        return rgb

    with ThreadPoolExecutor(1) as pool:
        np.testing.assert_array_equal(pool.submit(picture).result(), offscreen.rgb_depth(data)[0])


def test_what_does_not_exist_is_named(world, offscreen):
    _, _, data = world
    with pytest.raises(RenderError, match=r"no camera 'moon'.*scene_camera"):
        offscreen.rgb_depth(data, camera="moon")
    with pytest.raises(RenderError, match="at most 160x120, asked for 161x120"):
        offscreen.rgb_depth(data, size=(161, 120))
