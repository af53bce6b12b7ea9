import numpy as np
import pytest

from gaze_vlm_ros.policies.memory import MemorySettings, ThingMemory
from gaze_vlm_ros.types import GazeTarget

S = 1_000_000_000
SIGMA_M = 0.02


def seen(position, at_s=0.0, label="mug", sigma_m=SIGMA_M):
    return GazeTarget(round(at_s * S), np.asarray(position, float), np.eye(3) * sigma_m**2, label)


@pytest.fixture
def memory():
    return ThingMemory()


class TestFusion:
    def test_two_equal_looks_halve_the_variance(self):
        memory = ThingMemory(MemorySettings(drift_m_sqrt_s=0.0))
        memory.observe(seen([0.40, 0, 0]))
        memory.observe(seen([0.42, 0, 0], 1.0))
        thing = memory.find("mug", S)
        np.testing.assert_allclose(thing.position_m, [0.41, 0, 0])
        np.testing.assert_allclose(thing.covariance_m2, np.eye(3) * SIGMA_M**2 / 2)
        assert thing.sigma_m == pytest.approx(SIGMA_M / np.sqrt(2))

    def test_many_noisy_looks_find_the_place(self, memory):
        rng = np.random.default_rng(0)
        truth = np.array([0.4, -0.1, 0.05])
        for i in range(60):
            memory.observe(seen(truth + rng.normal(0, SIGMA_M, 3), 0.1 * i))
        assert np.linalg.norm(memory.find("mug", 6 * S).position_m - truth) < 0.012

    def test_what_is_certain_along_one_axis_decides_there(self, memory):
        ray, across = np.diag([0.05, 0.005, 0.005]) ** 2, np.diag([0.005, 0.05, 0.05]) ** 2
        memory.observe(GazeTarget(0, np.array([0.40, 0.0, 0.0]), ray, "mug"))
        memory.observe(GazeTarget(S, np.array([0.43, 0.03, 0.0]), across, "mug"))
        np.testing.assert_allclose(memory.find("mug", S).position_m, [0.43, 0.0, 0.0], atol=0.005)

    def test_the_covariance_stays_one(self, memory):
        for i in range(500):
            memory.observe(seen([0.4, 0, 0], 0.03 * i))
        covariance = memory.find("mug", 15 * S).covariance_m2
        np.testing.assert_allclose(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance)[0] > 0


class TestMoved:
    def test_one_wrong_label_moves_nothing(self, memory):
        memory.observe(seen([0.4, 0, 0]))
        memory.observe(seen([0.2, 0.3, 0], 0.1))
        np.testing.assert_allclose(memory.find("mug", S).position_m, [0.4, 0, 0])

    def test_two_looks_at_a_new_place_move_it(self, memory):
        for at_s, position in ((0.0, [0.4, 0, 0]), (0.1, [0.2, 0.3, 0]), (0.2, [0.21, 0.3, 0])):
            memory.observe(seen(position, at_s))
        np.testing.assert_allclose(memory.find("mug", S).position_m, [0.205, 0.3, 0], atol=1e-3)

    def test_two_different_wrong_places_move_nothing(self, memory):
        for at_s, position in ((0.0, [0.4, 0, 0]), (0.1, [0.2, 0.3, 0]), (0.2, [0.6, -0.3, 0])):
            memory.observe(seen(position, at_s))
        np.testing.assert_allclose(memory.find("mug", S).position_m, [0.4, 0, 0])


class TestAge:
    def test_a_thing_not_seen_for_long_is_not_known(self, memory):
        memory.observe(seen([0.4, 0, 0]))
        assert memory.find("mug", 29 * S) is not None
        assert memory.find("mug", 31 * S) is None
        assert memory.things(31 * S) == []

    def test_a_late_look_changes_nothing(self, memory):
        memory.observe(seen([0.4, 0, 0], 2.0))
        memory.observe(seen([0.45, 0, 0], 1.0))
        np.testing.assert_array_equal(memory.find("mug", 2 * S).position_m, [0.4, 0, 0])


class TestSurfacesKnownExactly:
    def test_a_covariance_that_is_flat_to_rounding_is_used(self, memory):
        flat = np.diag([1e-3, 4e-4, -1e-18])
        memory.observe(GazeTarget(S, np.array([0.4, 0.0, 0.0]), flat, "mug"))
        found = memory.find("mug", S)
        assert found.sigma_m == pytest.approx(np.sqrt(1e-3))
        assert np.linalg.eigvalsh(found.covariance_m2).min() > 0.0


class TestLeftOut:
    @pytest.mark.parametrize(
        "target",
        [
            seen([0.4, 0, 0], label=""),
            seen([np.nan, 0, 0]),
            seen([0.4, 0, 0], sigma_m=0.2),
            seen([0.4, 0, 0], sigma_m=0.0),
            seen([0.4, 0, 0], sigma_m=np.nan),
            GazeTarget(0, np.zeros(2), np.eye(3), "mug"),
            GazeTarget(0, np.zeros(3), np.eye(2), "mug"),
            GazeTarget(0, np.zeros(3), -np.eye(3), "mug"),
        ],
    )
    def test_unusable_targets(self, memory, target):
        memory.observe(target)
        assert memory.things(0) == []


class TestSettings:
    @pytest.mark.parametrize("change", [{"max_age_s": 0.0}, {"gate_sigmas": np.nan}, {"drift_m_sqrt_s": -1.0}])
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            MemorySettings(**change)


class TestDwell:
    def test_lasts_while_nothing_else_is_looked_at(self, memory):
        for at_s in (0.0, 0.25, 0.5):
            memory.observe(seen([0.4, 0, 0], at_s))
        assert memory.dwell_s("mug", round(0.6 * S)) == pytest.approx(0.5)
        assert memory.dwell_s("bowl", round(0.6 * S)) == 0.0
        memory.observe(seen([0.4, 0.3, 0], 0.75, "bowl"))
        assert memory.dwell_s("mug", round(0.8 * S)) == 0.0

    def test_ends_in_a_gap_and_with_time(self, memory):
        memory.observe(seen([0.4, 0, 0], 0.0))
        memory.observe(seen([0.4, 0, 0], 1.0))
        assert memory.dwell_s("mug", S) == 0.0
        memory.observe(seen([0.4, 0, 0], 1.5))
        assert memory.dwell_s("mug", round(1.5 * S)) == pytest.approx(0.5)
        assert memory.dwell_s("mug", 3 * S) == 0.0


def test_what_the_robot_has_put_elsewhere_is_there_until_it_is_seen_elsewhere(memory):
    memory.observe(seen([0.4, 0.0, 0.1]))
    memory.put("mug", np.array([0.6, 0.2]), 2 * S)
    np.testing.assert_allclose(memory.find("mug", 2 * S).position_m, [0.6, 0.2, 0.1])
    for at_s in (3.0, 3.1):
        memory.observe(seen([0.3, 0.3, 0.1], at_s))
    np.testing.assert_allclose(memory.find("mug", 4 * S).position_m, [0.3, 0.3, 0.1])
