import logging
import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest

from gaze_vlm_ros.sources.aria import AriaSource
from gaze_vlm_ros.sources.aria_gaze import read_gaze_table
from gaze_vlm_ros.sources.base import SCENE_CAMERA, Source, SourceError, item_stamp_ns, open_source
from gaze_vlm_ros.types import CameraModel, Frame, GazeSample


def items_of(source, kind):
    return [item for item in source if isinstance(item, kind)]


def vendor(module):
    return pytest.importorskip(f"projectaria_tools.core.{module}")


def table_of(folder):
    return folder / "mps" / "eye_gaze" / "general_eye_gaze.csv"


def test_counts_rates_and_order(aria_folder):
    source = open_source(aria_folder)
    assert isinstance(source, Source)
    assert source.info.counts == {"frames": 8, "gaze": 4, "eye_movements": 0}
    assert source.info.frame_rate_hz == pytest.approx(20.0, abs=0.1)
    assert source.info.gaze_rate_hz == pytest.approx(10.0, abs=0.01)
    assert source.info.duration_s == pytest.approx(0.35, abs=0.001)
    items = list(source)
    assert [item_stamp_ns(item) for item in items] == sorted(item_stamp_ns(item) for item in items)
    assert sum(isinstance(item, Frame) for item in items) == 8
    assert [item_stamp_ns(item) for item in source] == [item_stamp_ns(item) for item in items], "second pass differs"


def test_stamps_are_those_of_the_device(aria_folder):
    source = open_source(aria_folder)
    assert [g.stamp_ns for g in items_of(source, GazeSample)] == [86_435_306_000 + k * 100_000_000 for k in range(4)]
    assert items_of(source, Frame)[0].stamp_ns == 86_385_246_037


def test_camera_is_the_upright_pinhole(aria_folder):
    camera = open_source(aria_folder).cameras[SCENE_CAMERA]
    assert (camera.width, camera.height) == (640, 480)
    across = 2 * np.degrees(np.arctan(camera.width / 2 / camera.matrix[0, 0]))
    assert across == pytest.approx(75.0)
    assert camera.matrix[:2, 2] == pytest.approx([319.5, 239.5])


def test_frames_agree_with_the_vendors_own_resampling(aria_folder):
    calibration, data_provider = vendor("calibration"), vendor("data_provider")
    provider = data_provider.create_vrs_data_provider(str(aria_folder / "recording.vrs"))
    stream = provider.get_stream_id_from_label("camera-rgb")
    lens = provider.get_device_calibration().get_camera_calib("camera-rgb")
    frames = items_of(open_source(aria_folder), Frame)
    focal_px = 320 / np.tan(np.radians(37.5))
    pinhole = calibration.get_linear_camera_calibration(480, 640, focal_px)
    for index in (0, 7):
        raw = provider.get_image_data_by_index(stream, index)[0].to_numpy_array()
        reference = np.rot90(calibration.distort_by_calibration(raw, pinhole, lens), -1)
        difference = np.abs(reference.astype(int) - frames[index].rgb)
        assert frames[index].rgb.shape == (480, 640, 3)
        assert difference.max() <= 2 and difference.mean() < 1.0


def test_up_is_up(aria_folder):
    """The bedroom: the floor at the left bottom is dark, the wall above is bright, the bed below is brighter."""
    for frame in items_of(open_source(aria_folder), Frame):
        grey = frame.rgb.mean(axis=2)
        assert grey[:60].mean() > grey[-120:, :240].mean()
        assert grey[-120:, 340:].mean() > 1.3 * grey[-120:, :240].mean()


