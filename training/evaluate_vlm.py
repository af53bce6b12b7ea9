"""Stage 4: what a checkpoint is worth on episodes it has never seen, beside its trivial rivals.

Every figure is free-running but those under ``teacher_forced``, which the model reads the truth to get and which stand
apart for that reason. Intervals resample whole episodes. ``--summarize`` takes evaluations of several seeds instead
and prints the mean and range of every figure.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gaze_vlm_ros.statistics import Estimate
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.cache_tokens import cache_tokens, open_tokens
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.metrics import (
    abstention,
    attention,
    calibration,
    every_window,
    hallucination,
    next_object,
    phases,
    teacher_forced,
    wording,
)
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.training.metrics.markdown import figure_of
from gaze_vlm_ros.training.metrics.seeds import over_seeds
from gaze_vlm_ros.training.model_card import EVALUATION_FILE, write_card
from gaze_vlm_ros.training.provenance import load_stages
from gaze_vlm_ros.vlm.calibration import load_calibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.gaze_inputs import GazeMode
from gaze_vlm_ros.vlm.tokenizer import KINDS


def evaluate(
    checkpoint: Path,
    tokens: Path,
    split: str = "test",
    limit: int | None = None,
    mode: GazeMode = GazeMode.AUTO,
) -> dict:
    """All figures of ``checkpoint`` on one split of the cache ``tokens``, as written to ``evaluation.json``.

    ``mode``: how gaze comes in where a column has it, AUTO or HEATMAP.
    """
    model, tokenizer = load_checkpoint(checkpoint)
    data = open_tokens(tokens, checkpoint, model)
    windows = data.of_split(split)[:limit]
    fitted = load_calibration(checkpoint)
    said = {source: answer(model, tokenizer, data, windows, source, 0, fitted, mode) for source in Input}
    judged = Judged(data, windows, said)
    looks = attention.tables(judged)
    result = {
        "checkpoint": model.config.name,
        "version": model.config.version,
        "seeds": {stage.name: stage.seed for stage in load_stages(checkpoint)},
        "data_sha256": data.data_sha256,
        "gaze_mode": mode.value,
        "split": split,
        "episodes": len(judged.by_episode()),
        "windows": len(windows),
        "per_phase": phases.table(judged),
        "slots": phases.slot_table(judged),
        "per_window": every_window.table(judged),
        "next_object": next_object.table(judged),
        "hallucinated_object": hallucination.table(judged),
        "calibration": calibration.table(judged),
        "abstention": abstention.table(judged, fitted),
        "wording": wording.table(judged),
        "teacher_forced": teacher_forced.table(model, tokenizer, data, windows),
        "attention_mass_within_2_patches": looks.pop("mass"),
        "attention": looks,
    }
    return json.loads(json.dumps(result, default=_plain))


def write_evaluation(
    checkpoint: Path,
    tokens: Path,
    split: str = "test",
    data: Path | None = None,
    mode: GazeMode = GazeMode.AUTO,
    out: Path | None = None,
) -> None:
    """Writes ``evaluation.json`` and the card into ``out``; in mode HEATMAP ``evaluation-heatmap.json`` alone.

    ``out`` is by default the checkpoint's own folder. Where ``data`` is given, ``tokens`` is first made from its
    episodes by the checkpoint's own encoder, unless that is done.
    """
    load_checkpoint(checkpoint)
    out = out or checkpoint
    out.mkdir(parents=True, exist_ok=True)
    if data is not None:
        cache_tokens(data, checkpoint, tokens)
    result = evaluate(checkpoint, tokens, split, mode=mode)
    text = (json.dumps(result, indent=2) + "\n").encode()
    if mode is not GazeMode.AUTO:
        path = (out / EVALUATION_FILE).with_stem(f"evaluation-{mode.value}")
        write_atomically(path, text)
        say(f"{path} written")
        return
    write_atomically(out / EVALUATION_FILE, text)
    write_card(checkpoint, result, out)
    for source, of in ((Input.GAZE, "frames and gaze"), (Input.RGB, "frames alone")):
        rates = result["per_phase"][source.value]
        exact = (f"{kind.value} {figure_of(rates[kind.value]['model'])}" for kind in KINDS)
        say(f"exact sentences, {of}: {', '.join(exact)} ({result['episodes']} episodes)")
    say(f"{out / EVALUATION_FILE} and README.md written")


def summarize(paths: list[Path]) -> None:
    """Prints ``over_seeds`` of several ``evaluation.json`` as JSON."""
    try:
        evaluations = [json.loads(path.read_text()) for path in paths]
    except (OSError, ValueError) as error:
        raise DataError(f"no evaluation: {error}") from None
    print(json.dumps(over_seeds(evaluations), indent=2))


def _plain(value: object) -> object:
    return value.as_dict() if isinstance(value, Estimate) else float(value)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--gaze-mode",
        choices=(GazeMode.AUTO.value, GazeMode.HEATMAP.value),
        default=GazeMode.AUTO.value,
        help="how gaze comes in: as a bias on the attention, or in its place (default %(default)s)",
    )
    parser.add_argument(
        "--summarize", type=Path, nargs="+", metavar="JSON", help="evaluations of several seeds: print mean and range"
    )
    options = parser.parse_args(arguments)
    if options.summarize:
        return run_command(lambda: summarize(options.summarize), options.threads)
    mode = GazeMode(options.gaze_mode)
    return run_command(
        lambda: write_evaluation(options.checkpoint, options.tokens, options.split, mode=mode), options.threads
    )


if __name__ == "__main__":
    raise SystemExit(main())
