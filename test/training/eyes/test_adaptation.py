"""Adaptation between kinds of glasses: pairs of views, switching, features that turn, and the comparison."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gaze_vlm_ros.sim.eye_images.labels import Part
from gaze_vlm_ros.training.eyes.adaptation.domains import DOMAINS, LOOKS, DomainSet, render_domain
from gaze_vlm_ros.training.eyes.adaptation.network import REBUILT_PX, DisentanglingAutoEncoder, wanted
from gaze_vlm_ros.training.eyes.adaptation.real import adapt_to_real, same_order
from gaze_vlm_ros.training.eyes.adaptation.store import AdaptationError, load_networks, save_networks
from gaze_vlm_ros.training.eyes.adaptation.study import figures
from gaze_vlm_ros.training.eyes.adaptation.style import PictureStyle, restyled
from gaze_vlm_ros.training.eyes.adaptation.switching import switched
from gaze_vlm_ros.training.eyes.adaptation.train import (
    LEAST_PICTURES,
    AdaptationRun,
    adapt,
    directions,
    error_deg,
    pixels,
    train_extended,
)

SIDE = 32
RUN = AdaptationRun(steps=2, adapt_steps=2, batch=4, image_px=SIDE)


@pytest.fixture(scope="module")
def domains(tmp_path_factory) -> dict[str, DomainSet]:
    folder = tmp_path_factory.mktemp("looks")
    return {name: render_domain(folder, name, "train", [0, 1], SIDE, workers=1) for name in DOMAINS}


@pytest.fixture(scope="module")
def network() -> DisentanglingAutoEncoder:
    torch.manual_seed(0)
    return DisentanglingAutoEncoder(SIDE).eval()


def rotations(count: int) -> torch.Tensor:
    turns, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(count, 3, 3)))
    return torch.from_numpy(turns * np.sign(np.linalg.det(turns))[:, None, None]).float()


def test_source_and_extended_are_the_same_moments_from_two_cameras(domains):
    plain, extended = domains["source"], domains["extended"]
    in_rig = [np.einsum("nij,nj->ni", looks.rig_R_camera, looks.gaze) for looks in (plain, extended)]
    np.testing.assert_allclose(in_rig[0], in_rig[1], atol=1e-9)
    assert len(plain) == 2 * LOOKS
    turned = np.einsum("nij,nkj->nik", plain.rig_R_camera, extended.rig_R_camera)
    angles = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() > 8.0


def test_the_target_is_darker_and_its_camera_stands_elsewhere(domains):
    assert domains["target"].pictures.mean() < 0.85 * domains["source"].pictures.mean()
    ahead = [domains[name].rig_R_camera[:, :, 2].mean(axis=0) for name in ("source", "target")]
    assert np.degrees(np.arccos(ahead[0] @ ahead[1] / np.prod(np.linalg.norm(ahead, axis=1)))) > 10.0


def test_a_turned_camera_turns_what_the_features_say(network):
    turn = rotations(3)
    with torch.inference_mode():
        features = network.encode(torch.rand(3, 1, SIDE, SIDE))
        there = features.turned(turn)
        torch.testing.assert_close(network.gaze_of(there), torch.einsum("bij,bj->bi", turn, network.gaze_of(features)))
        torch.testing.assert_close(
            network.pose_of(there), torch.einsum("bij,baj->bai", turn, network.pose_of(features))
        )
        assert (
            network.decode(there).shape == wanted(torch.rand(3, 1, SIDE, SIDE)).shape == (3, 1, REBUILT_PX, REBUILT_PX)
        )


def test_switching_keeps_the_eye_and_changes_what_lies_around_it(domains):
    looks = domains["source"]
    made = [switched(looks.pictures, looks.parts, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(made[0], made[1])
    assert made[0].shape == looks.pictures.shape and made[0].dtype == np.uint8
    pupil, iris = looks.parts == Part.PUPIL, looks.parts == Part.IRIS
    assert (made[0][pupil].mean() < made[0][iris].mean()) and (made[2][pupil].mean() < made[2][iris].mean())
    skin = looks.parts == Part.SKIN
    assert np.abs(made[0][skin].astype(int) - made[2][skin].astype(int)).mean() > 10.0


def test_switching_takes_the_glints_away():
    picture = np.full((1, 40, 40), 90, np.uint8)
    parts = np.full((1, 40, 40), Part.IRIS, np.uint8)
    picture[0, 10:12, 10:12], parts[0, 10:12, 10:12] = 255, Part.GLINT
    found = np.array([switched(picture, parts, np.random.default_rng(seed))[0] for seed in range(12)]).astype(float)
    about = found[:, 5:18, 5:18].mean(axis=(1, 2))
    assert np.median(found[:, 10:12, 10:12].mean(axis=(1, 2)) / about) < 1.1


def test_restyled_pictures_are_as_bright_and_noisy_as_the_other_camera_s(domains):
    rng = np.random.default_rng(0)
    plain = domains["source"].pictures
    noisy = np.clip(0.6 * plain + rng.normal(0.0, 12.0, plain.shape), 0, 255).astype(np.uint8)
    own, other = PictureStyle.of(plain), PictureStyle.of(noisy)
    made = PictureStyle.of(restyled(plain, own, other, rng))
    assert made.level == pytest.approx(other.level, rel=0.1)
    np.testing.assert_allclose(made.power[-8:], other.power[-8:], rtol=0.4)
    assert own.power[-4:].mean() < 0.5 * other.power[-4:].mean()
    np.testing.assert_array_equal(restyled(plain, own, other, rng, share=0.0), plain)


@pytest.mark.parametrize("run", [RUN, replace(RUN, self_training=1.0)], ids=["style", "teacher"])
def test_adapting_never_sees_a_label_of_the_target(domains, network, tmp_path, run):
    target = domains["target"]
    nonsense = DomainSet(
        target.pictures, target.parts, np.full_like(target.gaze, np.nan), target.rig_R_camera, target.person
    )
    kept = [
        adapt(tmp_path / name, run, network, domains["source"], unlabelled, domains["source"])
        for name, unlabelled in (("true", target), ("nonsense", nonsense))
    ]
    for ours, theirs in zip(kept[0].parameters(), kept[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(("pictures", "matters"), [(LEAST_PICTURES - 1, False), (LEAST_PICTURES, True)])
def test_a_style_is_read_from_many_pictures_or_not_at_all(domains, network, tmp_path, pictures, matters):
    target = domains["target"]
    numbers = np.arange(pictures) % len(target)

    def adapted(name: str, light: float) -> torch.Tensor:
        few = DomainSet(
            (light * target.pictures[numbers]).astype(np.uint8),
            *(getattr(target, field)[numbers] for field in ("parts", "gaze", "rig_R_camera", "person")),
        )
        made = adapt(tmp_path / name, RUN, network, domains["source"], few, domains["source"])
        return torch.cat([parameter.flatten() for parameter in made.parameters()])

    assert torch.equal(adapted("bright", 1.0), adapted("dark", 0.3)) != matters


def test_a_stopped_training_of_pairs_has_ended_where_it_ended(domains, tmp_path):
    plain, extended = domains["source"], domains["extended"]
    first = train_extended(tmp_path, RUN, plain, extended, plain)
    again = train_extended(tmp_path, RUN, plain, extended, plain)
    np.testing.assert_array_equal(directions(first, plain.pictures), directions(again, plain.pictures))


def test_the_figures_are_shares_of_the_gap(domains, network, monkeypatch):
    errors = {"source": 9.0, "oracle": 3.0, "extended": 6.0, "adapted": 5.0}
    monkeypatch.setattr("gaze_vlm_ros.training.eyes.adaptation.study.error_deg", lambda name, looks: errors[name])
    found = figures({name: name for name in errors}, domains["target"])
    assert found["gap_closed_by_extension"] == pytest.approx(0.5)
    assert found["gap_closed"] == pytest.approx(2.0 / 3.0)
    assert found["gap_left_closed_by_adapting"] == pytest.approx(1.0 / 3.0)


def test_the_error_is_the_angle(domains, network):
    looks = domains["source"]
    said = directions(network, looks.pictures)
    exact = DomainSet(looks.pictures, looks.parts, said, looks.rig_R_camera, looks.person)
    assert error_deg(network, exact) == pytest.approx(0.0, abs=1e-3)
    opposite = DomainSet(looks.pictures, looks.parts, -said, looks.rig_R_camera, looks.person)
    assert error_deg(network, opposite) == pytest.approx(180.0, abs=0.1)


def test_networks_come_back_from_their_files_and_are_missed_by_name(network, tmp_path):
    save_networks({"source": network}, {"seed": 0}, tmp_path)
    again = load_networks(tmp_path)["source"]
    shown = pixels(np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE), dtype=np.uint8))
    with torch.inference_mode():
        torch.testing.assert_close(again(shown), network(shown), atol=2e-3, rtol=0.0)
    (tmp_path / "source.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(AdaptationError, match=r"training\.eyes\.adaptation --ship"):
        load_networks(tmp_path)


def test_real_pictures_are_adapted_to_without_masks_or_labels(tmp_path):
    rng = np.random.default_rng(0)
    frames = [tuple(rng.integers(0, 255, (2, 48, SIDE + 32), dtype=np.uint8)) for _ in range(3)]
    found = adapt_to_real(tmp_path, RUN, 1, frames, workers=1)
    assert found.before.shape == found.after.shape == (3,)
    assert np.isfinite(found.after).all() and not np.array_equal(found.before, found.after)


def test_the_order_of_yaw_is_rising_and_falling_alike():
    true = np.array([0.3, 0.2, 0.1, 0.0])
    assert same_order(2.0 * true - 1.0, true)
    assert not same_order(-true, true)
    assert not same_order(np.array([0.3, 0.1, 0.2, 0.0]), true)
