"""One trial: one arm trained once with one seed on a share of the training episodes, and what came of it, as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.training.arms.arm import Arm, ArmError, arm_of
from gaze_vlm_ros.training.arms.figures import EXACT, exact_figures, figures, rate
from gaze_vlm_ros.training.arms.pooling import make_block
from gaze_vlm_ros.training.arms.released import released_divergence
from gaze_vlm_ros.training.arms.targets import Target, target_maps
from gaze_vlm_ros.training.best import FILE as BEST
from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.provenance import Stage, load_stages
from gaze_vlm_ros.training.run_state import Position
from gaze_vlm_ros.training.token_set import Batch, Sentences, TokenSet
from gaze_vlm_ros.training.train_vlm import drawn, starting_model, window_losses
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.fused import bfloat16_pays
from gaze_vlm_ros.vlm.loss import gaze_kl
from gaze_vlm_ros.vlm.model import GazeVLM

RESULT = "result.json"
EVALUATIONS, CHECKED = 10, 192
"""How often a trial looks at how many windows of the validation episodes, to end with the weights of its best look:
with few episodes a model soon learns them by heart."""


@dataclass(frozen=True)
class Setup:
    """What all trials of a comparison share.

    Each has ``minutes`` of processor time for training, or exactly ``steps``. ``most`` caps how many episodes of each
    of SPLITS are used (None: all), ``draw`` draws which. ``text_layers`` replaces the language model's depth.
    ``overlay``: tokens of the same frames with gaze drawn in, for arms that are given it so.
    """

    tokens: Path
    encoder: Path
    out: Path
    minutes: float | None = 10.0
    steps: int | None = None
    batch: int = 64
    threads: int = 1
    most: tuple[int | None, int | None, int | None] = (None, None, None)
    draw: int = 0
    text_layers: int | None = None
    overlay: Path | None = None


@dataclass(frozen=True)
class Trial:
    """``share`` of the training episodes, 0..1; a ``search`` looks for the learning rate and sees no test episode."""

    setup: Setup
    arm: str
    share: float
    seed: int
    learning_rate: float
    search: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ArmError(f"a share of the training episodes lies in 0..1, got {self.share}")

    @property
    def folder(self) -> Path:
        if self.search:
            return self.setup.out / "search" / f"{self.arm}-{self.learning_rate:g}"
        return self.setup.out / "trials" / f"{self.arm}-{self.share:g}-{self.seed}"

    def about(self) -> dict:
        """What the result depends on, as it stands in the JSON: all but where files are and how many threads ran."""
        setup = asdict(self.setup)
        kept = {key: setup[key] for key in ("minutes", "steps", "batch", "most", "draw", "text_layers")}
        kept["most"] = list(kept["most"])
        own = {"arm": self.arm, "share": self.share, "seed": self.seed, "learning_rate": self.learning_rate}
        return own | kept | {"search": self.search}


def result_of(trial: Trial) -> dict | None:
    """The result of a finished trial. Raises ArmError where the folder holds one of other settings."""
    path = trial.folder / RESULT
    try:
        result = json.loads(path.read_text())
        found = result["trial"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ArmError(f"{path} cannot be read ({error}); delete it to train again") from None
    wanted = trial.about()
    if changed := [key for key in wanted if found.get(key) != wanted[key]]:
        told = ", ".join(f"{key}: {found.get(key)} -> {wanted[key]}" for key in changed)
        raise ArmError(f"{path} is of other settings ({told}); use another --out, or delete it to train again")
    return result


def run_trial(trial: Trial) -> dict:
    """Trains and judges, unless that is done; a killed trial goes on. Returns what its ``result.json`` holds."""
    if (known := result_of(trial)) is not None:
        return known
    setup, arm = trial.setup, arm_of(trial.arm)
    torch.set_num_threads(setup.threads)
    pretrained, tokenizer = load_checkpoint(setup.encoder)
    data = open_tokens(setup.tokens, setup.encoder, pretrained)
    drawn_in = _overlay_of(setup, data, pretrained) if arm.drawn else None
    training, validation, test = (_episodes(data, setup, split) for split in SPLITS)
    training = _share_of(training, trial)
    torch.manual_seed(trial.seed)
    config = pretrained.config
    config = replace(config, text_layers=setup.text_layers or config.text_layers, output=arm.output)
    model = starting_model(pretrained, config, load_stages(setup.encoder))
    model.block = make_block(arm.pooling, model.block, config)
    model.freeze_encoder()
    sentences = Sentences(data.columns, tokenizer, config.image_tokens)
    position = _train(trial, arm, model, data, drawn_in, sentences, (training, validation))
    model.eval()
    held_out = exact_figures(model, tokenizer, data, windows_of(data, validation))
    scores = {name: rate(held_out[name]) for name in EXACT}
    effort = position.step, position.elapsed_s, trial.seed, data.data_sha256, len(training)
    settings = asdict(arm) | {"encoder_sha256": data.encoder_sha256}
    result = {"trial": trial.about(), "stage": asdict(Stage("arm " + arm.name, *effort, scores, settings))}
    if not trial.search:
        result["test"] = figures(model, tokenizer, data, windows_of(data, test), arm.sees_gaze, drawn_in)
    write_atomically(trial.folder / RESULT, (json.dumps(result) + "\n").encode())
    for name in ("state.safetensors", BEST):
        (trial.folder / name).unlink(missing_ok=True)
    return result


def _overlay_of(setup: Setup, data: TokenSet, pretrained: GazeVLM) -> TokenSet:
    """The tokens of ``data`` with gaze drawn in. Raises ArmError where none are named, DataError for others'."""
    if setup.overlay is None:
        raise ArmError("an arm whose gaze is drawn into the pictures needs the tokens of `cache_tokens --overlay`")
    found = TokenSet(setup.overlay, pretrained.config, overlay=True)
    if (found.encoder_sha256, found.data_sha256) != (data.encoder_sha256, data.data_sha256):
        raise DataError(f"{setup.overlay} and {setup.tokens} are of different episodes or encoders; cache both anew")
    return found


