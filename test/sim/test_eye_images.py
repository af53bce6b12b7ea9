from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import root

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import angle_between, invert_transform, transform_points
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, EyeImageError, EyePerson
from gaze_vlm_ros.sim.eye_images.labels import Ellipse, Part, fit_ellipse
from gaze_vlm_ros.sim.eye_images.optics import CORNEA_INDEX, refract, refraction_points
from gaze_vlm_ros.sim.eye_images.render import render_absent, render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene

AHEAD = (0.0, 0.05, 1.0)
PRESETS = ("neon", "aria", "frontal")


def draw(person=0, rig="frontal", side="right", target=AHEAD, seed=0, **scene):
    rig = EyeRig.preset(rig) if isinstance(rig, str) else rig
    person = EyePerson.create(person) if isinstance(person, int) else person
    return render_eye(person, rig, side, EyeScene(np.array(target), **scene), np.random.default_rng(seed))


def pixels_of(parts, *wanted):
    return np.argwhere(np.isin(parts, wanted))[:, ::-1].astype(float)


def noiseless(rig):
    return EyeRig(
        rig.name, {side: replace(camera, read_noise=0.0, shot_noise=0.0) for side, camera in rig.cameras.items()}
    )


def bare_eyed(person):
    """The same person with glasses that sit where they should."""
    return replace(person, fit_mm=(0.0, 0.0, 0.0))


# --- optics ---------------------------------------------------------------------------------------------------------


def test_refraction_obeys_snell_in_the_plane_of_incidence():
    rng = np.random.default_rng(0)
    normals, rays = (v / np.linalg.norm(v, axis=0) for v in rng.standard_normal((2, 3, 500)))
    rays *= -np.sign(np.sum(rays * normals, axis=0))
    bent = refract(rays, normals, CORNEA_INDEX)
    np.testing.assert_allclose(np.linalg.norm(bent, axis=0), 1.0)
    sine_in, sine_out = (np.linalg.norm(np.cross(v, normals, axis=0), axis=0) for v in (rays, bent))
    np.testing.assert_allclose(sine_in, CORNEA_INDEX * sine_out, atol=1e-12)
    np.testing.assert_allclose(np.einsum("ij,ij->j", bent, np.cross(rays, normals, axis=0)), 0.0, atol=1e-12)
    assert (np.sum(bent * normals, axis=0) < 0.0).all()


def test_refraction_points_agree_with_rays_shot_by_an_independent_solver():
    eye, centre, radius = np.array([9.0, -14.0, 31.0]), np.array([0.4, 0.2, 5.3]), 7.8
    for inner in np.array([[0.0, 0.0, 9.5], [2.0, -1.0, 9.3], [-1.5, 2.5, 9.6]]):

        def shot(angles, inner=inner):
            """How far off ``inner`` a ray from ``eye`` passes that enters at two spherical angles."""
            a, b = angles
            normal = np.array([np.sin(a), np.cos(a) * np.sin(b), np.cos(a) * np.cos(b)])
            entry = centre + radius * normal
            ray = (entry - eye) / np.linalg.norm(entry - eye)
            cos_in = -ray @ normal
            cos_out = np.sqrt(1.0 - (1.0 - cos_in**2) / 1.3375**2)
            bent = ray / 1.3375 + (cos_in / 1.3375 - cos_out) * normal
            miss = inner - entry - ((inner - entry) @ bent) * bent
            return miss[:2]

        a, b = root(shot, [0.1, -0.2], tol=1e-13).x
        expected = centre + radius * np.array([np.sin(a), np.cos(a) * np.sin(b), np.cos(a) * np.cos(b)])
        assert np.abs(shot((a, b))).max() < 1e-9
        np.testing.assert_allclose(refraction_points(eye, inner[None], centre, radius)[0], expected, atol=1e-7)


def test_the_cornea_enlarges_the_pupil_by_about_an_eighth():
    rig, person = EyeRig.preset("frontal"), EyePerson.create(4)
    labels = draw(person, rig, target=(0.03, 0.004, 0.3)).labels
    camera, axes = rig.cameras["right"].camera, labels.in_camera
    across = np.cross(axes.optical_axis, [0.0, 1.0, 0.0])
    across /= np.linalg.norm(across)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)[:, None]
    circle = np.cos(turn) * across + np.sin(turn) * np.cross(axes.optical_axis, across)
    bare = fit_ellipse(project(camera, axes.pupil_centre_mm + 0.5 * labels.pupil_diameter_mm * circle))
    assert 1.10 < np.sqrt(np.prod(labels.pupil.semi_axes_px / bare.semi_axes_px)) < 1.18


