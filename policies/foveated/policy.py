"""FoveatedPolicy: eye and hand networks with what belongs to them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.config import FoveatedConfig, PolicyError
from gaze_vlm_ros.policies.foveated.eye import EyePolicy
from gaze_vlm_ros.policies.foveated.geometry import belief_numbers, gaze_frame, magnified
from gaze_vlm_ros.policies.foveated.hand import HandMotion, target_numbers
from gaze_vlm_ros.policies.foveated.kinematics import TorchKinematics
from gaze_vlm_ros.policies.foveated.sight import HandSight, Votes
from gaze_vlm_ros.policies.foveated.tokens import TOKENIZERS
from gaze_vlm_ros.robots.description import RobotDescription

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Told:
    """Embedded proprioception and eye direction (..., dim), the target's numbers, the tool's pose, the gaze's frame,
    and the sine (...) of the gaze's elevation."""

    proprio: Tensor
    direction: Tensor
    target: Tensor
    tool: tuple[Tensor, Tensor]
    gaze: tuple[Tensor, Tensor]
    elevation_sine: Tensor


class FoveatedPolicy(nn.Module):
    """An eye that looks where the hand needs it, and a hand that acts on what it sees (EyeRobot, arXiv 2506.10968).

    Proprioception and chunks are (J,): joint positions [rad], then the gripper's opening 0 closed .. 1 open. Targets
    are a text embedding (D,) and a position (3,) [m, base frame], NaN where they are not known.
    """

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self.config = config
        self.robot = RobotDescription.load(config.robot)
        if len(self.robot.joint_names) != config.joints:
            raise PolicyError(
                f"policy {config.name} is for {config.joints} joints, robot {config.robot} has "
                f"{len(self.robot.joint_names)}; train one for it"
            )
        dim = config.dim
        self.kinematics = TorchKinematics(self.robot)
        self.tokens = TOKENIZERS[config.tokenizer](config)
        self.proprio = nn.Sequential(nn.Linear(config.outputs + 9, dim), nn.GELU(), nn.Linear(dim, dim))
        self.direction = nn.Sequential(nn.Linear(3, dim), nn.GELU(), nn.Linear(dim, dim))
        self.sight = HandSight(config, (self.tokens.positions, self.tokens.pitch))
        self.motion = HandMotion(config)
        self.eye = EyePolicy(config)
        home = torch.tensor([*self.robot.home_rad, 0.5], dtype=torch.float32)
        self.register_buffer("posture_mean", home)
        self.register_buffer("posture_scale", torch.ones(config.outputs))
        self.register_buffer("chunk_scale", torch.ones(config.chunk_steps, config.joints))
        self.register_buffer("eye_m", torch.tensor(config.eye_m), persistent=False)

    # --- parts

    def tell(self, proprio: Tensor, direction: Tensor, text: Tensor, position_m: Tensor) -> Told:
        """What both networks are told beside the picture, from (..., J), (..., 3), (..., D) and (..., 3)."""
        tool = self.kinematics(proprio[..., :-1])
        gaze = gaze_frame(direction, self.eye_m)
        offset = ((tool[0] - gaze[0])[..., None, :] @ gaze[1])[..., 0, :]
        posture = torch.cat([self.normal_posture(proprio), magnified(offset)], dim=-1)
        target = target_numbers(text, position_m, gaze)
        return Told(self.proprio(posture), self.direction(direction), target, tool, gaze, direction[..., 2])

    def normal_posture(self, proprio: Tensor) -> Tensor:
        return (proprio - self.posture_mean) / self.posture_scale

    def votes(self, images: Tensor, told: Told) -> Votes:
        """What the patches of one frame say of both places [base frame]."""
        point, turned = told.gaze
        eye_m = ((self.eye_m - point)[..., None, :] @ turned)[..., 0, :]
        patches = self.tokens.positions, self.tokens.pitch
        sees_from = eye_m, told.elevation_sine
        cast = self.sight(images, patches, told.proprio, told.direction, told.target, sees_from)
        return cast.moved(point, turned)

    def see(self, images: Tensor, told: Told) -> tuple[Tensor, Tensor]:
        """Both places (B, 2, 7) [base frame] in one frame, and the logarithm of their spread (B, 2) [m]."""
        return self.votes(images, told).joined()

    def move(
        self, proprio: Tensor, places: Tensor, spread: Tensor, text: Tensor, tool: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """The normalised relative chunk (B, A, J); its last column is the logit of an open gripper.

        ``tool`` is the pose of ``proprio`` where it is known already.
        """
        tool = self.kinematics(proprio[..., :-1]) if tool is None else tool
        return self.motion(self.normal_posture(proprio), tool, places, spread, text)

    def absolute(self, chunk: Tensor, proprio: Tensor) -> Tensor:
        """Joint positions [rad] and opening (..., A, J) of a normalised chunk."""
        joints = proprio[..., None, :-1] + chunk[..., :-1] * self.chunk_scale
        return torch.cat([joints, torch.sigmoid(chunk[..., -1:])], dim=-1)

    def relative(self, joints: Tensor, proprio: Tensor) -> Tensor:
        """Normalised relative joints (..., A, n) of absolute ones [rad]."""
        return (joints - proprio[..., None, :-1]) / self.chunk_scale

    def believe(self, places: Tensor, spread: Tensor, direction: Tensor) -> Tensor:
        """What the eye is told of the hand's sight (..., 14), from what ``see`` gives; no gradient goes back."""
        return belief_numbers(places.detach(), spread.detach(), direction, self.eye_m)

    def eye_tokens(self, told: Told, belief: Tensor) -> Tensor:
        """(..., 6, dim): the eye's own tokens of a step."""
        return self.eye.own_tokens(told.proprio, told.direction, told.target, belief)

    # --- storage

    def save(self, folder: Path) -> None:
        """Writes ``model.safetensors`` and ``config.json``, the latter at the end."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        _write(folder / WEIGHTS, save_safetensors(weights))
        _write(folder / CONFIG, (json.dumps(self.config.to_dict(), indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> FoveatedPolicy:
        """Raises PolicyError where the folder is missing, damaged, or holds a policy of another shape."""
        folder = Path(folder)
        remedy = "train one with `python -m gaze_vlm_ros.training.train_policy`, or name another folder"
        try:
            config = FoveatedConfig.from_dict(json.loads((folder / CONFIG).read_text()))
            policy = cls(config)
            policy.load_state_dict(load_safetensors((folder / WEIGHTS).read_bytes()))
        except OSError as error:
            raise PolicyError(f"{folder} holds no policy ({error.strerror}: {error.filename}); {remedy}") from None
        except (ValueError, SafetensorError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            raise PolicyError(f"{folder} holds no policy that fits ({said}); {remedy}") from None
        return policy.eval()


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)
