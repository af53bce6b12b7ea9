"""Skills: trained policies that help, by name or folder, and when they may move."""

from gaze_vlm_ros.policies.skills.assist import SkillAssist
from gaze_vlm_ros.policies.skills.load import load_skill, skill_names
from gaze_vlm_ros.policies.skills.refused import RefusedSkill
from gaze_vlm_ros.policies.skills.settings import SkillSettings
from gaze_vlm_ros.policies.skills.skill import Look, Skill, SkillError

__all__ = ["Look", "RefusedSkill", "Skill", "SkillAssist", "SkillError", "SkillSettings", "load_skill", "skill_names"]
