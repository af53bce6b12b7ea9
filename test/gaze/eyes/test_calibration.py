"""Looks at known targets make a calibration; looks that are none are named."""

import json

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.calibration import Calibration, error_rad, fit
from gaze_vlm_ros.gaze.eyes.corrections import Affine, CalibrationError, Offset
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.looks import TargetLook
from gaze_vlm_ros.geometry.transforms import angle_between

FIVE = np.radians([(0, 0), (-14, 10), (14, 10), (-14, -10), (14, -10)])
NINE = np.radians([(x, y) for y in (10, 0, -10) for x in (-14, 0, 14)])
PICTURES = 20


def crooked(angles, eye):
    """A person's eye as an estimator sees it who does not know them: kappa to the nose, and a slope."""
    nose = 1.0 if eye == 0 else -1.0
    yaw, pitch = np.moveaxis(angles, -1, 0)
    return np.stack([1.08 * yaw + np.radians(4.0) * nose, 0.9 * pitch - np.radians(2.0) + 0.05 * yaw], -1)


def looks(targets, noise_rad=0.009, seed=0):
    random = np.random.default_rng(seed)
    made = []
    for number, target in enumerate(targets):
        true = np.repeat(target[None], PICTURES, axis=0) + random.normal(0, np.radians(0.3), (PICTURES, 2))
        found = [crooked(true, eye) + random.normal(0.0, noise_rad, true.shape) for eye in (0, 1)]
        directions = np.stack([direction_of(*one.T) for one in found], axis=1)
        made.append(TargetLook(f"target {number + 1}", directions, np.repeat(direction_of(*true.T)[:, None], 2, 1)))
    return made


def seen(angles):
    """What the estimator says of eyes that look along ``angles`` (2,)."""
    sigma = np.radians([1.0, 1.0])
    return BinocularEstimate(*(EyeEstimate(direction_of(*crooked(angles, eye)), sigma, "open") for eye in (0, 1)))


def spoiled(look, share=1.0, reason="is closed", eyes=(0, 1)):
    directions = look.estimated.copy()
    shut = round(share * len(directions))
    for eye in eyes:
        directions[:shut, eye] = np.nan
    return TargetLook(look.name, directions, look.true, (reason,) * shut)


@pytest.mark.parametrize(("method", "targets", "within_deg"), [("offset", FIVE, 2.0), ("affine", FIVE, 0.7)])
def test_a_calibrated_eye_looks_where_its_person_does(method, targets, within_deg):
    made = looks(targets)
    one = fit(method, made)
    assert one.method == method and one.targets == 5
    for unseen in np.radians([(7, 5), (-7, -5), (0, 8)]):
        corrected = one.apply(seen(unseen))
        for eye in (corrected.left, corrected.right):
            assert np.degrees(angle_between(eye.direction, direction_of(*unseen))) < within_deg


def test_the_affine_map_beats_the_offset_where_the_eye_has_a_slope():
    offset, affine = (fit(method, looks(NINE)) for method in ("offset", "affine"))
    before = error_rad(Calibration(), looks(NINE))
    assert affine.error_rad < 0.5 * offset.error_rad < 0.5 * before


def test_the_offset_is_exactly_a_rotation_where_there_is_only_that():
    turn = Offset(np.radians([3.0, -5.0]))
    true = direction_of(*NINE.T)
    fitted = Offset.fit(Offset(-turn.rotation_rad).apply(true), true)
    assert np.degrees(fitted.rotation_rad) == pytest.approx([3.0, -5.0], abs=0.3)
    only = Offset.fit(true[:1], true[:1])
    np.testing.assert_allclose(only.apply(true), true, atol=1e-12)


def test_leave_one_out_is_honest_where_the_fit_flatters():
    made = looks(FIVE, noise_rad=np.radians(1.5))
    one = fit("affine", made)
    assert one.error_rad > 1.2 * error_rad(one, made)
    assert np.isnan(fit("offset", looks(FIVE[:1])).error_rad)
    assert np.isnan(fit("affine", looks(FIVE[:3])).error_rad)


