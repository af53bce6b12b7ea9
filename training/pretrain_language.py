"""Stage 3: block and language model learn to name what they are pointed at, before they hear of any activity.

A vision-language model is fine-tuned after it can name things; ours has to learn that somewhere too. In every frame of
a window one visible thing is drawn, the block's attention is set to its patches, and the language model says the five
names in turn. Where anybody looks plays no part, and no query or key is trained: where to attend is left to the next
stage and to what its arms compare.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.command import add_loop_arguments, loop_settings, run_command, say
from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.provenance import NAMING, Stage, load_stages, save_stages
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.training.train_vlm import drawn, with_fresh_language
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, save_checkpoint
from gaze_vlm_ros.vlm.fused import bfloat16_pays
from gaze_vlm_ros.vlm.loss import word_loss
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

NAMING_LOOP = LoopSettings(minutes=2.0, learning_rate=1e-3)
_PROMPT = ":"
_VALIDATION_WINDOWS = 256


class Names:
    """What can be named in the frames of ``data``: labels of which ``tokenizer`` knows every word.

    ``windows`` are those of ``data`` in each of whose frames there is something to name.
    """

    def __init__(self, data: TokenSet, tokenizer: SentenceTokenizer, image_tokens: int) -> None:
        self._data, self._eos, self._pad = data, tokenizer.eos_id, tokenizer.pad_id
        self._prompt = tokenizer.prompt_of(image_tokens, _PROMPT)
        self._words = [tokenizer.encode(label) for label in data.labels]
        self._labels = torch.from_numpy(data.columns["patch_label"]).flatten(1)
        known = [number for number, ids in enumerate(self._words) if tokenizer.unknown_id not in ids]
        self._shown = torch.zeros(len(self._labels), len(self._words), dtype=torch.bool)
        for number in known:
            self._shown[:, number] = (self._labels == number).any(1)
        everywhere = self._shown.any(1).numpy()[data.rows(np.arange(data.windows))].all(1)
        self.windows = np.flatnonzero(everywhere)

    def of_split(self, split: str) -> np.ndarray:
        """As ``TokenSet.of_split``. Raises DataError where nothing can be named."""
        found = np.intersect1d(self._data.of_split(split), self.windows)
        if not len(found):
            raise DataError(f"no window of the split {split!r} shows a thing with a name in each of its frames")
        return found

    def draw(self, windows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Draws one thing per frame with torch's generator: its patches (B, T, P), summing to 1, the ids (B, L) of the
        prompt and the names, and which of them are scored."""
        rows = torch.from_numpy(self._data.rows(windows))
        shown = self._shown[rows]
        picked = (torch.rand(shown.shape) * shown).argmax(-1)
        where = (self._labels[rows] == picked[..., None]).float()
        spoken = [[word for label in window for word in self._words[label]] for window in picked.tolist()]
        ids = [torch.tensor([*self._prompt, *words, self._eos]) for words in spoken]
        ids = pad_sequence(ids, batch_first=True, padding_value=self._pad)
        scored = ids != self._pad
        scored[:, : len(self._prompt)] = False
        return where / where.sum(-1, keepdim=True), ids, scored


def naming_losses(model: GazeVLM, data: TokenSet, names: Names, windows: np.ndarray) -> tuple[Tensor, Tensor]:
    """The loss of one draw, and the share of names' words that are right, each after the true ones before it."""
    maps, ids, scored = names.draw(windows)
    everywhere = torch.ones(maps.shape[:2], dtype=torch.bool)
    features, _ = model.attend(data.batch(windows).tokens, maps, everywhere, replaces=True)
    logits = model.logits(features, ids).float()
    right = (logits[:, :-1].argmax(-1) == ids[:, 1:])[scored[:, 1:]]
    return word_loss(logits, ids, scored), right.float().mean()


def _withhold_attention(model: GazeVLM) -> None:
    """Stops the gradients of what decides where the block attends, so that weight decay leaves it alone too."""
    for attention in model.block.attentions:
        for part in (attention.to_query, attention.to_key, attention.norm_query):
            part.requires_grad_(False)
        attention.gaze_scale.requires_grad_(False)


def pretrain_language(
    tokens: Path,
    encoder: Path,
    out: Path,
    loop: LoopSettings,
    batch: int = 16,
    text_layers: int | None = None,
) -> Path:
    """Trains a fresh block and language model on the cache ``tokens`` of the checkpoint ``encoder``.

    ``text_layers``: depth of the language model, by default that of ``encoder``. Returns ``out / "checkpoint"``, for
    ``train_vlm`` and ``compare_arms`` to go on from; a run that was stopped is resumed.
    """
    pretrained, tokenizer = load_checkpoint(encoder)
    data = open_tokens(tokens, encoder, pretrained)
    torch.manual_seed(loop.seed)
    config = replace(pretrained.config, text_layers=text_layers or pretrained.config.text_layers)
    model = with_fresh_language(pretrained, config)
    model.freeze_encoder()
    _withhold_attention(model)
    names, half = Names(data, tokenizer, config.image_tokens), bfloat16_pays()
    windows, checked = names.of_split("train"), names.of_split("validation")
    checked = checked[np.linspace(0, len(checked) - 1, min(_VALIDATION_WINDOWS, len(checked))).astype(int)]

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            words, right = naming_losses(model, data, names, drawn(windows, step, batch, loop.seed))
        return {"loss": words, "right": right}

    def evaluate() -> dict[str, float]:
        with torch.random.fork_rng():
            words, right = naming_losses(model, data, names, checked)
        return {"words": float(words), "right": float(right)}

    settings = {"batch": batch, "text_layers": config.text_layers}
    about = settings | {"windows": len(windows), "encoder": data.encoder_sha256, "config": config.to_dict()}
    position = train(model, losses, evaluate, loop, out, about)
    model.eval()
    final = torch.no_grad()(evaluate)()
    effort = position.step, position.elapsed_s, loop.seed, data.data_sha256, data.episodes
    save_checkpoint(out / "checkpoint", model, tokenizer)
    save_stages(out / "checkpoint", [*load_stages(encoder), Stage(NAMING, *effort, final, settings)])
    say(f"naming: {position.step} steps, validation {final}, {out / 'checkpoint'}")
    return out / "checkpoint"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--encoder", type=Path, default=Path("runs/encoder/checkpoint"))
    parser.add_argument("--out", type=Path, default=Path("runs/language"))
    parser.add_argument("--text-layers", type=int, help="depth of the language model, if not the encoder checkpoint's")
    add_loop_arguments(parser, NAMING_LOOP)
    options = parser.parse_args(arguments)
    folders = options.tokens, options.encoder, options.out

    def action() -> None:
        pretrain_language(*folders, loop_settings(options), text_layers=options.text_layers)

    return run_command(action, options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
