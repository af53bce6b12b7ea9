"""One process of test_eye_processes: trains a tiny eye, and writes down what it has learnt."""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from demonstrations import TINY
from safetensors.torch import save_file

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.training.bc_rl.eye_training import train_eye
from gaze_vlm_ros.training.bc_rl.settings import EyeSettings
from gaze_vlm_ros.training.demonstrations.schema import Demonstration
from gaze_vlm_ros.training.eye_gym.footage import Footage


def main(stored: str, out: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    policy, accelerator = FoveatedPolicy(TINY), Accelerator(cpu=True)
    shown = [Footage.of(Demonstration.load(Path(stored)), TINY)]
    settings = EyeSettings.bc_rl(environments=2, minibatches=2, episode_steps=12, pause_steps=4, epochs=1, steps=48)
    rank = accelerator.process_index
    train_eye(policy, shown, shown, settings, Path(out) / f"run-{rank}", accelerator=accelerator)
    save_file(policy.state_dict(), Path(out) / f"weights-{rank}.safetensors")
    torch.distributed.destroy_process_group()


main(*sys.argv[1:])
