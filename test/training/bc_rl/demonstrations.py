"""A few short demonstrations, played once per test run."""

from functools import cache

from gaze_vlm_ros.policies.foveated import FoveatedConfig
from gaze_vlm_ros.training.demonstrations.play import Player, PlayOptions
from gaze_vlm_ros.training.demonstrations.schema import Demonstration
from gaze_vlm_ros.training.eye_gym.footage import Footage

TINY = FoveatedConfig(dim=32, heads=2, hand_width=32, hand_blocks=1, eye_blocks=1)


@cache
def demonstration(task: str = "PressButton", seed: int = 0, panorama_every: int = 8) -> Demonstration:
    player = Player(task, PlayOptions(panorama_every=panorama_every, wander=0.0))
    played = player.play(seed)
    player.close()
    return played


@cache
def footage(panorama_every: int = 8) -> tuple[Footage, ...]:
    return tuple(Footage.of(demonstration(seed=seed, panorama_every=panorama_every), TINY) for seed in (0, 1))