def windows_of(data: TokenSet, episodes: np.ndarray) -> np.ndarray:
    """Numbers of the windows of ``episodes``."""
    last = data.last(np.arange(data.windows))
    return np.flatnonzero(np.isin(data.columns["episode"][last], episodes))


def _train(
    trial: Trial,
    arm: Arm,
    model: GazeVLM,
    data: TokenSet,
    drawn_in: TokenSet | None,
    sentences: Sentences,
    split: tuple[np.ndarray, np.ndarray],
) -> Position:
    """``split``: the episodes to train on, and those by whose words, from frames alone, the best weights are told."""
    episodes, checked = split[0], _spread(windows_of(data, split[1]))
    rows = np.flatnonzero(np.isin(data.columns["episode"], episodes))
    maps = torch.from_numpy(target_maps(arm.target, data, rows, trial.seed))
    windows, setup = windows_of(data, episodes), trial.setup
    divergence = released_divergence if arm.target is Target.AS_RELEASED else gaze_kl
    half = bfloat16_pays()

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        picked = drawn(windows, step, setup.batch, trial.seed)
        given = torch.rand(len(picked)) >= arm.gaze_dropout
        found, target = data.batch(picked), maps[torch.from_numpy(data.rows(picked))]
        if not torch.isfinite(target).all():
            raise ArmError("a frame outside the training episodes was drawn")
        batch = Batch(found.tokens, target, found.gaze)
        if drawn_in is not None:
            shown = torch.where(given[:, None, None, None], drawn_in.batch(picked).tokens, found.tokens)
            batch, given = replace(batch, tokens=shown), torch.zeros_like(given)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            words = sentences.batch(data.last(picked))
            return window_losses(model, batch, *words, given, arm.regulariser, divergence)

    def evaluate() -> dict[str, float]:
        found, none = data.batch(checked), torch.zeros(len(checked), dtype=torch.bool)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            parts = window_losses(model, found, *sentences.batch(data.last(checked)), none, 0.0)
        return {"words": float(parts["words"])}

    loop = LoopSettings(
        minutes=setup.minutes,
        steps=setup.steps,
        learning_rate=trial.learning_rate,
        seed=trial.seed,
        evaluations=EVALUATIONS,
        clock="processor",
    )
    about = trial.about() | {"encoder": data.encoder_sha256, "data": data.data_sha256, "config": model.config.to_dict()}
    return train(model, losses, evaluate, loop, trial.folder, about, keep="words")


def _spread(windows: np.ndarray) -> np.ndarray:
    """At most CHECKED of ``windows``, evenly."""
    return windows[np.linspace(0, len(windows) - 1, min(CHECKED, len(windows))).astype(int)]


def _episodes(data: TokenSet, setup: Setup, split: str) -> np.ndarray:
    """Numbers of the episodes of ``split`` that the comparison uses."""
    number = SPLITS.index(split)
    found = np.unique(data.columns["episode"][data.last(data.of_split(split))])
    most = setup.most[number]
    if most is None or most >= len(found):
        return found
    return np.sort(np.random.default_rng([setup.draw, number]).permutation(found)[:most])


def _share_of(episodes: np.ndarray, trial: Trial) -> np.ndarray:
    """The trial's share of the training episodes: drawn by the seed, the smaller shares within the larger ones, the
    same for all arms.
    """
    order = np.random.default_rng([trial.setup.draw, trial.seed, 5]).permutation(episodes)
    return np.sort(order[: math.ceil(trial.share * len(order))])
