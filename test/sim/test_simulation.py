import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.language import OBJECT_KINDS, parse
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import JointTrajectory


@pytest.fixture(scope="module")
def run():
    """One simulation and its log: 60 s at 20 ms."""
    simulation = Simulation(SimulationConfig(seed=5))
    log = []
    for _ in range(3000):
        simulation.advance(0.02)
        log.append((simulation.time_s, simulation.truth(), simulation.wearer.hand_m.copy(), simulation.wearer.carried))
    yield simulation, log
    simulation.close()


def test_equal_seeds_give_equal_worlds_and_other_seeds_do_not():
    def trace(seed):
        simulation = Simulation(SimulationConfig(seed=seed))
        simulation.advance(3.0)
        return simulation.data.qpos.copy(), simulation.gaze_sample().ray

    first, again, other = trace(1), trace(1), trace(2)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_reading_the_tracker_does_not_change_what_the_wearer_does():
    """Paired rollouts rest on this: worlds of one seed show the same wearer, whoever watches."""
    watched, alone = (Simulation(SimulationConfig(seed=4)) for _ in range(2))
    for _ in range(600):
        watched.advance(0.02)
        watched.gaze_sample()
        alone.advance(0.02)
    assert watched.truth().event == alone.truth().event
    np.testing.assert_array_equal(watched.wearer.hand_m, alone.wearer.hand_m)


def test_activities_follow_in_order_and_events_come_true(run):
    _, log = run
    verbs = [parse(truth.activity).verb for _, truth, _, _ in log]
    order = [verb for verb, before in zip(verbs[1:], verbs, strict=False) if verb != before]
    follows = {
        "look": {"reach"},
        "reach": {"move", "hand over"},
        "move": {"withdraw"},
        "hand over": {"withdraw"},
        "withdraw": {"look"},
    }
    assert len(order) > 20
    assert all(after in follows[before] for before, after in zip(order, order[1:], strict=False))
    for (_, truth, _, carried), (now, _, _, carried_after) in zip(log, log[1:], strict=False):
        if parse(truth.event).verb == "pick up" and not carried and carried_after:
            assert carried_after == truth.event_object
            assert now == pytest.approx(truth.event_time_s, abs=0.03)


def test_gaze_arrives_before_the_hand(run):
    """The thing to be grasped is under the gaze well before the reach begins (lead 0.4 to 1.0 s by design)."""
    _, log = run
    leads = []
    for before, after in zip(log, log[1:], strict=False):
        if parse(before[1].activity).verb == "look" and parse(after[1].activity).verb == "reach":
            recent = [truth.gaze_label for time, truth, _, _ in log if after[0] - 0.35 <= time <= after[0]]
            leads.append(np.mean([label == after[1].event_object for label in recent]))
    assert len(leads) >= 8
    assert np.median(leads) > 0.8


def test_a_carried_thing_ends_on_the_place_that_the_event_named(run):
    simulation, log = run
    places = simulation.layout.places
    landed = [
        truth for (_, truth, _, carried), (_, _, _, then) in zip(log, log[1:], strict=False) if carried and not then
    ]
    assert landed
    last = landed[-1]
    place = places[parse(last.event).place]
    offset = simulation.data.body(last.event_object).xpos[:2] - place.top_m[:2]
    assert (np.abs(offset) <= place.half_m[:2] + 0.05).all()


def test_nothing_leaves_the_table(run):
    simulation, _ = run
    for thing in simulation.things:
        assert simulation.data.body(thing).xpos[2] > kitchen.TABLE_TOP_M - 0.01


def test_true_gaze_point_projects_onto_the_labelled_segment(run):
    """Away from saccades, the label under the true gaze is what the segmentation shows at its projection."""
    simulation = Simulation(SimulationConfig(seed=8))
    agree = seen = 0
    for _ in range(60):
        simulation.advance(0.3)
        truth = simulation.truth()
        pixel = project(
            simulation.camera,
            transform_points(invert_transform(simulation.base_T_camera()), truth.gaze_position_m[None]),
        )[0]
        column, row = np.round(pixel).astype(int)
        if truth.gaze_label in OBJECT_KINDS and 0 <= column < 640 and 0 <= row < 480:
            seen += 1
            agree += kitchen.LABELS[simulation.segmentation()[row, column]] == truth.gaze_label
    simulation.close()
    assert seen >= 15
    assert agree / seen > 0.95


def test_depth_agrees_with_a_cast_ray(run):
    simulation = Simulation(SimulationConfig(seed=9))
    simulation.advance(1.0)
    depth = simulation.render().depth_m
    pose = simulation.wearer.eyes.world_T_camera()
    for row, column in ((240, 320), (300, 200), (200, 450), (400, 320)):
        ray = np.array(
            [
                (column - simulation.camera.matrix[0, 2]),
                (row - simulation.camera.matrix[1, 2]),
                simulation.camera.matrix[0, 0],
            ]
        )
        ray = ray / np.linalg.norm(ray)
        point, _ = simulation.cast(pose[:3, 3], pose[:3, :3] @ ray)
        in_camera = transform_points(invert_transform(pose), point[None])[0]
        assert depth[row, column] == pytest.approx(in_camera[2], abs=0.01)
    simulation.close()


def test_tracker_error_matches_what_it_states():
    errors, stated = [], None
    for seed in range(12):
        simulation = Simulation(SimulationConfig(seed=seed))
        for _ in range(40):
            simulation.advance(0.05)
            sample = simulation.gaze_sample()
            eyes = simulation.wearer.eyes
            truth = eyes.world_T_camera()[:3, :3].T @ (eyes.gaze_point_m(simulation.time_s) - eyes.position_m)
            if sample.valid:
                errors.append(np.arctan2(sample.ray[0], sample.ray[2]) - np.arctan2(truth[0], truth[2]))
                stated = sample.sigma_rad[0]
    assert np.std(errors) == pytest.approx(stated, rel=0.4)


def test_arm_follows_a_trajectory_and_holds_its_end():
    simulation = Simulation(SimulationConfig(seed=2))
    start = simulation.joint_state()
    goal = start.position_rad + [0.3, 0.2, 0.1, 0.2, -0.2, 0.3]
    simulation.set_joint_trajectory(JointTrajectory(0, start.names, goal[None], np.zeros((1, 6)), np.array([1.5])))
    simulation.advance(3.0)
    state = simulation.joint_state()
    np.testing.assert_allclose(state.position_rad, goal, atol=0.01)
    assert np.abs(state.velocity_rad_s).max() < 0.01


@pytest.mark.parametrize("bad", [{"things": 1}, {"things": 13}, {"width": 4}])
def test_impossible_configurations_are_named(bad):
    with pytest.raises(ValueError, match=next(iter(bad)) if "things" in bad else "16x16"):
        SimulationConfig(**bad)
