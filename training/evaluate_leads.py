"""The next object at short leads: ``evaluate_vlm``'s table once more, from episodes of which every frame was cached.

Two frames in a second leave no window that ends 0.25 s before a hand starts. The table goes into the checkpoint's
``evaluation.json`` and its card, beside the figures that are there.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from gaze_vlm_ros.statistics import Estimate
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.metrics import next_object
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.training.model_card import EVALUATION_FILE, write_card
from gaze_vlm_ros.training.sweeps.swept_set import asked_windows
from gaze_vlm_ros.vlm.calibration import load_calibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically

KEY = "next_object_every_frame"


def evaluate_leads(checkpoint: Path, tokens: Path, split: str = "test") -> dict:
    """What ``next_object.table`` says of one split of the cache ``tokens`` (under ``leads``), and of which data."""
    model, tokenizer = load_checkpoint(checkpoint)
    data = open_tokens(tokens, checkpoint, model)
    windows = asked_windows(data, data.of_split(split), next_object.LEADS_S)
    fitted = load_calibration(checkpoint)
    judged = Judged(data, windows, {one: answer(model, tokenizer, data, windows, one, 0, fitted) for one in Input})
    found = {
        "data_sha256": data.data_sha256,
        "split": split,
        "episodes": len(judged.by_episode()),
        "frames_per_s": round(1.0 / float(np.median(np.diff(data.columns["stamp_s"]))), 1),
        "leads": next_object.table(judged),
    }
    return json.loads(json.dumps(found, default=Estimate.as_dict))


def write_leads(checkpoint: Path, tokens: Path, split: str = "test") -> None:
    """Adds the table to ``evaluation.json`` and the card of ``checkpoint``, which ``evaluate_vlm`` made before."""
    path = checkpoint / EVALUATION_FILE
    if not path.exists():
        raise DataError(f"{path} is not there yet; run evaluate_vlm on this checkpoint first")
    evaluation = json.loads(path.read_text()) | {KEY: evaluate_leads(checkpoint, tokens, split)}
    write_atomically(path, (json.dumps(evaluation, indent=2) + "\n").encode())
    write_card(checkpoint, evaluation)
    say(f"{path} and README.md written")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument("--tokens", type=Path, required=True, help="cache of `cache_tokens --every-frame`")
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    return run_command(lambda: write_leads(options.checkpoint, options.tokens, options.split), options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
