"""One step of what the wearer does: a verb with a thing and a place, and why."""

from __future__ import annotations

from dataclasses import dataclass

from gaze_vlm_ros.language import Slots

REASONS = ("plan", "slip", "interruption", "return")


@dataclass(frozen=True)
class Step:
    """``verb`` is "put", "give" or one of the uses; ``object`` is what the hand takes (for "search": looked for).

    ``place`` says where to, into what or on what. ``goal`` is the goal it serves. ``reason`` is "plan"; "slip" for the
    wrong thing; "interruption" for a step of another goal in between; "return" for putting the wrong thing back and for
    the first step after an interruption.
    """

    verb: str
    object: str
    place: str = ""
    goal: str = ""
    reason: str = "plan"

    @property
    def seen(self) -> Slots:
        """What a bystander sees of it: neither goal nor reason."""
        return Slots(self.verb, self.object, self.place)
