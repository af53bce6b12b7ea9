"""Where an eye estimator comes from and what it is worth: ``training.json``, ``evaluation.json``, ``README.md``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gaze_vlm_ros.vlm.checkpoint import write_atomically

STAGE, TRAINING, EVALUATION, CARD = "stage.json", "training.json", "evaluation.json", "README.md"
_TUNED = {
    "all": "all of it is tuned, where the paper tunes adapters and head alone",
    "adapters": "adapters, last normalisation and head are tuned, as in the paper",
}
_ROWS = {
    "generic_deg": "student, generic",
    "one_offset_deg": "the same with one offset from five looks",
    "personal_deg": "the same with adapters from five looks",
    "slippage_generic_deg": "generic, glasses slipped by up to 2 mm along each axis",
    "slippage_one_offset_deg": "one offset, slipped since",
    "slippage_personal_deg": "adapters, slipped since",
    "teacher_deg": "teacher, generic",
    "mean_gaze_deg": "always the mean of the true directions",
    "zero_gaze_deg": "always straight ahead",
}


@dataclass(frozen=True)
class StageRecord:
    """One stage: ``steps`` and ``processor_minutes`` of learning on ``people``, whose pictures have ``data_sha256``."""

    name: str
    steps: int
    processor_minutes: float
    people: int
    pictures: int
    data_sha256: str
    settings: dict
    validation: dict[str, float] = field(default_factory=dict)


def save_record(folder: Path, record: StageRecord) -> None:
    write_atomically(folder / STAGE, (json.dumps(asdict(record), indent=2) + "\n").encode())


def collect_records(out: Path, stages: tuple[str, ...]) -> list[dict]:
    """The records of those ``stages`` below ``out`` that are there, in order."""
    return [json.loads(path.read_text()) for stage in stages if (path := out / stage / STAGE).exists()]


def write_card(folder: Path, records: list[dict], evaluation: dict, command: str) -> None:
    """Writes all three files into the checkpoint ``folder``."""
    write_atomically(folder / TRAINING, (json.dumps(records, indent=2) + "\n").encode())
    write_atomically(folder / EVALUATION, (json.dumps(evaluation, indent=2) + "\n").encode())
    write_atomically(folder / CARD, card(records, evaluation, command).encode())


def card(records: list[dict], evaluation: dict, command: str) -> str:
    """The model card as Markdown."""
    tunes = next(record["settings"]["tunes"] for record in records if record["name"] == "generic")
    stages = "\n".join(
        f"| {r['name']} | {r['people']} | {r['pictures']} | {r['steps']} | {r['processor_minutes']:.1f} "
        f"| {r['data_sha256'][:12]} |"
        for r in records
    )
    intervals = evaluation["ci95"]
    rows = "\n".join(
        f"| {text} | {evaluation[key]:.2f}{_interval(intervals.get(key))} |"
        for key, text in _ROWS.items()
        if evaluation.get(key) is not None
    )
    paired = evaluation["personal_less_one_offset_deg"]
    return f"""# DFT Gaze on rendered eyes

Student of 281,012 parameters (DFT Gaze, arXiv 2411.04335) that sees one infrared picture of an eye and gives the
direction of its visual axis. Trained on procedural renders alone (presets `neon` and `aria`): its degrees cannot be
compared with published benchmarks, and nothing is claimed for real eyes. The paper's backbone comes from ImageNet; here
the teacher learns from labelled renders, and the student is distilled on renders without their labels. In the generic
phase {_TUNED[tunes]}; then, which the paper has not, all of it learns what an affine correction
from other looks of the same eye leaves.

    {command}

| stage | people | pictures | steps | processor minutes | data |
|---|---|---|---|---|---|
{stages}

Mean angle [deg] over {evaluation["people"]} people never seen in training (seed {evaluation["seed"]}), preset `neon` at
192 px:

| | error |
|---|---|
{rows}

Adapters less one offset, paired by picture: {paired["value"]:+.2f} deg{_interval(paired["ci95"])}. Intervals are
of 95 %, over people. Within the stated 1-sigma: {evaluation["coverage_1sigma"]:.1%} generic,
{evaluation["coverage_1sigma_personal"]:.1%} personal (68.3 % wanted). Open eyes recognised as usable:
{evaluation["usable_share"]:.1%}.

    python -m gaze_vlm_ros.training.eyes.evaluate --people {evaluation["people"]} --seed {evaluation["seed"]}
"""


def _interval(bounds: list[float] | None) -> str:
    return "" if bounds is None else f" [{bounds[0]:.2f}, {bounds[1]:.2f}]"
