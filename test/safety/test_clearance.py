"""Keep-out volumes, the arm itself, singularities, and what happens where nothing is known."""

import numpy as np
import pytest

from gaze_vlm_ros.robots.clearance import box_distances, link_distances
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.safety.clearance import ArmShape, Clearances
from gaze_vlm_ros.safety.governor import GovernorMode, GovernorSettings
from gaze_vlm_ros.safety.separation import SeparationSettings

START = np.array([0.0, 0.6, 1.0])
ROOM = Box([-2.0] * 3, [2.0] * 3)
POST = Box([0.3, 0.25, -0.2], [0.6, 0.35, 0.8])


def jacobian(bench):
    """(3, 3) by central differences."""

    def of(q):
        steps = 1e-6 * np.eye(3)
        return np.stack([(bench.link_points(q + s)[-1] - bench.link_points(q - s)[-1]) / 2e-6 for s in steps], axis=1)

    return of


class TestKeepOut:
    def test_the_arm_stops_before_it_and_says_so(self, make_bench):
        bench = make_bench(GovernorSettings(keep_out=(POST,)), ArmShape(make_bench.link_points, (0.04, 0.04)))
        bench.armed()
        output = bench.run(3.0, START + [1.2, 0.0, 0.0])
        spare = box_distances(bench.link_points(bench.here.position_rad), POST).min() - 0.04
        assert 0.0 <= spare < 0.03
        assert output.reason == "the arm would enter keep-out volume 0"
        bench.run(3.0, START)
        np.testing.assert_allclose(bench.here.position_rad, START, atol=1e-3)

    def test_without_it_the_same_motion_passes(self, bench):
        bench.armed().run(3.0, START + [1.2, 0.0, 0.0])
        np.testing.assert_allclose(bench.here.position_rad[0], 1.2, atol=1e-2)

    def test_a_thin_box_is_not_jumped_over(self, make_bench):
        """A plate of 2 mm between two positions that are both free."""
        plate = Box([0.2, 0.1, -0.2], [0.9, 0.102, 0.9])
        clearances = Clearances(ArmShape(make_bench.link_points), START, ROOM, SeparationSettings(), keep_out=(plate,))
        before, after = START - [0.05, 0, 0], START + [0.35, 0, 0]
        assert clearances.of(np.stack([before, before, before]), None).problem() == ""
        assert "keep-out" in clearances.of(np.stack([before, after, after]), None).problem()


class TestItself:
    def test_links_that_would_touch_are_kept_apart(self, make_bench):
        """A base of 0.3 m, an upper arm and a forearm that folds back onto the base."""

        def folding(q):
            chain = make_bench.link_points(q)
            return np.vstack([chain[:1] - [0.0, 0.0, 0.3], chain])

        assert link_distances(folding(START), np.array([0]), np.array([2]))[0] > 0.1
        clearances = Clearances(ArmShape(folding, (0.05, 0.05, 0.05)), START, ROOM, SeparationSettings())
        folded = np.array([0.0, 1.5, 2.6])
        assert link_distances(folding(folded), np.array([0]), np.array([2]))[0] < 0.1
        assert clearances.of(np.stack([START, folded, folded]), None).problem() == "the arm would touch itself"
        assert clearances.of(np.stack([START, START, START]), None).problem() == ""

    def test_radii_must_fit_the_chain(self, make_bench):
        with pytest.raises(ValueError, match="the arm has 2 segments, but 1 values of link_radius_m"):
            make_bench(shape=ArmShape(make_bench.link_points, (0.05,)))


class TestSingularity:
    def test_the_arm_does_not_stretch_out_and_comes_back(self, make_bench):
        shape = ArmShape(make_bench.link_points, (), jacobian(make_bench))
        bench = make_bench(GovernorSettings(least_manipulability_m=0.15), shape)
        bench.armed()
        output = bench.run(3.0, [0.0, 0.8, 0.12])
        least = np.linalg.svd(jacobian(bench)(bench.here.position_rad), compute_uv=False)[-1]
        assert least >= 0.15 - 1e-6
        assert output.reason == "the arm would come too close to a singularity"
        bench.run(3.0, START)
        np.testing.assert_allclose(bench.here.position_rad, START, atol=1e-3)


class TestFailsClosed:
    @pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
    def test_kinematics_that_give_no_numbers_let_nothing_through(self, make_bench, broken):
        def lost(q):
            return make_bench.link_points(q) * broken

        bench = make_bench()
        bench.armed()
        bench.governor._stepper._clearances._shape = ArmShape(lost)
        with np.errstate(invalid="ignore"):
            output = bench.run(0.1, START + 0.1)
        assert (output.trajectory, output.state) == (None, GovernorMode.HOLDING)

    def test_a_jacobian_that_gives_no_numbers_lets_nothing_through(self, make_bench):
        shape = ArmShape(make_bench.link_points, (), lambda q: np.full((3, 3), np.nan))
        output = make_bench(shape=shape).armed().run(0.1, START + 0.1)
        assert output.trajectory is None

    def test_every_row_must_be_kept(self, make_bench):
        """Each limit alone, made impossible, is enough to stop the arm."""
        shape = ArmShape(make_bench.link_points, (0.02, 0.02), jacobian(make_bench))
        limits = [
            (Box([-2.0] * 3, [2.0, 2.0, 0.1]), (), 0.0, "workspace"),
            (ROOM, (Box([0.3, -0.5, 0.3], [0.5, 0.5, 0.5]),), 0.0, "keep-out"),
            (ROOM, (), 10.0, "singularity"),
        ]
        further = START + [0.0, -0.01, -0.01]
        for workspace, keep_out, least, word in limits:
            clearances = Clearances(shape, START, workspace, SeparationSettings(), keep_out, least)
            assert word in clearances.of(np.stack([START, further, further]), None).problem()
