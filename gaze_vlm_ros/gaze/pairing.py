"""Pairs frames with gaze samples by device stamps, never by arrival."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import numpy as np

from gaze_vlm_ros.types import NS_PER_S, GazeSample

PAIRING_SPAN_NS = 200_000_000


def _stamp(sample: GazeSample) -> int:
    return sample.stamp_ns


class GazeBuffer:
    """The newest gaze samples in the order of their stamps, whatever the order of their arrival.

    Samples older than ``capacity_s`` before the newest stamp are forgotten. Not for use by two threads at once.
    """

    def __init__(self, capacity_s: float = 2.0) -> None:
        if not capacity_s > 0.0:
            raise ValueError(f"capacity_s must be positive, got {capacity_s}")
        self._capacity_ns = int(capacity_s * NS_PER_S)
        self.clear()

    def clear(self) -> None:
        """Forget samples and counters, as when a replay starts over."""
        self._samples: list[GazeSample] = []
        self._newest_sequence: int | None = None
        self.watermark_ns: int | None = None
        """Newest stamp seen [ns]; None before the first sample."""
        self.received = 0
        self.late = 0
        """Samples that arrived after a newer one."""
        self.duplicates = 0
        """Samples whose stamp was there already; they are dropped."""
        self.expired = 0
        """Samples that arrived too late to be kept."""
        self.lost = 0
        """Gaps in the sequence numbers that no late sample has filled."""

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def rate_hz(self) -> float:
        """Rate of the buffered samples by the median interval of their stamps; NaN for fewer than two samples."""
        if len(self._samples) < 2:
            return float("nan")
        return NS_PER_S / float(np.median(np.diff([sample.stamp_ns for sample in self._samples])))

    def add(self, sample: GazeSample) -> bool:
        """Take in a sample; False where it was dropped because it is a repetition or too old."""
        self.received += 1
        if self.watermark_ns is None or sample.stamp_ns > self.watermark_ns:
            self._append(sample)
            return True
        position = bisect_left(self._samples, sample.stamp_ns, key=_stamp)
        if position < len(self._samples) and self._samples[position].stamp_ns == sample.stamp_ns:
            self.duplicates += 1
            return False
        self.late += 1
        if sample.stamp_ns < self.watermark_ns - self._capacity_ns:
            self.expired += 1
            return False
        insort(self._samples, sample, key=_stamp)
        self.lost = max(0, self.lost - 1)
        return True

    def window(self, end_ns: int, span_ns: int = PAIRING_SPAN_NS) -> list[GazeSample]:
        """Samples with stamps in [end_ns - span_ns, end_ns], oldest first; invalid samples included."""
        first = bisect_left(self._samples, end_ns - span_ns, key=_stamp)
        return self._samples[first : bisect_right(self._samples, end_ns, key=_stamp)]

    def _append(self, sample: GazeSample) -> None:
        # A sequence number that falls although time goes on belongs to a restarted device: no loss.
        if self._newest_sequence is not None and sample.sequence > self._newest_sequence:
            self.lost += sample.sequence - self._newest_sequence - 1
        self._newest_sequence = sample.sequence
        self.watermark_ns = sample.stamp_ns
        self._samples.append(sample)
        expired = bisect_left(self._samples, sample.stamp_ns - self._capacity_ns, key=_stamp)
        del self._samples[:expired]
