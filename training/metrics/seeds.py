"""Several evaluations of one split by models of different seeds: mean and range of every figure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from gaze_vlm_ros.training.data import DataError

_SAME = ("split", "data_sha256", "episodes", "windows")
"""What evaluations have to share to be comparable."""


def over_seeds(evaluations: Sequence[dict]) -> dict:
    """Evaluations, as ``evaluation.json`` holds them, -> the same tree with ``{"mean", "range", "values"}`` in place of
    each estimate that all of them have; None where one of them had no case.

    Raises DataError for fewer than two, for different splits or data, and where two have the same seeds.
    """
    if len(evaluations) < 2:
        raise DataError("a range over seeds needs at least two evaluations")
    for key in _SAME:
        found = [evaluation.get(key) for evaluation in evaluations]
        if any(value != found[0] for value in found):
            raise DataError(f"the evaluations differ in {key}: {', '.join(map(str, found))}")
    seeds = [evaluation.get("seeds") for evaluation in evaluations]
    if any(one == other and one for one, other in combinations(seeds, 2)):
        raise DataError(f"two of the evaluations are of the same seeds: {seeds}")
    about = {key: evaluations[0].get(key) for key in _SAME}
    return about | {"seeds": seeds} | _merged(evaluations)


def _merged(trees: Sequence[dict]) -> dict:
    """The tables and estimates that all ``trees`` have."""
    shared = [key for key in trees[0] if key != "seeds" and all(isinstance(tree.get(key), dict) for tree in trees)]
    merged = {key: _spread_or_table([tree[key] for tree in trees]) for key in shared}
    return {key: value for key, value in merged.items() if value}


def _spread_or_table(items: list[dict]) -> dict:
    return _spread([item["value"] for item in items]) if "ci95" in items[0] else _merged(items)


def _spread(values: list[float | None]) -> dict:
    if any(value is None for value in values):
        return {"mean": None, "range": None, "values": values}
    return {"mean": sum(values) / len(values), "range": [min(values), max(values)], "values": values}
