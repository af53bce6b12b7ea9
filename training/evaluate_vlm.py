"""Stage 4: what a checkpoint is worth on episodes it has never seen, beside its trivial rivals.

Every figure is free-running but those under ``teacher_forced``, which the model reads the truth to get and which stand
apart for that reason. Intervals resample whole episodes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros import scoring
from gaze_vlm_ros.language import parse, plain
from gaze_vlm_ros.statistics import Estimate, cluster_bootstrap, paired_bootstrap
from gaze_vlm_ros.training.answers import Answers, Input, answer
from gaze_vlm_ros.training.cache_tokens import cache_tokens, encoder_digest
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.model_card import EVALUATION_FILE, write_card
from gaze_vlm_ros.training.token_set import Sentences, TokenSet
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

NEAR_PATCHES = 2.0
_BATCH = 64


def evaluate(checkpoint: Path, tokens: Path, split: str = "test", limit: int | None = None) -> dict:
    """All figures of ``checkpoint`` on one split of the cache ``tokens``, as written to ``evaluation.json``."""
    model, tokenizer = load_checkpoint(checkpoint)
    data = TokenSet(tokens, model.config)
    if data.encoder_sha256 != encoder_digest(model):
        raise DataError(f"{tokens} holds the tokens of another encoder than {checkpoint}; name its own cache")
    windows = data.of_split(split)[:limit]
    rows = data.last(windows)
    truth = {kind: _one_phrasing(data.columns[kind.value][rows], kind) for kind in KINDS}
    said = {source: answer(model, tokenizer, data, windows, source) for source in Input}
    result = {
        "checkpoint": model.config.name,
        "version": model.config.version,
        "split": split,
        "episodes": len(np.unique(data.columns["episode"][rows])),
        "windows": len(windows),
        "per_phase": _per_phase(data, rows, truth, said),
        "per_window": _per_window(data, rows, truth, said),
        "teacher_forced": {
            source.value: _teacher_forced(model, tokenizer, data, windows, source) for source in (Input.RGB, Input.GAZE)
        },
        "attention_mass_within_2_patches": _attention_mass(data, rows, said),
    }
    return json.loads(json.dumps(result, default=_plain))


def write_evaluation(checkpoint: Path, tokens: Path, split: str = "test", data: Path | None = None) -> None:
    """Writes ``evaluation.json`` and the card into ``checkpoint``.

    Where ``data`` is given, ``tokens`` is first made from its episodes by the checkpoint's own encoder, unless that is
    done.
    """
    load_checkpoint(checkpoint)
    if data is not None:
        cache_tokens(data, checkpoint, tokens)
    result = evaluate(checkpoint, tokens, split)
    write_atomically(checkpoint / EVALUATION_FILE, (json.dumps(result, indent=2) + "\n").encode())
    write_card(checkpoint, result)
    say(f"{checkpoint / EVALUATION_FILE} and README.md written")


def _plain(value: object) -> object:
    return value.as_dict() if isinstance(value, Estimate) else float(value)


def _one_phrasing(texts: Sequence[str], kind: PredictionKind) -> np.ndarray:
    """``texts`` in the plain phrasing: sentences of one meaning are equal."""
    return np.array([plain(str(text), kind.value) for text in texts])


def _per_phase(data: TokenSet, rows: np.ndarray, truth: dict, said: dict[Input, Answers]) -> dict:
    """Each phase and each event judged once (``gaze_vlm_ros.scoring``), model, majority and the model's own past."""
    table = {}
    for source, answers in said.items():
        table[source.value] = {}
        for kind, points_of in zip(KINDS, (scoring.activity_points, scoring.event_points), strict=True):
            points, episodes, texts = [], [], answers.texts(kind)
            for episode, own in _episodes(data, rows):
                spoken = _said(data, rows[own], [texts[i] for i in own])
                found = [p for p in points_of(spoken, _actual(data, rows[own], truth, own)) if p.truth]
                points, episodes = points + found, episodes + [episode] * len(found)
            majority = Counter(point.truth for point in points).most_common(1)[0][0] if points else ""
            table[source.value][kind.value] = {
                "model": cluster_bootstrap([p.said == p.truth for p in points], episodes),
                "majority": cluster_bootstrap([majority == p.truth for p in points], episodes),
                "repeat": cluster_bootstrap([p.repeated == p.truth for p in points], episodes),
            }
    return table


