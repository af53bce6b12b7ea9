"""The comparison of arms on results made by hand, and the command from cache to page."""

import json
from dataclasses import replace

import numpy as np
import pytest
from arm_cache import write_cache

from gaze_vlm_ros.statistics import cluster_bootstrap, crossed_bootstrap
from gaze_vlm_ros.training import compare_arms
from gaze_vlm_ros.training.arms import plan as plan_module
from gaze_vlm_ros.training.arms.arm import ArmError
from gaze_vlm_ros.training.arms.figures import EXACT, HALLUCINATED, MASS, NEXT_OBJECT
from gaze_vlm_ros.training.arms.plan import SEARCH_SEED, Plan, best_rates
from gaze_vlm_ros.training.arms.summary import Comparison, summarize
from gaze_vlm_ros.training.arms.tables import report
from gaze_vlm_ros.training.arms.trial import Setup, Trial, run_trial

EPISODES = 20


def result(tmp_path, arm, rights, share=1.0, seed=0, validation=0.5, **changes):
    """A trial that was right in ``rights`` of 5 cases of each episode, in every figure."""
    setup = Setup(tmp_path, tmp_path, tmp_path, 1.0)
    figure = {"total": [float(r) for r in np.broadcast_to(rights, EPISODES)], "count": [5] * EPISODES}
    names = (*EXACT, *NEXT_OBJECT.values(), HALLUCINATED, MASS)
    return {
        "trial": Trial(setup, arm, share, seed, 1e-3).about() | changes,
        "stage": {
            "steps": changes.get("made_steps", 100),
            "data_sha256": "d",
            "validation": dict.fromkeys(EXACT, validation),
            "settings": {"encoder_sha256": "e"},
        },
        "test": {
            "rgb": {"episodes": list(range(EPISODES)), **dict.fromkeys(names, figure)},
            "teacher_forced": {"sentence": 0.9, "word": 0.95},
        },
    }


def test_a_rate_over_models_and_episodes():
    rng = np.random.default_rng(0)
    totals, counts = rng.integers(0, 6, (3, 40)).astype(float), np.full((3, 40), 5)
    both = crossed_bootstrap((totals, counts))
    assert both.value == pytest.approx(totals.sum() / counts.sum()) and both.n == 200
    one = crossed_bootstrap((totals[:1], counts[:1]))
    cases = [(t / 5, i) for i, t in enumerate(totals[0]) for _ in range(5)]
    alone = cluster_bootstrap(*zip(*cases, strict=True))
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high), abs=0.02), "one model: whole episodes"
    apart = totals + np.array([[0.0], [3.0], [-3.0]])
    spread = crossed_bootstrap((apart, counts))
    assert spread.high - spread.low > 1.5 * (both.high - both.low), "models that differ widen it"


def test_a_difference_is_that_of_pairs():
    rng = np.random.default_rng(1)
    hard = rng.integers(0, 5, (1, 60)).astype(float)
    counts = np.full((2, 60), 5)
    ours, rival = np.repeat(hard + 1, 2, 0), np.repeat(hard, 2, 0)
    gain = crossed_bootstrap((ours, counts), (rival, counts))
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.2, 0.2, 0.2)), "what both share is gone"
    assert crossed_bootstrap((ours, counts * 0), (rival, counts)).value is None
    with pytest.raises(ValueError, match="one shape"):
        crossed_bootstrap((ours, counts), (rival[:1], counts[:1]))


def test_crossed_intervals_hold_what_they_promise():
    """Models and episodes drawn anew 200 times: the true rate is inside nearly always."""
    rng, inside = np.random.default_rng(2), 0
    for _ in range(200):
        chance = 0.5 + rng.normal(0, 0.05, (3, 1)) + rng.normal(0, 0.1, (1, 30))
        totals = rng.binomial(5, chance.clip(0, 1)).astype(float)
        found = crossed_bootstrap((totals, np.full((3, 30), 5)), draws=300)
        inside += found.low <= 0.5 <= found.high
    assert inside >= 176


def test_base_is_what_validation_says_not_what_the_test_does(tmp_path):
    found = Comparison(
        [
            result(tmp_path, "lambda_0", 4, validation=0.3),
            result(tmp_path, "mean_pool", 2, validation=0.6),
            result(tmp_path, "no_block", 3, validation=0.4),
            result(tmp_path, "gaze", 3, validation=0.1),
        ]
    )
    assert found.base == {1.0: "mean_pool"} and found.arms[0] == "base"
    assert found.rate("base", 1.0, "event").value == 0.4
    assert found.difference(("gaze", 1.0), ("base", 1.0), "event").value == pytest.approx(0.2)


def test_differences_that_were_asked_for(tmp_path):
    arms = {"lambda_0": 2, "gaze": 3, "any_object": 3, "shuffled": 2}
    results = [
        result(tmp_path, arm, rights - (share < 1), share, seed)
        for arm, rights in arms.items()
        for share in (0.5, 1.0)
        for seed in (0, 1)
    ]
    tree = summarize(Comparison(results))
    values = {name: of["event"]["value"] for name, of in tree["differences"].items()}
    assert values["gaze minus base at 1"] == pytest.approx(0.2)
    assert values["gaze minus any_object at 1"] == pytest.approx(0.0)
    assert values["gaze at 0.5 minus base at 1"] == pytest.approx(0.0)
    assert values["shuffled minus base at 0.5"] == pytest.approx(0.0)
    assert "teacher_forced" not in tree["scores"]["gaze"]["1"], "apart from all others"
    assert json.loads(json.dumps(tree)) == tree


