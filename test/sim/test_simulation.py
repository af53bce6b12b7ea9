import cv2
import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import inside, project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.language import OBJECT_KINDS, parse, phrasings_of, text_of
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import NS_PER_S, JointTrajectory

STEP_S = 0.024


class Log:
    """What was the case every 24 ms of 48 s."""

    def __init__(self, seed):
        self.simulation = simulation = Simulation(SimulationConfig(seed=seed))
        self.times, self.truths, self.carried, self.positions = [], [], [], []
        for _ in range(2000):
            simulation.advance(STEP_S)
            self.times.append(simulation.time_s)
            self.truths.append(simulation.truth())
            self.carried.append(simulation.wearer.carried)
            self.positions.append({thing: simulation.data.body(thing).xpos.copy() for thing in simulation.things})

    def came_true(self):
        """Index of the moment after each event, and the event's slots."""
        return [
            (index + 1, parse(now.event))
            for index, (now, then) in enumerate(zip(self.truths, self.truths[1:], strict=False))
            if then.event_time_s > now.event_time_s
        ]


@pytest.fixture(scope="module", params=[5, 11])
def log(request):
    log = Log(request.param)
    yield log
    log.simulation.close()


def test_equal_seeds_give_equal_worlds_and_other_seeds_do_not():
    def trace(seed):
        simulation = Simulation(SimulationConfig(seed=seed))
        simulation.advance(3.0)
        return simulation.things, simulation.data.qpos.copy(), simulation.gaze_samples()[-1].ray

    first, again, other = trace(1), trace(1), trace(2)
    assert first[0] == again[0] != other[0]
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(first[2], again[2])


def test_who_watches_and_how_often_does_not_change_what_the_wearer_does():
    """Paired rollouts rest on this: worlds of one seed show the same wearer, whatever the arm does."""
    watched, alone = (Simulation(SimulationConfig(seed=4)) for _ in range(2))
    state = watched.joint_state()
    aside = state.position_rad + 0.1
    watched.set_joint_trajectory(JointTrajectory(0, state.names, aside[None], np.zeros((1, 6)), np.array([1.0])))
    samples = []
    for _ in range(500):
        watched.advance(STEP_S)
        samples += watched.gaze_samples()
        watched.truth()
        alone.advance(STEP_S)
    assert watched.truth().event == alone.truth().event
    np.testing.assert_array_equal(watched.wearer.hand_m, alone.wearer.hand_m)
    late = alone.gaze_samples()
    assert [sample.sequence for sample in late] == [sample.sequence for sample in samples]
    np.testing.assert_array_equal(late[-1].ray, samples[-1].ray)


def test_uneven_steps_give_the_same_world():
    even, uneven = (Simulation(SimulationConfig(seed=6)) for _ in range(2))
    for _ in range(100):
        even.advance(0.04)
        uneven.advance(0.013)
        uneven.advance(0.027)
    assert even.time_s == pytest.approx(4.0, abs=1e-6) and uneven.time_s == pytest.approx(4.0, abs=0.0081)
    uneven.advance(even.time_s - uneven.time_s + 1e-9)
    np.testing.assert_allclose(even.data.qpos, uneven.data.qpos, atol=1e-9)


def test_events_come_true_when_they_were_to(log):
    events = log.came_true()
    assert len(events) >= 15
    for index, slots in events:
        assert log.times[index] == pytest.approx(log.truths[index - 1].event_time_s, abs=1.5 * STEP_S)
        if slots.verb == "pick up":
            assert log.carried[index] == slots.object and not log.carried[index - 1]
        elif slots.verb in ("put", "give"):
            assert log.carried[index] != slots.object == log.carried[index - 1]


def test_a_thing_that_was_put_lies_where_the_event_named(log):
    """But for what fell off the other things that it was set on, where the place was full."""
    simulation, lies = log.simulation, []
    for index, slots in log.came_true():
        later = index + round(0.8 / STEP_S)
        if slots.verb not in ("put", "give") or slots.place == "table" or later >= len(log.times):
            continue
        if slots.object in log.carried[index:later]:
            continue
        place = simulation.layout.places[slots.place]
        offset = np.abs(log.positions[later][slots.object][:2] - place.top_m[:2])
        lies.append((offset <= place.half_m[:2] + 0.05).all())
    assert len(lies) >= 3 and np.mean(lies) >= 0.75


def test_the_carried_thing_is_in_the_hand(log):
    for carried, truth in zip(log.carried, log.truths, strict=True):
        assert truth.contact == carried or not carried


def test_gaze_is_with_the_thing_before_the_hand_sets_out():
    """In the last 0.35 s before a reach, more than half of the time, for most reaches; chance is a tenth."""
    shares, recent = [], round(0.35 / STEP_S)
    for seed in (5, 11, 17, 23):
        simulation, labels, before = Simulation(SimulationConfig(seed=seed)), [], None
        for _ in range(1500):
            simulation.advance(STEP_S)
            truth = simulation.truth()
            now = parse(truth.activity)
            if before and now.verb == "reach" != before.verb:
                shares.append(np.mean([label == now.object for label in labels[-recent:]]))
            labels.append(truth.gaze_label)
            before = now
    assert len(shares) >= 25
    assert np.mean(np.array(shares) > 0.5) > 0.55


def test_nothing_leaves_the_table(log):
    for thing, position in log.positions[-1].items():
        assert position[2] > kitchen.TABLE_TOP_M - 0.02, thing
        assert np.abs(position[:2]).max() < 1.0, thing