def _episodes(data: TokenSet, rows: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Each episode's number, and which of ``rows`` are its own, in order of time."""
    number = data.columns["episode"][rows]
    return [(int(n), np.flatnonzero(number == n)) for n in np.unique(number)]


def _said(data: TokenSet, rows: np.ndarray, texts: list[str]) -> list[scoring.Said]:
    return [scoring.Said(float(t), text) for t, text in zip(data.columns["stamp_s"][rows], texts, strict=True)]


def _actual(data: TokenSet, rows: np.ndarray, truth: dict, own: np.ndarray) -> list[scoring.Actual]:
    return [
        scoring.Actual(
            float(data.columns["stamp_s"][row]),
            str(truth[PredictionKind.ACTIVITY][i]),
            str(truth[PredictionKind.EVENT][i]),
            float(data.columns["event_time_s"][row]),
        )
        for row, i in zip(rows, own, strict=True)
    ]


def _per_window(data: TokenSet, rows: np.ndarray, truth: dict, said: dict[Input, Answers]) -> dict:
    """Every window judged that has a window ``REPEAT_S`` before it, so that all rivals stand on the same ones."""
    earlier = _earlier(data, rows)
    judged = np.flatnonzero((earlier >= 0) & (truth[PredictionKind.EVENT] != ""))
    episodes = data.columns["episode"][rows][judged].tolist()
    columns = {source.value: {k: _one_phrasing(a.texts(k), k) for k in KINDS} for source, a in said.items()}
    rgb = columns[Input.RGB.value]
    columns["rgb_plain_greedy"] = {k: _one_phrasing(said[Input.RGB].greedy_texts(k), k) for k in KINDS}
    columns["majority"] = {k: np.full(len(rows), Counter(truth[k][judged]).most_common(1)[0][0]) for k in KINDS}
    columns["repeat"] = {kind: rgb[kind][earlier] for kind in KINDS}
    right = {name: _right(texts, truth, judged) for name, texts in columns.items()}
    table = {name: {m: cluster_bootstrap(v, episodes) for m, v in scores.items()} for name, scores in right.items()}
    for name, (ours, rival) in {
        "gaze_minus_rgb": ("gaze", "rgb"),
        "shuffled_gaze_minus_rgb": ("shuffled_gaze", "rgb"),
        "rgb_minus_repeat": ("rgb", "repeat"),
        "rgb_minus_majority": ("rgb", "majority"),
    }.items():
        table[name] = {m: paired_bootstrap(right[ours][m], right[rival][m], episodes) for m in right["rgb"]}
    return table


def _right(texts: dict, truth: dict, judged: np.ndarray) -> dict[str, np.ndarray]:
    """Which of the ``judged`` windows have the exact activity, the exact event, the event's object."""
    scores = {kind.value: texts[kind][judged] == truth[kind][judged] for kind in KINDS}
    event = PredictionKind.EVENT
    wanted, named = ([_object(text) for text in column[event][judged]] for column in (truth, texts))
    scores["event_object"] = np.array([a == b for a, b in zip(wanted, named, strict=True)])
    return scores


def _object(text: str) -> str | None:
    slots = parse(str(text))
    return slots.object if slots else None


def _earlier(data: TokenSet, rows: np.ndarray) -> np.ndarray:
    """Index of the same episode's window that ended ``REPEAT_S`` before each one, or -1."""
    episode, stamp = data.columns["episode"][rows], data.columns["stamp_s"][rows]
    instants = list(zip(episode.tolist(), stamp.tolist(), strict=True))
    known = {(number, round(stamp_s, 2)): i for i, (number, stamp_s) in enumerate(instants)}
    return np.array([known.get((number, round(stamp_s - scoring.REPEAT_S, 2)), -1) for number, stamp_s in instants])


@torch.inference_mode()
def _teacher_forced(
    model: GazeVLM, tokenizer: SentenceTokenizer, data: TokenSet, windows: np.ndarray, source: Input
) -> dict[str, Estimate]:
    """Share of sentences, and of words, that are right when every word is guessed with the TRUE words before it."""
    sentences, words, exact, episodes = Sentences(data.columns, tokenizer, model.config.frames), [], [], []
    for part in np.array_split(windows, max(1, len(windows) // _BATCH)):
        batch, (ids, scored) = data.batch(part), sentences.batch(data.last(part))
        given = (batch.gaze.sum(-1) > 0) & (source is Input.GAZE)
        features = model.attend(batch.tokens, batch.gaze, given).features.repeat_interleave(len(KINDS), 0)
        hit = model.logits(features, ids)[:, :-1].argmax(-1) == ids[:, 1:]
        told, counts = scored[:, 1:], scored[:, 1:].sum(1)
        words.append(((hit & told).sum(1) / counts.clamp_min(1))[counts > 0])
        exact.append((hit | ~told).all(1)[counts > 0].float())
        owner = np.repeat(data.columns["episode"][data.last(part)], len(KINDS))
        episodes += owner[(counts > 0).numpy()].tolist()
    return {
        "sentence": cluster_bootstrap(torch.cat(exact).numpy(), episodes),
        "word": cluster_bootstrap(torch.cat(words).numpy(), episodes),
    }


def near_gaze(gaze_patch: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Which patches (N, P) have their centre within two patches of the gaze (N, 2) = (row, column) in patches."""
    centres = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in grid), indexing="ij"), -1).reshape(-1, 2)
    return np.linalg.norm(gaze_patch[:, None] - centres, axis=-1) <= NEAR_PATCHES


def _attention_mass(data: TokenSet, rows: np.ndarray, said: dict[Input, Answers]) -> dict:
    """Share of the newest frame's attention near the gaze, beside a uniform one and the mean gaze of training."""
    heatmap = data.columns["heatmap"]
    grid = heatmap.shape[1:]
    target = heatmap[rows]
    seen = target.sum((1, 2)) > 0
    peak = np.stack(np.unravel_index(target[seen].reshape(seen.sum(), -1).argmax(1), grid), 1) + 0.5
    near, episodes = near_gaze(peak, grid), data.columns["episode"][rows][seen].tolist()
    prior = heatmap[data.columns["split"] == SPLITS.index("train")].mean(0).ravel()
    fields = {source.value: said[source].attention[seen] for source in (Input.RGB, Input.GAZE)}
    fields["uniform"] = np.full(near.shape, 1 / near.shape[1])
    fields["centre_prior"] = np.broadcast_to(prior / prior.sum(), near.shape)
    fields["human_gaze"] = target[seen].reshape(near.shape)
    return {name: cluster_bootstrap((field * near).sum(1), episodes) for name, field in fields.items()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    return run_command(lambda: write_evaluation(options.checkpoint, options.tokens, options.split), options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
