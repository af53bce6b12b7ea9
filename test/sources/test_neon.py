import json
import logging
from ast import literal_eval

import av
import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.sources.base import SCENE_CAMERA, Source, SourceError, item_stamp_ns, open_source
from gaze_vlm_ros.types import EyeMovement, EyeMovementKind, Frame, GazeSample


def items_of(source, kind):
    return [item for item in source if isinstance(item, kind)]


def movements_of(source, kind):
    return [movement for movement in items_of(source, EyeMovement) if movement.kind is kind]


def test_gaze_without_video(neon_folder):
    source = open_source(neon_folder)
    assert isinstance(source, Source)
    assert source.info.counts == {"frames": 0, "gaze": 1788, "eye_movements": 47}
    assert source.info.gaze_rate_hz == pytest.approx(200.0, rel=0.01)
    assert np.isnan(source.info.frame_rate_hz)
    assert source.info.duration_s == pytest.approx(8.963, abs=0.001)
    assert "no scene video" in source.info.notes[0]
    items = list(source)
    assert len(items) == 1788 + 47
    assert [item_stamp_ns(item) for item in items] == sorted(item_stamp_ns(item) for item in items)


def test_rays_are_those_of_the_points(neon_folder):
    source = open_source(neon_folder)
    camera = source.cameras[SCENE_CAMERA]
    valid = [sample for sample in items_of(source, GazeSample) if sample.valid]
    rays = np.array([sample.ray for sample in valid])
    points = np.array([sample.point_px for sample in valid])
    assert len(valid) > 1700
    assert np.linalg.norm(rays, axis=1) == pytest.approx(1.0)
    assert np.abs(project(camera, rays) - points).max() < 1e-3


def test_directions_have_the_right_sign(neon_folder):
    """Right of the principal point is +x, below it +y."""
    source = open_source(neon_folder)
    centre = source.cameras[SCENE_CAMERA].matrix[:2, 2]
    for sample in items_of(source, GazeSample):
        if sample.valid:
            assert (np.sign(sample.point_px - centre) == np.sign(sample.ray[:2])).all()


def test_eyes_look_where_the_gaze_goes(neon_folder):
    """The optical axes lie within some degrees of the gaze: a wrong sign would give tens of degrees."""
    angles, diameters = [], []
    for sample in items_of(open_source(neon_folder), GazeSample):
        if sample.valid and sample.left.valid and sample.right.valid:
            mean = sample.left.ray + sample.right.ray
            angles.append(np.degrees(np.arccos(mean @ sample.ray / np.linalg.norm(mean))))
            diameters += [sample.left.pupil_diameter_mm, sample.right.pupil_diameter_mm]
    assert np.median(angles) < 6.0 and np.percentile(angles, 95) < 10.0
    assert 2.0 < np.min(diameters) < np.max(diameters) < 6.0


def test_invalid_gaze_is_where_the_device_found_its_two_blinks(neon_folder):
    source = open_source(neon_folder)
    blinks = movements_of(source, EyeMovementKind.BLINK)
    assert len(blinks) == 2
    shut = [sample for sample in items_of(source, GazeSample) if not sample.valid]
    assert all(any(blink.start_ns <= sample.stamp_ns <= blink.end_ns for blink in blinks) for sample in shut)
    for blink in blinks:
        inside = [sample.stamp_ns for sample in shut if blink.start_ns <= sample.stamp_ns <= blink.end_ns]
        assert 0.05 < (inside[-1] - inside[0]) / 1e9 < blink.duration_s
    assert all(np.isnan(sample.point_px).all() and np.isnan(sample.ray).all() for sample in shut)
    assert all(np.isnan(sample.left.ray).all() and np.isnan(sample.left.pupil_diameter_mm) for sample in shut)
    assert all(sample.worn and sample.confidence == 0.0 for sample in shut)


def test_fixations_of_the_device_agree_with_its_gaze(neon_folder):
    fixations = movements_of(open_source(neon_folder), EyeMovementKind.FIXATION)
    assert len(fixations) == 23
    kind = np.dtype(literal_eval((neon_folder / "fixations.dtype").read_text()))
    stored = np.fromfile(neon_folder / "fixations ps1.raw", kind)
    stored = stored[stored["event_type"] == 1]
    assert [fixation.start_ns for fixation in fixations] == stored["start_timestamp_ns"].tolist()
    offset_px = json.loads((neon_folder / "info.json").read_text())["gaze_offset"]
    means = np.column_stack([stored["mean_gaze_x"], stored["mean_gaze_y"]]) + offset_px
    off = np.linalg.norm(means - [fixation.mean_point_px for fixation in fixations], axis=1)
    assert np.median(off) < 1.0 and off.max() < 6.0


def test_saccades_have_plausible_amplitude_and_velocity(neon_folder):
    saccades = movements_of(open_source(neon_folder), EyeMovementKind.SACCADE)
    assert len(saccades) == 22
    amplitude_deg = np.degrees([saccade.amplitude_rad for saccade in saccades])
    peak_deg_s = np.degrees([saccade.peak_velocity_rad_s for saccade in saccades])
    assert ((amplitude_deg > 0.5) & (amplitude_deg < 60)).all()
    assert ((peak_deg_s > 20) & (peak_deg_s < 1000)).all()
    assert np.corrcoef(amplitude_deg, peak_deg_s)[0, 1] > 0.5, "the main sequence: larger saccades are faster"


