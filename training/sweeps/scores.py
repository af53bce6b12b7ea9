"""The scores of one data set under every sweep, beside frames alone and the other rivals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gaze_vlm_ros.statistics import Estimate, clustered_rate, paired_bootstrap
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.arms.figures import NEXT_OBJECT, Outcomes, exact_outcomes, next_object_outcomes
from gaze_vlm_ros.training.metrics import next_object, phases
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.training.sweeps.disturbance import SWEEPS
from gaze_vlm_ros.training.sweeps.swept_set import LEAD_S, SweptSet
from gaze_vlm_ros.vlm.tokenizer import KINDS

NEXT = NEXT_OBJECT[LEAD_S]
FIGURES = (*(kind.value for kind in reversed(KINDS)), NEXT)
MAJORITY = "majority"
STEPS = sum(len(sweep.levels) for sweep in SWEEPS.values()) + 1
"""How often ``sweep_all`` says that it got on."""


def sweep_all(swept: SweptSet, seed: int, on_step: Callable[[], None] = lambda: None) -> dict:
    """``undisturbed``: input or rival -> figure; ``sweeps``: sweep -> level -> ``scores`` and ``minus_rgb`` (figure ->
    estimate) and ``share_with_gaze``; None for a level that the recording is too slow for.
    """
    whole = _level(swept, swept.data.columns["heatmap_input"], swept.reference)
    result = {
        "recorded_hz": round(1.0 / swept.period_s, 2),
        "episodes": len(swept.recorded),
        "windows": len(swept.windows),
        "undisturbed": {s.value: _rates(outcomes(swept.reference, s)) for s in Input} | {MAJORITY: _majority(swept)},
        "sweeps": {name: {"0": whole} for name in SWEEPS},
    }
    on_step()
    for name, sweep in SWEEPS.items():
        for level in sweep.levels:
            heatmaps = swept.disturbed(sweep, level, seed)
            result["sweeps"][name][f"{level:g}"] = (
                None if heatmaps is None else _level(swept, heatmaps, swept.judged(heatmaps))
            )
            on_step()
    return result


def outcomes(judged: Judged, source: Input) -> Outcomes:
    """Of each of FIGURES which cases are right."""
    return exact_outcomes(judged, source) | next_object_outcomes(judged, source, (LEAD_S,))


def _rates(found: Outcomes) -> dict[str, Estimate]:
    return {figure: clustered_rate(*found[figure]) for figure in FIGURES}


def _level(swept: SweptSet, heatmaps: np.ndarray, judged: Judged) -> dict:
    found, alone = outcomes(judged, Input.GAZE), outcomes(swept.reference, Input.RGB)
    return {
        "share_with_gaze": swept.share_with_gaze(heatmaps),
        "scores": _rates(found),
        "minus_rgb": {
            figure: paired_bootstrap(found[figure][0], alone[figure][0], found[figure][1]) for figure in FIGURES
        },
    }


def _majority(swept: SweptSet) -> dict[str, Estimate]:
    points = {kind.value: swept.reference.points(Input.RGB, kind) for kind in KINDS}
    always = {name: phases.accuracy(of)[MAJORITY] for name, of in points.items()}
    return always | {NEXT: next_object.table(swept.reference)[f"{LEAD_S:g}"]["accuracy"][MAJORITY]}
