"""Every sweep as a page of Markdown."""

from __future__ import annotations

from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.metrics.markdown import figure_of, table_of
from gaze_vlm_ros.training.sweeps.disturbance import SWEEPS
from gaze_vlm_ros.training.sweeps.scores import FIGURES, MAJORITY, NEXT

_TITLES = {
    "event": "event, exact",
    "activity": "activity, exact",
    NEXT: "next object, 0.5 s before the hand starts",
}
_INPUTS = {
    Input.GAZE.value: "frames and gaze",
    Input.RGB.value: "frames alone",
    Input.SHUFFLED.value: "frames and another episode's gaze",
    Input.ORACLE.value: "frames and the gaze carried to each frame by its hits in 3-D",
    MAJORITY: "the most frequent truth",
}
_ABOUT = """\
Free-running, once per phase (activity), per event (0.5 s before it) and per reach (its object, 0.5 s before the hand
starts). Sentences are compared by their meaning: another phrasing of the truth is right. The model is the one that is
shipped; it was not trained for any of this. Brackets: 95 %, whole episodes resampled. Bold: above frames alone, pair by
pair, by more than its 95 % interval; italic: below.

Noise, bias and latency act on the tracker's samples of the 200 ms before each frame, from which the heatmap is then
made as live. Angles are those of the line of sight; a sample that leaves the picture is lost. Drop-out takes the gaze
of whole frames, each for itself. Latency gives a frame the gaze of an earlier one under the later one's stamp, as an
offset between two clocks does, and needs a recording with frames at those instants: "-" stands where it has none.
A window that is left without gaze in all of its frames is answered from frames alone, as live."""


def page(result: dict, command: str) -> str:
    """The tree of ``robustness.json`` as a page; ``command`` made it. The picture lies beside it."""
    about, sets = result["about"], result["sets"]
    parts = [
        "# Disturbed gaze, and data unlike the training's",
        f"    {command}",
        f"Model {about['checkpoint']}, version {about['version']}; split {about['split']}, seed {about['seed']}.\n"
        + _ABOUT,
        _sets(sets),
        "![Curves of every sweep](robustness.png)",
        "## Undisturbed",
        *(_table(figure, _undisturbed(sets, figure), sets) for figure in FIGURES),
    ]
    for name, sweep in SWEEPS.items():
        parts += [f"## {sweep.title}" + (f" [{sweep.unit}]" if sweep.unit else "")]
        parts += [_table(figure, _swept(sets, name, figure), sets) for figure in FIGURES]
        parts += ["Frames of those windows that have gaze:", table_of(["", *sets], _shares(sets, name))]
    return "\n\n".join(parts) + "\n"


def _sets(sets: dict) -> str:
    rows = [
        [name, str(own["episodes"]), str(own["windows"]), f"{own['recorded_hz']:g} Hz", f"`{own['data_sha256'][:12]}`"]
        + [str(own["undisturbed"][Input.RGB.value][figure]["n"]) for figure in FIGURES]
        for name, own in sets.items()
    ]
    head = [
        "data",
        "episodes",
        "windows asked",
        "recorded at",
        "SHA-256 of the data",
        "events",
        "activities",
        "reaches",
    ]
    return table_of(head, rows)


def _table(figure: str, rows: list[list[str]], sets: dict) -> str:
    return table_of([_TITLES[figure], *sets], rows)


def _undisturbed(sets: dict, figure: str) -> list[list[str]]:
    return [
        [title, *(figure_of(own["undisturbed"][source][figure]) for own in sets.values())]
        for source, title in _INPUTS.items()
    ]


def _swept(sets: dict, name: str, figure: str) -> list[list[str]]:
    rows = [[level, *(_cell(own["sweeps"][name][level], figure) for own in sets.values())] for level in _levels(name)]
    return [*rows, ["frames alone", *(figure_of(own["undisturbed"][Input.RGB.value][figure]) for own in sets.values())]]


def _cell(level: dict | None, figure: str) -> str:
    if level is None:
        return "-"
    text, interval = figure_of(level["scores"][figure]), level["minus_rgb"][figure]["ci95"]
    if interval and interval[0] > 0.0:
        return f"**{text}**"
    return f"*{text}*" if interval and interval[1] < 0.0 else text


def _shares(sets: dict, name: str) -> list[list[str]]:
    found = {level: [own["sweeps"][name][level] for own in sets.values()] for level in _levels(name)}
    return [[level, *(f"{own['share_with_gaze']:.0%}" if own else "-" for own in row)] for level, row in found.items()]


def _levels(name: str) -> list[str]:
    return [f"{level:g}" for level in (0.0, *SWEEPS[name].levels)]
