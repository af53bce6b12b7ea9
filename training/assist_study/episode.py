"""One wearer's goals under one condition, in closed loop: what is said changes what the robot does, and that what the
wearer sees and does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np

from gaze_vlm_ros.policies.wants import WantDecision, WantWeights
from gaze_vlm_ros.policies.wants.evidence import needed_thing
from gaze_vlm_ros.sim.assistance import AssistedKitchen
from gaze_vlm_ros.sim.kitchen import NoRoomError
from gaze_vlm_ros.training.assist_study.porter import Porter, Stage
from gaze_vlm_ros.training.assist_study.senses import Senses
from gaze_vlm_ros.training.assist_study.settings import (
    NO_ROBOT,
    ON_REQUEST,
    PREDICTED,
    TRUTH,
    Run,
    StudySettings,
)
from gaze_vlm_ros.types import NS_PER_S, GazeSample
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

PERIOD_S = 0.048
PREDICT_EVERY = 5
"""Control periods from one prediction to the next: 0.24 s."""


@dataclass
class Wanted:
    """One time at which the wearer lacked a thing. ``by`` is what made somebody bring it: prediction, request or, where
    no robot could, the wearer alone."""

    thing: str
    since_s: float
    until_s: float = float("nan")
    by: str = ""


@dataclass
class Start:
    """The robot set out for ``thing`` by itself. ``right``: it was what the wearer would lack next. ``asked``: the
    wearer was asking for it already. ``delivered``: it was set down within the wearer's reach on this very way."""

    thing: str
    time_s: float
    step: int
    right: bool
    asked: bool
    delivered: bool = False


@dataclass
class Outcome:
    """What came of one run: ``time_s`` from the lead-in until the last of ``steps`` steps, or, where ``finished`` is
    False, until the end of the run; of an idle run, its length."""

    time_s: float = float("nan")
    steps: int = 0
    finished: bool = False
    wants: list[Wanted] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> Outcome:
        wants, starts = [Wanted(**one) for one in values["wants"]], [Start(**one) for one in values["starts"]]
        return cls(values["time_s"], values["steps"], values["finished"], wants, starts)


