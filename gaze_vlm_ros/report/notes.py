"""What a reader must know before trusting the figures, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gaze_vlm_ros.report.run import Run
from gaze_vlm_ros.report.summary import frames_missing

MIN_EYE_MOVEMENT_HZ = 25.0
LIVE_AGE_MS = 250.0
FEW_FRAMES = 30
SLOW_SHARE = 0.05


def notes_of(run: Run, figures: dict, others: list[str], problem: str) -> list[str]:
    """Notes on ``run``; ``others`` are namespaces left out, ``problem`` says what is wrong with the file."""
    return [
        *_on_the_file(run, others, problem),
        *_on_the_machine(run),
        *_on_pictures(run),
        *_on_gaze(run),
        *_on_predictions(run, figures),
        *_on_the_robot(run),
        *_on_what_is_unknown(run, figures),
    ]


def _on_the_machine(run: Run) -> Iterator[str]:
    if run.stood_still_s > SLOW_SHARE * run.duration_s:
        yield (
            f"The machine was too slow for this run: the simulated world stood still for {run.stood_still_s:.0f} of "
            f"{run.duration_s:.0f} s. All figures are of this machine under this load: close other programs, run again."
        )
    passed, refused = run.commands or (0, 0)
    if refused > SLOW_SHARE * (passed + refused):
        why = Counter(state.reason.split(":")[0] for state in run.governor if state.reason).most_common(1)
        mostly = f"; its most frequent reason: {why[0][0]}" if why else ""
        yield f"The governor refused {refused} of {passed + refused} commands{mostly}."


def _on_the_file(run: Run, others: list[str], problem: str) -> Iterator[str]:
    if problem:
        yield f"The recording is not whole: {problem}."
    if others:
        names = ", ".join(other or "the root" for other in others)
        yield f"Shown is the namespace {run.namespace or 'of the root'}; the recording also holds {names}."
    foreign = sorted(name for name, log in run.topics.items() if log.age_ns and not log.same_clock)
    if foreign:
        yield (
            "No age is given where stamps are of another clock than the recording (simulated or device time): "
            f"{', '.join(foreign)}."
        )


def _on_pictures(run: Run) -> Iterator[str]:
    frames, missing = len(run.frame_stamps), frames_missing(run)
    if not frames:
        yield "The recording has no video of the scene camera: the report shows the gaze and the eye movements."
    elif frames < FEW_FRAMES:
        yield f"There are only {frames} frames over {run.duration_s:.2f} s: the video is slowed down."
    if missing > 0.02 * frames:
        yield f"About {missing} frames of the scene camera are missing, judged by gaps in their stamps."


def _on_gaze(run: Run) -> Iterator[str]:
    gaze, samples, rate = run.gaze, len(run.gaze.stamp_ns), run.gaze.rate_hz
    if not samples:
        yield "The recording has no gaze samples."
        return
    if rate and rate < MIN_EYE_MOVEMENT_HZ:
        yield (
            f"Gaze came at {rate:.0f} Hz: below {MIN_EYE_MOVEMENT_HZ:.0f} Hz fixations, saccades and blinks are not "
            "told apart."
        )
    if gaze.lost:
        yield f"{gaze.lost} of {samples + gaze.lost} gaze samples were lost, judged by the device's numbering."
    if gaze.valid < 0.8 * samples:
        share = 100 * gaze.valid / samples
        yield f"Only {share:.0f} % of the gaze samples are valid: many blinks, or the tracker sits badly."


def _on_predictions(run: Run, figures: dict) -> Iterator[str]:
    said = run.activities + run.events
    if not said:
        yield "The model predicted nothing in this recording."
        return
    foreign, abstained = sum(item.out_of_domain for item in said), sum(not item.text for item in said)
    if foreign:
        yield (
            f"{foreign} of {len(said)} predictions are marked out of domain (a picture unlike those of the training, "
            "or a window padded by more than half): the robot does not act on them"
            + (", the accuracy counts them." if run.truth else ".")
        )
    if abstained:
        yield f"In {abstained} of {len(said)} predictions the model abstained; they count as wrong."
    if not run.attention:
        yield "The recording has no attention of the model, so none is drawn in."
    age = figures["age_ms"].get("gaze_vlm/activity")
    if age and age["p95"] > LIVE_AGE_MS:
        yield f"Predictions are late: the p95 of their age is {age['p95']:.0f} ms, the aim is {LIVE_AGE_MS:.0f} ms."


def _on_the_robot(run: Run) -> Iterator[str]:
    if run.protective_stops:
        yield f"The protective stop was raised, first at {run.seconds(run.protective_stops[0]):.1f} s."
    troubled = sorted(name for name, status in run.diagnostics.items() if status["worst"] >= 2)
    if troubled:
        yield f"Nodes reported errors: {', '.join(troubled)}; see below what the nodes said."


def _on_what_is_unknown(run: Run, figures: dict) -> Iterator[str]:
    if not run.truth:
        yield (
            "Nobody knows what the wearer really did (no sim/truth; a replay does not pass that of its recording on): "
            "there is no accuracy for this recording."
        )
    if figures["rollouts"] is None:
        yield "No rollouts were run: there are no rivals (majority, repeat) and no assistance success."
