"""What gaze buys in training, measured small: arms retrained with three seeds of one SEED from cached tokens.

The same code as ``python -m gaze_vlm_ros.training.compare_arms``, with less of everything: see ``Counts``.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.vlm_data import make_tokens
from gaze_vlm_ros.statistics import Estimate
from gaze_vlm_ros.training.arms.arm import BASE_VARIANTS
from gaze_vlm_ros.training.arms.figures import EXACT, GAZE, HALLUCINATED, MASS, NEXT_OBJECT, ORACLE, RGB
from gaze_vlm_ros.training.arms.plan import SEARCH_SEED, results_of, selection_score
from gaze_vlm_ros.training.arms.summary import BASE, Comparison
from gaze_vlm_ros.training.arms.trial import Setup, Trial
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pretrain_language import NAMING_LOOP, pretrain_language
from gaze_vlm_ros.vlm.checkpoint import default_checkpoint

NEXT = NEXT_OBJECT[0.5]
TAUGHT = ("gaze", "any_object", "shuffled", "gaze_input")
WORKERS = 2
_DECIMALS = 4


@dataclass(frozen=True)
class Counts:
    """Episodes of each split; steps of the naming stage that all trials begin from; ``minutes`` of every trial,
    ``search_part`` of them to choose the base; one learning rate, which is that of all arms but ``no_block`` where each
    looks for its own (docs/results/vlm.md); batch and depth of the language model; seeds.
    """

    episodes: tuple[int, int, int] = (120, 16, 40)
    naming_steps: int = 600
    minutes: float = 1.0
    search_part: float = 0.5
    rate: float = 1e-3
    batch: int = 16
    text_layers: int = 2
    seeds: int = 3


QUICK = Counts((4, 1, 2), 2, 0.02, batch=8, seeds=1)
"""Shows that everything runs; the figures mean nothing."""


def measure(seed: int, counts: Counts, tokens: Path | None = None, encoder: Path | None = None) -> dict:
    """The keys of the JSON line that are learnt; ``learnt_from`` says from how much.

    ``seed`` draws the episodes from the cache ``tokens`` of the checkpoint ``encoder``; without one it makes new ones.
    """
    tokens, encoder = tokens or make_tokens(seed, counts.episodes), encoder or default_checkpoint()
    with tempfile.TemporaryDirectory() as folder:
        naming = LoopSettings(None, counts.naming_steps, NAMING_LOOP.learning_rate, seed=seed)
        named = Path(folder) / "language", naming, counts.batch, counts.text_layers
        setup = Setup(
            tokens,
            pretrain_language(tokens, encoder, *named),
            Path(folder),
            counts.minutes,
            batch=counts.batch,
            most=counts.episodes,
            draw=seed,
            text_layers=counts.text_layers,
        )
        comparison = Comparison(_results(seed, setup, counts))
    return keys(comparison) | {"learnt_from": _said(comparison, counts)}


def _results(seed: int, setup: Setup, counts: Counts) -> list[dict]:
    """Of the three bases only that best on validation goes on."""
    short = replace(setup, minutes=counts.minutes * counts.search_part)
    tried = [Trial(short, name, 1.0, SEARCH_SEED, counts.rate, search=True) for name in BASE_VARIANTS]
    base = max(results_of(tried, WORKERS), key=selection_score)["trial"]["arm"]
    wanted = [(base, 1.0), ("gaze", 0.5), *((arm, 1.0) for arm in TAUGHT)]
    seeds = range(counts.seeds * seed, counts.seeds * (seed + 1))
    trials = [Trial(setup, arm, share, number, counts.rate) for number in seeds for arm, share in wanted]
    return results_of(trials, WORKERS)


def keys(found: Comparison) -> dict:
    """The promised keys of a comparison of base, gaze on half and on all, and the other arms on all."""

    def value(arm: str, share: float, figure: str, source: str = RGB) -> float | None:
        return _round(found.rate(arm, share, figure, source).value)

    line: dict = {
        task: {
            "base_full": value(BASE, 1.0, task),
            "gaze_half": value("gaze", 0.5, task),
            "gaze_full": value("gaze", 1.0, task),
            "any_object_full": value("any_object", 1.0, task),
            "ci95_gaze_half_minus_base_full": _ends(found.difference(("gaze", 0.5), (BASE, 1.0), task)),
            "ci95_gaze_minus_any_object": _ends(found.difference(("gaze", 1.0), ("any_object", 1.0), task)),
        }
        for task in EXACT
    }
    uppers = [_ends(found.difference(("shuffled", 1.0), (BASE, 1.0), task)) for task in EXACT]
    line["shuffled_minus_base_ci95_upper"] = max(ends[1] for ends in uppers) if all(uppers) else None
    line["next_object_0_5s"] = _next_object(*(value("gaze_input", 1.0, NEXT, source) for source in (RGB, GAZE, ORACLE)))
    line["next_object_0_5s"]["n"] = found.rate("gaze_input", 1.0, NEXT).n
    for key, figure in (("mass_near_gaze", MASS), ("hallucination", HALLUCINATED)):
        line[key] = {arm: value(arm, 1.0, figure) for arm in (BASE, "gaze")}
    return line


def _next_object(rgb: float | None, gaze: float | None, oracle: float | None) -> dict:
    """``share_of_way``: how far gaze leads from frames alone to the oracle; None where the oracle is no better."""
    way = None
    if None not in (rgb, gaze, oracle) and oracle > rgb:
        way = _round((gaze - rgb) / (oracle - rgb))
    return {"rgb": rgb, "gaze_at_inference": gaze, "oracle": oracle, "share_of_way": way}


def _said(found: Comparison, counts: Counts) -> dict:
    """How much all of it rests on."""
    steps = [result["stage"]["steps"] for result in found.of("gaze", 1.0).values()]
    used = {key: value for key, value in asdict(counts).items() if key != "episodes"}
    return {
        "most_episodes": list(counts.episodes),
        "test_episodes": found.about["test_episodes"],
        "data_sha256": found.about["data_sha256"][:12],
        "base": found.base[1.0],
        "steps_gaze": steps,
        "unequal_steps": found.unlike(),
        **used,
    }


def _ends(estimate: Estimate) -> list[float] | None:
    return None if estimate.low is None else [_round(estimate.low), _round(estimate.high)]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
