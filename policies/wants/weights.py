"""How evidence is weighed: a conditional logit over the things that may be wanted and "none of them"."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from gaze_vlm_ros.policies.wants.evidence import NOTHING_FEATURES, THING_FEATURES
from gaze_vlm_ros.policies.wants.files import FITTED, WantError

INPUTS = ("rgb", "gaze")


@dataclass(frozen=True)
class WantWeights:
    """``thing`` (THING_FEATURES,) and ``nothing`` (NOTHING_FEATURES,) weigh the evidence.

    Help starts with a thing whose probability is ``start`` or more, and goes on while it is above ``keep``.
    ``provenance`` says from what the numbers come.
    """

    thing: tuple[float, ...]
    nothing: tuple[float, ...]
    start: float
    keep: float
    provenance: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, features in (("thing", THING_FEATURES), ("nothing", NOTHING_FEATURES)):
            values = tuple(map(float, getattr(self, name)))
            if len(values) != len(features) or not np.isfinite(values).all():
                raise ValueError(f"{name} must be {len(features)} finite numbers ({', '.join(features)}), got {values}")
            object.__setattr__(self, name, values)
        if not 0.0 < self.keep <= self.start <= 1.0:
            raise ValueError(f"need 0 < keep <= start <= 1, got {self.keep} and {self.start}")

    def probabilities(self, things: np.ndarray, nothing: np.ndarray) -> np.ndarray:
        """From features (T, F) and (G,): probability of each thing (T,); what is missing to 1 is that of none."""
        scores = np.append(things @ np.array(self.thing), nothing @ np.array(self.nothing))
        shares = np.exp(scores - scores.max())
        return shares[:-1] / shares.sum()

    @classmethod
    def load(cls, name_or_path: str | Path) -> WantWeights:
        """Those fitted for an input ("rgb", "gaze"), or of a file. Raises WantError that names what is wrong."""
        path = FITTED / f"{name_or_path}.json" if str(name_or_path) in INPUTS else Path(name_or_path)
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            raise WantError(
                f"no weights {str(name_or_path)!r}; use {' or '.join(INPUTS)}, or a file that "
                "`python -m gaze_vlm_ros.training.assist_study tune` wrote"
            ) from None
        except (OSError, ValueError, TypeError) as error:
            raise WantError(f"{path} holds no weights ({error}); make it anew with `assist_study tune`") from None

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")
