"""Our eye movements against those that a Pupil Labs Neon found in the same 12 s of gaze."""

import os
from pathlib import Path

import numpy as np
import pytest
from synthetic_gaze import overlap

from gaze_vlm_ros.gaze.eye_movements import DetectorSettings, EyeMovementDetector
from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.types import CameraModel, EyeMovement, EyeMovementKind, EyeState, GazeSample

DATA = Path(os.environ.get("GAZE_VLM_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
RECORDING = DATA / "neon_recording"

pytestmark = pytest.mark.skipif(
    not RECORDING.is_dir(), reason=f"no Neon recording at {RECORDING}; set GAZE_VLM_TEST_DATA to the folder that has it"
)


@pytest.fixture(scope="module")
def recording():
    return pytest.importorskip("pupil_labs.neon_recording").open(RECORDING)


@pytest.fixture(scope="module")
def camera(recording):
    calibration = recording.calibration
    return CameraModel(1600, 1200, calibration.scene_camera_matrix, calibration.scene_distortion_coefficients)


@pytest.fixture(scope="module")
def samples(recording, camera):
    gaze, pupil = recording.gaze.data, recording.pupil.data
    points = np.column_stack([gaze["point_x"], gaze["point_y"]]).astype(np.float64)
    return [
        GazeSample(
            int(gaze["time"][number]),
            points[number],
            ray,
            number,
            left=EyeState(pupil_diameter_mm=float(pupil["diameter_left"][number])),
            right=EyeState(pupil_diameter_mm=float(pupil["diameter_right"][number])),
        )
        for number, ray in enumerate(unproject(camera, points))
    ]


def of_device(series, kind):
    return [
        EyeMovement(kind, int(start), int(stop))
        for start, stop in zip(series.data["start_time"], series.data["stop_time"], strict=True)
    ]


def detect(samples, rate_hz):
    detector = EyeMovementDetector(DetectorSettings.for_rate(rate_hz))
    return [movement for one in samples for movement in detector.update(one)] + detector.finish()


def matched(device, found, least):
    return sum(max((overlap(one, other) for other in found), default=0.0) >= least for one in device)


def of_kind(found, kind):
    return [movement for movement in found if movement.kind is kind]


def test_every_sample_has_a_direction(samples):
    assert len(samples) == 1788
    assert all(one.valid for one in samples)


def test_fixations_agree_with_the_devices(recording, samples):
    device = of_device(recording.fixations, EyeMovementKind.FIXATION)
    found = of_kind(detect(samples, 200.0), EyeMovementKind.FIXATION)
    assert len(device) == 23
    assert abs(len(found) - len(device)) <= 3
    assert matched(device, found, 0.5) >= 0.8 * len(device)


def test_both_blinks_show_in_the_pupils(recording, samples):
    device = of_device(recording.blinks, EyeMovementKind.BLINK)
    found = of_kind(detect(samples, 200.0), EyeMovementKind.BLINK)
    assert len(found) == len(device) == 2
    assert matched(device, found, 0.4) == 2


def test_the_camera_preset_finds_most_fixations_in_every_sixth_sample(recording, samples):
    device = of_device(recording.fixations, EyeMovementKind.FIXATION)
    found = of_kind(detect(samples[::6], 200.0 / 6.0), EyeMovementKind.FIXATION)
    assert matched(device, found, 0.5) >= 0.6 * len(device)
