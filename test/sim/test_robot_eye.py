import functools
import json

import cv2
import mujoco
import numpy as np
import pytest
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
    Panorama,
    PanoramaBuilder,
    PanoramaError,
    RobotEye,
    level_rays,
    position_ids,
    views_from_panorama,
)
from gaze_vlm_ros.sim.robot_eye.eye import rotation
from gaze_vlm_ros.sim.robot_eye.panorama import Arc
from gaze_vlm_ros.sim.robot_eye.pyramid import pixels_of

MIDDLE = (WINDOW_PX - 1) / 2
TURNED = make_transform(Rotation.from_euler("zyx", [70, 10, -15], degrees=True).as_matrix(), [0.4, -0.3, 1.1])
"""A mount that is turned and shifted, so that no frame can be taken for another."""
DIRECTIONS_DEG = [(0, -40), (60, -30), (-85, -55), (20, -63), (-120, 20)]


def axes(azimuth_deg, elevation_deg):
    """The eye's axes in its mount, made from elementary turns: forward is x, left y, up z."""
    turn = Rotation.from_euler("ZY", [azimuth_deg, -elevation_deg], degrees=True).as_matrix()
    return np.column_stack([-turn[:, 1], -turn[:, 2], turn[:, 0]])


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


@pytest.fixture(scope="module")
def painted():
    """A panorama of smooth colours that meets itself all round, without a scene."""
    rng = np.random.default_rng(0)

    def paint(height, width):
        patches = rng.integers(0, 256, (height // 24, width // 24, 3)).astype(np.float32)
        round_patches = np.concatenate([patches, patches[:, :1]], axis=1)
        grown = cv2.resize(round_patches, (width + 24, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(grown[:, :width]).astype(np.uint8)

    return Panorama(paint(*Arc().size_px), paint(360, 720))


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


# --- sampling


def bilinear(picture, column, row, goes_round):
    """Own arithmetic: colours at (column, row), in float."""
    height, width = picture.shape[:2]
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right_share, lower_share = (column - left)[..., None], (row - top)[..., None]

    def at(rows, columns):
        columns = columns % width if goes_round else np.clip(columns, 0, width - 1)
        return picture[np.clip(rows, 0, height - 1), columns].astype(float)

    upper = at(top, left) * (1 - right_share) + at(top, left + 1) * right_share
    lower = at(top + 1, left) * (1 - right_share) + at(top + 1, left + 1) * right_share
    return upper * (1 - lower_share) + lower * lower_share


@pytest.mark.parametrize(
    "direction",
    [(0, -40), (33.25, -41.75), (-71.5, -50), (90, -42.25), (-100, -30), (170, -60), (-179.75, 40), (12, -88)],
)
def test_views_are_what_the_pictures_hold_in_these_directions(painted, direction):
    views = views_from_panorama(painted, np.radians([direction]))[0].astype(float)
    coarse = painted.rest.reshape(180, 2, 360, 2, 3).mean((1, 3))
    arc = painted.arc
    for level, rays in enumerate(level_rays()):
        x, y, z = np.moveaxis(rays @ axes(*direction).T, -1, 0)
        azimuth, elevation = np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(np.clip(z, -1, 1)))
        picture, density = (coarse, 1) if level == 2 else (painted.rest, 2)
        expected = bilinear(picture, (180 - azimuth) * density - 0.5, (90 - elevation) * density - 0.5, True)
        certain = np.ones(azimuth.shape, bool)
        if level == 0:
            column, row = (arc.left_deg - azimuth) * 4 - 0.5, (arc.top_deg - elevation) * 4 - 0.5
            height, width = arc.size_px
            inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
            expected[inside] = bilinear(painted.fine, column, row, False)[inside]
            outside = (column < -1) | (column > width) | (row < -1) | (row > height)
            certain = inside | outside
        certain &= np.abs(elevation) < 88  # at the poles a hair's breadth is a different column
        assert certain.mean() > 0.8
        assert np.abs(views[level] - expected)[certain].max() < 4


def test_many_directions_are_each_as_if_alone(painted):
    directions = np.radians([(0, -40), (100, -20), (-30, 10)])
    together = views_from_panorama(painted, directions)
    assert together.shape == (3, LEVELS, 64, 64, 3)
    for one, direction in zip(together, directions, strict=True):
        np.testing.assert_array_equal(views_from_panorama(painted, direction[None])[0], one)
    once_round = views_from_panorama(painted, directions + [[2 * np.pi, 0]])
    np.testing.assert_array_equal(once_round, together)
    assert views_from_panorama(painted, np.empty((0, 2))).shape == (0, LEVELS, 64, 64, 3)


@pytest.mark.parametrize("wrong", [[0.0, 0.0], [[0.0, np.nan]], [[0.0, 2.0]], [[0.0, 0.0, 0.0]]])
def test_no_directions_are_refused(painted, wrong):
    with pytest.raises(ValueError, match=r"directions|elevations"):
        views_from_panorama(painted, np.array(wrong))


# --- storage


def test_panoramas_are_stored_as_finely_as_the_fovea_sees(painted, tmp_path):
    fovea_px_per_deg = WINDOW_PX / np.degrees(FIELDS_RAD[0])
    height, width = painted.arc.size_px
    assert height / 60 >= fovea_px_per_deg
    assert width / 210 >= fovea_px_per_deg
    painted.save(tmp_path / "a")
    again = Panorama.load(tmp_path / "a")
    np.testing.assert_array_equal(again.fine, painted.fine)
    np.testing.assert_array_equal(again.rest, painted.rest)
    assert again.arc == painted.arc
    painted.save(tmp_path / "b", "jpg")
    assert np.abs(Panorama.load(tmp_path / "b").fine.astype(int) - painted.fine).mean() < 2


def overwrite(folder, name, content):
    (folder / name).write_bytes(content)


BREAKS = {
    "panorama.json cannot be read": lambda folder: (folder / "panorama.json").unlink(),
    "does not describe a panorama": functools.partial(overwrite, name="panorama.json", content=b'{"format": "png"}'),
    "use one of: png, jpg": functools.partial(
        overwrite, name="panorama.json", content=json.dumps({"format": "gif", "arc": {}}).encode()
    ),
    "arc.png is not a picture": functools.partial(overwrite, name="arc.png", content=b"nothing"),
    "rest.png cannot be read": lambda folder: (folder / "rest.png").unlink(),
    r"rest must be \(360, 720, 3\)": lambda folder: cv2.imwrite(
        str(folder / "rest.png"), np.zeros((36, 72, 3), np.uint8)
    ),
}


@pytest.mark.parametrize("message", BREAKS)
def test_a_broken_panorama_is_named(painted, tmp_path, message):
    painted.save(tmp_path)
    BREAKS[message](tmp_path)
    with pytest.raises(PanoramaError, match=message):
        Panorama.load(tmp_path)


def test_an_unknown_format_lists_what_exists(painted, tmp_path):
    with pytest.raises(PanoramaError, match="use one of: png, jpg"):
        painted.save(tmp_path, "gif")
    with pytest.raises(ValueError, match="no arc"):
        Arc(left_deg=-120)