# --- labels against the picture -------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("side", SIDES)
def test_the_pupil_ellipse_is_where_rays_find_the_pupil(preset, side):
    """The label comes from points traced outwards, the picture from rays traced inwards."""
    size = (640, 480) if preset == "aria" else (512, 512)
    labels = draw(7, EyeRig.preset(preset, size), side, (0.03, 0.12, 0.8), pupil_diameter_mm=4.0).labels
    found = pixels_of(labels.parts, Part.PUPIL)
    eye = pixels_of(labels.parts, Part.PUPIL, Part.IRIS)
    offsets = labels.pupil.offsets(eye)
    is_pupil = labels.parts[eye[:, 1].astype(int), eye[:, 0].astype(int)] == Part.PUPIL
    assert len(found) > 500 and labels.pupil_visible > 0.8
    assert offsets[is_pupil].max() < 1.04
    assert offsets[~is_pupil].min() > 0.96


def test_the_pupil_ellipse_fits_the_dark_of_the_picture_itself():
    for number in range(6):
        shot = draw(number, "neon", SIDES[number % 2], (0.02 * number - 0.05, 0.1, 1.0), pupil_diameter_mm=4.5)
        pupil, image = shot.labels.pupil, shot.image.astype(float)
        everywhere = np.argwhere(np.ones_like(image))[:, ::-1].astype(float)
        offsets = pupil.offsets(everywhere).reshape(image.shape)
        seen = shot.labels.parts != Part.GLINT
        assert np.median(image[(offsets < 0.8) & seen]) < 15
        assert np.median(image[(offsets > 1.2) & (offsets < 1.5) & seen]) > 30
        weight = np.where((offsets < 1.5) & seen, np.maximum(25.0 - image, 0.0), 0.0).ravel()
        shift = (weight @ everywhere) / weight.sum() - pupil.centre_px
        assert np.abs(shift).max() < 1.2  # glints and lashes bite into the dark disc, which pulls its middle


def test_the_iris_ellipse_parts_iris_from_sclera():
    labels = draw(3, EyeRig.preset("frontal", (384, 384)), target=(0.1, 0.05, 0.8)).labels
    assert labels.iris.offsets(pixels_of(labels.parts, Part.IRIS, Part.PUPIL)).max() < 1.02
    assert labels.iris.offsets(pixels_of(labels.parts, Part.SCLERA)).min() > 0.98


@pytest.mark.parametrize("preset", PRESETS)
def test_glints_obey_the_law_of_reflection(preset):
    rig, person = EyeRig.preset(preset), bare_eyed(EyePerson.create(2))
    checked = 0
    for side in SIDES:
        shot = draw(person, rig, side, (0.0, 0.1, 0.6))
        eye_camera, axes = rig.cameras[side], shot.labels.in_camera
        radius = person.eyes[side].eyeball.cornea_radius_mm
        lights = transform_points(invert_transform(eye_camera.rig_T_camera), eye_camera.lights_mm)
        for pixel, light in zip(shot.labels.glints_px, lights, strict=True):
            if np.isnan(pixel).any():
                continue
            ray = unproject(eye_camera.camera, pixel[None])[0]
            centre = axes.cornea_centre_mm
            along = ray @ centre
            spot = (along - np.sqrt(along**2 - centre @ centre + radius**2)) * ray
            normal = (spot - centre) / radius
            mirrored = ray - 2 * (ray @ normal) * normal
            assert angle_between(mirrored, light - spot) < 1e-4
            x, y = np.round(pixel).astype(int)
            assert shot.image[y, x] > 200 and shot.labels.parts[y, x] == Part.GLINT
            checked += 1
    assert checked >= 2


# --- axes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
def test_the_visual_axis_meets_the_target_and_is_kappa_off_the_optical_axis(side):
    labels = draw(5, "neon", side, (0.1, -0.05, 0.35)).labels
    axes, (nasal, up) = labels.in_head, labels.kappa_rad
    assert angle_between(axes.visual_axis, axes.target_mm - axes.cornea_centre_mm) < 1e-6
    assert angle_between(axes.visual_axis, axes.optical_axis) == pytest.approx(np.arccos(np.cos(nasal) * np.cos(up)))
    towards_nose = 1.0 if side == "left" else -1.0
    turned = axes.visual_axis - axes.optical_axis
    assert towards_nose * turned[0] > 0.8 * np.sin(nasal) and turned[1] < 0.0


