import numpy as np
import pytest

from gaze_vlm_ros.policies.courtesy import Courtesy, CourtesySettings
from gaze_vlm_ros.types import WearerState

S = 1_000_000_000
CHAIN = np.array([[0.0, 0, 0], [0, 0, 0.5], [0.4, 0, 0.5]])


def wearer(right=(np.nan,) * 3, left=(np.nan,) * 3, head=(np.nan,) * 3, at_s=0.0):
    pose = np.eye(4)
    pose[:3, 3] = head
    return WearerState(round(at_s * S), pose, np.asarray(left, float), np.asarray(right, float))


class TestNearest:
    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            (wearer(right=(0.4, 0.3, 0.5)), (0.3, "right hand")),
            (wearer(right=(0.4, 0.3, 0.5), left=(0.2, 0.1, 0.5)), (0.1, "left hand")),
            (wearer(right=(0.4, 0.3, 0.5), head=(0.4, 0.4, 0.5)), (0.25, "head")),
            (wearer(), (np.inf, "")),
        ],
    )
    def test_part_and_distance(self, state, expected):
        courtesy = Courtesy()
        courtesy.on_wearer(state)
        distance, part = courtesy.nearest([CHAIN], 0)
        assert part == expected[1]
        assert distance == pytest.approx(expected[0])

    def test_the_nearest_of_several_chains_counts(self):
        courtesy = Courtesy()
        courtesy.on_wearer(wearer(right=(0.4, 0.3, 0.5)))
        assert courtesy.nearest([CHAIN, CHAIN + np.array([0.0, 0.2, 0.0])], 0)[0] == pytest.approx(0.1)

    def test_an_old_state_says_nothing(self):
        courtesy = Courtesy()
        courtesy.on_wearer(wearer(right=(0.4, 0.1, 0.5)))
        assert courtesy.nearest([CHAIN], S) == (np.inf, "")
        assert courtesy.wearer(S) is None

    def test_a_late_state_changes_nothing(self):
        courtesy = Courtesy()
        courtesy.on_wearer(wearer(right=(0.4, 0.1, 0.5), at_s=1.0))
        courtesy.on_wearer(wearer(right=(0.4, 0.4, 0.5), at_s=0.9))
        assert courtesy.nearest([CHAIN], S)[0] == pytest.approx(0.1)


class TestYielding:
    def test_has_hysteresis(self):
        courtesy = Courtesy(CourtesySettings(yield_m=0.15, resume_m=0.2))
        got = [courtesy.update(d) for d in (0.3, 0.16, 0.14, 0.16, 0.19, 0.21, 0.19, np.inf)]
        assert got == [False, False, True, True, True, False, False, False]

    @pytest.mark.parametrize(
        "change", [{"yield_m": 0.0}, {"resume_m": 0.1}, {"head_extra_m": -0.1}, {"max_age_s": 0.0}]
    )
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            CourtesySettings(**change)