def test_gaze_points_agree_with_the_vendors_own_projection(aria_folder):
    calibration, mps = vendor("calibration"), vendor("mps")
    provider = vendor("data_provider").create_vrs_data_provider(str(aria_folder / "recording.vrs"))
    device = provider.get_device_calibration()
    lens = device.get_camera_calib("camera-rgb")
    pinhole = calibration.get_linear_camera_calibration(
        480, 640, 320 / np.tan(np.radians(37.5)), "camera-rgb", lens.get_transform_device_camera()
    )
    upright = calibration.rotate_camera_calib_cw90deg(pinhole)
    reproject = vendor("mps.utils").get_gaze_vector_reprojection
    rows = mps.read_eyegaze(str(table_of(aria_folder)))
    samples = items_of(open_source(aria_folder), GazeSample)
    for row, sample in zip(rows, samples, strict=True):
        expected = reproject(row, "camera-rgb", device, upright, 1.0, make_upright=True)
        assert sample.point_px == pytest.approx(expected, abs=1e-2)


def test_gaze_ray_is_that_of_its_point(aria_folder):
    source = open_source(aria_folder)
    camera = source.cameras[SCENE_CAMERA]
    for sample in items_of(source, GazeSample):
        projected = camera.matrix @ (sample.ray / sample.ray[2])
        assert sample.valid and np.linalg.norm(sample.ray) == pytest.approx(1.0)
        assert projected[:2] == pytest.approx(sample.point_px)
        assert np.isnan(sample.distance_m), "the table gives no depth"


def test_gaze_rests_on_one_thing_while_the_head_turns(aria_folder):
    """Between samples the scene moves by the same shift as the gaze: the wearer looks at one place on the bed."""
    source = open_source(aria_folder)
    frames, samples = items_of(source, Frame), items_of(source, GazeSample)
    moved = []
    for before, after in pairwise(samples[1:]):
        pictures = [min(frames, key=lambda frame: abs(frame.stamp_ns - s.stamp_ns)).rgb for s in (before, after)]
        greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
        x, y = np.round(before.point_px).astype(int)
        patch = greys[0][y - 40 : y + 41, x - 40 : x + 41]
        _, score, _, corner = cv2.minMaxLoc(cv2.matchTemplate(greys[1], patch, cv2.TM_CCOEFF_NORMED))
        assert score > 0.8
        moved.append(np.linalg.norm(np.array(corner) + 40 - after.point_px))
    assert max(moved) < 30.0, "gaze and scene disagree on the direction of motion"


def test_sigma_is_half_the_interval(aria_folder):
    first = items_of(open_source(aria_folder), GazeSample)[0]
    assert first.sigma_rad == pytest.approx([(0.397739 - 0.343778) / 2, (0.147947 - 0.073366) / 2], abs=1e-6)


def test_vrs_without_gaze_gives_frames_and_says_so(aria_folder):
    table_of(aria_folder).unlink()
    source = open_source(aria_folder / "recording.vrs")
    assert source.info.counts == {"frames": 8, "gaze": 0, "eye_movements": 0}
    assert "frames only" in source.info.notes[0]
    assert np.isnan(source.info.gaze_rate_hz)


def test_personalized_gaze_is_preferred(aria_folder):
    table = table_of(aria_folder)
    table.with_name("personalized_eye_gaze.csv").write_text("\n".join(table.read_text().splitlines()[:3]) + "\n")
    assert open_source(aria_folder).info.counts["gaze"] == 2


def test_cut_recording_gives_what_is_there_and_warns(aria_folder, caplog):
    vrs = aria_folder / "recording.vrs"
    vrs.write_bytes(vrs.read_bytes()[:1_000_000])
    with caplog.at_level(logging.WARNING):
        source = open_source(aria_folder)
    assert source.info.counts["frames"] == 2 == len(items_of(source, Frame))
    (line,) = [record.message for record in caplog.records]
    assert str(vrs) in line and "was cut off, 504 records are missing" in line
    assert line in source.info.notes


