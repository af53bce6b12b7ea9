"""What a reader must know before trusting the figures, in sentences."""

from __future__ import annotations

from gaze_vlm_ros.report.run import Run
from gaze_vlm_ros.report.summary import frames_missing

MIN_EYE_MOVEMENT_HZ = 25.0
LIVE_AGE_MS = 250.0


def notes_of(run: Run, figures: dict, others: list[str], problem: str) -> list[str]:
    """Notes on ``run``; ``others`` are namespaces left out, ``problem`` is what the reader found wrong with the file."""
    checks = [*_file_notes(run, others, problem), *_input_notes(run), *_prediction_notes(run, figures)]
    return [note for note in [*checks, *_robot_notes(run, figures)] if note]


def _file_notes(run: Run, others: list[str], problem: str) -> list[str]:
    foreign_clock = sorted(name for name, log in run.topics.items() if log.age_ns and not log.same_clock)
    shown = run.namespace or "the root namespace"
    return [
        problem and f"The recording is not whole: {problem}.",
        others and f"Shown is {shown}; the recording also holds {', '.join(other or 'the root namespace' for other in others)}.",
        foreign_clock
        and "No age is given where stamps are of another clock than the recording "
        f"(simulated or device time): {', '.join(foreign_clock)}.",
    ]


def _input_notes(run: Run) -> list[str]:
    gaze, frames = run.gaze, run.frame_stamps
    samples, missing = len(gaze.stamp_ns), frames_missing(frames)
    rate = gaze.rate_hz
    return [
        not frames
        and "The recording has no video of the scene camera: the report shows the gaze signal and the eye movements, "
        "and nothing that a vision-language model would need a picture for.",
        0 < len(frames) < 30 and f"Only {len(frames)} frames over {run.duration_s:.2f} s: the video is slowed down.",
        missing > 0.02 * len(frames) and f"About {missing} frames of the scene camera are missing, judged by gaps in their stamps.",
        not samples and "The recording has no gaze samples.",
        rate and rate < MIN_EYE_MOVEMENT_HZ
        and f"Gaze came at {rate:.0f} Hz: below {MIN_EYE_MOVEMENT_HZ:.0f} Hz fixations, saccades and blinks are not told apart.",
        gaze.lost and f"{gaze.lost} of {samples + gaze.lost} gaze samples were lost, judged by the device's numbering.",
        samples and gaze.valid < 0.8 * samples
        and f"Only {100 * gaze.valid / samples:.0f} % of the gaze samples are valid: blinks, or the tracker sits badly.",
    ]


def _prediction_notes(run: Run, figures: dict) -> list[str]:
    said = run.activities + run.events
    foreign = sum(item.out_of_domain for item in said)
    abstained = sum(not item.text for item in said)
    age = figures["age_ms"].get("gaze_vlm/activity")
    return [
        not said and "The model predicted nothing in this recording.",
        foreign
        and f"{foreign} of {len(said)} predictions are marked out of domain (input unlike the training data, such as a window "
        "padded by more than half): the robot does not act on them; the accuracy counts them.",
        abstained and f"In {abstained} of {len(said)} predictions the model abstained; they count as wrong.",
        said and not run.attention and "The recording has no attention of the model, so none is drawn in.",
        age and age["p95"] > LIVE_AGE_MS
        and f"Predictions are late: the p95 of their age is {age['p95']:.0f} ms, the aim is {LIVE_AGE_MS:.0f} ms.",
        not run.truth
        and "Nobody knows what the wearer really did (no sim/truth): accuracy cannot be given for this recording.",
        figures["rollouts"] is None
        and "No rollouts were run for this report, so the rivals (majority, repeat) and assistance success are not given.",
    ]


def _robot_notes(run: Run, figures: dict) -> list[str]:
    troubled = sorted(name for name, status in run.diagnostics.items() if status["worst"] >= 2)
    return [
        run.protective_stops and f"The protective stop was raised; first at {run.seconds(run.protective_stops[0]):.1f} s.",
        troubled and f"Nodes reported errors: {', '.join(troubled)}; see what the nodes said.",
    ]
