"""Optical flow and occlusion in a small scene whose geometry is known."""

import numpy as np
import pytest
from labelled_scene import (
    SIDE,
    World,
    classes_of,
    instances_of,
    looking,
    pixels,
    points_on_plane,
    seen_at,
)

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import invert_transform, rotation_from_vector, transform_points
from gaze_vlm_ros.sim.labels.motion import geometry_labels, motion_between


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.offscreen.close()


def test_background_has_no_depth_and_turns_with_the_camera(world):
    here = looking([0.0, -1.0, 0.3], [0.0, 0.0, 0.5])
    turned = here.copy()
    turned[:3, :3] = rotation_from_vector(np.array([0.0, 0.0, 0.05])) @ here[:3, :3]
    turned[:3, 3] += [0.03, 0.0, 0.0]
    shot, other = world.shot(here), world.shot(turned)
    sky = shot.geom < 0
    assert sky.mean() > 0.2 and np.isnan(shot.depth_m[sky]).all() and np.isfinite(shot.depth_m[~sky]).all()
    rays = unproject(shot.camera, pixels(shot, sky)) @ here[:3, :3].T @ turned[:3, :3]
    flow = motion_between(shot, other, world.index).flow_px
    np.testing.assert_allclose(flow[sky], project(other.camera, rays) - pixels(shot, sky), atol=1e-2)


def test_flow_of_a_still_plane_is_its_homography(world):
    """Table pixels under camera motion: K (R + t n^T / d) K^-1 of the plane, for both directions of time."""
    before, after = world.shot(), world.shot(looking([0.04, -0.47, 0.57], [0.03, 0.01, 0.0]))
    for here, there, motion in zip(
        (before, after), (after, before), geometry_labels(before, after, world.index), strict=True
    ):
        there_T_here = invert_transform(there.world_T_camera) @ here.world_T_camera
        normal = here.world_T_camera[:3, :3].T @ [0, 0, 1.0]
        distance = -here.world_T_camera[2, 3]
        plane = there_T_here[:3, :3] + np.outer(there_T_here[:3, 3], normal) / distance
        table = here.geom == world.model.geom("table").id
        at = pixels(here, table)
        moved = (
            np.column_stack([at, np.ones(len(at))])
            @ (there.camera.matrix @ plane @ np.linalg.inv(here.camera.matrix)).T
        )
        np.testing.assert_allclose(motion.flow_px[table], moved[:, :2] / moved[:, 2:] - at, atol=0.01)
        assert np.abs(motion.flow_px[table]).max() > 5.0


def test_moving_things_carry_their_pixels(world):
    shift, turn = np.array([0.03, -0.02, 0.01]), np.array([0.0, 0.0, 0.4])
    before, after = world.shot(), world.shot(b=[*shift, *turn], lid_rad=-0.3)
    motion = motion_between(before, after, world.index)
    top = instances_of(world, before, "b") & (np.abs(before.depth_m - _depth_on(before, 0.08)) < 1e-3)
    assert top.sum() > 50
    points = points_on_plane(before, pixels(before, top), 0.08)
    centre = np.array([0.15, 0.1, 0.04])
    moved = centre + shift + (points - centre) @ rotation_from_vector(turn).T
    np.testing.assert_allclose(motion.flow_px[top], seen_at(after, moved) - pixels(before, top), atol=0.05)
    still = instances_of(world, before, "a") | (classes_of(world, before) == 0)
    np.testing.assert_allclose(motion.flow_px[still], 0.0, atol=1e-3)
    slid = world.shot(a=[0.02, 0.03, 0.0])
    body = instances_of(world, before, "a")
    at = pixels(before, body)
    rays = unproject(before.camera, at)
    points = transform_points(before.world_T_camera, rays / rays[:, 2:] * before.depth_m[body][:, None])
    found = motion_between(before, slid, world.index).flow_px[body]
    np.testing.assert_allclose(found, seen_at(slid, points + [0.02, 0.03, 0.0]) - at, atol=0.01)
    lid = before.geom == world.model.ngeom - 1
    assert lid.sum() > 50 and np.linalg.norm(motion.flow_px[lid], axis=1).mean() > 1.0


