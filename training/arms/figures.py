"""What one trained arm scores on unseen episodes, episode by episode, so that arms can be compared by resampling.

Everything is free-running but ``teacher_forced``, which stands apart. Inputs beside ``rgb`` are for arms that may be
given gaze: ``gaze`` as a live model gets it, and ``oracle``: a pointer at the next event's true object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.arms.targets import next_object_patches
from gaze_vlm_ros.training.data import CAMERA_SIZE
from gaze_vlm_ros.training.metrics import teacher_forced
from gaze_vlm_ros.training.metrics.attention import gazed, mass_near
from gaze_vlm_ros.training.metrics.hallucination import unseen_objects
from gaze_vlm_ros.training.metrics.judged import Judged, slot_of
from gaze_vlm_ros.training.metrics.next_object import LEADS_S, asked_before
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.gaze_inputs import GazeMode
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

EXACT = tuple(kind.value for kind in KINDS)
NEXT_OBJECT = {lead_s: f"next_object_{lead_s:g}s" for lead_s in LEADS_S}
HALLUCINATED, MASS = "hallucinated_object", "mass_near_gaze"
RGB, GAZE, HEATMAP, ORACLE = "rgb", "gaze", "heatmap", "oracle"
GIVEN = (GAZE, HEATMAP, ORACLE)
"""Inputs of an arm that may be given gaze: by its own way, in the attention's place, and the oracle's by its own."""
Outcomes = dict[str, tuple[Sequence[float], Sequence[int]]]
"""figure -> what each case scored, and the case's episode."""


def exact_figures(model: GazeVLM, tokenizer: SentenceTokenizer, data: TokenSet, windows: np.ndarray) -> dict:
    """Exact activity and event from frames alone, judged once per phase and event; see :func:`figures`."""
    judged = Judged(data, windows, {Input.RGB: answer(model, tokenizer, data, windows, Input.RGB)})
    return _with_episodes(judged, exact_outcomes(judged, Input.RGB))


def figures(
    model: GazeVLM,
    tokenizer: SentenceTokenizer,
    data: TokenSet,
    windows: np.ndarray,
    sees_gaze: bool,
    drawn_in: TokenSet | None = None,
) -> dict:
    """input -> ``episodes`` [E], and figure -> ``total`` [E] and ``count`` [E]: what was scored in each episode, in how
    many cases. ``drawn_in``: the same frames with gaze drawn in, where that is how it is given. Under
    ``teacher_forced`` the shares of sentences and words, from frames alone.
    """
    result = {RGB: _figures_of(model, tokenizer, data, windows, Input.RGB)}
    if drawn_in is not None:
        result[GAZE] = _figures_of(model, tokenizer, drawn_in, windows, Input.RGB)
    elif sees_gaze:
        result[GAZE] = _figures_of(model, tokenizer, data, windows, Input.GAZE)
        if model.config.output != "words":
            result[HEATMAP] = _figures_of(model, tokenizer, data, windows, Input.GAZE, GazeMode.HEATMAP)
        result[ORACLE] = _figures_of(model, tokenizer, _pointed(data, windows), windows, Input.ORACLE)
    forced = teacher_forced.scores(model, tokenizer, data, windows, Input.RGB)
    return result | {"teacher_forced": {name: estimate.value for name, estimate in forced.items()}}


def rate(figure: dict) -> float | None:
    """All totals over all counts of one figure."""
    count = sum(figure["count"])
    return sum(figure["total"]) / count if count else None


def _figures_of(
    model: GazeVLM,
    tokenizer: SentenceTokenizer,
    data: TokenSet,
    windows: np.ndarray,
    source: Input,
    mode: GazeMode = GazeMode.AUTO,
) -> dict:
    judged = Judged(data, windows, {source: answer(model, tokenizer, data, windows, source, mode=mode)})
    return _with_episodes(
        judged, exact_outcomes(judged, source) | next_object_outcomes(judged, source) | _looks(judged, source)
    )


def exact_outcomes(judged: Judged, source: Input) -> Outcomes:
    """Activity and event, judged once per phase and event."""
    found = {}
    for kind in KINDS:
        points = judged.points(source, kind)
        found[kind.value] = [point.said == point.truth for point in points.judged], points.episodes
    return found


def next_object_outcomes(judged: Judged, source: Input, leads_s: Sequence[float] = LEADS_S) -> Outcomes:
    """The event's object, asked ``leads_s`` before the hand starts for it."""
    texts, found = judged.texts(source, PredictionKind.EVENT), {}
    for lead_s in leads_s:
        asked, _ = asked_before(judged, lead_s)
        right = [slot_of(texts[i], "object") == reach.object for i, reach in asked]
        found[NEXT_OBJECT[lead_s]] = right, [int(judged.episode[i]) for i, _ in asked]
    return found


def _looks(judged: Judged, source: Input) -> Outcomes:
    named = [slot_of(text, "object") for text in judged.texts(source, PredictionKind.ACTIVITY)]
    visible = judged.data.columns["visible"][judged.data.rows(judged.windows)]
    seen, target = gazed(judged)
    mass = mass_near(judged.said[source].attention[seen], target.argmax(1), judged.column("heatmap").shape[1:])
    return {
        HALLUCINATED: unseen_objects(named, visible, judged.episode),
        MASS: (mass, judged.episode[seen]),
    }


def _with_episodes(judged: Judged, outcomes: Outcomes) -> dict:
    numbers = np.unique(judged.episode)
    result: dict = {"episodes": numbers.tolist()}
    for name, (scored, episodes) in outcomes.items():
        which = np.searchsorted(numbers, np.asarray(episodes, dtype=int))
        totals = np.bincount(which, np.asarray(scored, dtype=float), len(numbers))
        result[name] = {
            "total": np.round(totals, 6).tolist(),
            "count": np.bincount(which, minlength=len(numbers)).tolist(),
        }
    return result


def _pointed(data: TokenSet, windows: np.ndarray) -> TokenSet:
    """``data`` with, in place of the carried gaze, heatmaps of a point amidst the patches of the next true object."""
    rows = np.unique(data.rows(windows))
    patches = next_object_patches(data, rows)
    high, wide = patches.shape[1:]
    down, across = ((np.arange(n) + 0.5) / n for n in (high, wide))
    x, y = (patches.sum(1) @ across) * CAMERA_SIZE[0] - 0.5, (patches.sum(2) @ down) * CAMERA_SIZE[1] - 0.5
    points = np.where(patches.any((1, 2))[:, None], np.stack([x, y], 1), np.nan)
    maps = data.columns["heatmap"].copy()
    maps[rows] = [heatmap(point, CAMERA_SIZE, (high, wide)) for point in points]
    return data.with_columns(heatmap=maps)
