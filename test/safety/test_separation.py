import numpy as np
import pytest

from gaze_vlm_ros.safety.governor import GovernorMode
from gaze_vlm_ros.safety.separation import SeparationSettings

GOAL = np.array([0.8, 0.9, 1.4])


class TestSeparation:
    def tool(self, bench):
        return bench.link_points(bench.here.position_rad)[-1]

    def test_the_arm_does_not_come_near_a_hand(self, bench):
        bench.armed()
        hand = bench.link_points(GOAL)[-1]
        near, output = np.inf, None
        for _ in range(200):
            output = bench.run(0.02, GOAL, lambda: bench.wearer(hand))
            near = min(near, np.linalg.norm(self.tool(bench) - hand))
        assert 0.1 - 1e-6 <= near < 0.15
        assert output.reason == "the arm would come too close to the wearer's right hand"

    def test_doubt_about_the_hand_is_distance(self, bench):
        bench.armed()
        hand = bench.link_points(GOAL)[-1]
        bench.run(4.0, GOAL, lambda: bench.wearer(hand, sigma_m=0.05))
        assert np.linalg.norm(self.tool(bench) - hand) >= 0.2 - 1e-6

    def test_the_head_gets_more_room(self, bench):
        bench.armed()
        head = bench.link_points(GOAL)[-1]
        bench.run(4.0, GOAL, lambda: bench.wearer((np.nan,) * 3, head=head))
        assert np.linalg.norm(self.tool(bench) - head) >= 0.3 - 1e-6

    @pytest.mark.parametrize(("distance_m", "share"), [(1.0, 1.0), (0.2, 0.7), (0.16, 0.58)])
    def test_it_slows_down_near_a_hand_that_goes_along(self, bench, distance_m, share):
        bench.armed()

        def hand():
            bench.wearer(self.tool(bench) - np.array([0.0, 0.0, distance_m]))

        bench.run(0.5, GOAL, hand)
        assert (np.abs(bench.here.velocity_rad_s) / bench.limits.velocity_rad_s).max() == pytest.approx(share, abs=0.01)

    def test_it_may_draw_back_from_a_hand_that_came_near(self, bench):
        bench.armed()
        hand = self.tool(bench) - np.array([0.0, 0.05, 0.0])
        assert bench.run(2.0, GOAL, lambda: bench.wearer(hand)).state is GovernorMode.MOVING
        assert np.linalg.norm(self.tool(bench) - hand) > 0.3

    def test_a_wearer_once_seen_must_stay_fresh(self, bench):
        bench.armed().run(0.2, GOAL, lambda: bench.wearer([0.5, 0.5, 0.5]))
        assert "no wearer for" in bench.run(0.5, GOAL).reason

    def test_while_it_is_told_in_a_way_that_cannot_be_used_nothing_moves(self, bench):
        bench.armed()
        output = bench.run(0.5, GOAL, lambda: bench.wearer([0.5, 0.5, 0.5], problem="given in 'world'"))
        assert output.state is GovernorMode.HOLDING
        assert output.reason == "the wearer's state cannot be used: given in 'world'"
        assert bench.run(1.0, GOAL, lambda: bench.wearer([5.0, 5.0, 5.0])).state is GovernorMode.MOVING

    def test_an_impossible_state_holds_the_arm_as_well(self, bench):
        bench.armed()
        output = bench.run(0.5, GOAL, lambda: bench.wearer([1e300, 0.0, 0.0]))
        assert output.state is GovernorMode.HOLDING and "right_hand_m" in output.reason

    def test_unseen_hands_forbid_nothing(self, bench):
        bench.armed().run(4.0, GOAL, lambda: bench.wearer((np.nan,) * 3))
        np.testing.assert_allclose(bench.here.position_rad, GOAL, atol=1e-3)

    @pytest.mark.parametrize("sigma_m", [-0.1, np.inf])
    def test_impossible_doubt_is_refused(self, bench, sigma_m):
        assert "sigma_m" in bench.wearer([0.5, 0.5, 0.5], sigma_m=sigma_m)

    @pytest.mark.parametrize("hand", [(1e300, 0, 0), (np.inf, 0, 0), (0, 0)])
    def test_impossible_hands_are_refused(self, bench, hand):
        assert "right_hand_m" in bench.wearer(hand)


class TestSettings:
    @pytest.mark.parametrize("change", [{"stop_m": 0.5}, {"slow_share": 0.0}, {"head_extra_m": -0.1}])
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            SeparationSettings(**change)
