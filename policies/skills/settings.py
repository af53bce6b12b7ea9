"""SkillSettings: rates, ages and distances of help by a trained policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from gaze_vlm_ros.policies.courtesy import CourtesySettings
from gaze_vlm_ros.policies.memory import MemorySettings


@dataclass(frozen=True)
class SkillSettings:
    """``eye_hz``: steps of the skill. ``changes`` choices within ``changes_s`` contradict one another. ``eye_off_m``:
    how far the eye may be from where the skill expects it. Ages, speeds and ``home_after_s`` as in ``AssistSettings``.
    """

    memory: MemorySettings = field(default_factory=lambda: MemorySettings(max_age_s=20.0))
    courtesy: CourtesySettings = field(default_factory=CourtesySettings)
    eye_hz: float = 15.0
    speed: float = 0.9
    changes: int = 4
    changes_s: float = 3.0
    eye_off_m: float = 0.05
    eye_max_age_s: float = 0.3
    joints_max_age_s: float = 0.2
    home_after_s: float = 2.0
