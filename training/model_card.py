"""The model card: what a checkpoint is, how it came about, what it scores, in one README.md beside the weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from gaze_vlm_ros.training.metrics.embedding import INSTALL
from gaze_vlm_ros.training.metrics.judged import SLOTS
from gaze_vlm_ros.training.provenance import load_stages
from gaze_vlm_ros.vlm.checkpoint import CONFIG, WEIGHTS, write_atomically
from gaze_vlm_ros.vlm.domain import DOMAIN

EVALUATION_FILE, DOMAIN_FILE = "evaluation.json", "domain.json"

_WINDOW_ROWS = (
    ("rgb", "**frames only**"),
    ("gaze", "**frames and gaze**"),
    ("shuffled_gaze", "frames and another episode's gaze"),
    ("oracle_gaze", "frames and the heatmap that supervises"),
    ("rgb_plain_greedy", "frames only, greedy without ranking"),
    ("repeat", "repeat: its own output 2 s earlier"),
    ("majority", "majority of the judged windows"),
)
_DIFFERENCES = ("gaze_minus_rgb", "shuffled_gaze_minus_rgb", "rgb_minus_repeat", "rgb_minus_majority")
_COLUMNS = (("activity", "activity, exact"), ("event", "event, exact"), ("event_object", "event, object"))


def write_card(checkpoint: Path, evaluation: dict) -> None:
    """Writes ``README.md`` from the checkpoint's configuration, its stages and ``evaluate_vlm``'s figures."""
    config = json.loads((checkpoint / CONFIG).read_text())
    size = (checkpoint / WEIGHTS).stat().st_size / 1e6
    parts = [
        f"# {config['name']}",
        _about(config, size),
        "## Training",
        _stages(checkpoint),
        "## What it takes for its own world",
        _domain(checkpoint),
        f"## Evaluation on the {evaluation['split']} episodes",
        _scope(evaluation),
        *(text for section in _SECTIONS if section[1] in evaluation for text in _section(evaluation, *section)),
    ]
    write_atomically(checkpoint / "README.md", ("\n\n".join(parts) + "\n").encode())


def _section(evaluation: dict, title: str, key: str, text: Callable[[dict], str]) -> tuple[str, str]:
    return f"### {title}", text(evaluation[key])


def _about(config: dict, size: float) -> str:
    return (
        "Names the wearer's activity and the event to come from five egocentric frames (one per second), with gaze as\n"
        "an optional input. A transformers LLaVA-type model (SigLIP encoder, projector, Llama) with the gaze block of\n"
        f"Gaze-VLM (arXiv 2510.21356) between projector and language model; {size:.1f} MB, half precision. It learnt\n"
        "from nothing but this package's simulated kitchen: expect sense there and nowhere else. No person's data\n"
        "were used."
    )


def _stages(checkpoint: Path) -> str:
    stages = load_stages(checkpoint)
    glances = " --glances GLANCES" if any("glances" in stage.settings for stage in stages) else ""
    rows = [
        [
            s.name,
            str(s.steps),
            f"{s.elapsed_s / 60:.1f}",
            str(s.seed),
            str(s.episodes),
            s.data_sha256[:12],
            ", ".join(f"{k} {v:g}" if isinstance(v, (int, float)) else f"{k}: {v}" for k, v in s.settings.items()),
            ", ".join(f"{k} {v:.3f}" for k, v in s.validation.items()),
        ]
        for s in stages
    ]
    return _table(["stage", "steps", "minutes", "seed", "episodes", "data sha256", "settings", "validation"], rows) + (
        "\n\n```\n"
        f"python -m gaze_vlm_ros.training.pretrain_encoder --data DATA{glances}\n"
        "python -m gaze_vlm_ros.training.cache_tokens --data DATA\n"
        "python -m gaze_vlm_ros.training.train_vlm\n"
        "python -m gaze_vlm_ros.training.fit_domain --data DATA\n"
        "python -m gaze_vlm_ros.training.evaluate_vlm\n"
        "```"
    )


def _domain(checkpoint: Path) -> str:
    path = checkpoint / DOMAIN_FILE
    if not (checkpoint / DOMAIN).exists() or not path.exists():
        return f"There is no {DOMAIN} here: of what a picture shows nothing is checked, only padding is out of domain."
    found = json.loads(path.read_text())
    rows = [["pictures of the test episodes", f"{found['test']['value']:.1%} [{_percent(found['test'])}]"]]
    rows[0].append(str(found["test"]["n"]))
    rows += [[name, f"{e['value']:.0%} [{_percent(e)}]", str(e["n"])] for name, e in found["others"].items()]
    return (
        "A picture is marked out of domain where the mean of its patch tokens lies further than\n"
        f"{found['threshold']:.1f} standard deviations (Mahalanobis distance) from the training pictures: the one\n"
        f"threshold, the {found['quantile']:.1%} quantile of the validation pictures. In the worst test episode\n"
        f"{found['worst_test_episode']:.0%} of the pictures are marked. A prediction is out of domain where its\n"
        "newest picture is, or more than half of its window. This tells another world apart; it does not\n"
        "tell when the model errs in its own.\n\n"
    ) + _table(["shown", "marked out of domain", "n"], rows)


def _percent(estimate: dict) -> str:
    return ", ".join(f"{end:.1%}" for end in estimate["ci95"])


def _scope(evaluation: dict) -> str:
    return (
        f"{evaluation['episodes']} episodes, {evaluation['windows']} windows; no episode of training among them.\n"
        "One seed. Brackets: 95 % interval, whole episodes resampled."
    )


def _per_phase(table: dict) -> str:
    rows = [
        [
            source.replace("_", " "),
            kind,
            *map(_figure, map(scores.get, ("model", "repeat", "majority"))),
            str(scores["model"]["n"]),
        ]
        for source, kinds in table.items()
        for kind, scores in kinds.items()
    ]
    return _table(["input", "task", "model", "repeat (own output 2 s earlier)", "majority", "n"], rows)


def _per_window(table: dict) -> str:
    labels = _WINDOW_ROWS + tuple((key, key.replace("_", " ")) for key in _DIFFERENCES)
    rows = [[label, *(_figure(table[k][column]) for column, _ in _COLUMNS)] for k, label in labels if k in table]
    return _table(["input", *(title for _, title in _COLUMNS)], rows)


def _teacher_forced(table: dict) -> str:
    rows = [[source, _figure(scores["sentence"]), _figure(scores["word"])] for source, scores in table.items()]
    return _table(["input", "sentence", "word"], rows)


def _mass(table: dict) -> str:
    return _table(["attention of", "mass"], [[name.replace("_", " "), _figure(v)] for name, v in table.items()])


def _attention(table: dict) -> str:
    rows = [[name.replace("_", " "), *(_figure(column[name]) for column in table.values())] for name in table["nss"]]
    return (
        "NSS: attention at the gazed patch in standard deviations above the mean over the patches. AUC (Judd): share\n"
        "of the other patches with less attention than the gazed one, equal ones counting half.\n\n"
    ) + _table(["attention of", "NSS", "AUC (Judd)"], rows)


def _slots(table: dict) -> str:
    rows = [
        [source.replace("_", " "), kind, rival, *(_figure(slots[slot][rival]) for slot in SLOTS)]
        for source, kinds in table.items()
        for kind, slots in kinds.items()
        for rival in ("model", "repeat", "majority")
        if rival == "model" or source == "rgb"
    ]
    return "Of the points whose true sentence has the slot.\n\n" + _table(["input", "task", "", *SLOTS], rows)


def _next_object(table: dict) -> str:
    sources = list(next(iter(table.values()))["accuracy"])
    rows = [
        [
            f"{lead} s",
            str(at["n"]),
            "-" if at["median_lead_s"] is None else f"{at['median_lead_s']:.2f} s",
            str(at["other_event_first"]),
            *(_figure(at["accuracy"][source]) for source in sources),
        ]
        for lead, at in table.items()
    ]
    head = ["before the hand starts", "n", "median true lead", "left out: another event came first"]
    return _table([*head, *(source.replace("_", " ") for source in sources)], rows)


def _hallucinated(table: dict) -> str:
    rows = [[name.replace("_", " "), _figure(figure), str(figure["n"])] for name, figure in table.items()]
    return (
        "Of the activity sentences that name an object, those whose object shows no pixel in any frame of the window.\n"
        "The truth's own share is the floor: a hand may reach for what lies outside the picture.\n\n"
    ) + _table(["sentences of", "share", "n"], rows)


def _calibration(table: dict) -> str:
    rows = [
        [
            source,
            kind,
            _figure(figures["expected_calibration_error"]),
            _figure(figures["overconfidence"]),
            ", ".join(f"{b['probability']:.2f}/{b['accuracy']['value']:.2f}" for b in figures["bins"]),
        ]
        for source, kinds in table.items()
        for kind, figures in kinds.items()
    ]
    head = ["input", "task", "expected calibration error", "probability minus accuracy"]
    return "Of the best sentence's probability, in ten bins of equal numbers of windows.\n\n" + _table(
        [*head, "probability/accuracy by bin"], rows
    )


def _wording(table: dict) -> str:
    rows = [
        [measure, source.replace("_", " "), kind, _figure(figures["model"]), _figure(figures["majority"])]
        for measure, name in (("ROUGE-L F", "rouge_l_f"), ("semantic score", "semantic"))
        for source, kinds in (table[name] or {}).items()
        for kind, figures in kinds.items()
    ]
    missing = f"\n\nThe semantic score was not computed: it needs `{INSTALL}`." if table["semantic"] is None else ""
    return (
        "Once per phase and event, for comparison with published figures. Sentences that differ in the one word that\n"
        "matters are still alike, so no bar is set on these. Semantic score: cosine of all-MiniLM-L6-v2 embeddings.\n\n"
    ) + (_table(["measure", "input", "task", "model", "majority"], rows) + missing)


def _figure(estimate: dict) -> str:
    if estimate["value"] is None:
        return "-"
    interval = estimate["ci95"]
    return f"{estimate['value']:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


_SECTIONS = (
    ("Once per phase (activity) and per event", "per_phase", _per_phase),
    ("Verb, object and place, once per phase and per event", "slots", _slots),
    ("Next object: the event's object, asked before the hand starts for it", "next_object", _next_object),
    ("Every window, free-running", "per_window", _per_window),
    ("Hallucinated objects, activity", "hallucinated_object", _hallucinated),
    ("Calibration", "calibration", _calibration),
    ("Likeness of the words", "wording", _wording),
    ("Teacher-forced: NOT comparable with the tables above", "teacher_forced", _teacher_forced),
    ("Attention within two patches of the gaze, newest frame", "attention_mass_within_2_patches", _mass),
    ("Attention at the gaze, newest frame", "attention", _attention),
)
"""Title, key of ``evaluation.json``, text. An evaluation of an earlier version lacks some, and so does its card."""