def test_eyes_converge_on_a_near_target():
    left, right = (draw(1, side=side, target=(0.0, 0.0, 0.3)).labels.in_head for side in SIDES)
    assert left.visual_axis[0] > 0.08 and right.visual_axis[0] < -0.08
    assert 56.0 <= right.eyeball_centre_mm[0] - left.eyeball_centre_mm[0] <= 70.0


def test_the_three_frames_hold_the_same_eye():
    slip = {"slip_mm": np.array([1.0, -2.0, 0.5]), "slip_deg": np.array([2.0, 1.0, -3.0])}
    labels = draw(5, "aria", "left", **slip).labels
    for axes in (labels.in_head, labels.in_rig, labels.in_camera):
        arm = axes.cornea_centre_mm - axes.eyeball_centre_mm
        assert angle_between(arm, axes.optical_axis) < 1e-9
        assert angle_between(axes.target_mm - axes.cornea_centre_mm, axes.visual_axis) < 1e-6
        assert np.linalg.norm(axes.visual_axis) == pytest.approx(1.0)
    in_rig = transform_points(EyeRig.preset("aria").cameras["left"].rig_T_camera, labels.in_camera.cornea_centre_mm)
    np.testing.assert_allclose(in_rig, labels.in_rig.cornea_centre_mm, atol=1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_looking_right_moves_the_pupil_to_the_wearers_right(side):
    """A camera before the face sees the wearer's right on its left."""
    left, ahead, right = (draw(0, side=side, target=(x, 0.0, 1.0)).labels for x in (-0.2, 0.0, 0.2))
    assert left.in_head.pupil_centre_mm[0] < ahead.in_head.pupil_centre_mm[0] < right.in_head.pupil_centre_mm[0]
    assert left.pupil.centre_px[0] > ahead.pupil.centre_px[0] + 5 > right.pupil.centre_px[0] + 10
    up, down = (draw(0, side=side, target=(0.0, y, 1.0)).labels for y in (-0.2, 0.2))
    assert up.pupil.centre_px[1] < ahead.pupil.centre_px[1] - 5 < down.pupil.centre_px[1] - 10


def test_slipped_glasses_move_the_picture_not_the_eye():
    person = EyePerson.create(3)
    worn, slipped = (draw(person, slip_mm=np.array([2.0, 0.0, 0.0]) * k).labels for k in (0, 1))
    np.testing.assert_allclose(worn.in_head.visual_axis, slipped.in_head.visual_axis)
    moved = slipped.in_rig.eyeball_centre_mm - worn.in_rig.eyeball_centre_mm
    np.testing.assert_allclose(moved, [-2.0, 0.0, 0.0], atol=1e-9)
    assert slipped.pupil.centre_px[0] > worn.pupil.centre_px[0] + 5  # glasses to the right: the eye to its left


# --- lids, people, sides --------------------------------------------------------------------------------------------


def test_a_closed_eye_shows_no_pupil_and_half_closed_ones_less():
    shares = [draw(6, "neon", openness=o).labels.pupil_visible for o in (1.0, 0.45, 0.3, 0.0)]
    assert shares[0] > 0.95 and shares == sorted(shares, reverse=True) and shares[-1] == 0.0
    shut, wide = (draw(6, "neon", openness=o) for o in (0.0, 1.0))
    assert not shut.labels.valid and wide.labels.valid
    assert set(np.unique(shut.labels.parts)) == {Part.SKIN}
    x, y = np.round(wide.labels.pupil.centre_px).astype(int)
    assert wide.image[y - 3 : y + 4, x - 3 : x + 4].mean() < 20 < shut.image[y - 3 : y + 4, x - 3 : x + 4].mean() - 20


def test_the_upper_lid_follows_the_gaze_down():
    def top(y):
        return pixels_of(draw(8, target=(0.0, y, 1.0)).labels.parts, Part.IRIS, Part.PUPIL, Part.SCLERA)[:, 1].min()

    assert top(-0.2) + 8 < top(0.3)


def test_the_two_eyes_are_mirror_images():
    right = bare_eyed(EyePerson.create(9)).eyes["right"]
    person = replace(bare_eyed(EyePerson.create(9)), eyes={"left": right, "right": right})
    for preset in PRESETS:
        rig = noiseless(EyeRig.preset(preset))
        a = draw(person, rig, "right", (0.1, 0.05, 0.5))
        b = draw(person, rig, "left", (-0.1, 0.05, 0.5))
        assert np.mean(np.abs(a.image[:, ::-1].astype(float) - b.image)) < 0.6
        assert np.mean(a.labels.parts[:, ::-1] != b.labels.parts) < 2e-3
        np.testing.assert_allclose(a.labels.in_head.visual_axis * [-1, 1, 1], b.labels.in_head.visual_axis, atol=1e-12)
        mirrored = [a.image.shape[1] - 1 - a.labels.pupil.centre_px[0], a.labels.pupil.centre_px[1]]
        np.testing.assert_allclose(mirrored, b.labels.pupil.centre_px, atol=1e-3)


def test_seeds_give_the_same_picture_and_the_generator_only_noise():
    first, again, other = draw(1, seed=3), draw(1, seed=3), draw(1, seed=4)
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)
    np.testing.assert_array_equal(first.labels.parts, other.labels.parts)
    assert np.abs(first.image.astype(int) - other.image).max() < 40


