"""What the decision is tuned on: evidence and truth, moment by moment, of wearers who ask for what they want."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaze_vlm_ros.training.assist_study.episode import PERIOD_S, Episode
from gaze_vlm_ros.training.assist_study.porter import Stage
from gaze_vlm_ros.training.assist_study.senses import Senses
from gaze_vlm_ros.training.assist_study.settings import GAZE, RGB, Run, StudySettings
from gaze_vlm_ros.types import GazeSample
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

LOGGED = (RGB, GAZE)


@dataclass(frozen=True)
class Moment:
    """The candidates at one time, the one of them that is wanted next (-1: none), since when it is lacked (NaN: not
    yet), and for each of LOGGED the evidence, as ``Evidence.features`` gives it."""

    seed: int
    time_s: float
    idle: bool
    step: int
    things: tuple[str, ...]
    wanted: int
    lacked_since_s: float
    evidence: dict[str, tuple[np.ndarray, np.ndarray]]


class LoggedEpisode(Episode):
    """An episode on request in which both inputs are watched; what they say changes nothing."""

    def __init__(self, run: Run, settings: StudySettings, predictor: StreamingPredictor) -> None:
        super().__init__(run, settings, None, None)
        self.watching = {name: Senses(self.kitchen, name, settings.prediction_age_s, predictor) for name in LOGGED}
        self._predictor = predictor
        self.moments: list[Moment] = []

    def _look(self, samples: list[GazeSample]) -> None:
        for senses in self.watching.values():
            senses.look(samples)

    def _predict(self) -> None:
        """One picture, encoded once, and both predictions from it."""
        self.watching[GAZE].observe(self.kitchen.render(depth=False))
        for name, senses in self.watching.items():
            senses.send(self._predictor.predict(with_gaze=name == GAZE).event)

    def _arrive(self) -> None:
        for senses in self.watching.values():
            senses.arrive()
        if all(senses.newest for senses in self.watching.values()):
            self._note()

    def _note(self) -> None:
        kitchen, wearer = self.kitchen, self.kitchen.wearer
        if self.porter.stage not in (Stage.READY, Stage.RETREAT):
            return
        things = tuple(sorted(set(kitchen.far_things()) - set(self.porter.refused)))
        wanted = kitchen.next_wanted()
        self.moments.append(
            Moment(
                self.run.seed,
                kitchen.time_s + PERIOD_S,
                self.run.idle,
                wearer.finished,
                things,
                things.index(wanted) if wanted in things else -1,
                wearer.want_since_s if wearer.want else float("nan"),
                {name: senses.evidence.features(things) for name, senses in self.watching.items()},
            )
        )


def save_moments(path: Path, moments: list[Moment]) -> None:
    """As an npz of flat arrays: one row for each moment, one for each thing of a moment."""
    sizes = [len(one.things) for one in moments]
    columns = {
        "seed": [one.seed for one in moments],
        "time_s": [one.time_s for one in moments],
        "idle": [one.idle for one in moments],
        "step": [one.step for one in moments],
        "wanted": [one.wanted for one in moments],
        "lacked_since_s": [one.lacked_since_s for one in moments],
        "size": sizes,
        "things": [thing for one in moments for thing in one.things],
    }
    for name in LOGGED:
        columns[f"{name}/things"] = np.concatenate([one.evidence[name][0] for one in moments])
        columns[f"{name}/nothing"] = np.array([one.evidence[name][1] for one in moments])
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez_compressed(unfinished, **{name: np.asarray(values) for name, values in columns.items()})
    unfinished.rename(path)


def load_moments(path: Path) -> list[Moment]:
    with np.load(path) as stored:
        found = {name: stored[name] for name in stored.files}
    ends = np.cumsum(found["size"])
    moments = []
    for row, (end, size) in enumerate(zip(ends, found["size"], strict=True)):
        part = slice(end - size, end)
        moments.append(
            Moment(
                int(found["seed"][row]),
                float(found["time_s"][row]),
                bool(found["idle"][row]),
                int(found["step"][row]),
                tuple(found["things"][part].tolist()),
                int(found["wanted"][row]),
                float(found["lacked_since_s"][row]),
                {name: (found[f"{name}/things"][part], found[f"{name}/nothing"][row]) for name in LOGGED},
            )
        )
    return moments
