"""A comparison of arms as Markdown."""

from __future__ import annotations

from gaze_vlm_ros.training.arms.arm import ARMS
from gaze_vlm_ros.training.arms.figures import GAZE, HEATMAP, ORACLE
from gaze_vlm_ros.training.arms.summary import BASE
from gaze_vlm_ros.training.metrics.markdown import figure_of, table_of

_BY_SHARE = (("event", "Event, exact"), ("activity", "Activity, exact"))
_AT_MOST = (
    ("next_object_0.5s", "next object, 0.5 s before the hand"),
    ("next_object_1s", "1 s before"),
    ("mass_near_gaze", "attention within two patches of gaze"),
    ("hallucinated_object", "hallucinated object"),
)
_SOURCES = {
    GAZE: "frames and gaze",
    HEATMAP: "frames, and gaze in the place of the attention",
    ORACLE: "frames and a pointer at the next event's true object",
}


def report(summary: dict, command: str) -> str:
    """``summarize``'s tree as a page; ``command`` made it."""
    about, shares = summary["about"], sorted({share for of in summary["scores"].values() for share in of}, key=float)
    budget = f"{about['minutes']:g} min of one processor" if about["minutes"] else f"{about['steps']} steps"
    base = ", ".join(f"{name} at {float(share):.0%}" for share, name in summary["base"].items())
    parts = [
        "# Arms and controls",
        f"    {command}",
        f"Every trial: {budget}, batches of {about['batch']}, judged from frames alone on {about['test_episodes']} "
        "test episodes, once per phase or event, free-running. Brackets: 95 %, models and whole episodes resampled. "
        + (f"Base is the best on the validation episodes: {base}." if base else "There is no base."),
        *(
            [f"Not the same number of steps: {', '.join(summary['unequal_steps'])}."]
            if summary["unequal_steps"]
            else []
        ),
        _arms(summary["scores"]),
    ]
    for figure, title in _BY_SHARE:
        parts += [f"## {title}", _by_share(summary["scores"], figure, shares)]
    parts += [f"## Trained on {float(shares[-1]):.0%} of the episodes", _at_most(summary["scores"], shares[-1])]
    if given := _given(summary["scores"], shares[-1]):
        parts += ["## The same model given gaze beside the frames", given]
    parts += ["## Differences", _differences(summary["differences"])]
    parts += ["## Teacher-forced: NOT comparable with the tables above", _forced(summary["teacher_forced"], shares[-1])]
    return "\n\n".join(parts) + "\n"


def _arms(scores: dict) -> str:
    rows = [
        [arm, ARMS[arm].about, " ".join(sorted({f"{rate:g}" for own in of.values() for rate in own["learning_rate"]}))]
        for arm, of in scores.items()
        if arm != BASE
    ]
    return table_of(["arm", "attention is pulled to, or pooled by", "learning rate"], rows)


def _by_share(scores: dict, figure: str, shares: list[str]) -> str:
    rows = [[arm, *(figure_of(of[s][figure]) if s in of else "-" for s in shares)] for arm, of in scores.items()]
    return table_of(["arm", *(f"{float(share):.0%} of the episodes" for share in shares)], rows)


def _at_most(scores: dict, share: str) -> str:
    rows = [
        [arm, *(figure_of(of[share][figure]) for figure, _ in _AT_MOST)] for arm, of in scores.items() if share in of
    ]
    return table_of(["arm", *(title for _, title in _AT_MOST)], rows)


def _given(scores: dict, share: str) -> str:
    """Empty where no arm was trained to be given gaze."""
    columns = [*_BY_SHARE, _AT_MOST[0]]
    rows = []
    for arm, of in scores.items():
        if given := of.get(share, {}).get("given"):
            inputs = {"frames alone": of[share]} | {_SOURCES[source]: found for source, found in given.items()}
            rows += [[arm, said, *(figure_of(own[key]) for key, _ in columns)] for said, own in inputs.items()]
    return table_of(["arm", "input", *(title for _, title in columns)], rows) if rows else ""


def _differences(differences: dict) -> str:
    rows = [
        [name, *(figure_of(of[figure]) for figure in ("event", "activity", "next_object_0.5s"))]
        for name, of in differences.items()
    ]
    return table_of(["", "event", "activity", "next object, 0.5 s"], rows)


def _forced(forced: dict, share: str) -> str:
    rows = [
        [arm, *(f"{sum(of[share][key]) / len(of[share][key]):.3f}" for key in ("sentence", "word"))]
        for arm, of in forced.items()
        if share in of
    ]
    return "Mean over seeds.\n\n" + table_of(["arm", "sentence", "word"], rows)
