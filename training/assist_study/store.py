"""Runs, each done once: results lie in one JSON for each run, under the digest of all that they depend on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

from gaze_vlm_ros.policies.wants import WantWeights
from gaze_vlm_ros.training.assist_study.episode import Episode, Outcome
from gaze_vlm_ros.training.assist_study.log import LoggedEpisode, save_moments
from gaze_vlm_ros.training.assist_study.settings import (
    CHECKPOINT,
    GAZE,
    ON_REQUEST,
    PREDICTED,
    RGB,
    SHUFFLED,
    Run,
    StudyError,
    StudySettings,
    digest_of,
)
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.vlm.checkpoint import write_atomically
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

INPUT_OF = {RGB: "rgb", GAZE: "gaze", SHUFFLED: "gaze"}


@dataclass(frozen=True)
class Store:
    """Where results of one study lie. ``weights`` are those of each of INPUT_OF's inputs."""

    folder: Path
    settings: StudySettings
    weights: tuple[tuple[str, WantWeights], ...]

    @property
    def place(self) -> Path:
        return self.folder / digest_of(self.settings, dict(self.weights))

    def path_of(self, run: Run) -> Path:
        return self.place / f"{run.name}.json"

    def load(self, run: Run) -> Outcome | None:
        """The outcome of ``run``, or None. Raises StudyError for a file that cannot be read."""
        path = self.path_of(run)
        if not path.is_file():
            return None
        try:
            return Outcome.from_dict(json.loads(path.read_text())["outcome"])
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(f"{path} cannot be read ({error}); delete it, and it is run again") from None


@cache
def predictor() -> StreamingPredictor:
    """One for each process: loading costs more than a run's first seconds."""
    return StreamingPredictor.from_checkpoint(CHECKPOINT, threads=1)


def play(store: Store, run: Run) -> None:
    """Plays ``run`` and keeps its outcome, unless that is done."""
    if store.load(run) is not None:
        return
    predicts = run.condition in PREDICTED
    weights = dict(store.weights)[INPUT_OF[run.condition]] if predicts else None
    outcome = Episode(run, store.settings, predictor() if predicts else None, weights).play()
    told = {"run": asdict(run), "outcome": outcome.as_dict()}
    store.place.mkdir(parents=True, exist_ok=True)
    write_atomically(store.path_of(run), (json.dumps(told) + "\n").encode())


def play_all(store: Store, runs: Sequence[Run], workers: int, on_progress: Callable[[int], None]) -> dict[Run, Outcome]:
    """Every outcome of ``runs``, played by ``workers`` processes where it is not there yet."""
    left = [run for run in runs if store.load(run) is None]
    on_progress(len(runs) - len(left))
    if workers == 1:
        for run in left:
            play(store, run)
            on_progress(1)
    else:
        for _ in run_jobs(partial(play, store), left, workers, "run"):
            on_progress(1)
    return {run: store.load(run) for run in runs}


@dataclass(frozen=True)
class LogJob:
    """One wearer to be logged, and where to."""

    run: Run
    settings: StudySettings
    path: Path


def log_path(folder: Path, settings: StudySettings, run: Run) -> Path:
    return folder / f"log-{digest_of(settings, {})}" / f"{run.name}.npz"


def write_log(job: LogJob) -> None:
    episode = LoggedEpisode(job.run, job.settings, predictor())
    episode.play()
    save_moments(job.path, episode.moments)


def log_runs(first_seed: int, seeds: int) -> list[Run]:
    return [Run(first_seed + number, ON_REQUEST, idle=idle) for number in range(seeds) for idle in (False, True)]


def log_all(
    folder: Path, settings: StudySettings, runs: Sequence[Run], workers: int, on_progress: Callable[[int], None]
) -> list[Path]:
    """Logs of ``runs``, made where they are not there yet."""
    jobs = [LogJob(run, settings, log_path(folder, settings, run)) for run in runs]
    left = [job for job in jobs if not job.path.is_file()]
    on_progress(len(jobs) - len(left))
    for _ in run_jobs(write_log, left, workers, "wearer"):
        on_progress(1)
    return [job.path for job in jobs]
