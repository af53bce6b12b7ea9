"""DFT Gaze in stages, each of which goes on where it was left; the budget is shared out among them.

render   pictures of simulated people, with labels
teacher  ConvNeXt V2-Atto, from labelled pictures (the paper begins from ImageNet, which is not to be had here)
distil   the student learns the teacher's features from masked pictures, without labels
generic  the student learns gaze, balanced over its directions: all of it, or as in the paper adapters and head
steady   the student learns what five looks of a person cannot mend (not in the paper)
sigma    intervals, open, closed or absent, foreign pictures
personal where the personal phase begins and how far it goes, learnt on people who play calibrations
export   the graph, what the personal phase needs, and a card with what unseen people say of it
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from gaze_vlm_ros.gaze.eyes.checkpoint import SHIPPED
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.eyes.card import StageRecord, collect_records, save_record, write_card
from gaze_vlm_ros.training.eyes.distil import inherit_first_stage, train_distilled
from gaze_vlm_ros.training.eyes.evaluate import evaluate
from gaze_vlm_ros.training.eyes.fit_heads import Summaries, summarise, train_heads
from gaze_vlm_ros.training.eyes.lessons import train_lesson
from gaze_vlm_ros.training.eyes.renders import EyeRenders, RenderSettings, digest, load_renders, render_set
from gaze_vlm_ros.training.eyes.ship import STUDENT, STUDENT_FILES, assemble, draw_replay
from gaze_vlm_ros.training.eyes.steady import Steadiness, train_steady
from gaze_vlm_ros.training.eyes.supervised import Supervision, new_net, spread, train_supervised
from gaze_vlm_ros.training.eyes.weights import NET_FILES, load_net, save_heads, save_lesson, save_net
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.run_state import Position
from gaze_vlm_ros.vlm.checkpoint import write_atomically

SHARES = {"teacher": 0.13, "distil": 0.06, "generic": 0.26, "steady": 0.47, "sigma": 0.03, "personal": 0.05}
"""Of the budget in processor minutes."""
RATES = {"teacher": 1.5e-3, "distil": 2e-3, "generic": 3e-3, "steady": 2e-3, "sigma": 2e-3, "personal": 1e-3}
SUMMARISED = {"train": 16000, "validation": 4000}
HEAD_BATCH = 512
EVALUATED_PEOPLE = 40


@dataclass(frozen=True)
class EyeTraining:
    """What the command was asked for. ``minutes``: of processor time, all stages but rendering together; ``teacher``:
    the folder of one that is there already, instead of that of this training.
    """

    data: Path = Path("data/eyes")
    out: Path = Path("runs/eyes")
    people: int = 2600
    minutes: float = 120.0
    first_width: int = 40
    image_px: int = 96
    view: float = 0.67
    generic_tunes: str = "all"
    batch: int = 64
    seed: int = 0
    workers: int = 2
    teacher: Path | None = None

    def loop(self, stage: str, evaluations: int = 8) -> LoopSettings:
        return LoopSettings(
            minutes=self.minutes * SHARES[stage],
            learning_rate=RATES[stage],
            seed=self.seed,
            clock="processor",
            evaluations=evaluations,
        )

    @property
    def renders(self) -> RenderSettings:
        return RenderSettings(self.people, max(10, self.people // 5), image_px=self.image_px, view=self.view)

    def load(self, split: str) -> EyeRenders:
        return load_renders(self.data, split, getattr(self.renders, split))

    def folder(self, stage: str) -> Path:
        return self.teacher if stage == "teacher" and self.teacher else self.out / stage


def render(job: EyeTraining) -> None:
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("eye pictures, in blocks of people", total=1.0)
        render_set(job.data, job.renders, job.workers, lambda done, of: bar.update(task, completed=done / of))


def teacher(job: EyeTraining) -> None:
    net = new_net(EyeNetConfig.teacher(job.image_px, job.view), job.seed)
    _supervise(job, "teacher", net, Supervision("all", job.batch))


def distil(job: EyeTraining) -> None:
    known = load_net(job.folder("teacher")).to(memory_format=torch.channels_last)
    net = new_net(EyeNetConfig.student(job.first_width, job.image_px, job.view), job.seed + 1)
    inherit_first_stage(net, known)
    seen = job.load("train")
    position = train_distilled(net, known, seen, job.batch, job.loop("distil", 1), job.folder("distil"))
    save_net(job.folder("distil"), net)
    _done(job, "distil", position, seen)


def generic(job: EyeTraining) -> None:
    net = load_net(job.folder("distil")).to(memory_format=torch.channels_last)
    _supervise(job, "generic", net, Supervision(job.generic_tunes, job.batch))


def _supervise(job: EyeTraining, stage: str, net: EyeNet, supervision: Supervision) -> None:
    seen, folder = job.load("train"), job.folder(stage)
    position = train_supervised(net, seen, job.load("validation"), supervision, job.loop(stage), folder)
    save_net(folder, net)
    _done(job, stage, position, seen)


def steady(job: EyeTraining) -> None:
    net, seen = load_net(job.folder("generic")).to(memory_format=torch.channels_last), job.load("train")
    folder = job.folder("steady")
    position = train_steady(net, seen, job.load("validation"), Steadiness(), job.loop("steady"), folder)
    save_net(folder, net)
    _done(job, "steady", position, seen)


def sigma(job: EyeTraining) -> None:
    net, (seen, judged), data = load_net(job.folder("steady")), summaries(job), digest(job.load("validation"))
    folder = job.folder("sigma")
    heads, position = train_heads(
        seen, judged, net.config.widths[2], HEAD_BATCH, job.loop("sigma"), folder, {"data": data}
    )
    save_heads(folder, heads)
    right = (heads(judged.values).state.argmax(1) == judged.state).float().mean()
    _done(job, "sigma", position, spread(job.load("train"), SUMMARISED["train"]))
    say(f"sigma: {right:.1%} of the validation pictures' states are recognised")


def personal(job: EyeTraining) -> None:
    net, seen, folder = load_net(job.folder("steady")), job.load("train"), job.folder("personal")
    replay, loop = draw_replay(net, seen), replace(job.loop("personal"), weight_decay=0.0)
    start, step, position = train_lesson(net, seen, job.load("validation"), replay, loop, folder)
    save_lesson(folder, start, step)
    _done(job, "personal", position, seen)


def summaries(job: EyeTraining) -> tuple[Summaries, Summaries]:
    """What the network says of some training and of some validation pictures."""
    net = load_net(job.folder("steady"))
    seen, judged = (spread(job.load(split), most) for split, most in SUMMARISED.items())
    return summarise(net, seen, job.seed, disturbs=True), summarise(net, judged, job.seed + 1, disturbs=False)


def export(job: EyeTraining) -> None:
    student = assemble(job.out, job.load("train"), job.load("validation"), summaries(job))
    evaluation = evaluate(student, EVALUATED_PEOPLE, job.seed, job.folder("teacher"))
    command = (
        f"python -m gaze_vlm_ros.training.eyes.train --people {job.people} --minutes {job.minutes:g} --seed {job.seed} "
        f"--image-px {job.image_px} --view {job.view:g} --generic-tunes {job.generic_tunes}"
    )
    write_card(student, collect_records(job.out, tuple(STAGES)), evaluation, command)
    say(f"export: {evaluation['generic_deg']:.2f} deg generic, {evaluation['personal_deg']:.2f} personal; {student}")


def ship(job: EyeTraining) -> None:
    """Copies student and teacher to where the package looks for them."""
    for name, files in {STUDENT: STUDENT_FILES, "teacher": NET_FILES}.items():
        target = SHIPPED.parent / name
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            write_atomically(target / file, (job.out / name / file).read_bytes())
        say(f"ship: {target}")


STAGES: dict[str, Callable[[EyeTraining], None]] = {
    stage.__name__: stage for stage in (render, teacher, distil, generic, steady, sigma, personal, export)
}


def _done(job: EyeTraining, stage: str, position: Position, seen: EyeRenders) -> None:
    minutes = round(position.elapsed_s / 60, 2)
    settings = json.loads(position.settings)
    record = StageRecord(stage, position.step, minutes, job.people, len(seen), digest(seen), settings)
    save_record(job.folder(stage), record)
    say(f"{stage}: {position.step} steps, {minutes:.1f} processor minutes")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = EyeTraining()
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--data", type=Path, default=default.data, help="where the pictures lie (%(default)s)")
    parser.add_argument("--out", type=Path, default=default.out, help="where the stages are kept (%(default)s)")
    parser.add_argument("--people", type=int, default=default.people, help="to train on (default %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=default.minutes, help="processor time of all learning (default %(default)s)"
    )
    parser.add_argument("--first-width", type=int, default=default.first_width, help="of the student's first stage")
    parser.add_argument("--image-px", type=int, default=default.image_px, help="side of its pictures (%(default)s)")
    parser.add_argument(
        "--view", type=float, default=default.view, help="the middle share of a camera's width and height (%(default)s)"
    )
    parser.add_argument(
        "--generic-tunes",
        choices=("adapters", "all"),
        default=default.generic_tunes,
        help="the paper: adapters (default %(default)s)",
    )
    parser.add_argument("--batch", type=int, default=default.batch)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--workers", type=int, default=default.workers, help="rendering processes")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")
    parser.add_argument("--ship", action="store_true", help=f"also put the result where it ships, {SHIPPED.parent}")
    chosen = vars(parser.parse_args(arguments))
    stages, threads, ships = (chosen.pop(name) for name in ("stages", "threads", "ship"))
    job = EyeTraining(**chosen)

    def action() -> None:
        for name in stages:
            STAGES[name](job)
        if ships:
            ship(job)

    return run_command(action, threads)


if __name__ == "__main__":
    raise SystemExit(main())
