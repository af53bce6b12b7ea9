"""The model card of a model that was trained from pixels."""

from __future__ import annotations

from pathlib import Path

from gaze_vlm_ros.training.metrics.markdown import table_of
from gaze_vlm_ros.training.provenance import Stage
from gaze_vlm_ros.vlm.checkpoint import write_atomically
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM


def write_card(checkpoint: Path, wrapped: WrappedVLM, stage: Stage) -> None:
    """Writes ``README.md``: what the model is, how it came about, what it scored on validation windows."""
    kind, mode = wrapped.model.config.model_type, wrapped.settings.mode
    weights = sum(parameter.numel() for parameter in wrapped.parameters())
    about = (
        f"A transformers model of the family `{kind}`, {weights / 1e6:.1f} million weights, with the gaze block of\n"
        f"Gaze-VLM (arXiv 2510.21356) between projector and language model, output mode `{mode}`. Started from\n"
        f"`{stage.settings['model']}`; its vision encoder was not trained. The episodes come from this package's\n"
        "simulated kitchen: expect sense there and nowhere else."
    )
    facts = {
        "steps": stage.steps,
        "minutes": f"{stage.elapsed_s / 60:.1f}",
        "seed": stage.seed,
        "training episodes": stage.episodes,
        "data sha256": stage.data_sha256[:12],
        **stage.settings,
    }
    training = table_of(["", "value"], [[name.replace("_", " "), str(value)] for name, value in facts.items()])
    scored = table_of(["", "value"], [[name, f"{value:.3f}"] for name, value in stage.validation.items()])
    note = (
        "A few windows of the validation episodes, one seed, looked at during training: no result. `words` is\n"
        "teacher-forced and `gaze_kl` the KL of gaze against attention, both in nats and without gaze as input; the\n"
        "others are shares of sentences said exactly, free-running, from frames alone (`rgb`) or with gaze as input\n"
        "(`gaze`)."
    )
    parts = [f"# {checkpoint.parent.name}", about, "## Training", training, "## Validation", note, scored]
    write_atomically(checkpoint / "README.md", ("\n\n".join(parts) + "\n").encode())