def _depth_on(shot, height_m):
    """Depth (H, W) at which each pixel would see the plane z = ``height_m``."""
    points = points_on_plane(shot, pixels(shot), height_m)
    depth = transform_points(invert_transform(shot.world_T_camera), points)[:, 2]
    return depth.reshape(shot.geom.shape)


def test_a_known_occluder_hides_what_it_comes_to_cover(world):
    """The camera stands still, so pixels are hidden exactly where the ball then is, and uncovered where it was."""
    before, after = world.shot(), world.shot(ball=[-0.1, 0.05, 0.03])
    forward, backward = geometry_labels(before, after, world.index)
    ball_before, ball_after = instances_of(world, before, "ball"), instances_of(world, after, "ball")
    np.testing.assert_array_equal(forward.occluded & ~ball_before, ball_after & ~ball_before)
    np.testing.assert_array_equal(backward.occluded & ~ball_after, ball_before & ~ball_after)
    assert forward.occluded[ball_before].mean() < 0.1 and (ball_after & ~ball_before).sum() > 200


def test_what_leaves_the_picture_is_occluded(world):
    straight = looking([0.0, 0.0, 0.6], [0.0, 0.0, 0.0])
    aside = straight.copy()
    aside[0, 3] += 0.1
    motion = motion_between(world.shot(straight), world.shot(aside), world.index)
    shift = 0.1 * world.camera.matrix[0, 0] / 0.6
    leaves = np.arange(SIDE) - shift < -0.5
    assert motion.occluded[:10, leaves].all() and not motion.occluded[:10, ~leaves].any()


def sampled(picture, at):
    """A picture (H, W, 3) bilinearly at pixels (H, W, 2), written without OpenCV; the border is repeated."""
    height, width = picture.shape[:2]
    x, y = np.clip(at[..., 0], 0, width - 1.001), np.clip(at[..., 1], 0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    right, down = (x - column)[..., None], (y - row)[..., None]
    value = picture.astype(float)
    upper = value[row, column] * (1 - right) + value[row, column + 1] * right
    lower = value[row + 1, column] * (1 - right) + value[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down


def test_the_next_frame_warped_by_the_flow_is_the_current_one(world):
    before = world.shot()
    after = world.shot(
        looking([0.02, -0.49, 0.58], [0.02, 0.0, 0.0]), b=[0.03, -0.02, 0.0, 0, 0, 0.3], ball=[-0.04, 0, 0.02]
    )
    for here, there, motion in zip(
        (before, after), (after, before), geometry_labels(before, after, world.index), strict=True
    ):
        grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1)
        shown = ~motion.occluded
        error = np.abs(sampled(there.rgb, grid + motion.flow_px) - here.rgb).mean(axis=-1)
        unmoved = np.abs(there.rgb.astype(float) - here.rgb).mean(axis=-1)
        assert shown.mean() > 0.8
        assert error[shown].mean() < 2.0 and error[shown].mean() < 0.2 * unmoved[shown].mean()
        assert error[motion.occluded].mean() > 5 * error[shown].mean()
        back = motion_between(there, here, world.index).flow_px
        returned = motion.flow_px + sampled(np.dstack([back, np.zeros((SIDE, SIDE))]), grid + motion.flow_px)[..., :2]
        assert np.quantile(np.linalg.norm(returned[shown], axis=-1), 0.95) < 0.1


def test_what_comes_to_lie_behind_the_camera_has_no_flow(world):
    ahead = world.shot(looking([0.0, -0.5, 0.3], [0.0, 0.0, 0.0]))
    past = world.shot(looking([0.0, 0.3, 0.3], [0.0, 0.8, 0.0]))
    motion = motion_between(ahead, past, world.index)
    nearby = ahead.depth_m < 0.5
    assert nearby.sum() > 1000
    assert np.isnan(motion.flow_px[nearby]).all() and motion.occluded[nearby].all()
