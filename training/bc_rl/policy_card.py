"""The model card of a foveated policy: what it is, what it was trained on, what it reached on validation."""

from __future__ import annotations

import json
from pathlib import Path

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.training.provenance import Stage

CARD = "README.md"


def write_card(folder: Path, policy: FoveatedPolicy, stages: list[Stage], start: Path | None = None) -> None:
    """Writes ``README.md`` beside the weights. ``start`` is the policy from which training began."""
    config = policy.config
    count = sum(parameter.numel() for parameter in policy.parameters())
    lines = [
        f"# Foveated policy `{config.name}`",
        "",
        f"An eye and a hand for robot `{config.robot}`, {count / 1e6:.2f} million parameters, trained in simulation on "
        "demonstrations of scripted experts. It has never moved a real robot.",
        *(
            (f"Training began from the policy `{start.name}`; what no stage below names is that policy's, unchanged.",)
            if start
            else ()
        ),
        "",
        "| stage | steps (of an eye: iterations of PPO) | seconds | demonstrations | data (sha256) | seed |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {stage.name} | {stage.steps} | {stage.elapsed_s:.0f} | {stage.episodes} | `{stage.data_sha256[:12]}` "
        f"| {stage.seed} |"
        for stage in stages
    ]
    lines += ["", "## Validation", "", "Scores after the stages, on demonstrations of other seeds:", ""]
    lines += [f"- {stage.name}: `{json.dumps(stage.validation)}`" for stage in stages if stage.validation]
    lines += [
        "",
        "Closed-loop figures: `evaluation.json` where it is there, made by "
        f"`python -m gaze_vlm_ros.training.{'evaluate_bring' if config.helps_by == 'Bring' else 'evaluate_policy'}`.",
        "",
        "## Configuration",
        "",
        "```json",
        json.dumps(config.to_dict(), indent=2),
        "```",
        "",
    ]
    (folder / CARD).write_text("\n".join(lines))
