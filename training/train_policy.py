"""Trains the foveated policy in five stages: python -m gaze_vlm_ros.training.train_policy --out runs/policy.

1. the hand's motion, by imitation from joints and places alone;
2. the hand's sight, from looks into the demonstrations' panoramas;
3. the eye by reinforcement: visual search in stills (EyeRobot's active visual pretraining);
4. following: the same where demonstrations play, too, a second ahead of what the expert works at;
5. BC-RL: the eye is rewarded where the hand predicts the demonstration, and the hand learns from what the eye sees.

A stage that was killed goes on where it was; a finished one is not repeated.
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.training.bc_rl.eye_training import train_eye
from gaze_vlm_ros.training.bc_rl.hand_motion import MOTION_LOOP, train_motion
from gaze_vlm_ros.training.bc_rl.hand_sight import SIGHT_LOOP, train_sight
from gaze_vlm_ros.training.bc_rl.policy_card import write_card
from gaze_vlm_ros.training.bc_rl.settings import AsReleased, EyeSettings
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.demonstrations.bring import BRING
from gaze_vlm_ros.training.demonstrations.motion_set import demonstration_paths, demonstrations_digest, load_motions
from gaze_vlm_ros.training.demonstrations.sight_set import load_sights
from gaze_vlm_ros.training.eye_gym.footage import load_footage
from gaze_vlm_ros.training.provenance import Stage, save_stages

MINUTES = "how long that stage lasts; 0 for none (default %(default)s)"
STEPS = "of that phase of the eye, all environments of a process together; 0 for none (default %(default)s)"
_PATIENCE = timedelta(hours=12)
"""How long processes wait for the one that trains the hand."""


@dataclass(frozen=True)
class PolicyTraining:
    """Where things are and how long the stages last: ``motion_minutes`` and ``sight_minutes`` by ``clock``, the eye's
    phases in steps of all environments together; ``sight_rate`` is the sight's highest learning rate. ``stills`` are
    scenes for sight and search alone. ``start`` is a policy of which that is kept whose stages last 0 minutes or
    steps."""

    states: tuple[Path, ...]
    demos: tuple[Path, ...]
    out: Path
    stills: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = tuple(EXPERTS)
    motion_minutes: float = 8.0
    sight_minutes: float = 25.0
    sight_rate: float = SIGHT_LOOP.learning_rate
    search_steps: int = 150_000
    follow_steps: int = 150_000
    bc_rl_steps: int = 150_000
    seed: int = 0
    clock: str = "wall"
    start: Path | None = None
    as_released: AsReleased = AsReleased()


def train_policy(plan: PolicyTraining) -> FoveatedPolicy:
    """Runs what is left of the stages; ``plan.out / "policy"`` gets the policy, its provenance and its card.

    Raises GazeVlmError where a hand that is not to be trained has no ``start`` to come from.
    """
    if not (plan.start or (plan.motion_minutes and plan.sight_minutes)):
        raise GazeVlmError("--motion-minutes 0 and --sight-minutes 0 keep what --start has: name that policy's folder")
    accelerator = _processes()
    torch.manual_seed(plan.seed)
    config = FoveatedConfig(name=_name(plan.tasks), helps_by=BRING if BRING in plan.tasks else "HandOver")
    policy = FoveatedPolicy(config)
    if plan.start:
        policy.load_state_dict(FoveatedPolicy.load(plan.start).state_dict())
    with accelerator.main_process_first() if accelerator else nullcontext():
        stages = [_motion(policy, plan)] if plan.motion_minutes else []
        stages += [_sight(policy, plan)] if plan.sight_minutes else []
    stages += _eye(policy, plan, accelerator)
    if accelerator and not accelerator.is_main_process:
        return policy
    folder = plan.out / "policy"
    policy.eval().save(folder)
    save_stages(folder, stages)
    write_card(folder, policy, stages, plan.start)
    say(f"policy: {folder}")
    return policy


def _name(tasks: tuple[str, ...]) -> str:
    shipped = {tuple(EXPERTS): "five-tasks", (BRING,): "bring"}
    return shipped.get(tasks, "-".join(tasks))


def _processes() -> Accelerator | None:
    """torchrun's processes, of which all train the eye, None for a single one. The hand's stages, which need less, are
    done by the first of them while the others wait."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return Accelerator(cpu=True, kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)])


def _motion(policy: FoveatedPolicy, plan: PolicyTraining) -> Stage:
    paths = _recorded(plan, plan.states)
    sets = [load_motions(paths[split], policy.config) for split in paths]
    loop = replace(MOTION_LOOP, minutes=plan.motion_minutes, seed=plan.seed, clock=plan.clock)
    position = train_motion(policy, *sets, loop, plan.out / "motion", keeps_scales=plan.start is not None)
    return Stage("hand motion", position.step, position.elapsed_s, plan.seed, sets[0].digest, len(paths["train"]))


