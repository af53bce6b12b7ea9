import mujoco
import numpy as np
import pytest
from eye_axes import axes
from scipy.spatial.transform import Rotation

from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.robot_eye import (
    EYE_ACTIONS_RAD,
    FIELDS_RAD,
    LEVELS,
    STAY,
    WINDOW_PX,
    PanoramaBuilder,
    RobotEye,
    level_rays,
    position_ids,
    views_from_panorama,
)
from gaze_vlm_ros.sim.robot_eye.eye import rotation
from gaze_vlm_ros.sim.robot_eye.pyramid import pixels_of

MIDDLE = (WINDOW_PX - 1) / 2
TURNED = make_transform(Rotation.from_euler("zyx", [70, 10, -15], degrees=True).as_matrix(), [0.4, -0.3, 1.1])
"""A mount that is turned and shifted, so that no frame can be taken for another."""
DIRECTIONS_DEG = [(0, -40), (60, -30), (-85, -55), (20, -63), (-120, 20)]


def forward(azimuth_deg, elevation_deg):
    return axes(azimuth_deg, elevation_deg)[:, 2]


def scene(mount, *balls):
    """Glowing balls (azimuth, elevation [deg], radius [deg], colour) a metre away from the mount, in the dark."""
    spec = mujoco.MjSpec()
    spec.stat.extent, spec.visual.map.znear, spec.visual.map.zfar = 1.0, 0.02, 10.0
    for number, (azimuth, elevation, radius, colour) in enumerate(balls):
        material = spec.add_material(name=str(number), rgba=[*colour, 1], emission=1.0)
        at = mount[:3, :3] @ forward(azimuth, elevation) + mount[:3, 3]
        size = [np.tan(np.radians(radius)), 0, 0]
        kind = mujoco.mjtGeom.mjGEOM_SPHERE
        spec.worldbody.add_geom(type=kind, size=size, pos=at, material=material.name)
    return settled(spec)


def settled(spec):
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def seen_live(model, data, mount, azimuth_deg, elevation_deg):
    eye = RobotEye(*np.radians([azimuth_deg, elevation_deg]), mount)
    views = eye.render(model, data)
    eye.close()
    return views


def panorama_of(model, data, mount):
    builder = PanoramaBuilder(model)
    panorama = builder.build(data, mount)
    builder.close()
    return panorama


def seen_stored(model, data, mount, azimuth_deg, elevation_deg):
    return views_from_panorama(panorama_of(model, data, mount), np.radians([[azimuth_deg, elevation_deg]]))[0]


def centre(view):
    """Column and row of what is bright."""
    weight = view.sum(-1).astype(float)
    weight[weight < 60] = 0
    rows, columns = np.indices(weight.shape)
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.fixture(scope="module")
def world():
    layout = kitchen.sample_layout(np.random.default_rng(4), 8, mount="far", posture="seated")
    model = kitchen.build_kitchen(layout, RobotDescription.load("jaco"), 64, 64)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    mount = make_transform(Rotation.from_euler("z", -90, degrees=True).as_matrix(), [0.1, 0.15, 1.25])
    return model, data, mount


@pytest.fixture(scope="module")
def stored(world):
    return panorama_of(*world)


# --- what it can do


def test_actions_are_eight_directions_of_three_sizes_and_staying():
    assert EYE_ACTIONS_RAD.shape == (25, 2)
    steps = np.degrees(EYE_ACTIONS_RAD)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), [10] * 8 + [3] * 8 + [1] * 8 + [0], atol=1e-9)
    angles = np.degrees(np.arctan2(steps[:8, 0], steps[:8, 1])) % 360
    np.testing.assert_allclose(np.sort(angles), np.arange(8) * 45, atol=1e-9)
    assert STAY == 24


def test_an_action_turns_the_eye_and_an_unknown_one_is_refused():
    eye = RobotEye(0.1, -0.5)
    upwards = int(np.argmax(EYE_ACTIONS_RAD[:, 1]))
    eye.act(upwards)
    np.testing.assert_allclose(np.degrees([eye.azimuth_rad - 0.1, eye.elevation_rad + 0.5]), [0, 10], atol=1e-9)
    eye.act(STAY)
    np.testing.assert_allclose(np.degrees(eye.elevation_rad + 0.5), 10, atol=1e-9)
    with pytest.raises(IndexError, match=r"0\.\.24"):
        eye.act(25)
    with pytest.raises(ValueError, match="nan"):
        eye.turn(float("nan"), 0.0)


