"""What a study says: times, paired differences and shares, with intervals from resampling whole wearers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gaze_vlm_ros.statistics import Estimate, clustered_rate, paired_bootstrap, poisson_rate
from gaze_vlm_ros.training.assist_study.episode import Outcome
from gaze_vlm_ros.training.assist_study.settings import GAZE, ON_REQUEST, PREDICTED, RGB, TRUTH, Run

_DRAWS = 2000


def figures(outcomes: Mapping[Run, Outcome], request_s: float) -> dict:
    """Of every condition among ``outcomes`` at ``request_s``: mean time, time saved on request, and quality of help.

    ``shorter``: by what share the summed times of all wearers are shorter than on request. ``share_of_truth``: of the
    seconds that the true event saves, as many are saved. ``gaze_over_rgb_s``: seconds by which gaze is faster.
    """
    of = {
        condition: {run.seed: one for run, one in outcomes.items() if _is(run, condition, request_s)}
        for condition in dict.fromkeys(run.condition for run in outcomes)
    }
    seeds = sorted(set.intersection(*(set(found) for found in of.values() if found)))
    times = {name: np.array([found[seed].time_s for seed in seeds]) for name, found in of.items() if found}
    asked = times.get(ON_REQUEST)
    told: dict = {"request_s": request_s, "wearers": len(seeds), "conditions": {}}
    for name, values in times.items():
        entry = {"time_s": float(values.mean())}
        if asked is not None and name != ON_REQUEST:
            entry["saved_s"] = paired_bootstrap(asked, values).as_dict()
            entry["shorter"] = ratio(asked - values, asked).as_dict()
            if TRUTH in times and name != TRUTH:
                entry["share_of_truth"] = ratio(asked - values, asked - times[TRUTH]).as_dict()
        if name in PREDICTED or name == TRUTH:
            idle = [one for run, one in outcomes.items() if run.condition == name and run.idle]
            entry |= quality([of[name][seed] for seed in seeds], idle)
        told["conditions"][name] = entry
    if RGB in times and GAZE in times:
        told["gaze_over_rgb_s"] = paired_bootstrap(times[RGB], times[GAZE]).as_dict()
    return told


def quality(goals: Sequence[Outcome], idle: Sequence[Outcome]) -> dict:
    """``coverage``: share of wants that a prediction served before the wearer had to ask. ``wrong_share``: share of the
    wearers' steps in which the robot set out for something that was not wanted next. ``midas_per_min``: how often it
    set out while the wearer wanted nothing. Shares are resampled by wearers, false starts are counts."""
    wants, steps = [_wants(one) for one in goals], [_steps(one) for one in goals]
    minutes = sum(one.time_s for one in idle) / 60.0
    false_starts = poisson_rate(sum(len(one.starts) for one in idle), minutes)
    return {
        "coverage": _of_wearers(wants).as_dict(),
        "wrong_share": _of_wearers(steps).as_dict(),
        "midas_per_min": false_starts.value,
        "midas_ci95": false_starts.as_dict()["ci95"],
        "idle_minutes": minutes,
        "unfinished": sum(not one.finished for one in goals),
    }


def _wants(goal: Outcome) -> list[bool]:
    """Served before it was asked for: of every want. What was set down within reach and had to be asked for in the end
    was not served."""
    asked = [want for want in goal.wants if want.by != "prediction"]
    served = [
        start
        for start in goal.starts
        if start.right
        and start.delivered
        and not start.asked
        and not any(want.thing == start.thing and not want.until_s < start.time_s for want in asked)
    ]
    return [True] * len(served) + [False] * len(asked)


def _steps(goal: Outcome) -> list[bool]:
    """Set out for something else: of every step, and of the one in which an unfinished run ended."""
    wrong = {start.step for start in goal.starts if not start.right}
    return [step in wrong for step in range(goal.steps + (not goal.finished))]


def _of_wearers(outcomes: Sequence[Sequence[bool]]) -> Estimate:
    clusters = [number for number, one in enumerate(outcomes) for _ in one]
    return clustered_rate([outcome for one in outcomes for outcome in one], clusters)


def ratio(above: np.ndarray, below: np.ndarray, draws: int = _DRAWS, seed: int = 0) -> Estimate:
    """Sum over sum of (n,) paired values, with its percentile interval from resampling pairs."""
    if not below.sum():
        return Estimate(None, len(below))
    value = float(above.sum() / below.sum())
    if len(below) < 2:
        return Estimate(value, len(below))
    picks = np.random.default_rng(seed).integers(len(below), size=(draws, len(below)))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = above[picks].sum(1) / below[picks].sum(1)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Estimate(value, len(below), float(low), float(high))


def _is(run: Run, condition: str, request_s: float) -> bool:
    return run.condition == condition and not run.idle and run.request_s == request_s


def page(told: Sequence[dict]) -> str:
    """Markdown tables of several ``figures``."""
    lines = []
    for one in told:
        lines += [
            f"### Request cost {one['request_s']:g} s, {one['wearers']} wearers",
            "",
            "| condition | goal time [s] | shorter than on request | of what truth saves | coverage | wrong help "
            "(share of steps) | false starts per idle minute |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        for name, entry in one["conditions"].items():
            cells = [_share(entry.get(key)) for key in ("shorter", "share_of_truth", "coverage", "wrong_share")]
            midas = entry.get("midas_per_min")
            cells.append("-" if midas is None else "{:.2f} [{:.2f}, {:.2f}]".format(midas, *entry["midas_ci95"]))
            lines.append(f"| {name} | {entry['time_s']:.1f} | " + " | ".join(cells) + " |")
        if gain := one.get("gaze_over_rgb_s"):
            lines += ["", f"Gaze is faster than RGB by {_seconds(gain)}."]
        lines.append("")
    return "\n".join(lines)


def _share(estimate: dict | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    interval = estimate["ci95"]
    return f"{estimate['value']:.1%}" + (f" [{interval[0]:.1%}, {interval[1]:.1%}]" if interval else "")


def _seconds(estimate: dict) -> str:
    interval = estimate["ci95"]
    return f"{estimate['value']:.2f} s" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")