def test_unusable_looks_are_named_with_the_reason_and_refused_when_too_many():
    made = looks(FIVE)
    two_shut = [spoiled(made[0]), made[1], spoiled(made[2]), made[3], made[4]]
    assert fit("offset", two_shut).targets == 3
    wandering = looks(FIVE, noise_rad=np.radians(6.0))[1]
    three_bad = [two_shut[0], wandering, two_shut[2], made[3], made[4]]
    with pytest.raises(CalibrationError) as said:
        fit("offset", three_bad)
    assert str(said.value).startswith("3 of 5 looks unusable: target 1: left eye seen in 0 of 20 pictures (is closed)")
    assert "target 2: left eye's gaze wandered by" in str(said.value) and "target 4" not in str(said.value)


def test_a_look_elsewhere_is_found_among_the_others():
    made = looks(NINE)
    elsewhere = looks(NINE + np.radians((25.0, 0.0)))[3]
    made[3] = TargetLook("target 4", elsewhere.estimated, made[3].true)
    one = fit("offset", made)
    assert one.targets == 8 and one.error_rad < np.radians(2.5)


def test_too_few_or_too_close_targets_for_a_slope_are_refused_with_a_remedy():
    with pytest.raises(CalibrationError, match="use more targets"):
        fit("affine", looks(FIVE[:2]))
    in_a_row = np.radians([(x, 0.0) for x in (-14, 0, 14)])
    with pytest.raises(CalibrationError, match="method offset"):
        fit("affine", looks(in_a_row))


def test_one_eye_alone_is_calibrated_and_the_other_one_left_out():
    one = fit("offset", [spoiled(look, eyes=(1,)) for look in looks(FIVE)])
    assert one.left is not None and one.right is None
    corrected = one.apply(seen(np.zeros(2)))
    assert corrected.left.valid and not corrected.right.valid and "other eye" in corrected.right.reason


def test_a_calibration_comes_back_from_its_file(tmp_path):
    for method in ("offset", "affine"):
        one = fit(method, looks(NINE))
        one.save(tmp_path / "eyes.json")
        back = Calibration.load(tmp_path / "eyes.json")
        assert (back.method, back.targets, back.error_rad) == (one.method, 9, one.error_rad)
        before, after = one.apply(seen(FIVE[1])), back.apply(seen(FIVE[1]))
        np.testing.assert_array_equal(before.left.direction, after.left.direction)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"version": 1, "method": "offset"}', '{"version": 1, "method": "magic", "left": {}}',
        '{"version": 1, "method": "offset", "left": {"rotation_rad": [0]}}',
        '{"version": 1, "method": "offset", "left": {"rotation_rad": [0, NaN]}}',
        '{"version": 1, "method": "offset", "left": {"slope": [0, 1]}}',
        '{"version": 1, "method": "affine", "left": [1, 2]}',
        '{"version": 1, "method": "offset", "left": {"rotation_rad": [0, 0]}, "targets": "many"}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_calibration_is_refused_by_name(tmp_path, text):
    path = tmp_path / "eyes.json"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=r"eyes\.json: cannot be used"):
        Calibration.load(path)


def test_nothing_of_a_saved_calibration_is_anything_but_numbers_and_names(tmp_path):
    fit("affine", looks(NINE)).save(tmp_path / "eyes.json")
    values = json.loads((tmp_path / "eyes.json").read_text())
    assert set(values) == {"version", "method", "targets", "error_rad", "left", "right"}
    assert set(values["left"]) == {"slope", "shift_rad"}


def test_no_calibration_changes_nothing():
    estimate = seen(FIVE[2])
    assert Calibration().apply(estimate) is estimate
    assert isinstance(fit("affine", looks(NINE)).left, Affine)
    assert np.degrees(yaw_pitch_of(estimate.left.direction))[0] > 14.0
