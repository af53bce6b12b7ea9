"""The axis contract, checked with the renderer: what is mirrored, turned, swapped or negated is told by name.

The estimator here is the pupil's place in the picture, fitted to true directions on one person's looks.
"""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.contract import ContractError, axis_fault
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene

SIDE = "left"
SIZE = 96
TARGETS_DEG = [(yaw, pitch) for yaw in (-15.0, 0.0, 15.0) for pitch in (-10.0, 0.0, 10.0)]


def looks(person: EyePerson, rig: EyeRig) -> tuple[np.ndarray, np.ndarray]:
    """Pupil centres (N, 2) [px] and true visual axes (N, 3)."""
    rng = np.random.default_rng(0)
    scenes = [EyeScene.looking_along(direction_of(*np.radians(target))) for target in TARGETS_DEG]
    labels = [render_eye(person, rig, SIDE, scene, rng).labels for scene in scenes]
    return np.array([one.pupil.centre_px for one in labels]), np.array([one.in_rig.visual_axis for one in labels])


def design(pupils: np.ndarray) -> np.ndarray:
    x, y = (pupils / SIZE).T
    return np.column_stack([np.ones(len(x)), x, y, x * y, x * x, y * y])


@pytest.fixture(scope="module")
def rig() -> EyeRig:
    return EyeRig.preset("neon", (SIZE, SIZE))


@pytest.fixture(scope="module")
def tracker(rig):
    """Directions (N, 3) of pupil centres (N, 2), fitted on person 3."""
    pupils, true = looks(EyePerson.create(3), rig)
    weights = np.linalg.lstsq(design(pupils), yaw_pitch_of(true))[0]
    return lambda seen: direction_of(*(design(seen) @ weights).T)


@pytest.fixture(scope="module")
def seen(rig):
    return looks(EyePerson.create(8), rig)


def test_another_persons_eye_keeps_the_contract_though_its_kappa_differs(tracker, seen):
    pupils, true = seen
    said = tracker(pupils)
    assert np.degrees(np.abs(yaw_pitch_of(said) - yaw_pitch_of(true))).max() > 0.5
    assert axis_fault(said, true) is None


def test_a_mirrored_eye_fails(tracker, seen):
    pupils, true = seen
    mirrored = np.column_stack([SIZE - 1 - pupils[:, 0], pupils[:, 1]])
    assert "yaw has the wrong sign" in axis_fault(tracker(mirrored), true)


@pytest.mark.parametrize("degrees", [45.0, -90.0, 180.0])
def test_a_camera_turned_about_its_axis_fails(rig, tracker, degrees):
    pose = rig.cameras[SIDE].rig_T_camera
    roll = make_transform(rotation_from_vector(np.radians([0.0, 0.0, degrees])), np.zeros(3))
    turned = rig.moved(SIDE, pose @ roll @ np.linalg.inv(pose))
    pupils, true = looks(EyePerson.create(8), turned)
    assert "is the camera turned" in axis_fault(tracker(pupils), true)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda yaw, pitch: (pitch, yaw), "swapped"),
        (lambda yaw, pitch: (-pitch, -yaw), "swapped, both with the wrong sign"),
        (lambda yaw, pitch: (-yaw, pitch), "yaw has the wrong sign"),
        (lambda yaw, pitch: (yaw, -pitch), "pitch has the wrong sign"),
        (lambda yaw, pitch: (-yaw, -pitch), "is the camera turned"),
        (lambda yaw, pitch: (-pitch, yaw), "is the camera turned"),
    ],
)
def test_swapped_and_negated_angles_fail(tracker, seen, broken, says):
    pupils, true = seen
    said = direction_of(*broken(*yaw_pitch_of(tracker(pupils)).T))
    assert says in axis_fault(said, true)


def test_guesses_fail(seen):
    rng = np.random.default_rng(1)
    said = direction_of(*rng.normal(0.0, 0.2, (2, len(seen[1]))))
    assert "do not follow" in axis_fault(said, seen[1])


def test_looks_that_cannot_tell_are_refused(seen):
    true = seen[1]
    with pytest.raises(ContractError, match="at least 4 finite looks"):
        axis_fault(true[:3], true[:3])
    flat = direction_of(np.linspace(-0.3, 0.3, 6), np.zeros(6))
    with pytest.raises(ContractError, match="spread in both"):
        axis_fault(flat, flat)