def _sight(policy: FoveatedPolicy, plan: PolicyTraining) -> Stage:
    paths = _recorded(plan, (*plan.demos, *plan.stills))
    looks = [load_sights(paths[split], plan.out / "looks", split, plan.seed) for split in paths]
    changes = {"minutes": plan.sight_minutes, "learning_rate": plan.sight_rate}
    loop = replace(SIGHT_LOOP, **changes, seed=plan.seed, clock=plan.clock)
    digest = demonstrations_digest(paths["train"])
    position = train_sight(policy, *looks, loop, plan.out / "sight", about={"data": digest})
    return Stage("hand sight", position.step, position.elapsed_s, plan.seed, digest, len(paths["train"]))


def _eye(policy: FoveatedPolicy, plan: PolicyTraining, accelerator: Accelerator | None) -> list[Stage]:
    phases = {
        "visual search": (
            EyeSettings.search(steps=plan.search_steps, seed=plan.seed, as_released=plan.as_released),
            (*plan.demos, *plan.stills),
        ),
        "following": (
            EyeSettings.follow(steps=plan.follow_steps, seed=plan.seed, as_released=plan.as_released),
            (*plan.demos, *plan.stills),
        ),
        "bc-rl": (
            EyeSettings.bc_rl(steps=plan.bc_rl_steps, seed=plan.seed, as_released=plan.as_released),
            plan.demos,
        ),
    }
    stages = []
    for name, (settings, folders) in phases.items():
        if not settings.steps:
            continue
        paths = _recorded(plan, folders)
        if settings.reward == "follow":
            # Where nothing but demonstrations plays, the eye forgets how to search.
            paths = {split: _evenly(plan, split) for split in paths}
        footage = [load_footage(paths[split], policy.config) for split in paths]
        digest = demonstrations_digest(paths["train"])
        folder = plan.out / name.replace(" ", "_").replace("-", "_")
        scores = train_eye(policy, *footage, settings, folder, {"data": digest}, accelerator=accelerator)
        took_s, count = scores.pop("elapsed_s"), len(paths["train"])
        stages.append(Stage(name, settings.iterations, took_s, plan.seed, digest, count, scores, asdict(settings)))
    return stages


def _recorded(plan: PolicyTraining, folders: tuple[Path, ...]) -> dict[str, list[Path]]:
    """The demonstrations of each split, from all ``folders``."""
    return {
        split: [path for folder in folders for path in demonstration_paths(folder, split, plan.tasks)]
        for split in ("train", "validation")
    }


def _evenly(plan: PolicyTraining, split: str) -> list[Path]:
    """All demonstrations with panoramas, and no more stills than these."""
    played, still = (
        [path for folder in folders for path in demonstration_paths(folder, split, plan.tasks)]
        for folders in (plan.demos, plan.stills)
    )
    return played + still[:: max(1, -(-len(still) // len(played)))]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="\n".join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    default = PolicyTraining((Path("data/states"),), (Path("data/demos"),), Path("runs/policy"))
    folders = {
        "--states": ("+", default.states, "demonstrations without panoramas (default data/states)"),
        "--demos": ("+", default.demos, "demonstrations with panoramas (default data/demos)"),
        "--stills": ("*", default.stills, "recorded with --still (default none)"),
    }
    for name, (count, folder, said) in folders.items():
        parser.add_argument(name, type=Path, nargs=count, default=folder, metavar="FOLDER", help=said)
    parser.add_argument("--out", type=Path, default=default.out, help="folder of the run (default %(default)s)")
    parser.add_argument(
        "--task", default="all",
        help=f"some of {', '.join(EXPERTS)} and {BRING}, with commas between (default %(default)s: without {BRING})",
    )  # fmt: skip
    for stage in ("motion", "sight"):
        parser.add_argument(
            f"--{stage}-minutes", type=float, default=getattr(default, f"{stage}_minutes"), help=MINUTES
        )
    parser.add_argument(
        "--sight-rate", type=float, default=default.sight_rate,
        help="highest learning rate of the sight; a fifth of it for one that has learnt (default %(default)s)",
    )  # fmt: skip
    for phase in ("search", "follow", "bc-rl"):
        steps = getattr(default, f"{phase.replace('-', '_')}_steps")
        parser.add_argument(f"--{phase}-steps", type=int, default=steps, help=STEPS)
    parser.add_argument(
        "--start",
        type=Path,
        help="folder of a policy to begin from; what a stage of 0 would train stays as it is there (default none)",
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="(default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default %(default)s)")
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default=default.clock, help="of the minutes (default %(default)s)"
    )
    for name in asdict(default.as_released):
        parser.add_argument(f"--as-released-{name.replace('_', '-')}", dest=name, action="store_true")
    options = parser.parse_args(arguments)
    tasks = tuple(EXPERTS) if options.task == "all" else tuple(options.task.split(","))
    if unknown := sorted(set(tasks) - {*EXPERTS, BRING}):
        parser.error(f"no task {', '.join(unknown)}; there are {', '.join((*EXPERTS, BRING))}")
    released = AsReleased(**{name: getattr(options, name) for name in asdict(default.as_released)})
    plan = PolicyTraining(
        tuple(options.states), tuple(options.demos), options.out, tuple(options.stills), tasks, options.motion_minutes,
        options.sight_minutes, options.sight_rate, options.search_steps, options.follow_steps, options.bc_rl_steps,
        options.seed, options.clock, options.start, released,
    )  # fmt: skip
    return run_command(lambda: train_policy(plan), options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