def test_a_frame_that_the_vendors_reader_breaks_on_is_left_out(aria_folder, caplog):
    source = open_source(aria_folder)
    provider = source._provider

    class Broken:
        def get_image_data_by_index(self, stream, index):
            if index == 2:
                raise RuntimeError("bad optional access")
            return provider.get_image_data_by_index(stream, index)

    source._provider = Broken()
    assert [frame.sequence for frame in items_of(source, Frame)] == [0, 1, 3, 4, 5, 6, 7]
    assert "frame 2 is damaged and was left out" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"just a text file\n" * 40, "is no VRS recording, or was cut off"),
        (None, "is no VRS recording, or was cut off"),
    ],
)
def test_foreign_or_ruined_recording_is_one_line(aria_folder, content, words, capfd):
    vrs = aria_folder / "recording.vrs"
    vrs.write_bytes(vrs.read_bytes()[:2000] if content is None else content)
    with pytest.raises(SourceError, match=words) as caught:
        AriaSource(vrs)
    assert str(vrs) in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "the vendor's chatter reaches the user"


def test_missing_vendor_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "projectaria_tools.core.data_provider", None)
    (tmp_path / "a.vrs").write_bytes(b"")
    with pytest.raises(SourceError, match=r"pip install -e .*\[aria\]"):
        open_source(tmp_path)


@pytest.mark.parametrize("content", ["", "hello\n", "a,b\n1,2\n"])
def test_foreign_gaze_table_is_one_line(aria_folder, content):
    table_of(aria_folder).write_text(content)
    with pytest.raises(SourceError, match="no gaze table of Aria MPS") as caught:
        open_source(aria_folder)
    assert str(table_of(aria_folder)) in str(caught.value) and "\n" not in str(caught.value)


def test_cut_gaze_table_gives_the_rows_before(aria_folder):
    text = table_of(aria_folder).read_text()
    table_of(aria_folder).write_text(text[: len(text) - 100])
    source = open_source(aria_folder)
    assert source.info.counts["gaze"] == 3
    assert "damaged after row 3 of 4" in source.info.notes[0]


HEAD = (
    "tracking_timestamp_us,left_yaw_rads_cpf,right_yaw_rads_cpf,pitch_rads_cpf,depth_m,left_yaw_low_rads_cpf,"
    "right_yaw_low_rads_cpf,pitch_low_rads_cpf,left_yaw_high_rads_cpf,right_yaw_high_rads_cpf,pitch_high_rads_cpf,"
    "tx_left_eye_cpf,ty_left_eye_cpf,tz_left_eye_cpf,tx_right_eye_cpf,ty_right_eye_cpf,tz_right_eye_cpf,session_uid\n"
)


class CpfIsTheCamera:
    camera = CameraModel(640, 480, np.array([[400.0, 0, 319.5], [0, 400.0, 239.5], [0, 0, 1]]))
    camera_T_cpf = np.diag([-1.0, -1.0, 1.0, 1.0])
    """CPF has x to the left and y up."""


def test_table_of_the_later_kind_gives_eyes_and_depth(tmp_path):
    pytest.importorskip("projectaria_tools.core", reason="the extra [aria] is not installed")
    table = tmp_path / "general_eye_gaze.csv"
    table.write_text(HEAD + "100,0.1,0.04,0.2,0.5,0.08,0.02,0.17,0.12,0.06,0.23,0.03,0,0,-0.03,0,0,x\n")
    (sample,), notes = read_gaze_table(table, CpfIsTheCamera())
    assert notes == ()
    assert sample.stamp_ns == 100_000
    assert sample.distance_m == pytest.approx(0.5)
    assert sample.point_px[0] < 319.5 and sample.point_px[1] < 239.5, "yaw is to the left, pitch upwards"
    assert sample.ray[1] / sample.ray[2] == pytest.approx(-np.tan(0.2), abs=1e-6)
    assert sample.left.ray[0] / sample.left.ray[2] == pytest.approx(-np.tan(0.1), abs=1e-6)
    assert sample.right.ray[0] / sample.right.ray[2] == pytest.approx(-np.tan(0.04), abs=1e-6)
    assert sample.sigma_rad == pytest.approx([0.02, 0.03], abs=1e-6)
