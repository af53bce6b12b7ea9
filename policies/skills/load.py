"""Finds and opens a skill by name or folder."""

from __future__ import annotations

import json
from pathlib import Path

from gaze_vlm_ros.policies.skills.lerobot import OURS, LeRobotSkill, load_export
from gaze_vlm_ros.policies.skills.skill import Skill, SkillError
from gaze_vlm_ros.robots.description import RobotDescription

SHIPPED = Path(__file__).resolve().parents[1] / "checkpoints"
CONFIG = "config.json"


def skill_names() -> list[str]:
    """Names of the shipped skills."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def load_skill(name_or_folder: str | Path, robot: RobotDescription) -> Skill:
    """The shipped skill of that name, or the one of a folder: our own, or one that LeRobot saved.

    Raises SkillError or PolicyError that says what is missing, damaged, or for another robot or camera.
    """
    folder = SHIPPED / str(name_or_folder)
    if not (folder / CONFIG).is_file():
        folder = Path(name_or_folder)
    try:
        config = json.loads((folder / CONFIG).read_text())
    except OSError:
        names = ", ".join(skill_names()) or "none is shipped"
        raise SkillError(
            f"no skill {str(name_or_folder)!r}: name a shipped one ({names}) or a folder with {CONFIG} and "
            "model.safetensors"
        ) from None
    except ValueError as error:
        raise SkillError(f"{folder / CONFIG} cannot be read ({error}); save the policy anew") from None
    if not isinstance(config, dict):
        raise SkillError(f"{folder / CONFIG} holds no mapping; save the policy anew")
    if "type" not in config:
        from gaze_vlm_ros.policies.foveated import FoveatedPolicy  # noqa: PLC0415 - torch is slow to import
        from gaze_vlm_ros.policies.skills.bring import skill_of  # noqa: PLC0415

        return skill_of(FoveatedPolicy.load(folder), robot)
    return load_export(folder, config, robot) if config["type"] == OURS else LeRobotSkill(folder, config, robot)
