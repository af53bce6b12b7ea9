import numpy as np
import pytest
import torch

from gaze_vlm_ros.policies.foveated import FoveatedConfig, PolicyError, TargetToken, embed_text, instruction
from gaze_vlm_ros.policies.foveated.ensemble import Ensemble
from gaze_vlm_ros.policies.foveated.eye import EYE_ACTIONS
from gaze_vlm_ros.policies.foveated.geometry import from_frame, gaze_frame, hand_numbers, to_frame, upright
from gaze_vlm_ros.policies.foveated.kinematics import TorchKinematics
from gaze_vlm_ros.policies.foveated.place_memory import PlaceMemory
from gaze_vlm_ros.policies.foveated.sight import Votes, seen_points
from gaze_vlm_ros.policies.foveated.tokens import (
    CENTRE,
    CROPS_PX,
    FOCAL_PX,
    TOKENIZERS,
    VIRTUAL_PX,
    nested_positions,
)
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD, position_ids, pyramid
from gaze_vlm_ros.sim.robot_eye.eye import rotation
from gaze_vlm_ros.sim.tasks.bench import EYE_M
from gaze_vlm_ros.sim.tasks.terms import TASK_NAMES


class TestKinematics:
    def test_many_postures_as_one_by_one(self, any_arm):
        robot = any_arm.robot
        rng = np.random.default_rng(0)
        low, high = np.maximum(robot.limits.lower_rad, -3), np.minimum(robot.limits.upper_rad, 3)
        postures = rng.uniform(low, high, (20, len(low)))
        position, rotation = TorchKinematics(robot).double()(torch.tensor(postures))
        single = ArmKinematics(robot)
        for number, posture in enumerate(postures):
            pose = single.base_T_tool(posture)
            np.testing.assert_allclose(position[number], pose[:3, 3], atol=1e-6)
            np.testing.assert_allclose(rotation[number], pose[:3, :3], atol=1e-6)

    def test_gradient_is_the_jacobian(self, any_arm):
        robot = any_arm.robot
        kinematics = TorchKinematics(robot).double()
        home = torch.tensor(robot.home_rad)
        ours = torch.autograd.functional.jacobian(lambda q: kinematics(q)[0], home)
        np.testing.assert_allclose(ours, ArmKinematics(robot).tool_jacobian(robot.home_rad), atol=1e-6)


class TestPyramid:
    def test_positions_are_the_simulator_eyes(self):
        assert (VIRTUAL_PX, FOCAL_PX, CROPS_PX) == (pyramid.VIRTUAL_PX, pyramid.FOCAL_PX, pyramid.CROPS_PX)
        np.testing.assert_allclose(nested_positions(64, 16), position_ids(16).reshape(-1, 2), rtol=1e-6)

    def test_the_eye_and_its_place_are_the_simulators(self):
        assert len(EYE_ACTIONS_RAD) == EYE_ACTIONS
        np.testing.assert_allclose(FoveatedConfig().eye_m, EYE_M)

    def test_one_token_per_patch_of_each_view(self, policy):
        views = torch.zeros(2, 5, 3, 64, 64, 3, dtype=torch.uint8)
        assert policy.tokens(views).shape == (2, 5, 48, 32)

    def test_only_the_patches_of_a_view_depend_on_it(self, policy):
        views = torch.zeros(1, 3, 64, 64, 3, dtype=torch.uint8)
        changed = views.clone()
        changed[:, 1] = 200
        differs = (policy.tokens(views) != policy.tokens(changed)).any(-1)[0]
        assert differs[16:32].all() and not differs[:16].any() and not differs[32:].any()


class TestGeometry:
    def test_a_turn_about_the_base_changes_nothing(self):
        rng = torch.Generator().manual_seed(0)
        tool, places = torch.rand(4, 3, generator=rng) + 0.2, torch.rand(4, 2, 7, generator=rng)
        frame = torch.linalg.qr(torch.randn(4, 3, 3, generator=rng))[0]
        yaw = torch.full((4,), 0.7)
        origin = torch.zeros(4, 3)
        turned = from_frame(places, origin, upright(yaw))
        around = upright(yaw)
        before = hand_numbers(tool, frame, places)
        after = hand_numbers((around @ tool[..., None])[..., 0], around @ frame, turned)
        torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-4)

    def test_into_a_frame_and_back(self):
        places, origin = torch.randn(3, 2, 7), torch.randn(3, 3)
        turned = upright(torch.tensor([0.3, -2.0, 3.0]))
        back = from_frame(to_frame(places, origin, turned), origin, turned)
        torch.testing.assert_close(back, places, atol=1e-5, rtol=1e-5)

    def test_a_gaze_meets_the_height_of_things(self):
        eye = torch.tensor([-0.1, 0.24, 0.46])
        thing = torch.tensor([0.4, -0.2, 0.05])
        direction = (thing - eye) / (thing - eye).norm()
        point, turned = gaze_frame(direction[None], eye)
        torch.testing.assert_close(point[0], thing, atol=1e-5, rtol=1e-5)
        assert torch.isfinite(gaze_frame(torch.tensor([[1.0, 0.0, 0.3]]), eye)[0]).all(), "also above the horizon"
        assert turned[0, :, 2].tolist() == [0, 0, 1]