class Episode:
    """Runs one ``Run``. ``weights`` is for the conditions that predict."""

    def __init__(
        self,
        run: Run,
        settings: StudySettings,
        predictor: StreamingPredictor | None,
        weights: WantWeights | None,
    ) -> None:
        self.run, self.settings = run, settings
        self.kitchen = AssistedKitchen(run.seed, replace(settings.scenario, idle=run.idle))
        self.porter = Porter(self.kitchen, settings.porter)
        self.senses = Senses(
            self.kitchen, run.condition, settings.prediction_age_s, predictor if run.condition in PREDICTED else None
        )
        self.decision = WantDecision(weights, self.senses.evidence) if run.condition in PREDICTED else None
        self.outcome = Outcome()
        self._ordered = ""
        self._asked_s = self._alone_until_s = np.inf
        self._engaged, self._delivered = "", 0
        self._way: Start | None = None

    def play(self) -> Outcome:
        kitchen, settings = self.kitchen, self.settings
        tick, end_s = 0, settings.idle_s if self.run.idle else settings.longest_s
        try:
            while kitchen.time_s < end_s and kitchen.wearer.finished < settings.steps:
                kitchen.advance(PERIOD_S)
                self._look(kitchen.gaze_samples())
                if tick % PREDICT_EVERY == 0:
                    self._predict()
                self._arrive()
                self._watch_wants()
                self._help()
                tick += 1
        finally:
            kitchen.close()
        self.outcome.time_s = kitchen.time_s - (0.0 if self.run.idle else settings.scenario.lead_in_s)
        self.outcome.steps = kitchen.wearer.finished
        self.outcome.finished = kitchen.wearer.finished >= settings.steps
        return self.outcome

    def _look(self, samples: list[GazeSample]) -> None:
        self.senses.look(samples)

    def _predict(self) -> None:
        self.senses.predict()

    def _arrive(self) -> None:
        self.senses.arrive()

    # --- the wearer

    def _watch_wants(self) -> None:
        """Opens and closes what the wearer lacks, and lets the wearer ask, or get up."""
        wearer, now_s, wants = self.kitchen.wearer, self.kitchen.time_s, self.outcome.wants
        if wants and not np.isfinite(wants[-1].until_s) and wearer.want != wants[-1].thing:
            wants[-1].until_s = now_s
            wants[-1].by = wants[-1].by or "prediction"
            self._ordered = ""
        if wearer.want and (not wants or np.isfinite(wants[-1].until_s)):
            wants.append(Wanted(wearer.want, wearer.want_since_s))
        if wearer.want and wants[-1].by == "prediction" and self._given_up(wearer.want):
            wants[-1].by = ""
        if wearer.want and not wants[-1].by:
            self._ask(wants[-1], now_s)
        elif wearer.want and wants[-1].by == "alone" and now_s >= self._alone_until_s:
            self._get_alone(wearer.want)

    def _given_up(self, thing: str) -> bool:
        """Whether the robot does not bring ``thing`` any more, though it is not there yet."""
        return self.porter.engaged != thing and not self.kitchen.in_reach(thing)

    def _ask(self, want: Wanted, now_s: float) -> None:
        if self.run.condition == NO_ROBOT:
            self._get_up(want, now_s)
            return
        if self.porter.engaged == want.thing:
            want.by = "prediction"  # it comes already
        elif now_s >= want.since_s + self._patience_s:
            want.by, self._asked_s = "request", now_s

    @property
    def _patience_s(self) -> float:
        return 0.0 if self.run.condition == ON_REQUEST else self.settings.patience_s

    def _get_up(self, want: Wanted, now_s: float) -> None:
        want.by, self._alone_until_s = "alone", now_s + self.settings.alone_s

    def _get_alone(self, thing: str) -> None:
        try:
            self.kitchen.bring(thing)
        except NoRoomError:
            self._alone_until_s += 1.0

    # --- the robot

    def _help(self) -> None:
        if self.run.condition == NO_ROBOT:
            return
        kitchen, now_s = self.kitchen, self.kitchen.time_s
        self._order(now_s)
        label = self._ordered or self._predicted(now_s)
        self.porter.wish(label if label in kitchen.far_things() else "")
        if self.decision is not None:
            self.porter.lean(self.decision.probable)
        self._note_start(now_s)
        self.porter.step(PERIOD_S)
        moving = self.porter.stage in (Stage.APPROACH, Stage.CARRY, Stage.RETREAT)
        kitchen.wearer.helper_m = kitchen.arm.world_T_tool()[:3, 3] if moving else None
        if moving and not kitchen.wearer.want and not self.run.idle:
            kitchen.wearer.notice(kitchen.arm.world_T_tool()[:3, 3])

    def _order(self, now_s: float) -> None:
        """What was asked for is known ``request_s`` after the asking began; what cannot be fetched has to be got."""
        wants = self.outcome.wants
        if not wants or not self.kitchen.wearer.want or wants[-1].by != "request":
            return
        want = wants[-1]
        if now_s >= self._asked_s + self.run.request_s:
            self._ordered = want.thing
            if want.thing in self.porter.refused and self.porter.engaged != want.thing:
                self._ordered = ""
                self._get_up(want, now_s)

    def _predicted(self, now_s: float) -> str:
        candidates = [thing for thing in self.kitchen.far_things() if thing not in self.porter.refused]
        if self.run.condition == TRUTH:
            return self._true_want(candidates)
        if self.decision is None:
            return ""
        return self.decision.step(round(now_s * NS_PER_S), candidates).label

    def _true_want(self, candidates: list[str]) -> str:
        newest = self.senses.newest
        thing = needed_thing(newest.hypotheses[0]) if newest is not None else ""
        return thing if thing in candidates else ""

    def _note_start(self, now_s: float) -> None:
        """The way that the robot is on by itself, if any: it begins, and what it set down, if it did, is noted."""
        engaged, kitchen = self.porter.engaged, self.kitchen
        if self.porter.delivered > self._delivered and self._way is not None:
            self._way.delivered = kitchen.in_reach(self._way.thing)
        self._delivered = self.porter.delivered
        if engaged != self._engaged:
            self._way = None
        if engaged and engaged not in (self._engaged, self._ordered):
            wants = self.outcome.wants
            asked = bool(kitchen.wearer.want) and wants[-1].by == "request" and wants[-1].thing == engaged
            right = kitchen.next_wanted() == engaged
            self._way = Start(engaged, now_s, kitchen.wearer.finished, right, asked)
            self.outcome.starts.append(self._way)
        self._engaged = engaged
