"""What all figures are made from: the windows of one split, what was true at them, what the model said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaze_vlm_ros import scoring
from gaze_vlm_ros.language import parse, plain
from gaze_vlm_ros.training.answers import Answers, Input
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.tokenizer import KINDS

SLOTS = ("verb", "object", "place")


def slot_of(text: str, slot: str) -> str | None:
    """One of SLOTS of a sentence, "" where it names none; None where the grammar has no such sentence."""
    slots = parse(str(text))
    return getattr(slots, slot) if slots else None


def one_phrasing(texts: Sequence[str], kind: PredictionKind) -> np.ndarray:
    """``texts`` in the plain phrasing: sentences of one meaning are equal."""
    return np.array([plain(str(text), kind.value) for text in texts])


@dataclass(frozen=True)
class Points:
    """The judged phases or events of all episodes (``gaze_vlm_ros.scoring``), and the episode of each."""

    judged: list[scoring.Point]
    episodes: list[int]


@dataclass(frozen=True)
class Judged:
    """W ``windows`` of ``data`` and the free-running answers about them; nothing teacher-forced can stand in here."""

    data: TokenSet
    windows: np.ndarray
    said: dict[Input, Answers]

    @cached_property
    def rows(self) -> np.ndarray:
        """Row (W,) of the newest frame of each window."""
        return self.data.last(self.windows)

    @cached_property
    def truth(self) -> dict[PredictionKind, np.ndarray]:
        """The true sentences (W,), plain; "" where there is none."""
        return {kind: one_phrasing(self.column(kind.value), kind) for kind in KINDS}

    def texts(self, source: Input, kind: PredictionKind) -> np.ndarray:
        """The best sentences (W,), plain."""
        return one_phrasing(self.said[source].texts(kind), kind)

    def column(self, name: str) -> np.ndarray:
        """What the cache holds under ``name`` of each window's newest frame, (W, ...)."""
        return self.data.columns[name][self.rows]

    @cached_property
    def episode(self) -> np.ndarray:
        """Number (W,) of the episode of each window."""
        return self.column("episode")

    def by_episode(self) -> list[tuple[int, np.ndarray]]:
        """Each episode's number, and which windows are its own, in order of time."""
        return [(int(number), np.flatnonzero(self.episode == number)) for number in np.unique(self.episode)]

    def points(self, source: Input, kind: PredictionKind) -> Points:
        """Each phase (activity) or event judged once by the best sentences."""
        points_of = scoring.activity_points if kind is PredictionKind.ACTIVITY else scoring.event_points
        stamps_s, found = self.column("stamp_s").tolist(), Points([], [])
        said = [scoring.Said(t, str(text)) for t, text in zip(stamps_s, self.texts(source, kind), strict=True)]
        for number, own in self.by_episode():
            truth = [self._actual[i] for i in own]
            points = [point for point in points_of([said[i] for i in own], truth) if point.truth]
            found.judged.extend(points)
            found.episodes.extend([number] * len(points))
        return found

    @cached_property
    def _actual(self) -> list[scoring.Actual]:
        activity, event = (self.truth[kind].tolist() for kind in (PredictionKind.ACTIVITY, PredictionKind.EVENT))
        stamp_s, event_time_s = (self.column(name).tolist() for name in ("stamp_s", "event_time_s"))
        return [scoring.Actual(*moment) for moment in zip(stamp_s, activity, event, event_time_s, strict=True)]