def test_the_eye_stops_at_its_limits():
    eye = RobotEye()
    eye.look(3.0, 1.5)
    np.testing.assert_allclose(np.degrees([eye.azimuth_rad, eye.elevation_rad]), [130, 30])
    eye.turn(-9.0, -9.0)
    np.testing.assert_allclose(np.degrees([eye.azimuth_rad, eye.elevation_rad]), [-130, -85])


@pytest.mark.parametrize("direction", DIRECTIONS_DEG)
def test_the_eyes_axes_are_right_down_and_forward(direction):
    np.testing.assert_allclose(rotation(*np.radians(direction)), axes(*direction), atol=1e-12)


def test_direction_and_looking_at_a_point_are_in_the_mounts_frame():
    np.testing.assert_allclose(RobotEye(np.pi / 2, 0.0).direction, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(RobotEye(0.0, np.radians(-30)).direction, [np.sqrt(0.75), 0, -0.5])
    point = np.array([0.4, -0.7, -0.5])
    eye = RobotEye()
    eye.look_at(point)
    np.testing.assert_allclose(eye.direction, point / np.linalg.norm(point))


# --- its three levels


def test_levels_are_equidistant_fisheyes_of_the_stated_fields():
    np.testing.assert_allclose(np.degrees(FIELDS_RAD), [17.31, 60.59, 103.87], atol=0.01)
    from_middle = np.stack(np.meshgrid(*[np.arange(WINDOW_PX) - MIDDLE] * 2), axis=-1)
    for rays, field in zip(level_rays(), FIELDS_RAD, strict=True):
        angle = np.arccos(rays[..., 2])
        np.testing.assert_allclose(angle, np.linalg.norm(from_middle, axis=-1) * field / WINDOW_PX, rtol=1e-6)
        right_down = rays[..., :2] / np.linalg.norm(rays[..., :2], axis=-1, keepdims=True)
        expected = from_middle / np.linalg.norm(from_middle, axis=-1, keepdims=True)
        np.testing.assert_allclose(right_down, expected, atol=1e-9)


def test_position_ids_of_a_direction_are_equal_in_all_levels():
    slanted = np.radians(np.random.default_rng(1).uniform(-8, 8, (50, 2)))
    rays = np.column_stack([np.tan(slanted), np.ones(50)])
    ids = position_ids(1)
    assert ids.shape == (LEVELS, 64, 64, 2)
    found = []
    for level in range(LEVELS):
        column, row = pixels_of(rays, level).T
        places = np.arange(WINDOW_PX)
        found.append([np.interp(row, places, ids[level, :, 0, 0]), np.interp(column, places, ids[level, 0, :, 1])])
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1e-3)
    assert np.ptp(found[0]) > 15
    np.testing.assert_allclose(ids.mean((1, 2)), 60.0, atol=1e-3)


def test_position_ids_of_patches_are_those_of_their_middles():
    fine, patches = position_ids(1), position_ids(8)
    assert patches.shape == (LEVELS, 8, 8, 2)
    np.testing.assert_allclose(patches, fine.reshape(LEVELS, 8, 8, 8, 8, 2).mean((2, 4)), atol=1e-3)
    with pytest.raises(ValueError, match="divide 64"):
        position_ids(7)


# --- what it sees


@pytest.mark.parametrize("seen", [seen_live, seen_stored])
@pytest.mark.parametrize("direction", DIRECTIONS_DEG)
def test_what_is_looked_at_is_in_the_middle_of_all_levels(seen, direction):
    views = seen(*scene(TURNED, (*direction, 1.5, (1, 1, 1))), TURNED, *direction)
    assert views.shape == (LEVELS, 64, 64, 3)
    assert views.dtype == np.uint8
    for view in views:
        np.testing.assert_allclose(centre(view), MIDDLE, atol=0.3)


