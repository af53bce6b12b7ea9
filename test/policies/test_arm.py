import numpy as np
import pytest

from gaze_vlm_ros.geometry.pointing import pointed_thing
from gaze_vlm_ros.policies.arm import PointingSettings


def table_targets(count=40, seed=0) -> np.ndarray:
    """Places on the table in front of the robot (count, 3), where the simulated kitchen puts things."""
    return np.random.default_rng(seed).uniform([0.25, -0.26, 0.02], [0.58, 0.26, 0.12], (count, 3))


class TestReachable:
    def test_the_tool_points_at_each_place_on_the_table(self, any_arm):
        for target in table_targets():
            solution = any_arm.solve_pointing(target, any_arm.robot.home_rad)
            assert solution.reachable, (target, solution.problem)
            pose = any_arm.kinematics.base_T_tool(solution.q)
            way = target - pose[:3, 3]
            missed = np.linalg.norm(np.cross(pose[:3, 2], way))
            assert missed < 0.01, "the axis passes within a centimetre"
            assert pose[:3, 2] @ way > 0.0, "and in front of the tool"
            assert solution.error_rad == pytest.approx(np.arcsin(missed / np.linalg.norm(way)), abs=1e-9)
            assert solution.standoff_m == pytest.approx(np.linalg.norm(way))

    def test_limits_workspace_and_table_are_kept(self, any_arm):
        limits = any_arm.robot.limits
        q = any_arm.robot.home_rad
        for target in table_targets(seed=1):
            solution = any_arm.solve_pointing(target, q)
            assert solution.reachable
            q = solution.q
            assert ((q >= limits.lower_rad) & (q <= limits.upper_rad)).all()
            chain = any_arm.kinematics.link_points(q)
            assert any_arm.robot.workspace.outside_m(chain[-1]) == 0.0
            assert chain[3:, 2].min() >= any_arm.settings.table_clearance_m

    def test_the_tool_stands_above_and_on_the_robots_side(self, any_arm):
        for target in table_targets(seed=2):
            tool = any_arm.kinematics.base_T_tool(any_arm.solve_pointing(target, any_arm.robot.home_rad).q)[:3, 3]
            assert tool[2] > target[2] + 0.1
            assert np.linalg.norm(tool[:2]) < np.linalg.norm(target[:2])

    def test_the_thing_pointed_at_is_recognised_among_others(self, arm):
        targets = {"mug": (0.3, -0.2, 0.05), "bowl": (0.3, 0.0, 0.05), "spoon": (0.3, 0.2, 0.02), "cup": (0.5, 0, 0.05)}
        for label, target in targets.items():
            solution = arm.solve_pointing(np.array(target), arm.robot.home_rad)
            assert pointed_thing(arm.kinematics.base_T_tool(solution.q), targets) == label

    def test_a_wrong_start_is_no_obstacle(self, arm):
        low = arm.robot.limits.lower_rad - 1.0
        assert arm.solve_pointing(np.array([0.4, 0.1, 0.05]), low).reachable

    def test_the_answer_is_always_the_same(self, arm):
        first, second = (arm.solve_pointing(np.array([0.4, 0.1, 0.05]), arm.robot.home_rad).q for _ in range(2))
        np.testing.assert_array_equal(first, second)


class TestUnreachable:
    @pytest.mark.parametrize("target", [(2.0, 0.0, 0.0), (-0.5, 0.0, 0.1), (0.0, 0.0, 2.0), (0.3, 1.5, 0.0)])
    def test_says_so(self, any_arm, target):
        solution = any_arm.solve_pointing(np.array(target), any_arm.robot.home_rad)
        assert not solution.reachable
        assert solution.problem

    @pytest.mark.parametrize("target", [(np.nan, 0, 0), (0.4, np.inf, 0.0), (0.4, 0.0)])
    def test_no_position_is_no_target(self, arm, target):
        assert arm.solve_pointing(np.array(target, float), arm.robot.home_rad).problem == "the target has no position"

    def test_the_arm_in_the_table_is_a_problem(self, arm):
        q = arm.robot.home_rad.copy()
        q[1] = arm.robot.limits.lower_rad[1]
        assert arm.problem_of(q)
        assert arm.problem_of(arm.robot.home_rad) == ""


class TestSettings:
    @pytest.mark.parametrize("change", [{"standoff_m": 0.0}, {"tolerance_rad": 2.0}, {"table_clearance_m": -1.0}])
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            PointingSettings(**change)