class TestTarget:
    def test_words_are_the_same_vector_everywhere(self):
        assert np.array_equal(embed_text("Press the stop button"), embed_text("press stop button"))
        np.testing.assert_allclose(embed_text("apple")[:3], embed_text("apple")[:3])
        assert np.linalg.norm(embed_text("apple")) == pytest.approx(1.0, abs=1e-6)
        likeness = embed_text("hand over the apple") @ embed_text("hand over the can")
        assert 0.3 < likeness < 0.95, "shares words, and is not the same"

    def test_every_task_has_an_instruction(self):
        assert len({instruction(task, "apple") for task in TASK_NAMES}) == len(TASK_NAMES)
        with pytest.raises(PolicyError, match="no instruction for task 'Dance'; there are PressButton"):
            instruction("Dance")

    @pytest.mark.parametrize("wrong", [np.zeros(2), np.array([0.0, np.nan, 0.0])])
    def test_a_wrong_position_is_refused(self, wrong):
        with pytest.raises(PolicyError, match="position_m of a target must be 3 finite numbers"):
            TargetToken(None, wrong)


class TestEnsemble:
    def test_rows_are_due_one_after_the_other(self):
        ensemble = Ensemble(0.01, 30.0)
        ensemble.add(2.0, np.column_stack([np.arange(1.0, 31.0), np.ones(30)]))
        assert ensemble.at(2.0 + 1 / 30)[0] == pytest.approx(1.0)
        assert ensemble.at(2.0 + 4.5 / 30)[0] == pytest.approx(4.5)
        assert ensemble.at(9.0)[0] == pytest.approx(30.0), "the end is held"

    def test_weights_fall_exponentially_with_age(self):
        ensemble = Ensemble(0.5, 10.0)
        for begun, value in ((0.0, 1.0), (0.1, 5.0), (0.2, 9.0)):
            ensemble.add(begun, np.column_stack([np.full(10, value), np.ones(10)]))
        weights = np.exp(-0.5 * np.array([2, 1, 0]))
        assert ensemble.at(0.4)[0] == pytest.approx(weights @ [1.0, 5.0, 9.0] / weights.sum())

    def test_most_chunks_open_the_hand(self):
        ensemble = Ensemble(0.0, 10.0)
        for begun, opening in ((0.0, 0.9), (0.1, 0.9), (0.2, 0.1)):
            ensemble.add(begun, np.column_stack([np.zeros(10), np.full(10, opening)]))
        assert ensemble.at(0.3)[1] == 1.0
        ensemble.add(0.3, np.column_stack([np.zeros(10), np.full(10, 0.0)]))
        assert ensemble.at(0.4)[1] == 0.0

    def test_chunks_that_do_not_reach_do_not_count(self):
        ensemble = Ensemble(0.0, 10.0)
        ensemble.add(0.0, np.column_stack([np.zeros(3), np.ones(3)]))
        ensemble.add(0.3, np.column_stack([np.full(3, 7.0), np.ones(3)]))
        assert ensemble.at(0.5)[0] == pytest.approx(7.0)