def test_people_differ_and_splits_share_nobody():
    drawn = {split: EyePerson.sample(np.random.default_rng(0), split) for split in ("train", "validation", "test")}
    assert len({person.identity for person in drawn.values()}) == 3
    assert len({person.eyes["left"].eyeball.radius_mm for person in drawn.values()}) == 3
    assert not np.array_equal(*(drawn[split].eyes["left"].textures.iris for split in ("train", "test")))
    for number in range(50):
        person = EyePerson.create(number)
        for eye in person.eyes.values():
            assert 11.5 <= eye.eyeball.radius_mm <= 12.5
            assert eye.eyeball.limbus_plane_mm > eye.eyeball.iris_plane_mm > 8.0


def test_a_smaller_picture_shows_the_same_field():
    large, small = (draw(2, EyeRig.preset("neon", (side, side))) for side in (192, 64))
    assert small.image.shape == (64, 64)
    expected = (large.labels.pupil.centre_px + 0.5) / 3 - 0.5
    np.testing.assert_allclose(small.labels.pupil.centre_px, expected, atol=1e-3)
    shrunk = large.image.reshape(64, 3, 64, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.image.ravel())[0, 1] > 0.95


def test_a_moved_camera_sees_the_eye_elsewhere():
    rig = EyeRig.preset("frontal")
    shift = np.eye(4)
    shift[0, 3] = 1.5
    moved = draw(2, rig.moved("right", shift)).labels.pupil.centre_px - draw(2, rig).labels.pupil.centre_px
    assert moved[0] > 5 and abs(moved[1]) < 1


# --- nobody there, bad input ----------------------------------------------------------------------------------------


def test_nobody_there_is_labelled_absent():
    shot = render_absent(EyeRig.preset("neon"), "left", np.random.default_rng(0))
    labels = shot.labels
    assert shot.image.shape == (192, 192) and not labels.present and not labels.valid
    assert (labels.parts == Part.NOTHING).all()
    assert np.isnan(labels.in_head.visual_axis).all() and np.isnan(labels.pupil.centre_px).all()
    assert np.isnan(labels.openness) and labels.glints_px.shape == (2, 2)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: EyePerson.create(0, "dev"), "train, validation, test"),
        (lambda: EyeRig.preset("tobii"), "neon, aria, frontal"),
        (lambda: draw(0, side="middle"), "left, right"),
        (lambda: draw(0, target=(0.0, 0.0, -1.0)), "60 degrees"),
        (lambda: draw(0, target=(np.nan, 0.0, 1.0)), "target_m"),
        (lambda: draw(0, openness=1.2), "openness"),
        (lambda: draw(0, pupil_diameter_mm=12.0), "pupil_diameter_mm"),
    ],
)
def test_what_cannot_be_drawn_is_named(wrong, says):
    with pytest.raises(EyeImageError, match=says):
        wrong()


def test_an_ellipse_is_recovered_from_its_points():
    turn = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    local = np.column_stack([20 * np.cos(turn), 8 * np.sin(turn)])
    c, s = np.cos(0.6), np.sin(0.6)
    pixels = np.array([100.0, 70.0]) + local @ np.array([[c, s], [-s, c]])
    found = fit_ellipse(pixels)
    assert isinstance(found, Ellipse)
    np.testing.assert_allclose(found.centre_px, [100, 70], atol=1e-3)
    np.testing.assert_allclose(found.semi_axes_px, [20, 8], atol=1e-2)
    assert found.angle_rad == pytest.approx(0.6, abs=1e-3)
    np.testing.assert_allclose(found.offsets(pixels), 1.0, atol=1e-3)
