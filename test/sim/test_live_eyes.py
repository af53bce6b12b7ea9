"""Eye pictures of the simulated wearer show what the wearer's eyes do."""

import numpy as np
import pytest

from gaze_vlm_ros.geometry.transforms import angle_between, invert_transform, transform_points
from gaze_vlm_ros.sim.eye_images.live import EyeMoment, LiveEyes
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig


@pytest.fixture(scope="module")
def simulation():
    one = Simulation(SimulationConfig(seed=3, width=64, height=64))
    yield one
    one.close()


def test_the_eyes_drawn_look_where_the_wearer_does(simulation):
    eyes = LiveEyes(5)
    for _ in range(4):
        simulation.advance(0.7)
        moment = simulation.eye_moment()
        drawn = eyes.draw(moment)
        head_T_world = invert_transform(simulation.wearer.eyes.world_T_head())
        gaze_m = transform_points(head_T_world, simulation.wearer.eyes.gaze_point_m())
        for side, image in drawn.items():
            assert image.image.shape == (192, 192) and image.labels.side == side
            way = gaze_m - 1e-3 * eyes.person.eyeball_centre_mm(side)
            assert np.degrees(angle_between(image.labels.in_head.visual_axis, way / np.linalg.norm(way))) < 1.0
            assert image.labels.openness == pytest.approx(moment.openness)


def test_a_wearer_who_is_asked_looks_there_until_let_go(simulation):
    point_m = simulation.base_T_camera()[:3, :3] @ np.array([0.1, 0.05, 0.7]) + simulation.base_T_camera()[:3, 3]
    simulation.ask_to_look(point_m)
    simulation.advance(1.0)
    eyes = simulation.wearer.eyes
    for _ in range(10):
        simulation.advance(0.2)
        ray, way = (
            simulation.in_base(eyes.gaze_point_m()) - simulation.in_base(eyes.position_m),
            (point_m - simulation.in_base(eyes.position_m)),
        )
        assert np.degrees(angle_between(ray, way)) < 2.0
    assert simulation.wearer.gaze_reason == "asked"
    simulation.ask_to_look(None)
    reasons = set()
    for _ in range(30):
        simulation.advance(0.2)
        reasons.add(simulation.wearer.gaze_reason)
    assert "asked" not in reasons and len(reasons) > 1


def test_pupils_breathe_and_a_target_behind_the_eyes_is_drawn_before_them():
    eyes = LiveEyes(1)
    pupils = {
        round(eyes.draw(EyeMoment(t, np.array([0, 0, 0.5]), 1.0))["left"].labels.pupil_diameter_mm, 2)
        for t in (0, 1, 2)
    }
    assert len(pupils) > 1
    assert eyes.draw(EyeMoment(0.0, np.array([0.3, 0.0, -0.2]), 1.0))["right"].labels.present


def test_the_same_seed_is_the_same_person():
    one, other, third = LiveEyes(2), LiveEyes(2), LiveEyes(3)
    moment = EyeMoment(0.5, np.array([0.05, 0.1, 0.6]), 1.0)
    np.testing.assert_array_equal(one.draw(moment)["left"].image, other.draw(moment)["left"].image)
    assert (
        one.person.identity != third.person.identity
        and (one.draw(moment)["left"].image != third.draw(moment)["left"].image).any()
    )