class TestPlaceMemory:
    @staticmethod
    def at(x: float) -> np.ndarray:
        return np.array([[x, 0.0, 0.1, 1.0, 0.0, 1.0, 0.0]])

    def test_a_vague_glance_moves_little(self):
        memory = PlaceMemory()
        memory.update(self.at(0.5), np.array([0.005]), 0.0)
        places, spread = memory.update(self.at(0.8), np.array([0.3]), 1 / 15)
        assert places[0, 0] == pytest.approx(0.5, abs=0.001) and spread[0] < 0.006

    def test_a_thing_that_moved_is_believed_the_second_time(self):
        memory = PlaceMemory()
        for _ in range(5):
            memory.update(self.at(0.5), np.array([0.005]), 1 / 15)
        once, _ = memory.update(self.at(0.6), np.array([0.005]), 1 / 15)
        assert once[0, 0] == pytest.approx(0.5, abs=0.001)
        twice, _ = memory.update(self.at(0.6), np.array([0.005]), 1 / 15)
        assert twice[0, 0] == pytest.approx(0.6, abs=1e-6)

    def test_one_sure_mistake_does_not_outweigh_what_was_seen_often(self):
        memory = PlaceMemory()
        for _ in range(20):
            memory.update(self.at(0.5), np.array([0.03]), 1 / 15)
        memory.update(self.at(1.2), np.array([0.008]), 1 / 15)
        places, _ = memory.update(self.at(0.5), np.array([0.03]), 1 / 15)
        assert places[0, 0] == pytest.approx(0.5, abs=1e-6)

    def test_two_vague_guesses_do_not_become_one_between_them(self):
        memory = PlaceMemory()
        for number in range(20):
            places, _ = memory.update(self.at(0.5 + 0.5 * (number % 2)), np.array([0.05]), 1 / 15)
            assert places[0, 0] in (0.5, 1.0)

    def test_what_the_gripper_holds_goes_with_it(self):
        memory = PlaceMemory()
        held, elsewhere = self.at(0.5)[0], self.at(0.9)[0]
        memory.carry(np.array([0.5, 0.01, 0.1]), 0.0, 0.4)
        memory.update(np.stack([held, elsewhere]), np.array([0.005, 0.005]), 0.0)
        memory.carry(np.array([0.6, 0.01, 0.3]), np.pi / 2, 0.4)
        places, _ = memory.update(np.stack([held, elsewhere]), np.array([0.3, 0.3]), 1 / 15)
        np.testing.assert_allclose(places[0, :3], [0.61, 0.01, 0.3], atol=2e-3)
        np.testing.assert_allclose(places[0, 3:], [-1.0, 0.0, 1.0, 0.0], atol=2e-3)
        np.testing.assert_allclose(places[1], elsewhere, atol=1e-6)
        memory.carry(np.array([0.6, 0.01, 0.5]), np.pi / 2, 1.0)
        let_go, _ = memory.update(np.stack([held, elsewhere]), np.array([0.3, 0.3]), 1 / 15)
        assert let_go[0, 2] == pytest.approx(0.3, abs=5e-3)

    def test_what_was_seen_long_ago_gives_way(self):
        memory = PlaceMemory()
        memory.update(self.at(0.5), np.array([0.02]), 0.0)
        places, _ = memory.update(self.at(0.56), np.array([0.02]), 20.0)
        assert places[0, 0] > 0.555


class TestTokenizers:
    @pytest.mark.parametrize(("name", "count"), [("foveated", 20), ("uniform", 324), ("pyramid", 48)])
    def test_counts(self, name, count):
        config = FoveatedConfig(dim=32, heads=2, tokenizer=name)
        tokens = TOKENIZERS[name](config)
        assert tokens(torch.zeros(2, *config.views_shape, dtype=torch.uint8)).shape == (2, count, 32)
        assert tokens.positions.shape == (count, 2)
        np.testing.assert_allclose(tokens.positions.mean(0), CENTRE, rtol=1e-5)

    @pytest.mark.parametrize("name", ["foveated", "uniform", "pyramid"])
    def test_encoder_blocks_let_every_token_see_every_other(self, name):
        torch.manual_seed(0)
        config = FoveatedConfig(dim=32, heads=2, tokenizer=name, encoder_blocks=1)
        tokens = TOKENIZERS[name](config)
        views = torch.zeros(1, *config.views_shape, dtype=torch.uint8)
        there = views.clone()
        there[:, 0, 30:34, 30:34] = 255
        assert (tokens(views) != tokens(there)).any(-1).all()

    def test_rings_lie_around_one_another(self):
        away = (TOKENIZERS["foveated"](FoveatedConfig()).positions - CENTRE).abs().amax(-1)
        unit = 16 * VIRTUAL_PX / 288 / 16
        np.testing.assert_allclose(away, np.repeat([0.5, 2.0, 6.0], [4, 8, 8]) * unit, rtol=1e-5)

    def test_a_thing_in_the_middle_is_seen_by_the_middle_alone(self):
        torch.manual_seed(0)
        tokens = TOKENIZERS["foveated"](FoveatedConfig(dim=32, heads=2))
        views = torch.zeros(1, 3, 64, 64, 3, dtype=torch.uint8)
        there = views.clone()
        there[:, 0] = 255
        differs = (tokens(views) != tokens(there)).any(-1)[0]
        assert differs[:4].all() and not differs[4:].any()


