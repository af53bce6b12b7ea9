"""Rates and means with the interval that a reader needs to judge them.

Every figure that the package reports is an :class:`Estimate`: a value, the number of cases behind it and a 95 %
interval. Cases of one episode resemble each other, so intervals over several episodes resample whole episodes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

Z_95 = 1.959963984540054
"""Standard normal quantile at 0.975."""


@dataclass(frozen=True)
class Estimate:
    """``value`` from ``n`` cases with its 95 % interval ``[low, high]``; all None where there was no case."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict:
        """The form used in every JSON file: ``{"value", "n", "ci95": [low, high]}``."""
        return {"value": self.value, "n": self.n, "ci95": None if self.low is None else [self.low, self.high]}


NO_CASES = Estimate(None, 0)


def wilson(successes: int, n: int) -> Estimate:
    """Rate ``successes / n`` of independent cases with Wilson's score interval (Wilson 1927).

    Unlike the textbook interval it stays inside 0..1 and is honest at 0 of n, n of n and small n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..n, got {successes} of {n}")
    if n == 0:
        return NO_CASES
    rate, z2 = successes / n, Z_95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    # Rounding may leave the ends of 0 of n and n of n a hair off the values they have exactly.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Estimate(rate, n, low, high)


def wilson_of(outcomes: Sequence[bool]) -> Estimate:
    """:func:`wilson` of a sequence of successes and failures."""
    return wilson(sum(map(bool, outcomes)), len(outcomes))


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[Hashable], *, draws: int = 2000, seed: int = 0
) -> Estimate:
    """Mean of ``values`` (n,) with a percentile interval from resampling whole ``clusters`` (n,), such as episodes.

    ``n`` counts values. With a single cluster nothing can be resampled: the interval is None.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) != len(clusters):
        raise ValueError(f"one cluster per value is needed, got {len(clusters)} for {len(values)} values")
    if not len(values):
        return NO_CASES
    if not np.isfinite(values).all():
        raise ValueError("values must be finite")
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(cluster, len(number)) for cluster in clusters])
    mean = float(values.mean())
    if len(number) < 2:
        return Estimate(mean, len(values))
    sums, sizes = np.bincount(index, values), np.bincount(index)
    picks = np.random.default_rng(seed).integers(len(number), size=(draws, len(number)))
    low, high = np.percentile(sums[picks].sum(1) / sizes[picks].sum(1), [2.5, 97.5])
    return Estimate(mean, len(values), float(low), float(high))


def clustered_rate(outcomes: Sequence[bool], clusters: Sequence[Hashable]) -> Estimate:
    """:func:`cluster_bootstrap` of successes and failures (n,).

    Where all outcomes agree, resampling sees no doubt; then the interval is Wilson's with one case per cluster.
    """
    estimate = cluster_bootstrap(list(map(float, outcomes)), clusters)
    if estimate.value not in (0.0, 1.0):
        return estimate
    cases = len(set(clusters))
    honest = wilson(cases if estimate.value else 0, cases)
    return Estimate(estimate.value, estimate.n, honest.low, honest.high)


def paired_bootstrap(
    ours: Sequence[float],
    rival: Sequence[float],
    episodes: Sequence[Hashable] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Mean of ``ours - rival`` over the same cases (n,), resampling ``episodes`` (n,); each case is one by default.

    Pairing removes what both share, such as hard episodes. An interval that excludes 0 is a difference.
    """
    if len(ours) != len(rival):
        raise ValueError(f"paired scores must have one length, got {len(ours)} and {len(rival)}")
    difference = np.asarray(ours, dtype=np.float64) - np.asarray(rival, dtype=np.float64)
    clusters = range(len(difference)) if episodes is None else episodes
    return cluster_bootstrap(difference, clusters, draws=draws, seed=seed)
