"""Pictures in, gaze out, with a stub that knows where each picture's eye looks."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.binocular import EyeGeometry
from gaze_vlm_ros.gaze.eyes.calibration import Calibration
from gaze_vlm_ros.gaze.eyes.corrections import Offset
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.pairs import EyePair
from gaze_vlm_ros.gaze.eyes.quality import check_form
from gaze_vlm_ros.gaze.eyes.stream import EyeStream
from gaze_vlm_ros.geometry.transforms import angle_between, make_transform
from gaze_vlm_ros.types import NS_PER_S, CameraModel, WearerState

CAMERA = CameraModel(640, 480, np.array([[400.0, 0, 319.5], [0, 400.0, 239.5], [0, 0, 1]]))
GEOMETRY = EyeGeometry(make_transform(np.eye(3), np.array([0.0, 0.03, -0.01])))
PICTURE = np.zeros((48, 48), np.uint8)


class Stub:
    """Says where the eyes look, off by ``error_deg`` (yaw, pitch); dark pictures where ``point_m`` is None."""

    def __init__(self):
        self.point_m, self.error_deg, self.noise = np.array([0.0, 0.0, 0.6]), (0.0, 0.0), np.random.default_rng(0)

    def estimate(self, left, right):
        if self.point_m is None:
            return BinocularEstimate(*[EyeEstimate.invalid("unusable", "dark: 99 % of it is below 7 of 255")] * 2)
        angles = yaw_pitch_of(GEOMETRY.directions_to(self.point_m)) + np.radians(self.error_deg)
        angles += self.noise.normal(0.0, np.radians(0.4), (2, 2))
        eyes = [EyeEstimate(direction_of(*one), np.radians([0.5, 0.5]), "open") for one in angles]
        return BinocularEstimate(
            *(eye if seen is not None else None for eye, seen in zip(eyes, (left, right), strict=True))
        )

    def with_adapters(self, adapters):
        return self


@pytest.fixture
def stub():
    return Stub()


def stream_of(stub, calibration=None, **options):
    stream = EyeStream(stub, calibration or Calibration(), **options)
    stream.camera, stream.geometry = CAMERA, GEOMETRY
    return stream


def off_deg(gaze, point_m):
    return float(np.degrees(angle_between(gaze.sample.ray, point_m)))


def test_a_pair_of_pictures_is_a_sample_with_its_stamp(stub):
    seen = stream_of(stub).see(EyePair(7 * NS_PER_S, PICTURE, PICTURE), 42)
    assert seen.gaze.sample.valid and seen.gaze.sample.stamp_ns == 7 * NS_PER_S and seen.gaze.sample.sequence == 42
    assert off_deg(seen.gaze, stub.point_m) < 2.0 and seen.estimate.left.valid


def test_the_calibration_in_force_is_applied(stub):
    stub.error_deg = (4.0, -3.0)
    turn = Offset(np.radians([3.0, -4.0]))
    plain, calibrated = stream_of(stub), stream_of(stub, Calibration("offset", turn, turn))
    pair = EyePair(NS_PER_S, PICTURE, PICTURE)
    assert off_deg(plain.see(pair, 0).gaze, stub.point_m) > 4.0
    assert off_deg(calibrated.see(pair, 0).gaze, stub.point_m) < 1.5
    plain.use(Calibration("offset", turn, turn))
    assert off_deg(plain.see(pair, 0).gaze, stub.point_m) < 1.5


def test_reasons_are_counted_without_their_numbers_and_the_newest_is_told_in_full(stub):
    stream, pair = stream_of(stub), EyePair(NS_PER_S, PICTURE, PICTURE)
    stream.see(pair, 0)
    assert stream.valid == 1 and stream.newest_reason == ""
    stub.point_m = None
    for _ in range(3):
        assert not stream.see(pair, 0).gaze.sample.valid
    assert "below 7 of 255" in stream.newest_reason
    (counted,) = stream.reasons.items()
    assert counted[1] == 3 and "below ... of ..." in counted[0]


def test_a_picture_of_another_form_is_an_invalid_sample_that_says_so(stub):
    stream = stream_of(stub)
    stub.estimate = lambda left, right: check_form(left)
    seen = stream.see(EyePair(NS_PER_S, PICTURE[:10], None), 0)
    assert not seen.gaze.sample.valid and "at least 32 pixels a side, got 48x10" in stream.newest_reason
    assert stream.invalid == 1


def slipping_work(stream, stub, error_deg, places=24):
    """The wearer grasps things, looking at each, with glasses that have slipped; gaze of the last ones [deg off]."""
    stub.error_deg, off, stamp_ns, hand = error_deg, [], NS_PER_S, np.array([0.0, 0.4, 0.5])
    for number in np.random.default_rng(1).permutation(places):
        place = np.array([0.13 * (number % 4) - 0.2, 0.11 * (number // 4 % 3) - 0.1, 0.55 + 0.15 * (number // 12)])
        stub.point_m = place
        for hand_m in [hand + (place - hand) * step / 10 for step in range(1, 11)] + [place] * 8:
            stamp_ns += NS_PER_S // 20
            seen = stream.see(EyePair(stamp_ns, PICTURE, PICTURE), 0)
            off.append(off_deg(seen.gaze, place))
            stream.on_wearer(WearerState(stamp_ns, np.eye(4), right_hand_m=hand_m))
        hand = place
    return np.mean(off[-100:])


def test_a_slip_is_corrected_while_the_wearer_works(stub):
    assert slipping_work(stream_of(stub), stub, (5.0, 4.0)) < 3.2
    stream = stream_of(stub, corrects_slip=False)
    assert slipping_work(stream, stub, (5.0, 4.0)) > 5.0
    assert stream.slip.estimate.slipped


def test_work_without_a_slip_changes_nothing(stub):
    stream = stream_of(stub)
    assert slipping_work(stream, stub, (0.5, 0.3)) < 1.5 and not stream.slip.estimate.slipped


def test_following_the_gripper_tells_a_slip(stub):
    stream, base_T_camera = stream_of(stub), make_transform(np.eye(3), np.array([0.1, 0.2, -0.3]))
    stub.error_deg = (-5.0, 3.0)
    for index in range(40 * 30):
        phase = 2.0 * np.pi * 0.4 * index / 30
        stub.point_m = np.array([0.15 * np.sin(phase), 0.06 * np.cos(phase), 0.6])
        stream.on_gripper(stub.point_m + base_T_camera[:3, 3])
        stamp_ns = NS_PER_S + index * NS_PER_S // 30
        stream.on_wearer(WearerState(stamp_ns, base_T_camera))
        seen = stream.see(EyePair(stamp_ns, PICTURE, PICTURE), index)
    assert np.degrees(stream.slip.estimate.shift_rad) == pytest.approx((-5.0, -3.0), abs=1.0)
    assert off_deg(seen.gaze, stub.point_m) < 2.0


def test_a_new_calibration_forgets_the_slip(stub):
    stream = stream_of(stub)
    slipping_work(stream, stub, (5.0, 4.0))
    assert stream.slip.estimate.slipped
    stream.use(Calibration())
    assert not stream.slip.estimate.slipped
