"""The benchmark of the model prints the keys it promises, measured when called, and says what it could not measure."""

import json

import pytest
from arm_cache import write_cache

TASK = {
    *("base_full", "gaze_half", "gaze_full", "any_object_full"),
    *("ci95_gaze_half_minus_base_full", "ci95_gaze_minus_any_object"),
}


@pytest.fixture
def in_turn(monkeypatch: pytest.MonkeyPatch):
    """Trials in this process; the list of them."""
    from gaze_vlm_ros.training.arms import plan  # noqa: PLC0415 - torch is slow to import
    from gaze_vlm_ros.training.arms.trial import run_trial  # noqa: PLC0415

    made = []

    def run_jobs(function, jobs, workers, what):
        for job in jobs:
            made.append(job)
            run_trial(job)
            yield job

    monkeypatch.setattr(plan, "run_jobs", run_jobs)
    return made


@pytest.mark.slow
def test_learning_gives_the_promised_keys_and_says_from_how_much(benchmark, in_turn, tmp_path):
    learning, cache = benchmark("vlm_learning"), write_cache(tmp_path)
    counts = learning.Counts((8, 2, 3), 3, 0.001, batch=4, text_layers=1, seeds=2)
    line = learning.measure(5, counts, cache / "tokens", cache / "encoder")
    assert json.loads(json.dumps(line)) == line
    assert set(line["event"]) == set(line["activity"]) == TASK
    assert set(line["next_object_0_5s"]) == {"rgb", "gaze_at_inference", "oracle", "share_of_way", "n"}
    assert set(line["mass_near_gaze"]) == set(line["hallucination"]) == {"base", "gaze"}
    assert line["next_object_0_5s"]["n"] == line["learnt_from"]["test_episodes"] == 3
    assert line["learnt_from"]["base"] in {"no_block", "mean_pool", "lambda_0"}
    finals = [trial for trial in in_turn if not trial.search]
    assert {trial.seed for trial in finals} == {10, 11}, "the seeds follow from SEED"
    assert len({(t.setup.minutes, t.setup.steps, t.setup.batch) for t in finals}) == 1, "equal terms"
    arms = {(t.arm, t.share) for t in finals}
    assert arms == {(line["learnt_from"]["base"], 1.0), ("gaze", 0.5), *((arm, 1.0) for arm in learning.TAUGHT)}
    assert {t.arm for t in in_turn if t.search} == {"no_block", "mean_pool", "lambda_0"}, "one of them becomes the base"
    assert {t.learning_rate for t in in_turn} == {counts.rate}


def test_half_of_the_way_is_half(benchmark):
    way = benchmark("vlm_learning")._next_object
    assert way(0.2, 0.5, 0.8)["share_of_way"] == pytest.approx(0.5)
    assert way(0.2, 0.5, 0.2)["share_of_way"] is None, "an oracle that is no better is no measure"
    assert way(None, None, None)["share_of_way"] is None


def test_what_is_missing_is_said_aloud(benchmark, monkeypatch, capsys):
    bench = benchmark("bench_vlm")
    monkeypatch.setattr(bench, "STREAMING", "benchmarks.no_such_half")
    bench.main(["--only", "streaming", "--seed", "4"])
    printed = capsys.readouterr()
    line = json.loads(printed.out)
    assert line["seed"] == 4 and "no_such_half" in line["not_measured"]["streaming"]
    assert "NOT MEASURED: streaming" in printed.err


def test_both_halves_share_a_line(benchmark, monkeypatch, capsys):
    bench = benchmark("bench_vlm")

    def chatty(*_):
        print("chatter")
        return {"rate_hz": 5.0}

    monkeypatch.setattr(bench, "streaming", chatty)
    monkeypatch.setattr(bench.vlm_learning, "measure", lambda *_: {"event": {}})
    bench.main([])
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1 and json.loads(printed.out) == {"seed": 0, "event": {}, "rate_hz": 5.0}
    assert "chatter" in printed.err


def test_two_seeds_share_no_episode(benchmark, monkeypatch, tmp_path):
    data, asked = benchmark("vlm_data"), []
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    monkeypatch.setattr(data, "cache_tokens", lambda *_: None)
    monkeypatch.setattr(data, "generate", lambda folder, request, **_: asked.append((folder.name, request)))
    for seed in (0, 1):
        data.make_tokens(seed, (40, 12, 28))
    seeds = [number for _, request in asked for number in request.seeds]
    assert len(seeds) == len(set(seeds)) == 160
    assert all(request.options.split == split for split, request in asked)
