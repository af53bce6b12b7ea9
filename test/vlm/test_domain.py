"""Pictures of another world are told from the trained one, and a file that cannot be trusted is named."""

import cv2
import numpy as np
import pytest
import torch
from tiny import CAMERA, frame_at, tiny_model

from gaze_vlm_ros.types import Frame
from gaze_vlm_ros.vlm.checkpoint import CheckpointError, default_checkpoint, save_checkpoint
from gaze_vlm_ros.vlm.domain import DOMAIN, Domain, load_domain, weights_digest
from gaze_vlm_ros.vlm.predictor import StreamingPredictor


def stretched(count, seed, size=8):
    """Pooled tokens (count, size) whose spread differs from direction to direction, far from the origin."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(count, size)) * np.geomspace(0.1, 10.0, size) + 5.0).float()


@pytest.fixture(scope="module")
def fitted():
    return Domain.fit(stretched(4000, 0), stretched(2000, 1), "none")


def test_new_pictures_of_the_same_kind_lie_inside_as_often_as_the_threshold_says(fitted):
    outside = fitted.distance(stretched(20_000, 2)) > fitted.threshold
    assert 0.002 < outside.float().mean() < 0.010


def test_distance_counts_in_the_spread_of_each_direction(fitted):
    along = torch.eye(8) * torch.tensor(np.geomspace(0.1, 10.0, 8)).float()
    assert fitted.distance(fitted.mean) == 0.0
    # The narrowest direction is a tenth of a percent of the whole: there the round part of the Gaussian decides.
    assert fitted.distance(fitted.mean + along)[-3:] == pytest.approx([1.0, 1.0, 1.0], rel=0.1)
    assert (fitted.distance(fitted.mean + along) <= 1.1).all()


def test_a_direction_in_which_training_never_varied_does_not_count_without_bound():
    flat = stretched(500, 0)
    flat[:, 0] = 5.0
    domain = Domain.fit(flat, flat, "none")
    assert torch.isfinite(domain.distance(flat + 1e-3)).all() and domain.distance(flat[0] + 1e-3) <= domain.threshold


def test_tokens_that_are_no_numbers_are_foreign(fitted):
    upper, lower = fitted.mean.chunk(2)
    tokens = torch.stack([upper, upper, lower, lower]).repeat(2, 1, 1)
    tokens[1, 0, 0] = float("nan")
    assert fitted.holds(tokens).tolist() == [True, False]


class TestFile:
    @pytest.fixture
    def folder(self, tmp_path):
        save_checkpoint(tmp_path, *tiny_model())
        Domain.fit(stretched(100, 0, 64), stretched(100, 1, 64), weights_digest(tmp_path)).save(tmp_path)
        return tmp_path

    def test_comes_back(self, folder):
        domain = load_domain(folder, 32)
        pictures = stretched(50, 2, 64)
        again = Domain.fit(stretched(100, 0, 64), stretched(100, 1, 64), "")
        assert torch.equal(domain.distance(pictures), again.distance(pictures))
        assert domain.threshold == pytest.approx(again.threshold)

    def test_a_checkpoint_without_one_has_no_check(self, folder):
        (folder / DOMAIN).unlink()
        assert load_domain(folder, 32) is None

    @pytest.mark.parametrize(("hidden", "told"), [(16, "does not fit"), (32, "other weights")])
    def test_one_of_another_model_is_refused(self, folder, hidden, told):
        save_checkpoint(folder, *tiny_model(seed=1))
        with pytest.raises(CheckpointError, match=f"{DOMAIN} .*{told}"):
            load_domain(folder, hidden)

    @pytest.mark.parametrize("share", [0.0, 0.5])
    def test_one_that_was_cut_off_is_named(self, folder, share):
        data = (folder / DOMAIN).read_bytes()
        (folder / DOMAIN).write_bytes(data[: int(share * len(data))])
        with pytest.raises(CheckpointError, match=f"{DOMAIN} is damaged") as caught:
            load_domain(folder, 32)
        assert "\n" not in str(caught.value)


class TestStream:
    def out_of_domain(self, monkeypatch, foreign):
        """Six frames a second apart, of which those at the seconds ``foreign`` are not of the trained kind."""
        one = StreamingPredictor(*tiny_model(), domain=Domain(torch.zeros(32), torch.zeros(32, 32), 1.0, ""))
        marks = iter([t in foreign for t in range(6)])
        monkeypatch.setattr(Domain, "holds", lambda _, tokens: torch.tensor([not next(marks) for _ in tokens]))
        for t in range(6):
            one.observe(frame_at(float(t)), [], CAMERA)
            output = one.predict()
        assert output.activity.out_of_domain == output.event.out_of_domain
        return output.event.out_of_domain

    @pytest.mark.parametrize(
        ("foreign", "expected"),
        [
            ((), False),
            ((5,), True),
            ((4,), False),
            ((3, 4), False),
            ((2, 3, 4), True),
            ((0, 1, 2), False),
        ],
    )
    def test_the_newest_frame_or_more_than_half_of_the_window_decides(self, monkeypatch, foreign, expected):
        assert self.out_of_domain(monkeypatch, foreign) is expected


@pytest.fixture(scope="module")
def shipped():
    return StreamingPredictor.from_checkpoint(default_checkpoint())


class TestShippedModel:
    def seen(self, shipped, pictures):
        """What five pictures a second apart make of the prediction."""
        shipped.reset()
        for second, picture in enumerate(pictures):
            shipped.observe(Frame(10**9 * (second + 1), picture), [], (picture.shape[1], picture.shape[0]))
        return shipped.predict().event.out_of_domain

    @pytest.mark.parametrize("shade", [0, 100, 255])
    def test_an_even_picture_is_foreign(self, shipped, shade):
        assert self.seen(shipped, [np.full((480, 640, 3), shade, np.uint8)] * 5)

    def test_noise_is_foreign(self, shipped):
        rng = np.random.default_rng(5)
        assert self.seen(shipped, [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(5)])

    def test_the_kitchen_is_not_and_upside_down_it_is(self, shipped):
        simulation = pytest.importorskip("gaze_vlm_ros.sim.simulation")
        kitchen = simulation.Simulation(simulation.SimulationConfig(seed=2_000_001, width=640, height=480))
        pictures = []
        for _ in range(5):
            kitchen.advance(1.0)
            pictures.append(kitchen.render().rgb)
        assert not self.seen(shipped, pictures)
        assert self.seen(shipped, [np.ascontiguousarray(picture[::-1, ::-1]) for picture in pictures])
        assert not self.seen(shipped, [cv2.resize(picture, (320, 240)) for picture in pictures])
