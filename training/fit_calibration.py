"""Stage 5: temperatures that make probabilities true, and the threshold below which the model abstains.

Both come from the validation episodes alone and are written to ``calibration.json`` beside the weights, with what was
measured there. ``evaluate_vlm`` says what they are worth on the test episodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.answers import Answers, Input, answer, attended
from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.training.metrics.abstention import risk_at_coverage
from gaze_vlm_ros.training.metrics.calibration import expected_calibration_error
from gaze_vlm_ros.training.token_set import Sentences, TokenSet
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.calibration import CALIBRATION, INPUTS, Calibration, TaskCalibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.domain import weights_digest
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer
from gaze_vlm_ros.vlm.trie import SentenceTrie

RISK = 0.5
LEAST_SAID = 50
"""A threshold above which fewer sentences were said on the validation episodes rests on too little."""
_BATCH = 64
_RANGE = 0.1, 10.0
_SILENT = 1.0
Choices = dict[tuple[PredictionKind, int], list[tuple[Tensor, Tensor]]]
"""(task, 0 for the first choice of a sentence or 1) -> logits (V,), -inf where the grammar forbids, and the word."""


class _Fit:
    """What a fit looks at: the validation windows of one checkpoint."""

    def __init__(self, model: GazeVLM, tokenizer: SentenceTokenizer, data: TokenSet) -> None:
        self.model, self.tokenizer, self.data = model, tokenizer, data
        self.windows, self.trie = data.of_split("validation"), SentenceTrie.of_grammar(tokenizer)

    def said(self, source: Input, calibration: Calibration | None = None) -> Answers:
        return answer(self.model, self.tokenizer, self.data, self.windows, source, calibration=calibration)

    def truth(self, kind: PredictionKind) -> np.ndarray:
        return self.data.columns[kind.value][self.data.last(self.windows)]


def fit_calibration(tokens: Path, checkpoint: Path, risk: float = RISK) -> Calibration:
    """Writes ``calibration.json`` into ``checkpoint`` from the cache ``tokens`` of its encoder.

    ``risk``: the share of wrong sentences among those said that is put up with. A task that cannot keep it abstains
    always.
    """
    if not 0 < risk < 1:
        raise DataError(f"risk must lie between 0 and 1, got {risk}")
    model, tokenizer = load_checkpoint(checkpoint)
    data = open_tokens(tokens, checkpoint, model)
    fit, digest, tasks = _Fit(model, tokenizer, data), weights_digest(checkpoint), {}
    with Progress() as progress:
        task = progress.add_task("calibration", total=len(INPUTS))
        for name in INPUTS:
            temperatures = _temperatures(_choices(fit, Input(name)))
            open_ended = {kind: TaskCalibration(temperatures[kind], 0.0) for kind in KINDS}
            before = fit.said(Input(name))
            after = fit.said(Input(name), Calibration(dict.fromkeys(INPUTS, open_ended), digest, risk))
            tasks[name] = {kind: _with_threshold(fit, kind, temperatures[kind], before, after, risk) for kind in KINDS}
            progress.advance(task)
    calibration = Calibration(tasks, digest, risk)
    calibration.save(checkpoint)
    _tell(calibration, checkpoint / CALIBRATION)
    return calibration


@torch.inference_mode()
def _choices(fit: _Fit, source: Input) -> Choices:
    """The logits at every choice on the way to the true sentences."""
    found: Choices = {(kind, level): [] for kind in KINDS for level in (0, 1)}
    sentences = Sentences(fit.data.columns, fit.tokenizer, fit.model.config.image_tokens)
    for part in np.array_split(fit.windows, max(1, len(fit.windows) // _BATCH)):
        features = attended(fit.model, fit.data, part, source).features
        ids, _ = sentences.batch(fit.data.last(part))
        logits = fit.model.logits(features.repeat_interleave(len(KINDS), 0), ids).float()
        for number, kind in enumerate(KINDS):
            texts = fit.data.columns[kind.value][fit.data.last(part)]
            begin = len(fit.tokenizer.prompt(kind, fit.model.config.image_tokens)) - 1
            for row, text in zip(logits[number :: len(KINDS), begin:], texts, strict=True):
                place = 0
                for step, (choice, word) in enumerate(fit.trie.decisions(number, str(text))):
                    masked = row[place].masked_fill(~fit.trie.allowed[choice], -torch.inf)
                    found[kind, min(step, 1)].append((masked, torch.tensor(word)))
                    place += int(fit.trie.path_length[choice, word])
    return found


def _temperatures(choices: Choices) -> dict[PredictionKind, tuple[float, float]]:
    """The temperatures at which the true words are most likely; 1 where there is no choice to learn from."""
    return {kind: tuple(_temperature(choices[kind, level]) for level in (0, 1)) for kind in KINDS}


def _temperature(choices: list[tuple[Tensor, Tensor]]) -> float:
    if not choices:
        return 1.0
    logits, words = (torch.stack(values) for values in zip(*choices, strict=True))

    def surprise(log_temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(logits.double() / np.exp(log_temperature), words))

    return float(np.exp(minimize_scalar(surprise, bounds=np.log(_RANGE), method="bounded").x))


def _with_threshold(
    fit: _Fit, kind: PredictionKind, temperatures: tuple[float, float], before: Answers, after: Answers, risk: float
) -> TaskCalibration:
    told = fit.truth(kind) != ""
    right = (np.array(after.texts(kind)) == fit.truth(kind))[told].astype(float)
    was_right = (np.array(before.texts(kind)) == fit.truth(kind))[told].astype(float)
    probability = after.probabilities(kind)[told]
    threshold = threshold_for(probability, right, risk)
    said = probability >= threshold
    figures = {
        "windows": len(right),
        "accuracy": _rounded(right.mean()),
        "ece_before": expected_calibration_error(before.probabilities(kind)[told], was_right).value,
        "ece": expected_calibration_error(probability, right).value,
        "coverage": _rounded(said.mean()),
        "risk": _rounded(1 - right[said].mean()) if said.any() else None,
    }
    rounded = tuple(round(value, 4) for value in temperatures)
    return TaskCalibration(rounded, threshold, {key: _rounded(value) for key, value in figures.items()})


def threshold_for(probability: np.ndarray, right: np.ndarray, risk: float) -> float:
    """The threshold that says most while at most the share ``risk`` of what is said is wrong.

    1.0, above which hardly anything ever is, where no threshold that says LEAST_SAID cases, or all, keeps to it.
    """
    threshold, coverage, risks = risk_at_coverage(probability, right)
    fits = (risks <= risk) & (coverage * len(right) >= min(LEAST_SAID, len(right)) - 0.5)
    return float(threshold[np.flatnonzero(fits)[-1]]) if fits.any() else _SILENT


def _rounded(value: float | None) -> float | int | None:
    return value if value is None or isinstance(value, int) else round(float(value), 4)


def _tell(calibration: Calibration, path: Path) -> None:
    for name, kinds in calibration.tasks.items():
        for kind, task in kinds.items():
            found = task.validation
            silent = f"; the risk of {calibration.risk:.0%} cannot be kept" if task.threshold >= _SILENT else ""
            say(
                f"{name} {kind.value}: temperatures {task.temperatures[0]:.2f} {task.temperatures[1]:.2f}, calibration "
                f"error {found['ece_before']:.3f} -> {found['ece']:.3f}, says {found['coverage']:.0%} of "
                f"{found['windows']} windows{silent}"
            )
    say(f"{path} written")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument(
        "--risk", type=float, default=RISK, help="wrong sentences among those said that are put up with"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    return run_command(lambda: fit_calibration(options.tokens, options.checkpoint, options.risk), options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
