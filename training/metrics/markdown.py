"""The tables of an evaluation as Markdown, for the model card."""

from __future__ import annotations

from gaze_vlm_ros.training.metrics.embedding import INSTALL
from gaze_vlm_ros.training.metrics.judged import SLOTS

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


def sections(evaluation: dict) -> list[str]:
    """A title and a text for each part of ``evaluation.json`` that is there: one of an earlier version lacks some."""
    found = [(title, text(evaluation[key])) for title, key, text in _SECTIONS if key in evaluation]
    return [part for title, text in found for part in (f"### {title}", text)]


def table_of(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that hold no |."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _per_phase(table: dict) -> str:
    rows = [
        [
            source.replace("_", " "),
            kind,
            *map(figure_of, map(scores.get, ("model", "repeat", "majority"))),
            str(scores["model"]["n"]),
        ]
        for source, kinds in table.items()
        for kind, scores in kinds.items()
    ]
    return table_of(["input", "task", "model", "repeat (own output 2 s earlier)", "majority", "n"], rows)


def _per_window(table: dict) -> str:
    labels = _WINDOW_ROWS + tuple((key, key.replace("_", " ")) for key in _DIFFERENCES)
    rows = [[label, *(figure_of(table[k][column]) for column, _ in _COLUMNS)] for k, label in labels if k in table]
    return table_of(["input", *(title for _, title in _COLUMNS)], rows)


def _teacher_forced(table: dict) -> str:
    rows = [[source, figure_of(scores["sentence"]), figure_of(scores["word"])] for source, scores in table.items()]
    return table_of(["input", "sentence", "word"], rows)


def _mass(table: dict) -> str:
    return table_of(["attention of", "mass"], [[name.replace("_", " "), figure_of(v)] for name, v in table.items()])


def _attention(table: dict) -> str:
    rows = [[name.replace("_", " "), *(figure_of(column[name]) for column in table.values())] for name in table["nss"]]
    return (
        "NSS: attention at the gazed patch in standard deviations above the mean over the patches. AUC (Judd): share\n"
        "of the other patches with less attention than the gazed one, equal ones counting half.\n\n"
    ) + table_of(["attention of", "NSS", "AUC (Judd)"], rows)


def _slots(table: dict) -> str:
    rows = [
        [source.replace("_", " "), kind, rival, *(figure_of(slots[slot][rival]) for slot in SLOTS)]
        for source, kinds in table.items()
        for kind, slots in kinds.items()
        for rival in ("model", "repeat", "majority")
        if rival == "model" or source == "rgb"
    ]
    return "Of the points whose true sentence has the slot.\n\n" + table_of(["input", "task", "", *SLOTS], rows)


def _next_object(table: dict) -> str:
    sources = list(next(iter(table.values()))["accuracy"])
    rows = [
        [
            f"{lead} s",
            str(at["n"]),
            "-" if at["median_lead_s"] is None else f"{at['median_lead_s']:.2f} s",
            str(at["other_event_first"]),
            *(figure_of(at["accuracy"][source]) for source in sources),
        ]
        for lead, at in table.items()
        if at["n"]
    ]
    head = ["before the hand starts", "n", "median true lead", "left out: another event came first"]
    return table_of([*head, *(source.replace("_", " ") for source in sources)], rows)


def _every_frame(found: dict) -> str:
    return (
        f"{found['episodes']} other episodes of the split {found['split']}, {found['frames_per_s']:g} frames a second "
        f"(`evaluate_leads`; data {found['data_sha256'][:12]}).\n\n"
    ) + _next_object(found["leads"])


def _hallucinated(table: dict) -> str:
    rows = [[name.replace("_", " "), figure_of(figure), str(figure["n"])] for name, figure in table.items()]
    return (
        "Of the activity sentences that name an object, those whose object shows no pixel in any frame of the window.\n"
        "The truth's own share is the floor: a hand may reach for what lies outside the picture.\n\n"
    ) + table_of(["sentences of", "share", "n"], rows)


def _calibration(table: dict) -> str:
    rows = [
        [
            source,
            kind,
            figure_of(figures["expected_calibration_error"]),
            figure_of(figures["overconfidence"]),
            ", ".join(f"{b['probability']:.2f}/{b['accuracy']['value']:.2f}" for b in figures["bins"]),
        ]
        for source, kinds in table.items()
        for kind, figures in kinds.items()
    ]
    head = ["input", "task", "expected calibration error", "probability minus accuracy"]
    return "Of the best sentence's probability, in ten bins of equal numbers of windows.\n\n" + table_of(
        [*head, "probability/accuracy by bin"], rows
    )


def _abstention(table: dict) -> str:
    names = ("coverage", "risk", "risk_of_saying_everything", "area_under_risk_coverage")
    rows = [
        [source, kind, *(figure_of(figures[name]) for name in names)]
        for source, kinds in table.items()
        for kind, figures in kinds.items()
    ]
    return (
        "Below the threshold of `calibration.json`, chosen on the validation episodes, the model says nothing.\n"
        "Coverage: share of windows in which it speaks; risk: share of wrong sentences among those said. All other\n"
        "tables judge the best sentence of every window. Without that file everything is said.\n\n"
    ) + table_of(["input", "task", "coverage", "risk", "risk of saying everything", "area under risk-coverage"], rows)


def _wording(table: dict) -> str:
    rows = [
        [measure, source.replace("_", " "), kind, figure_of(figures["model"]), figure_of(figures["majority"])]
        for measure, name in (("ROUGE-L F", "rouge_l_f"), ("semantic score", "semantic"))
        for source, kinds in (table[name] or {}).items()
        for kind, figures in kinds.items()
    ]
    missing = f"\n\nThe semantic score was not computed: it needs `{INSTALL}`." if table["semantic"] is None else ""
    return (
        "Once per phase and event, for comparison with published figures. Sentences that differ in the one word that\n"
        "matters are still alike, so no bar is set on these. Semantic score: cosine of all-MiniLM-L6-v2 embeddings.\n\n"
    ) + (table_of(["measure", "input", "task", "model", "majority"], rows) + missing)


def figure_of(estimate: dict) -> str:
    """A value and its interval, as they stand in a table."""
    if estimate["value"] is None:
        return "-"
    interval = estimate["ci95"]
    return f"{estimate['value']:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


_SECTIONS = (
    ("Once per phase (activity) and per event", "per_phase", _per_phase),
    ("Verb, object and place, once per phase and per event", "slots", _slots),
    ("Next object: the event's object, asked before the hand starts for it", "next_object", _next_object),
    ("The same at short leads, from every recorded frame", "next_object_every_frame", _every_frame),
    ("Every window, free-running", "per_window", _per_window),
    ("Hallucinated objects, activity", "hallucinated_object", _hallucinated),
    ("Calibration", "calibration", _calibration),
    ("Abstention", "abstention", _abstention),
    ("Likeness of the words", "wording", _wording),
    ("Teacher-forced: NOT comparable with the tables above", "teacher_forced", _teacher_forced),
    ("Attention within two patches of the gaze, newest frame", "attention_mass_within_2_patches", _mass),
    ("Attention at the gaze, newest frame", "attention", _attention),
)
"""Title, key of ``evaluation.json``, text, in the order of the card."""
