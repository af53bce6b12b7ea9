"""The model card: what a checkpoint is, how it came about, what it scores, in one README.md beside the weights."""

from __future__ import annotations

import json
from pathlib import Path

from gaze_vlm_ros.training.metrics.markdown import sections, table_of
from gaze_vlm_ros.training.provenance import NAMING, load_stages
from gaze_vlm_ros.vlm.checkpoint import CONFIG, WEIGHTS, write_atomically
from gaze_vlm_ros.vlm.domain import DOMAIN

EVALUATION_FILE, DOMAIN_FILE = "evaluation.json", "domain.json"


def write_card(checkpoint: Path, evaluation: dict, out: Path | None = None) -> None:
    """Writes ``README.md`` from the checkpoint's configuration, its stages and ``evaluate_vlm``'s figures, into the
    folder ``out``, by default the checkpoint's own.
    """
    config = json.loads((checkpoint / CONFIG).read_text())
    size = (checkpoint / WEIGHTS).stat().st_size / 1e6
    parts = [
        f"# {config['name']}",
        _about(config, size),
        "## Training",
        _stages(checkpoint),
        "## What it takes for its own world",
        _domain(checkpoint),
        f"## Evaluation on the {evaluation['split']} episodes",
        _scope(evaluation),
        *sections(evaluation),
    ]
    write_atomically((out or checkpoint) / "README.md", ("\n\n".join(parts) + "\n").encode())


def _about(config: dict, size: float) -> str:
    return (
        "Names the wearer's activity and the event to come from five egocentric frames (one per second), with gaze as\n"
        "an optional input. A transformers LLaVA-type model (SigLIP encoder, projector, Llama) with the gaze block of\n"
        f"Gaze-VLM (arXiv 2510.21356) between projector and language model; {size:.1f} MB, half precision. It learnt\n"
        "from nothing but this package's simulated kitchen: expect sense there and nowhere else. No person's data\n"
        "were used."
    )


def _stages(checkpoint: Path) -> str:
    stages = load_stages(checkpoint)
    glances = " --glances GLANCES" if any("glances" in stage.settings for stage in stages) else ""
    named = " --encoder runs/language/checkpoint" if any(stage.name == NAMING for stage in stages) else ""
    rows = [
        [
            s.name,
            str(s.steps),
            f"{s.elapsed_s / 60:.1f}",
            str(s.seed),
            str(s.episodes),
            s.data_sha256[:12],
            ", ".join(f"{k} {v:g}" if isinstance(v, (int, float)) else f"{k}: {v}" for k, v in s.settings.items()),
            ", ".join(f"{k} {v:.3f}" for k, v in s.validation.items()),
        ]
        for s in stages
    ]
    return table_of(
        ["stage", "steps", "minutes", "seed", "episodes", "data sha256", "settings", "validation"], rows
    ) + (
        "\n\n```\n"
        f"python -m gaze_vlm_ros.training.pretrain_encoder --data DATA{glances}\n"
        "python -m gaze_vlm_ros.training.cache_tokens --data DATA\n"
        + ("python -m gaze_vlm_ros.training.pretrain_language\n" if named else "")
        + f"python -m gaze_vlm_ros.training.train_vlm{named}\n"
        "python -m gaze_vlm_ros.training.fit_domain --data DATA\n"
        "python -m gaze_vlm_ros.training.fit_calibration\n"
        "python -m gaze_vlm_ros.training.evaluate_vlm\n"
        "```"
    )


def _domain(checkpoint: Path) -> str:
    path = checkpoint / DOMAIN_FILE
    if not (checkpoint / DOMAIN).exists() or not path.exists():
        return f"There is no {DOMAIN} here: of what a picture shows nothing is checked, only padding is out of domain."
    found = json.loads(path.read_text())
    rows = [["pictures of the test episodes", f"{found['test']['value']:.1%} [{_percent(found['test'])}]"]]
    rows[0].append(str(found["test"]["n"]))
    rows += [[name, f"{e['value']:.0%} [{_percent(e)}]", str(e["n"])] for name, e in found["others"].items()]
    return (
        "A picture is marked out of domain where its patch tokens, averaged over either half, lie further than\n"
        f"{found['threshold']:.1f} standard deviations (Mahalanobis distance) from the training pictures: the one\n"
        f"threshold, the {found['quantile']:.1%} quantile of the validation pictures. In the worst test episode\n"
        f"{found['worst_test_episode']:.0%} of the pictures are marked. A prediction is out of domain where its\n"
        "newest picture is, or more than half of its window. This tells another world apart; it does not\n"
        "tell when the model errs in its own.\n\n"
    ) + table_of(["shown", "marked out of domain", "n"], rows)


def _percent(estimate: dict) -> str:
    return ", ".join(f"{end:.1%}" for end in estimate["ci95"])


def _scope(evaluation: dict) -> str:
    return (
        f"{evaluation['episodes']} episodes, {evaluation['windows']} windows; no episode of training among them.\n"
        "One seed. Brackets: 95 % interval, whole episodes resampled."
    )