@pytest.mark.parametrize("seen", [seen_live, seen_stored])
def test_left_is_left_and_up_is_up(seen):
    azimuth, elevation = 30.0, -35.0
    left, up = (azimuth + 6, elevation, 0.8, (1, 0, 0)), (azimuth, elevation + 5, 0.8, (0, 1, 0))
    views = seen(*scene(TURNED, left, up), TURNED, azimuth, elevation)
    for channel, ball in ((0, left), (1, up)):
        ray = axes(azimuth, elevation).T @ forward(*ball[:2])
        for level, view in enumerate(views):
            expected = pixels_of(ray, level)[0]
            only = np.where((view.argmax(-1) == channel)[..., None], view, 0)
            np.testing.assert_allclose(centre(only), expected, atol=0.5)
            assert expected[channel] < MIDDLE - 2


def bars(mount, azimuth, elevation, gap_deg):
    """Two upright white bars 0.5 degrees wide, their middles 1 degree apart; with no gap, one of the same width."""
    spec = mujoco.MjSpec()
    spec.stat.extent, spec.visual.map.znear, spec.visual.map.zfar = 1.0, 0.02, 10.0
    spec.add_material(name="white", rgba=[1, 1, 1, 1], emission=1.0)
    eye = mount[:3, :3] @ axes(azimuth, elevation)
    half = np.tan(np.radians(0.25))
    quaternion = np.roll(Rotation.from_matrix(eye).as_quat(), 1)
    for side in (-1, 1):
        at = mount[:3, 3] + eye @ [side * np.tan(np.radians(0.25 + gap_deg / 2)), 0, 1]
        size = [half, 8 * half, 1e-4]
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=size, pos=at, quat=quaternion, material="white")
    return settled(spec)


@pytest.mark.parametrize("seen", [seen_live, seen_stored])
@pytest.mark.parametrize("azimuth", [10.0, 10.25, -40.5])
def test_a_mark_of_half_a_degree_is_legible_in_the_finest_level_only(seen, azimuth):
    views = seen(*bars(TURNED, azimuth, -40.0, 0.5), TURNED, azimuth, -40.0)[..., 0].astype(float)
    profiles = views[:, 30:34].mean(1)
    for level, profile in enumerate(profiles):
        lit = np.flatnonzero(profile > 0.4 * profile.max())
        dip = profile[lit[0] : lit[-1] + 1].min() / profile.max()
        assert (dip < 0.5) == (level == 0), (level, dip)


@pytest.mark.parametrize("direction", [(0, -45), (-40, -30), (75, -50), (100, -40), (-125, 10), (5, -80)])
def test_stored_and_live_views_agree(world, stored, direction):
    live = seen_live(*world, *direction).astype(float)
    found = views_from_panorama(stored, np.radians([direction]))[0].astype(float)
    aside = views_from_panorama(stored, np.radians([(direction[0] + 4, direction[1])]))[0].astype(float)
    assert live.std(axis=(1, 2, 3)).min() > 8
    for level in range(LEVELS):
        apart = np.abs(found[level] - live[level]).mean()
        assert apart < 8
        assert apart < 0.6 * np.abs(aside[level] - live[level]).mean()


def test_the_light_on_a_thing_does_not_change_as_the_eye_turns(world):
    model, data, mount = world
    grey = []
    for turn in (0.0, 20.0, -25.0):
        views = seen_live(model, data, mount, turn, -45.0)
        column, row = np.rint(pixels_of(axes(turn, -45.0).T @ forward(3.0, -50.0), 2)[0]).astype(int)
        grey.append(views[2, row - 1 : row + 2, column - 1 : column + 2].mean((0, 1)))
    np.testing.assert_allclose(grey, np.broadcast_to(grey[0], (3, 3)), atol=12)


def test_one_eye_goes_from_model_to_model():
    left, right = scene(TURNED, (0, 0, 2, (1, 0, 0))), scene(TURNED, (0, 0, 2, (0, 0, 1)))
    eye = RobotEye(0.0, 0.0, TURNED)
    red, blue, again = (eye.render(*which)[0, 32, 32] for which in (left, right, left))
    eye.close()
    assert red.argmax() == 0
    assert blue.argmax() == 2
    np.testing.assert_array_equal(again, red)
