"""The arms that are compared: what each pulls the attention towards, how it pools, and what it is there for."""

from __future__ import annotations

from dataclasses import dataclass

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.arms.pooling import Pooling
from gaze_vlm_ros.training.arms.released import RELEASED_LAMBDA
from gaze_vlm_ros.training.arms.targets import Target
from gaze_vlm_ros.vlm.config import OutputMode

BASE_VARIANTS = ("no_block", "mean_pool", "lambda_0")
"""``base`` is whichever of these is best on the validation episodes."""
CORE = (*BASE_VARIANTS, "gaze", "any_object", "hand", "centre", "next_object", "shuffled", "as_released")


class ArmError(GazeVlmError):
    """An arm that does not exist, or a comparison that cannot be made."""


@dataclass(frozen=True)
class Arm:
    """``regulariser`` is lambda; ``gaze_dropout`` the share of training windows without gaze as input: 1 for an arm
    that never sees gaze but in its loss. ``output``: what the language model sees (``GazeVLMConfig``).
    ``drawn``: gaze is given by drawing it into the pictures.
    """

    name: str
    about: str
    target: Target = Target.NONE
    regulariser: float = 1.0
    pooling: Pooling = Pooling.GAZE_BLOCK
    gaze_dropout: float = 1.0
    output: OutputMode = "pool"
    drawn: bool = False

    @property
    def sees_gaze(self) -> bool:
        """Whether gaze may be given to the trained model as an input."""
        return self.gaze_dropout < 1.0


def _lambda(value: float) -> Arm:
    return Arm(f"gaze_lambda_{value:g}", f"gaze with lambda {value:g}", Target.GAZE, value)


ARMS = {
    arm.name: arm
    for arm in (
        Arm("no_block", "the mean over a frame's patches, through one linear layer", pooling=Pooling.NO_BLOCK),
        Arm("mean_pool", "the block with the same attention everywhere", pooling=Pooling.UNIFORM),
        Arm("lambda_0", "the block, taught by words alone"),
        Arm("gaze", "the paper: the wearer's gaze of the last 200 ms", Target.GAZE),
        Arm("any_object", "all patches that show a thing, alike", Target.ANY_OBJECT),
        Arm("hand", "all patches that show the hand, alike", Target.HAND),
        Arm("centre", "a Gaussian as wide as the wearers' gaze spreads, at its mean", Target.CENTRE),
        Arm("next_object", "the patches of the event's true object: an upper bound", Target.NEXT_OBJECT),
        Arm("shuffled", "another episode's gaze", Target.SHUFFLED),
        Arm("as_released", "the released code's loss and target", Target.AS_RELEASED, RELEASED_LAMBDA),
        Arm("single_point", "the newest gaze point alone", Target.SINGLE_POINT),
        Arm("not_carried", "gaze pixels of 200 ms, not carried to the frame", Target.NOT_CARRIED),
        Arm("frame_query", "gaze, with a query for each frame", Target.GAZE, pooling=Pooling.FRAME_QUERY),
        Arm("gaze_input", "gaze, which is also an input in half of the windows", Target.GAZE, gaze_dropout=0.5),
        Arm(
            "gaze_text",
            "gaze, in half of the windows also told in words",
            Target.GAZE,
            gaze_dropout=0.5,
            output="words",
        ),
        Arm("gaze_overlay", "gaze, in half of the windows also drawn", Target.GAZE, gaze_dropout=0.5, drawn=True),
        *map(_lambda, (0.03, 0.1, 0.3, 3.0)),
    )
}


def arm_of(name: str) -> Arm:
    """The arm called ``name``. Raises ArmError, with the names there are, for another one."""
    if name not in ARMS:
        raise ArmError(f"unknown arm {name!r}; there are {', '.join(ARMS)}")
    return ARMS[name]
