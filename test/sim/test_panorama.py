import functools
import json

import cv2
import numpy as np
import pytest
from eye_axes import axes

from gaze_vlm_ros.sim.robot_eye import (
    FIELDS_RAD,
    LEVELS,
    WINDOW_PX,
    Panorama,
    PanoramaError,
    level_rays,
    views_from_panorama,
)
from gaze_vlm_ros.sim.robot_eye.panorama import Arc


@pytest.fixture(scope="module")
def painted():
    """A panorama of smooth colours that meets itself all round, without a scene."""
    rng = np.random.default_rng(0)

    def paint(height, width):
        patches = rng.integers(0, 256, (height // 24, width // 24, 3)).astype(np.float32)
        round_patches = np.concatenate([patches, patches[:, :1]], axis=1)
        grown = cv2.resize(round_patches, (width + 24, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(grown[:, :width]).astype(np.uint8)

    return Panorama(paint(*Arc().size_px), paint(360, 720))


def bilinear(picture, column, row, goes_round):
    """Own arithmetic: colours at (column, row), in float."""
    height, width = picture.shape[:2]
    left, top = np.floor(column).astype(int), np.floor(row).astype(int)
    right_share, lower_share = (column - left)[..., None], (row - top)[..., None]

    def at(rows, columns):
        columns = columns % width if goes_round else np.clip(columns, 0, width - 1)
        return picture[np.clip(rows, 0, height - 1), columns].astype(float)

    upper = at(top, left) * (1 - right_share) + at(top, left + 1) * right_share
    lower = at(top + 1, left) * (1 - right_share) + at(top + 1, left + 1) * right_share
    return upper * (1 - lower_share) + lower * lower_share


@pytest.mark.parametrize(
    "direction",
    [(0, -40), (33.25, -41.75), (-71.5, -50), (90, -42.25), (-100, -30), (170, -60), (-179.75, 40), (12, -88)],
)
def test_views_are_what_the_pictures_hold_in_these_directions(painted, direction):
    views = views_from_panorama(painted, np.radians([direction]))[0].astype(float)
    coarse = painted.rest.reshape(180, 2, 360, 2, 3).mean((1, 3))
    arc = painted.arc
    for level, rays in enumerate(level_rays()):
        x, y, z = np.moveaxis(rays @ axes(*direction).T, -1, 0)
        azimuth, elevation = np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(np.clip(z, -1, 1)))
        picture, density = (coarse, 1) if level == 2 else (painted.rest, 2)
        expected = bilinear(picture, (180 - azimuth) * density - 0.5, (90 - elevation) * density - 0.5, True)
        certain = np.ones(azimuth.shape, bool)
        if level == 0:
            column, row = (arc.left_deg - azimuth) * 4 - 0.5, (arc.top_deg - elevation) * 4 - 0.5
            height, width = arc.size_px
            inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
            expected[inside] = bilinear(painted.fine, column, row, False)[inside]
            outside = (column < -1) | (column > width) | (row < -1) | (row > height)
            certain = inside | outside
        certain &= np.abs(elevation) < 88  # at the poles a hair's breadth is a different column
        assert certain.mean() > 0.8
        assert np.abs(views[level] - expected)[certain].max() < 4


def test_many_directions_are_each_as_if_alone(painted):
    directions = np.radians([(0, -40), (100, -20), (-30, 10)])
    together = views_from_panorama(painted, directions)
    assert together.shape == (3, LEVELS, 64, 64, 3)
    for one, direction in zip(together, directions, strict=True):
        np.testing.assert_array_equal(views_from_panorama(painted, direction[None])[0], one)
    once_round = views_from_panorama(painted, directions + [[2 * np.pi, 0]])
    np.testing.assert_array_equal(once_round, together)
    assert views_from_panorama(painted, np.empty((0, 2))).shape == (0, LEVELS, 64, 64, 3)


@pytest.mark.parametrize("wrong", [[0.0, 0.0], [[0.0, np.nan]], [[0.0, 2.0]], [[0.0, 0.0, 0.0]]])
def test_no_directions_are_refused(painted, wrong):
    with pytest.raises(ValueError, match=r"directions|elevations"):
        views_from_panorama(painted, np.array(wrong))


# --- storage


def test_panoramas_are_stored_as_finely_as_the_fovea_sees(painted, tmp_path):
    fovea_px_per_deg = WINDOW_PX / np.degrees(FIELDS_RAD[0])
    height, width = painted.arc.size_px
    assert height / 60 >= fovea_px_per_deg
    assert width / 210 >= fovea_px_per_deg
    painted.save(tmp_path / "a")
    again = Panorama.load(tmp_path / "a")
    np.testing.assert_array_equal(again.fine, painted.fine)
    np.testing.assert_array_equal(again.rest, painted.rest)
    assert again.arc == painted.arc
    painted.save(tmp_path / "b", "jpg")
    assert np.abs(Panorama.load(tmp_path / "b").fine.astype(int) - painted.fine).mean() < 2


def overwrite(folder, name, content):
    (folder / name).write_bytes(content)


BREAKS = {
    "panorama.json cannot be read": lambda folder: (folder / "panorama.json").unlink(),
    "does not describe a panorama": functools.partial(overwrite, name="panorama.json", content=b'{"format": "png"}'),
    "use one of: png, jpg": functools.partial(
        overwrite, name="panorama.json", content=json.dumps({"format": "gif", "arc": {}}).encode()
    ),
    "arc.png is not a picture": functools.partial(overwrite, name="arc.png", content=b"nothing"),
    "rest.png cannot be read": lambda folder: (folder / "rest.png").unlink(),
    r"rest must be \(360, 720, 3\)": lambda folder: cv2.imwrite(
        str(folder / "rest.png"), np.zeros((36, 72, 3), np.uint8)
    ),
}


@pytest.mark.parametrize("message", BREAKS)
def test_a_broken_panorama_is_named(painted, tmp_path, message):
    painted.save(tmp_path)
    BREAKS[message](tmp_path)
    with pytest.raises(PanoramaError, match=message):
        Panorama.load(tmp_path)


def test_an_unknown_format_lists_what_exists(painted, tmp_path):
    with pytest.raises(PanoramaError, match="use one of: png, jpg"):
        painted.save(tmp_path, "gif")
    with pytest.raises(ValueError, match="no arc"):
        Arc(left_deg=-120)
