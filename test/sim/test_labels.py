"""Depth, instances, gaze and whole frames of labels, in a small scene whose geometry is known."""

from dataclasses import replace

import numpy as np
import pytest
from labelled_scene import CLASSES, SIDE, World, classes_of, instances_of, looking, pixels, points_on_plane

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector, transform_points
from gaze_vlm_ros.sim.devices.presets import PRESETS
from gaze_vlm_ros.sim.devices.warp import SceneWarp
from gaze_vlm_ros.sim.labels.frame import FrameLabeller, Moment
from gaze_vlm_ros.sim.labels.gaze import GazeHit, cast_gaze, gaze_label
from gaze_vlm_ros.sim.labels.motion import geometry_labels
from gaze_vlm_ros.sim.labels.shot import SceneIndex
from gaze_vlm_ros.sim.labels.warped import warp_labels


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.offscreen.close()


def test_depth_is_that_of_the_known_geometry(world):
    shot = world.shot(looking([-0.1, 0.0, 0.9], [-0.1, 0.0, 0.0]))
    assert shot.depth_m[SIDE // 2, SIDE // 2] == pytest.approx(0.9 - 0.12, abs=1e-4)  # the knob of box a
    assert shot.depth_m[5, 5] == pytest.approx(0.9, abs=1e-4)
    tilted = world.shot()
    table = tilted.geom == world.model.geom("table").id
    points = points_on_plane(tilted, pixels(tilted, table), 0.0)
    np.testing.assert_allclose(
        tilted.depth_m[table], transform_points(invert_transform(tilted.world_T_camera), points)[:, 2], atol=1e-3
    )


def test_instances_follow_bodies(world):
    shot = world.shot(lid_rad=0.0)
    names = world.index.instance_names
    assert names[0] == "" and set(names[1:]) == {"tile", "a", "b", "ball", "case"}
    assert set(np.unique(classes_of(world, shot))) == {0, 1, 2, 3}
    for name, bodies in {"a": {"a"}, "b": {"b"}, "ball": {"ball"}, "case": {"case", "lid"}}.items():
        geoms = np.unique(shot.geom[instances_of(world, shot, name)])
        assert {world.model.body(world.model.geom_bodyid[geom]).name for geom in geoms} <= bodies
        assert len(geoms)
    assert not instances_of(world, shot, "a")[classes_of(world, shot) != 1].any()
    with pytest.raises(ValueError, match="entries"):
        SceneIndex.of(world.model, np.zeros(3, np.uint8), CLASSES)


def test_the_gaze_target_lies_on_the_segment_of_the_labelled_thing(world):
    """The eye is beside the camera, as in glasses; lines of sight go to points on and about the things."""
    rng = np.random.default_rng(0)
    shot = world.shot()
    eye_m = shot.world_T_camera[:3, 3] + [0.04, 0.01, 0.02]
    base_T_world = make_transform(rotation_from_vector(np.array([0, 0, 0.7])), [0.1, 0.2, 0.3])
    hits = {name: [] for name in ("a", "b", "ball", "case", "tile")}
    for name, shown in hits.items():
        place = world.data.geom(name) if name == "tile" else world.data.body(name)
        for _ in range(40):
            hit = cast_gaze(world.model, world.data, eye_m, place.xpos + rng.normal(0, 0.01, 3))
            label = gaze_label(hit, shot, world.index, base_T_world)
            assert label.valid and not label.outside
            in_camera = transform_points(invert_transform(shot.world_T_camera), hit.point_m)
            np.testing.assert_allclose(label.point_px, project(shot.camera, in_camera)[0])
            np.testing.assert_allclose(label.target_m, transform_points(base_T_world, hit.point_m))
            column, row = np.rint(label.point_px).astype(int)
            drawn = world.index.instance_names[world.index.geom_instance[shot.geom[row, column]]]
            shown.append(label.instance == drawn and abs(shot.depth_m[row, column] - in_camera[2]) < 0.01)
            assert label.occluded != shown[-1]
            if label.instance:
                assert label.object == CLASSES[{"ball": 2, "case": 3}.get(label.instance, 1)]
    assert all(np.mean(shown) > 0.95 for shown in hits.values())


def test_gaze_labels_tell_hidden_outside_and_closed(world):
    shot = world.shot()
    behind = GazeHit(np.array([-0.1, 0.04, 0.02]), world.model.body("a").geomadr[0])  # the far side of box a
    assert gaze_label(behind, shot, world.index, np.eye(4)).occluded
    floating = GazeHit(np.array([-0.1, -0.3, 0.25]), world.model.body("b").geomadr[0])  # drawn nowhere near there
    assert gaze_label(floating, shot, world.index, np.eye(4)).occluded
    covered = GazeHit(np.array([-0.1, 0.06, 0.0]), world.model.geom("table").id)  # the table right behind box a
    label = gaze_label(covered, shot, world.index, np.eye(4))
    assert label.valid and label.occluded and label.object == label.instance == ""
    aside = gaze_label(GazeHit(np.array([0.75, 0.0, 0.0]), 0), shot, world.index, np.eye(4))
    assert aside.valid and aside.outside and not aside.occluded
    for nothing in (
        gaze_label(covered, shot, world.index, np.eye(4), blinking=True),
        gaze_label(GazeHit(), shot, world.index, np.eye(4)),
    ):
        assert not nothing.valid and nothing.object == "" and np.isnan(nothing.target_m).all()
    missed = cast_gaze(world.model, world.data, np.array([0.0, -0.5, 0.6]), np.array([0.0, 0.0, 2.0]))
    assert missed.geom == -1 and np.isnan(missed.point_m).all()


def test_frames_come_out_one_behind_with_everything_that_was_said(world):
    shots = [replace(world.shot(b=[0.01 * step, 0, 0]), time_s=0.1 * step) for step in range(3)]
    labeller = FrameLabeller(world.index)
    hit = GazeHit(world.data.body("b").xpos + [0, 0, 0.04], world.model.body("b").geomadr[0])
    moments = [Moment(hit, np.eye(4), False, f"activity {step}", "event", 2.0, "b", {"b": step}) for step in range(3)]
    done = [labeller.add(shot, moment) for shot, moment in zip(shots, moments, strict=True)] + [labeller.finish()]
    assert done[0] is None and labeller.finish() is None
    for step, labels in enumerate(done[1:]):
        assert (labels.time_s, labels.activity, labels.event_time_s, labels.contact) == (
            0.1 * step,
            f"activity {step}",
            2.0,
            "b",
        )
        assert labels.states == {"b": step} and labels.gaze.instance == "b"
        np.testing.assert_array_equal(labels.segmentation, classes_of(world, shots[step]))
        assert labels.segmentation.dtype == labels.instance.dtype == np.uint8
        assert labels.depth_m.dtype == labels.to_next.flow_px.dtype == np.float32
    for earlier, later in zip(done[1:], done[2:], strict=False):
        forward, backward = geometry_labels(shots[done.index(earlier) - 1], shots[done.index(later) - 1], world.index)
        np.testing.assert_array_equal(earlier.to_next.flow_px, forward.flow_px)
        np.testing.assert_array_equal(later.to_previous.occluded, backward.occluded)
    for alone in (done[1].to_previous, done[3].to_next):
        assert np.isnan(alone.flow_px).all() and alone.occluded.all()


def test_labels_of_a_distorted_picture_agree_with_the_lens():
    warp = SceneWarp(PRESETS["aria"].scene, 128, 128)
    world = World(warp.pinhole)
    shots = [world.shot(), world.shot(looking([0.02, -0.49, 0.58], [0.02, 0.0, 0.0]), b=[0.03, -0.02, 0.0])]
    labeller = FrameLabeller(world.index)
    hit = GazeHit(np.array([0.15, 0.1, 0.08]), world.model.body("b").geomadr[0])
    labeller.add(shots[0], Moment(hit, np.eye(4)))
    labels = warp_labels(labeller.add(shots[1], Moment(hit, np.eye(4))), warp)
    world.offscreen.close()
    assert labels.rgb.shape == (128, 128, 3) and (labels.rgb[~warp.seen] == 0).all()
    assert np.isnan(labels.depth_m[~warp.seen]).all() and labels.to_next.occluded[~warp.seen].all()
    moved = np.stack(np.meshgrid(np.arange(128), np.arange(128)), axis=-1) + labels.to_next.flow_px
    beyond = ((moved < -0.5) | (moved >= 127.5)).any(axis=-1)
    assert beyond.sum() > 50 and labels.to_next.occluded[beyond].all()
    column, row = np.rint(labels.gaze.point_px).astype(int)
    assert labels.instance_names[labels.instance[row, column]] == "b" and not labels.gaze.outside
    table = (labels.segmentation == 0) & np.isfinite(labels.depth_m) & ~labels.to_next.occluded
    table &= ~instances_near(labels.instance)
    at = np.column_stack(np.nonzero(table))[:, ::-1].astype(float)
    rays = unproject(warp.camera, at)
    points = transform_points(shots[0].world_T_camera, rays / rays[:, 2:] * labels.depth_m[table][:, None])
    assert len(at) > 2000 and np.quantile(np.abs(points[:, 2]), 0.95) < 0.01
    there = points_on_plane(replace(shots[0], camera=warp.pinhole), project(warp.pinhole, rays), 0.0)
    moved = project(warp.camera, transform_points(invert_transform(shots[1].world_T_camera), there))
    np.testing.assert_allclose(labels.to_next.flow_px[table], moved - at, atol=0.1)


def instances_near(instance):
    """Pixels (H, W) that show a thing or lie beside one."""
    padded = np.pad(instance > 0, 1)
    return sum(np.roll(padded, (down, across), (0, 1))[1:-1, 1:-1] for down in (-1, 0, 1) for across in (-1, 0, 1)) > 0


def test_pictures_of_another_size_and_distorted_cameras_are_refused(world):
    shot = world.shot()
    with pytest.raises(ValueError, match="depth_m"):
        replace(shot, depth_m=np.zeros((4, 4), np.float32))
    with pytest.raises(ValueError, match="warp_labels"):
        replace(shot, camera=PRESETS["neon"].scene.sized(SIDE, SIDE))