def test_what_gaze_at_inference_gives_stands_apart(tmp_path):
    plain, given = result(tmp_path, "gaze", 2), result(tmp_path, "gaze_input", 2)
    for source, right in (("gaze", 3), ("oracle", 5)):
        given["test"][source] = result(tmp_path, "gaze_input", right)["test"]["rgb"]
    summary = summarize(Comparison([plain, given]))
    assert summary["scores"]["gaze_input"]["1"]["event"]["value"] == pytest.approx(0.4), "from frames alone"
    inputs = summary["scores"]["gaze_input"]["1"]["given"]
    assert {source: own["event"]["value"] for source, own in inputs.items()} == pytest.approx(
        {"gaze": 0.6, "oracle": 1}
    )
    assert "given" not in summary["scores"]["gaze"]["1"]
    rows = [line for line in report(summary, "command").splitlines() if line.startswith("| gaze_input | f")]
    assert [row.split("|")[3].split()[0] for row in rows] == ["0.400", "0.600", "1.000"]


def test_all_wrong_is_not_certain(tmp_path):
    found = Comparison([result(tmp_path, "lambda_0", 0)])
    estimate = found.rate("lambda_0", 1.0, "event")
    assert estimate.value == 0.0 and 0.1 < estimate.high < 0.25


@pytest.mark.parametrize(("key", "value"), [("minutes", 2.0), ("batch", 8), ("most", [1, 1, 1])])
def test_unequal_terms_are_refused(tmp_path, key, value):
    with pytest.raises(ArmError, match=key):
        Comparison([result(tmp_path, "gaze", 1), result(tmp_path, "lambda_0", 1, **{key: value})])


def test_other_episodes_or_the_same_trial_twice_are_refused(tmp_path):
    one, other = result(tmp_path, "gaze", 1), result(tmp_path, "lambda_0", 1)
    other["test"]["rgb"]["episodes"] = list(range(1, EPISODES + 1))
    with pytest.raises(ArmError, match="different episodes"):
        Comparison([one, other])
    with pytest.raises(ArmError, match="twice"):
        Comparison([one, one])


def test_a_machine_that_was_busy_is_told(tmp_path):
    arms = ("gaze", "hand", "centre", "lambda_0")
    assert not Comparison([result(tmp_path, arm, 1) for arm in arms]).unlike()
    slow = [result(tmp_path, arm, 1, made_steps=80 if arm == "gaze" else 100) for arm in arms]
    assert Comparison(slow).unlike() == ["gaze (80 steps, median 100)"]


@pytest.mark.parametrize(
    "bad",
    [
        {"arms": ()},
        {"arms": ("gaz",)},
        {"seeds": (1, 1)},
        {"search_part": 0.0},
        {"workers": 0},
        {"seeds": (SEARCH_SEED,)},
    ],
)
def test_a_plan_that_cannot_work_is_refused(tmp_path, bad):
    with pytest.raises(ArmError):
        Plan(Setup(tmp_path, tmp_path, tmp_path), **bad)


def test_every_trial_of_a_plan_has_the_same_budget(tmp_path):
    plan = Plan(Setup(tmp_path, tmp_path, tmp_path, 8.0))
    trials = plan.trials(dict.fromkeys(plan.arms, 1e-3))
    assert {(t.setup.minutes, t.setup.steps) for t in trials} == {(8.0, None)}
    assert len(trials) == len({t.folder for t in trials}) == len(plan.arms) * 3 * 3
    assert {t.setup.minutes for t in plan.searches()} == {2.0}
    assert {t.arm for t in plan.searches()} == set(plan.arms), "each has its own search"


def test_the_best_rate_on_validation_is_taken(tmp_path, monkeypatch):
    scores = {("gaze", 1e-3): 0.4, ("gaze", 2e-3): 0.6, ("hand", 1e-3): 0.5, ("hand", 2e-3): 0.5}

    def results_of(trials, workers):
        return [
            result(tmp_path, t.arm, 1, validation=scores[t.arm, t.learning_rate], learning_rate=t.learning_rate)
            for t in trials
        ]

    monkeypatch.setattr(plan_module, "results_of", results_of)
    plan = Plan(Setup(tmp_path, tmp_path, tmp_path), arms=("gaze", "hand"), rates=(2e-3, 1e-3))
    assert best_rates(plan) == {"gaze": 2e-3, "hand": 1e-3}
    assert best_rates(replace(plan, rates=(3e-3,))) == {"gaze": 3e-3, "hand": 3e-3}


def test_the_command_from_cache_to_page(tmp_path, monkeypatch, capsys):
    """All core arms, then once more: nothing is trained again."""
    made = []

    def in_turn(function, jobs, workers, what):
        for job in jobs:
            made.append(job)
            run_trial(job)
            yield job

    monkeypatch.setattr(plan_module, "run_jobs", in_turn)
    cache, out = write_cache(tmp_path / "cache"), tmp_path / "out"
    given = ["--tokens", str(cache / "tokens"), "--encoder", str(cache / "encoder"), "--out", str(out)]
    given += ["--steps", "1", "--batch", "4", "--shares", "0.5", "1", "--seeds", "0", "--rates", "1e-3", "2e-3"]
    given += ["--arms", "lambda_0", "no_block", "gaze", "shuffled", "as_released"]
    assert compare_arms.main(given) == 0, capsys.readouterr().err
    assert len(made) == 5 * 2 + 5 * 2
    page = (out / "README.md").read_text()
    for word in ("compare_arms --tokens", "as_released minus base at 1", "Teacher-forced: NOT", "| base |", "50%"):
        assert word in page
    assert (out / "arms.png").stat().st_size > 5000
    assert set(json.loads((out / "summary.json").read_text())["base"]) == {"0.5", "1"}
    assert compare_arms.main(given) == 0 and len(made) == 20
    assert compare_arms.main([*given, "--batch", "5"]) == 1
    assert "batch: 4 -> 5" in capsys.readouterr().err
