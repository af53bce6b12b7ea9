"""What a process holds of the memory, and whether that grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gaze_vlm_ros.statistics import Estimate, trend

HELD_MIB = 1.0
"""What Python's allocator takes at a time (an arena): growth that still fits into what a process holds is not seen."""
RESOLVED_PCT_PER_H = 1.0


def resident_mib(pid: int) -> float:
    """Resident memory of a process (VmRSS) [MiB]. Raises ProcessLookupError for one that has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has no memory of its own; it has ended")


def growth_pct_per_h(samples: Sequence[tuple[float, float]]) -> Estimate:
    """Growth of ``samples``, pairs of time [s] and memory [MiB], in percent of their median per hour.

    The interval is that of the trend, wider on both sides by one step of the allocator over the whole time.
    """
    times, held = zip(*samples, strict=True) if samples else ((), ())
    found = trend(times, held)
    if found.value is None or found.low is None:
        return Estimate(None, found.n)
    percent = 3600.0 * 100.0 / sorted(held)[len(held) // 2]
    step = HELD_MIB / (times[-1] - times[0])
    return Estimate(found.value * percent, found.n, (found.low - step) * percent, (found.high + step) * percent)


def largest_growth(samples: Mapping[str, Sequence[tuple[float, float]]]) -> dict:
    """The keys ``rss_...`` over the processes of ``samples``; the growth is that of the process that grows most.

    ``rss_growth_resolved`` says whether the intervals of all are narrow enough to tell 1 % per hour from nothing.
    """
    found = {name: growth_pct_per_h(series) for name, series in samples.items()}
    known = {name: growth for name, growth in found.items() if growth.value is not None}
    worst = max(known, key=lambda name: known[name].value, default=None)
    halves = [0.5 * (growth.high - growth.low) for growth in known.values()]
    return {
        "rss_growth_pct_per_h": _rounded(known[worst].value) if known else None,
        "rss_growth_ci95": [_rounded(known[worst].low), _rounded(known[worst].high)] if known else None,
        "rss_growth_process": worst,
        "rss_growth_resolved": len(known) == len(samples) > 0 and max(halves) < RESOLVED_PCT_PER_H,
        "rss_growth_each": {name: _rounded(growth.value) for name, growth in known.items()},
    }


def _rounded(value: float) -> float:
    return round(value, 2)
