"""What is printed comes out as large as its parameters say."""

import re

import numpy as np
import pytest
from PIL import Image

from gaze_vlm_ros.cli import main as cli
from gaze_vlm_ros.geometry.board_print import caption, printed, save
from gaze_vlm_ros.geometry.registration import MarkerBoard

DPI = 200
BOARD = MarkerBoard(columns=3, rows=2, marker_m=0.04, gap_m=0.012)


@pytest.fixture(scope="module")
def picture():
    return printed(BOARD, DPI)


def test_markers_are_found_at_their_size_in_millimetres(picture):
    corners, places = BOARD.detect(picture)
    assert sorted(places) == list(range(6))
    sides = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1) / DPI * 25.4
    assert sides == pytest.approx(40.0, abs=0.4)


def test_the_bar_is_a_hundred_millimetres_long(picture):
    foot = picture[round(BOARD.size_m[1] * 1e3 * DPI / 25.4) :]
    assert ((foot[10] == 0).sum() / DPI * 25.4) == pytest.approx(100.0, abs=0.2)
    assert (foot[20:] < 128).any(), "the words below it"


def test_a_png_states_its_resolution_and_is_still_a_picture(picture, tmp_path):
    save(picture, DPI, tmp_path / "board.png")
    with Image.open(tmp_path / "board.png") as page:
        assert page.info["dpi"] == pytest.approx((DPI, DPI), abs=0.01)
        assert np.array_equal(np.asarray(page), picture)


def test_a_pdf_states_its_size_and_loses_no_pixel(picture, tmp_path):
    save(picture, DPI, tmp_path / "board.pdf")
    data = (tmp_path / "board.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    assert [float(side) / 72 * 25.4 for side in box.groups()] == pytest.approx(
        [side / DPI * 25.4 for side in picture.shape[::-1]], abs=0.01
    )
    assert b"/CCITTFaxDecode" in data and b"/DCTDecode" not in data


def test_the_command_offers_the_board_of_the_registration_node(capsys, tmp_path):
    assert cli.main(["board", "--out", str(tmp_path / "board.png")]) == 0
    assert caption(MarkerBoard()).split(";")[0] in capsys.readouterr().out


def test_the_command_writes_it_and_says_how_to_set_the_node(tmp_path, capsys):
    assert cli.main(["board", "--out", str(tmp_path / "board.png"), "--marker-mm", "40", "--gap-mm", "12"]) == 0
    told = capsys.readouterr().out
    assert "220 x 178 mm" in told and "marker_m 0.04, gap_m 0.012" in told
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")
    assert "columns 4, rows 3" in told and "columns 3, rows 2" in caption(BOARD)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "board.gif"], ".pdf or .png"),
        (["--dpi", "3"], "--dpi must lie in"),
        (["--columns", "0"], "columns must be at least 1"),
        (["--out", "/nowhere/board.pdf"], "cannot write /nowhere/board.pdf"),
    ],
)
def test_what_cannot_be_made_is_one_line(words, told, capsys):
    assert cli.main(["board", *words]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