def write_video(folder, frames, size=(1600, 1200)):
    """A scene video whose frames are evenly lit, each brighter than the last."""
    with av.open(str(folder / "Neon Scene Camera v1 ps1.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), (40 + 20 * index, 30, 200), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_video_gives_frames_between_the_gaze(neon_folder):
    write_video(neon_folder, 6)
    source = open_source(neon_folder)
    assert source.info.counts["frames"] == 6
    assert source.info.notes == ()
    items = list(source)
    stamps = np.fromfile(neon_folder / "Neon Scene Camera v1 ps1.time", "<i8")[:6]
    frames = [item for item in items if isinstance(item, Frame)]
    assert [frame.stamp_ns for frame in frames] == stamps.tolist()
    assert [item_stamp_ns(item) for item in items] == sorted(item_stamp_ns(item) for item in items)
    assert frames[0].rgb.shape == (1200, 1600, 3) and frames[0].rgb.dtype == np.uint8
    assert frames[3].rgb[600, 800] == pytest.approx([100, 30, 200], abs=6), "red and blue are in the wrong order"
    source.close()


def test_video_of_a_foreign_size_is_named(neon_folder):
    write_video(neon_folder, 2, (320, 240))
    with pytest.raises(SourceError, match=r"\(320, 240\), but Neon's is \(1600, 1200\)"):
        open_source(neon_folder)


def test_broken_video_is_named_and_the_gaze_is_offered(neon_folder):
    (neon_folder / "Neon Scene Camera v1 ps1.mp4").write_bytes(b"not a video")
    with pytest.raises(SourceError, match=r"scene video cannot be opened .* move it away") as caught:
        open_source(neon_folder)
    assert "\n" not in str(caught.value)


def test_cut_gaze_gives_what_is_there_and_warns(neon_folder, caplog):
    raw = neon_folder / "gaze_200hz.raw"
    raw.write_bytes(raw.read_bytes()[: 8 * 1000])
    with caplog.at_level(logging.WARNING):
        source = open_source(neon_folder)
    assert source.info.counts["gaze"] == 1000
    assert "1000 of 1788 samples" in caplog.text
    assert len(items_of(source, GazeSample)) == 1000


@pytest.mark.parametrize("name", ["gaze_200hz.raw", "eye_state ps1.raw", "fixations ps1.raw", "blinks ps1.raw"])
def test_file_cut_inside_a_record_is_one_line(neon_folder, name):
    (neon_folder / name).write_bytes((neon_folder / name).read_bytes()[:-3])
    with pytest.raises(SourceError, match="files are missing or cut off") as caught:
        open_source(neon_folder)
    assert str(neon_folder) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0, 400])
def test_ruined_calibration_is_named(neon_folder, cut):
    calibration = neon_folder / "calibration.bin"
    calibration.write_bytes(calibration.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"calibration\.bin: cannot be read") as caught:
        open_source(neon_folder)
    assert "\n" not in str(caught.value)


def test_missing_calibration_is_named(neon_folder):
    (neon_folder / "calibration.bin").unlink()
    with pytest.raises(SourceError, match=r"no calibration\.bin"):
        open_source(neon_folder)


def test_missing_gaze_is_named(neon_folder):
    for file in neon_folder.glob("gaze*"):
        file.unlink()
    with pytest.raises(SourceError, match="files are missing") as caught:
        open_source(neon_folder)
    assert str(neon_folder) in str(caught.value) and "\n" not in str(caught.value)


def test_empty_gaze_is_named(neon_folder):
    for name in ("gaze_200hz.raw", "gaze_200hz.time"):
        (neon_folder / name).write_bytes(b"")
    with pytest.raises(SourceError, match="gaze"):
        open_source(neon_folder)


def test_without_eye_state_the_eyes_count_as_open(neon_folder):
    for file in neon_folder.glob("eye_state*"):
        file.unlink()
    samples = items_of(open_source(neon_folder), GazeSample)
    assert all(sample.valid for sample in samples)
    assert np.isnan(samples[0].left.ray).all() and np.isnan(samples[0].left.pupil_diameter_mm)


def test_glasses_that_are_not_worn_give_invalid_gaze(neon_folder):
    (neon_folder / "worn_200hz.raw").write_bytes(bytes([255] * 900 + [0] * 888))
    samples = items_of(open_source(neon_folder), GazeSample)
    assert [sample.worn for sample in samples] == [True] * 900 + [False] * 888
    assert not any(sample.valid for sample in samples[900:])


def test_info_json_cut_off_is_named(neon_folder):
    info = neon_folder / "info.json"
    info.write_text(info.read_text()[:100])
    with pytest.raises(SourceError, match=r"info\.json: cannot be read") as caught:
        open_source(neon_folder)
    assert "\n" not in str(caught.value)


def test_folder_may_be_given_by_its_info_json(neon_folder):
    assert json.loads((neon_folder / "info.json").read_text())["gaze_frequency"] == 200
    assert open_source(neon_folder / "info.json").info.name == "neon"