def test_the_true_gaze_point_projects_onto_the_labelled_segment():
    agree = []
    for seed in (8, 9):
        simulation = Simulation(SimulationConfig(seed=seed))
        for _ in range(40):
            simulation.advance(0.4)
            truth = simulation.truth()
            point = transform_points(invert_transform(simulation.base_T_camera()), truth.gaze_position_m)
            pixel = project(simulation.camera, point)[0]
            if truth.gaze_label in OBJECT_KINDS and inside(simulation.camera, pixel)[0]:
                column, row = np.round(pixel).astype(int)
                agree.append(kitchen.LABELS[simulation.segmentation()[row, column]] == truth.gaze_label)
        simulation.close()
    assert len(agree) >= 20 and np.mean(agree) > 0.85


def test_depth_agrees_with_a_cast_ray():
    simulation = Simulation(SimulationConfig(seed=9))
    simulation.advance(1.0)
    depth = simulation.render().depth_m
    pose = simulation.wearer.eyes.world_T_camera()
    focal, middle = np.diag(simulation.camera.matrix)[:2], simulation.camera.matrix[:2, 2]
    for row, column in ((240, 320), (300, 200), (200, 450), (400, 320)):
        ray = np.array([*(([column, row] - middle) / focal), 1.0])
        point, _ = simulation.cast(pose[:3, 3], pose[:3, :3] @ (ray / np.linalg.norm(ray)))
        assert depth[row, column] == pytest.approx(transform_points(invert_transform(pose), point)[2], abs=0.012)
    simulation.close()


def test_a_square_picture_is_the_wide_one_squeezed():
    wide, square = (
        Simulation(SimulationConfig(seed=3, width=width, height=height)) for width, height in ((640, 480), (224, 224))
    )
    for simulation in (wide, square):
        simulation.advance(0.5)
    expected = cv2.resize(wide.render(depth=False).rgb, (224, 224), interpolation=cv2.INTER_AREA).astype(float)
    found = square.render(depth=False).rgb.astype(float)
    assert np.abs(found - expected).mean() < 0.25 * np.abs(found[:, ::-1] - expected).mean()
    points = np.array([[0.1, 0.05, 0.6], [-0.3, -0.2, 0.7]])
    there = (project(wide.camera, points) + 0.5) * [224 / 640, 224 / 480] - 0.5
    np.testing.assert_allclose(project(square.camera, points), there, atol=1e-6)
    for simulation in (wide, square):
        simulation.close()


def test_tracker_error_is_what_it_states():
    errors, stated = [], []
    for seed in range(12):
        simulation = Simulation(SimulationConfig(seed=seed))
        truth = {}
        for _ in range(200):
            simulation.advance(0.008)
            eyes = simulation.wearer.eyes
            pose = eyes.world_T_camera()
            truth[round(simulation.time_s * NS_PER_S)] = pose[:3, :3].T @ (eyes.gaze_point_m() - pose[:3, 3])
        for sample in simulation.gaze_samples():
            if sample.valid and sample.stamp_ns in truth:
                way = truth[sample.stamp_ns]
                errors.append(np.arctan2(sample.ray[0], sample.ray[2]) - np.arctan2(way[0], way[2]))
                stated.append(sample.sigma_rad[0])
    assert len(errors) > 200
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.mean(stated), rel=0.5)


def test_the_phrases_are_those_of_the_split():
    for split in ("train", "test"):
        simulation = Simulation(SimulationConfig(seed=3, split=split))
        texts = set()
        for _ in range(60):
            simulation.advance(0.5)
            texts |= {("activity", simulation.truth().activity), ("event", simulation.truth().event)}
        for kind, text in texts:
            assert text in [text_of(parse(text), kind, phrasing) for phrasing in phrasings_of(split)]


def test_arm_follows_a_trajectory_and_holds_its_end():
    simulation = Simulation(SimulationConfig(seed=2))
    start = simulation.joint_state()
    goal = start.position_rad + [0.3, 0.2, 0.1, 0.2, -0.2, 0.3]
    simulation.set_joint_trajectory(JointTrajectory(0, start.names, goal[None], np.zeros((1, 6)), np.array([1.5])))
    simulation.advance(3.0)
    state = simulation.joint_state()
    np.testing.assert_allclose(state.position_rad, goal, atol=0.01)
    assert np.abs(state.velocity_rad_s).max() < 0.01


@pytest.mark.parametrize("bad", [{"things": 1}, {"things": 15}, {"width": 4}, {"seed": -1}])
def test_impossible_configurations_are_named(bad):
    with pytest.raises(ValueError, match="16x16" if "width" in bad else next(iter(bad))):
        SimulationConfig(**bad)


@pytest.mark.parametrize("dt_s", [-1.0, float("nan"), float("inf")])
def test_time_that_cannot_pass_is_refused_and_does_not_stop_the_world(dt_s):
    simulation = Simulation(SimulationConfig(seed=1))
    with pytest.raises(ValueError, match="dt_s"):
        simulation.advance(dt_s)
    simulation.advance(0.08)
    assert simulation.time_s == pytest.approx(0.08)


@pytest.mark.parametrize("seed", [57, 109])
def test_full_places_get_heaps_from_which_nothing_falls(seed):
    """In these kitchens things are put on others that fill a tray, a basket and a shelf."""
    simulation = Simulation(SimulationConfig(seed=seed))
    for _ in range(300):
        simulation.advance(0.1)
        lowest = min(simulation.data.body(thing).xpos[2] for thing in simulation.things)
        assert lowest > kitchen.TABLE_TOP_M - 0.02
