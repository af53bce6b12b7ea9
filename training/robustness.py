"""How much can gaze be disturbed before it is worth nothing? The answers of one checkpoint under worse and worse gaze.

Noise, bias, drop-out and latency act on the tracker's samples, which the model is given at inference; it was trained
with gaze as it is. Several data sets are judged side by side: beside one like the training's, others that are not.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.statistics import Estimate
from gaze_vlm_ros.training.cache_tokens import cache_tokens, open_tokens
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.sweeps.page import page
from gaze_vlm_ros.training.sweeps.picture import draw_sweeps
from gaze_vlm_ros.training.sweeps.scores import STEPS, sweep_all
from gaze_vlm_ros.training.sweeps.swept_set import Speaker, SweptSet
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.calibration import load_calibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.model import GazeVLM


@dataclass(frozen=True)
class DataSet:
    """One column of the tables: a token cache and the episodes that it was made from."""

    name: str
    tokens: Path
    data: Path


def robustness(
    checkpoint: Path, sets: Sequence[DataSet], split: str = "test", most: int | None = None, seed: int = 0
) -> Iterator[dict]:
    """Every sweep over every set, as written to ``robustness.json``: yielded after each set with all that are done. Of
    each set at most ``most`` episodes are judged.

    A token cache that does not exist is made first, by the checkpoint's own encoder.
    """
    model, tokenizer = load_checkpoint(checkpoint)
    speaker, results = Speaker(model, tokenizer, load_calibration(checkpoint)), {}
    about = {"checkpoint": model.config.name, "version": model.config.version, "split": split, "seed": seed}
    for one in sets:
        data = _tokens(one, checkpoint, model)
        swept = SweptSet(speaker, data, one.data, split, most)
        with Progress() as progress:
            task = progress.add_task(one.name, total=STEPS)
            scores = sweep_all(swept, seed, lambda task=task, bar=progress: bar.advance(task))
        results[one.name] = {"data_sha256": data.data_sha256} | scores
        yield json.loads(json.dumps({"about": about, "sets": results}, default=Estimate.as_dict))


def _tokens(one: DataSet, checkpoint: Path, model: GazeVLM) -> TokenSet:
    if not (one.tokens / "cache.json").exists():
        cache_tokens(one.data, checkpoint, one.tokens)
    return open_tokens(one.tokens, checkpoint, model)


def write_robustness(result: dict, command: str, out: Path) -> None:
    """``robustness.json``, ``.md`` and ``.png`` in the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "robustness.json", (json.dumps(result, indent=2) + "\n").encode())
    write_atomically(out / "robustness.md", page(result, command).encode())
    draw_sweeps(result, out / "robustness.png")
    say(f"{out / 'robustness.json'}, .md and .png written")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument(
        "--tokens", type=Path, nargs="+", default=[Path("runs/tokens")], help="a cache for each data set"
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="what each cache was made from")
    parser.add_argument("--names", nargs="+", help="of the data sets (default: the names of their folders)")
    parser.add_argument("--out", type=Path, default=Path("runs/robustness"))
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--most", type=int, metavar="N", help="judge at most N episodes of each data set")
    parser.add_argument("--seed", type=int, default=0, help="of noise, bias and drop-out (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given)

    def judge() -> None:
        command = shlex.join(["python", "-m", "gaze_vlm_ros.training.robustness", *given])
        for result in robustness(options.checkpoint, _sets(options), options.split, options.most, options.seed):
            write_robustness(result, command, options.out)

    return run_command(judge, options.threads)


def _sets(options: argparse.Namespace) -> list[DataSet]:
    names = options.names or [folder.name for folder in options.data]
    if not len(names) == len(options.tokens) == len(options.data) == len(set(names)):
        raise DataError("--tokens, --data and --names go together: one of each for every data set, no name twice")
    return [DataSet(*one) for one in zip(names, options.tokens, options.data, strict=True)]


if __name__ == "__main__":
    raise SystemExit(main())
