"""A phase of the eye's training: iterations, curve, evaluation, and going on after a kill."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.bc_rl.baselines_env import TokenEnv
from gaze_vlm_ros.training.bc_rl.looking import EPISODES, gym_settings, looking_scores
from gaze_vlm_ros.training.bc_rl.ppo import BcPPO
from gaze_vlm_ros.training.bc_rl.settings import EyeSettings
from gaze_vlm_ros.training.best import BestWeights
from gaze_vlm_ros.training.chart import draw_chart
from gaze_vlm_ros.training.eye_gym.footage import Footage
from gaze_vlm_ros.training.eye_gym.gym import EyeGym
from gaze_vlm_ros.training.run_state import Curve, Position, load_state, save_state, trained, weights_digest

EVALUATIONS = 12
_SAVE_EVERY_S = 30.0
_LEAST = "what is to be least"
_JUDGED_SEED = 4321


def train_eye(
    policy: FoveatedPolicy,
    training: list[Footage],
    validation: list[Footage],
    settings: EyeSettings,
    folder: Path,
    about: dict | None = None,
    make: type[BcPPO] = BcPPO,
    accelerator: Accelerator | None = None,
) -> dict[str, float]:
    """Trains ``policy``'s eye, and with imitation its hand, and returns validation scores and ``elapsed_s``.

    Reinforcement does not only go up: the weights of the best of EVALUATIONS are those that stay. The scores are of
    other episodes than those by which the best were chosen.

    A run that was killed and is called again with the same arguments goes on where ``folder`` says and ends in the
    same weights: iteration k draws from the seed and k alone. Of several processes (``accelerator``) the first one
    writes. Raises RunError where ``folder`` is of another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    gym = EyeGym(training, settings.environments, policy.config, gym_settings(settings))
    ppo = make(TokenEnv(gym, policy, settings.reward), policy, settings, accelerator)
    writes = accelerator is None or accelerator.is_main_process
    told = {**asdict(settings), **(about or {}), "begins_from": weights_digest(policy)}
    signature = json.dumps(told, sort_keys=True, default=str)
    state = folder / "state.safetensors"
    position = load_state(state, policy, ppo.policy.optimizer, signature)
    _restore_counts(ppo, position)
    if not position.step:
        policy.eye.forget_values()
    curve = Curve(folder / "curve.csv", position.step)
    best = BestWeights(folder, policy, _LEAST, position.step > 0) if writes else None
    board = _board(folder) if writes else None
    began, before, saved = time.monotonic(), position.elapsed_s, time.monotonic()
    elapsed_s = before
    with Progress() as bar:
        line = bar.add_task(folder.name, total=settings.iterations, completed=position.step)
        while ppo.iteration < settings.iterations:
            row = {"step": float(ppo.iteration + 1), **ppo.iterate()}
            every = max(1, settings.iterations // EVALUATIONS)
            if best and (ppo.iteration % every == 0 or ppo.iteration == settings.iterations):
                scores = looking_scores(policy, validation, settings)
                row |= {f"validation_{name}": value for name, value in scores.items()}
                best.offer({_LEAST: scores.get("path_cm", -scores["reward"])})
            row["elapsed_s"] = elapsed_s = before + time.monotonic() - began
            curve.add(row)
            for name, value in row.items() if board else ():
                board.add_scalar(name, value, ppo.iteration)
            bar.update(line, completed=ppo.iteration, description=f"{folder.name} reward {row['reward']:.3f}")
            due = time.monotonic() - saved > _SAVE_EVERY_S or ppo.iteration == settings.iterations
            if writes and due:
                curve.save()
                counts = json.dumps(_counts(ppo))
                position = Position(ppo.iteration, row["elapsed_s"], signature, counts)
                save_state(state, policy, ppo.policy.optimizer, position)
                saved = time.monotonic()
    if writes:
        best.restore()
        draw_chart(curve, folder / "curve.png")
    if accelerator:
        for _, parameter in trained(policy):
            broadcast(parameter.data)
    return looking_scores(policy, validation, settings, 2 * EPISODES, _JUDGED_SEED) | {"elapsed_s": elapsed_s}


def _counts(ppo: BcPPO) -> list[float]:
    """How often each group of parameters has been changed, which the two groups need not share."""
    groups = ppo.policy.optimizer.param_groups
    state = ppo.policy.optimizer.state
    return [float(state[group["params"][0]]["step"]) if group["params"][0] in state else 0.0 for group in groups]


def _restore_counts(ppo: BcPPO, position: Position) -> None:
    ppo.iteration = position.step
    if not position.step:
        return
    optimizer = ppo.policy.optimizer
    for group, count in zip(optimizer.param_groups, json.loads(position.data), strict=True):
        for parameter in group["params"]:
            if parameter in optimizer.state:
                optimizer.state[parameter]["step"] = torch.tensor(count)


def _board(folder: Path):
    """TensorBoard's writer where it is installed (the extra ``tensorboard``), else None."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "board"))
