from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.stats import ks_2samp

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.eyes.free_viewing import ViewingHabits, draw_durations_s, draw_scan_paths
from gaze_vlm_ros.sim.wearer.moments import TaskMoments
from gaze_vlm_ros.training import people
from gaze_vlm_ros.training.people_report import Fixations, Halving, draw_comparison, free_viewing_lines, task_lines

OSIE = people.data_folder() / "osie" / "fixations.csv"
needs_osie = pytest.mark.skipif(not OSIE.is_file(), reason=f"no {OSIE}; set GAZE_VLM_TEST_DATA")


def simulated_people(habits, seed, count=4, pictures=150, length=9):
    """People who look as ``habits`` say."""
    rng = np.random.default_rng(seed)
    paths = draw_scan_paths(rng, people.HALF_SIZE_RAD, count * pictures, length, habits)
    return Fixations(
        np.repeat(np.arange(count), pictures * length),
        np.tile(np.arange(length), count * pictures),
        paths.reshape(-1, 2),
        draw_durations_s(rng, count * pictures * length, habits),
    )


def test_the_distance_of_two_samples_is_that_of_kolmogorov_and_smirnov():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=300), np.round(rng.normal(0.3, 1.2, 200), 1)
    assert people.ks_distance(a, b) == pytest.approx(ks_2samp(a, b).statistic)
    assert people.ks_distance(a, a) == 0.0
    assert people.ks_distance(np.zeros(3), np.ones(5)) == 1.0


def test_amplitudes_never_reach_from_one_picture_to_the_next():
    points = np.array([[0.0, 0.0], [0.3, 0.4], [9.0, 9.0], [9.0, 9.1]])
    fixations = Fixations(np.zeros(4, int), np.array([0, 1, 0, 1]), points, np.ones(4))
    np.testing.assert_allclose(fixations.amplitudes_rad(), [0.5, 0.1])
    assert len(fixations.of(np.array([1])).duration_s) == 0


def test_a_fit_finds_the_habits_that_people_were_made_with():
    wanted = ViewingHabits(0.15, 0.03, 0.08, near_share=0.3, near_rad=0.05, spread=0.5)
    found = people.fit(simulated_people(wanted, seed=3))
    assert found.decide_s == pytest.approx(0.15, abs=0.01)
    assert found.linger_s == pytest.approx(0.08, abs=0.01)
    assert found.near_share == pytest.approx(0.3, abs=0.08)
    assert found.spread == pytest.approx(0.5, abs=0.1)


def test_a_model_of_other_people_is_far_from_those_it_is_tested_on():
    slow = replace(ViewingHabits(), decide_s=0.3, near_share=0.95)
    tested = simulated_people(ViewingHabits(), seed=4)
    near = people.held_out(ViewingHabits(), tested, tested)
    far = people.held_out(slow, simulated_people(slow, seed=5), tested)
    assert near.durations < 0.03
    assert far.durations > 0.4
    assert near.amplitudes < 0.05
    assert far.amplitudes > 0.2
    assert near.durations_of_people == 0.0
    assert far.durations_of_people == pytest.approx(far.durations, abs=0.03)


def test_simulated_eyes_rest_on_pictures_as_long_as_their_habits_say():
    habits = ViewingHabits()
    seen = people.watch_pictures(1, 40, habits)
    assert len(seen) > 250
    assert people.ks_distance(seen, draw_durations_s(np.random.default_rng(9), 20_000, habits)) < 0.12


@needs_osie
def test_osie_is_read_whole():
    fixations = people.load_osie(OSIE)
    assert len(fixations.person) == 70193
    assert set(fixations.person) == set(range(15))
    assert 0.18 < np.median(fixations.duration_s) < 0.2
    assert np.abs(fixations.point_rad).max() <= people.HALF_SIZE_RAD[0] * 1.01


@needs_osie
def test_free_viewing_is_as_near_to_the_other_half_of_the_people_as_asked():
    everybody = people.load_osie(OSIE)
    half = people.HALVES[people.SHIPPED]
    fitted, tested = everybody.of(half), everybody.of(np.setdiff1d(np.arange(15), half))
    shipped = people.held_out(ViewingHabits(), fitted, tested)
    assert shipped.durations <= 0.12
    assert shipped.amplitudes <= 0.12
    assert people.held_out(replace(ViewingHabits(), decide_s=0.2), fitted, tested).durations > 0.3


@needs_osie
def test_the_shipped_habits_are_those_of_the_fit():
    fitted = people.fit(people.load_osie(OSIE).of(people.HALVES[people.SHIPPED]))
    for name, value in vars(ViewingHabits()).items():
        assert getattr(fitted, name) == pytest.approx(value, rel=0.05), name


def test_the_neon_sample_has_the_devices_fixations():
    durations = people.load_neon()
    if not len(durations):
        pytest.skip("no Neon recording; set GAZE_VLM_TEST_DATA to the folder that has it")
    assert len(durations) == 23
    assert durations.min() == pytest.approx(0.085, abs=0.001)
    assert durations.max() == pytest.approx(0.711, abs=0.001)


def test_missing_data_are_named_with_the_remedy(tmp_path, capsys):
    with pytest.raises(GazeVlmError, match=r"no .*fixations\.csv; it must be a CSV of OSIE's fixations, image,subject"):
        people.load_osie(tmp_path / "fixations.csv")
    assert people.load_neon(tmp_path).size == 0
    assert people.main([str(tmp_path / "fixations.csv")]) == 1
    assert "fixations.csv; it must be" in capsys.readouterr().err
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GazeVlmError, match=r"its first line must be image,subject,index,x_px,y_px,duration_ms"):
        people.load_osie(tmp_path / "other.csv")


def moments():
    return TaskMoments([0.5, 0.6], [True, False], [0.2], [0.3, 0.5], [0.1, 0.2], 10.0, 4.0, 9, 5, 1, {"guide": 1.0})


def test_lines_and_picture_hold_what_was_measured(tmp_path):
    lines = free_viewing_lines({"a half": Halving(0.056, 0.047, 0.061, 0.055)})
    assert lines[-1].split() == ["a", "half", "0.056", "(0.047)", "0.061", "(0.055)"]
    text = "\n".join(task_lines(moments(), np.array([0.2, 0.3])))
    for part in ("0.55 [", "0.50 of 2", "0.20 ", "2.25", "Neon sample, 2 fixations", "Land 1999"):
        assert part in text
    assert "Neon" not in "\n".join(task_lines(moments(), np.empty(0)))
    group = simulated_people(ViewingHabits(), 0, 2, 20)
    path = tmp_path / "people.png"
    draw_comparison(path, group, group, group.duration_s, group.amplitudes_rad(), moments(), np.empty(0))
    picture = cv2.imread(str(path))
    assert picture.shape == (680, 1040, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    with pytest.raises(GazeVlmError, match="cannot be written"):
        draw_comparison(tmp_path / "none" / "x.png", group, group, group.duration_s, np.ones(3), moments(), np.ones(2))
