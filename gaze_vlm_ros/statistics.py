"""Rates and means with the interval that a reader needs to judge them.

Every figure that the package reports is an :class:`Estimate`: a value, the number of cases behind it and a 95 %
interval. Cases of one episode resemble each other, so intervals over several episodes resample whole episodes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, theilslopes

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


def poisson_rate(events: int, exposure: float) -> Estimate:
    """``events`` per unit of ``exposure`` with the exact interval of a Poisson count (Garwood 1936); ``n`` counts the
    events. Without exposure there is no value."""
    if events < 0 or exposure < 0.0:
        raise ValueError(f"events and exposure must not be negative, got {events} in {exposure}")
    if not exposure:
        return NO_CASES
    low = float(chi2.ppf(0.025, 2 * events)) / 2 if events else 0.0
    high = float(chi2.ppf(0.975, 2 * events + 2)) / 2
    return Estimate(events / exposure, events, low / exposure, high / exposure)


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


def crossed_bootstrap(
    ours: tuple[np.ndarray, np.ndarray],
    rival: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """A rate over trained models and episodes, or the difference of two, with its percentile interval.

    ``ours`` and ``rival`` are totals (S, E) and counts (S, E): what S models of different seeds scored on E episodes,
    and in how many cases; model s of one and of the other are a pair. The value is all totals over all counts. Models
    and episodes are resampled independently, both at once (the pigeonhole bootstrap, Owen 2007), which errs on the
    wide side. A single model cannot be resampled: then the interval holds for that model. ``n`` counts the cases of
    one model; without any the value is None, with one episode the interval.
    """
    pairs = [tuple(np.asarray(part, dtype=np.float64) for part in pair) for pair in (ours, rival) if pair is not None]
    if len({part.shape for pair in pairs for part in pair}) > 1:
        raise ValueError("totals and counts of both must have one shape")
    if any(not counts.sum() for _, counts in pairs):
        return NO_CASES
    models, episodes = pairs[0][0].shape
    n = round(float(pairs[0][1].sum()) / models)
    value = _difference(pairs, np.ones((1, models)), np.ones((1, episodes)))[0]
    if episodes < 2:
        return Estimate(float(value), n)
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(size, np.full(size, 1 / size), draws).astype(float) for size in (models, episodes)]
    low, high = np.nanpercentile(_difference(pairs, *weights), [2.5, 97.5])
    return Estimate(float(value), n, float(low), float(high))


def _difference(pairs: Sequence[tuple[np.ndarray, np.ndarray]], models: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    """The rate (D,) of the first pair, less that of a second, with weights (D, S) and (D, E); NaN without a case."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = [((models @ t) * episodes).sum(1) / ((models @ c) * episodes).sum(1) for t, c in pairs]
    return rates[0] - rates[1] if len(rates) == 2 else rates[0]


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


def trend(times: Sequence[float], values: Sequence[float], *, blocks: int = 18) -> Estimate:
    """Change of ``values`` (n,) per unit of ``times`` (n,): Theil-Sen slope with the 95 % interval of Sen (1968).

    Neighbours in time resemble each other, which that interval does not know: it is taken over the medians of
    ``blocks`` stretches of equal length, of which empty ones are left out. ``n`` counts the stretches; below five
    there is no interval, below two no value. Raises ValueError for numbers that are not finite or do not pair.
    """
    at, what = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if at.shape != what.shape:
        raise ValueError(f"one time per value is needed, got {len(at)} for {len(what)} values")
    if not (np.isfinite(at).all() and np.isfinite(what).all()):
        raise ValueError("times and values must be finite")
    if not len(at):
        return NO_CASES
    stretch = np.minimum((at - at.min()) / max(float(np.ptp(at)), 1e-300) * blocks, blocks - 1).astype(int)
    inside = [stretch == number for number in np.unique(stretch)]
    if len(inside) < 2:
        return Estimate(None, len(inside))
    medians = [(np.median(at[mask]), np.median(what[mask])) for mask in inside]
    found = theilslopes([value for _, value in medians], [time for time, _ in medians], 0.95)
    if len(inside) < 5:
        return Estimate(float(found.slope), len(inside))
    return Estimate(float(found.slope), len(inside), float(found.low_slope), float(found.high_slope))