class TestVotes:
    def test_a_patch_points_where_the_eye_sees_its_middle(self):
        tokens, eye = TOKENIZERS["pyramid"](FoveatedConfig()), torch.tensor(EYE_M, dtype=torch.float32)
        turned = rotation(0.7, -0.6)
        direction = torch.tensor(turned[:, 2], dtype=torch.float32)[None]
        point, frame = gaze_frame(direction, eye)
        local_eye = ((eye - point)[:, None] @ frame)[:, 0]
        height = float(eye[2]) - 0.05
        raw = torch.zeros(1, 1, 48, 3)
        found = seen_points(raw, tokens.positions, tokens.pitch, local_eye, direction[:, 2], height)[0, 0]
        base = found @ frame[0].T + point
        rays = (base - eye).double().numpy() @ turned
        for level in range(3):
            part = slice(16 * level, 16 * level + 16)
            middles = pyramid.pixels_of(rays[part], level).reshape(4, 4, 2)
            np.testing.assert_allclose(middles[1, 2], [39.5, 23.5], atol=0.05)
        on_table = base[(base[:, 2] - 0.05).abs() < 1e-4]
        assert len(on_table) > 24, "most patches see the height of things"

    def test_shifts_are_in_widths_of_the_patch_and_depth_along_its_ray(self):
        tokens = TOKENIZERS["pyramid"](FoveatedConfig())
        eye, sine = torch.tensor([[-0.5, 0.0, 0.4]]), torch.tensor([-0.6])
        raw = torch.zeros(1, 1, 48, 3)
        still = seen_points(raw, tokens.positions, tokens.pitch, eye, sine, 0.4)[0, 0]
        raw[..., 0] = 1.0
        shifted = seen_points(raw, tokens.positions, tokens.pitch, eye, sine, 0.4)[0, 0]
        torch.testing.assert_close(shifted[5], still[6], msg="one width to the right is the next patch")
        raw[..., :2], raw[..., 2] = 0.0, 0.5
        further = seen_points(raw, tokens.positions, tokens.pitch, eye, sine, 0.4)[0, 0]
        torch.testing.assert_close(further - eye, (still - eye) * float(np.exp(0.2)), rtol=1e-4, atol=1e-5)

    def test_the_strongest_votes_neighbours_decide_and_the_rest_is_doubt(self):
        points, yaw = torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 4)
        points[0, :, 1, 0], points[0, :, 2, 0] = 0.002, 0.3
        weight = torch.tensor([0.5, 0.4, 0.1]).log().expand(1, 2, 3)
        spread = torch.full((1, 2, 3), float(np.log(0.003)))
        place, doubt = Votes(weight, points, spread, yaw).joined()
        assert 0 < place[0, 0, 0] < 0.002 and (place[..., 3:] == 1).all()
        assert 0.01 < doubt[0, 0].exp() < 0.02
        place, doubt = Votes(torch.tensor([0.5, 0.5, 1e-9]).log().expand(1, 2, 3), points, spread, yaw).joined()
        assert doubt[0, 0].exp() < 0.004

    def test_likelihood_is_a_density(self):
        weight = torch.tensor([0.3, 0.7]).log().expand(1, 2, 2)
        points = torch.zeros(1, 2, 2, 3)
        points[..., 1, :] = 0.1
        votes = Votes(weight, points, torch.full((1, 2, 2), float(np.log(0.05))), torch.zeros(1, 2, 4))
        side = torch.linspace(-0.6, 0.6, 61)
        grid = torch.stack(torch.meshgrid(side, side, side, indexing="ij"), dim=-1).flatten(0, 2)
        total = votes.log_likelihood(grid[:, None].expand(-1, 2, -1))[:, 0].exp().sum() * 0.02**3
        assert float(total) == pytest.approx(1.0, abs=0.05)

    def test_votes_turn_with_the_frame(self):
        votes = Votes(
            torch.zeros(1, 2, 1),
            torch.tensor([0.1, 0.0, 0.0]).expand(1, 2, 1, 3),
            torch.zeros(1, 2, 1),
            torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(1, 2, 4),
        )
        moved = votes.moved(torch.tensor([[0.5, 0.0, 0.0]]), upright(torch.tensor([np.pi / 2])))
        torch.testing.assert_close(moved.points[0, 0, 0], torch.tensor([0.5, 0.1, 0.0]), atol=1e-6, rtol=0)
        torch.testing.assert_close(moved.yaw[0, 1], torch.tensor([-1.0, 0.0, 1.0, 0.0]), atol=1e-6, rtol=0)

    def test_of_patches_alone_weights_are_shares_again(self):
        weight = torch.tensor([0.1, 0.3, 0.6]).log().expand(1, 2, 3)
        votes = Votes(weight, torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3), torch.zeros(1, 2, 4)).of_patches()
        torch.testing.assert_close(votes.weight[0, 0].exp(), torch.tensor([0.25, 0.75]))
        assert votes.points.shape == (1, 2, 2, 3) and votes.spread.shape == (1, 2, 2)
