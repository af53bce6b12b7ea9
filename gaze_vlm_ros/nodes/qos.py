"""Quality of service of each kind of stream."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

SENSOR = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Pictures and other live sensor streams: late data is worthless."""

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""For a reader that only ever wants the newest picture."""

EYE_PICTURES = QoSProfile(depth=30, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Small pictures at up to 200 Hz: some have to wait while the one before is looked at."""

SAMPLES = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
"""One second of gaze or joint states: best effort loses some of them at 200 Hz."""

REPLAYED_SAMPLES = QoSProfile(
    depth=2000, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""The same from a recording: a reader may be seconds behind, or be found late, and still gets every sample."""

REPLAYED_EYE_PICTURES = QoSProfile(
    depth=400, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Two seconds of the pictures of a fast eye camera, 15 MB of them."""

REPLAYED_FRAMES = QoSProfile(
    depth=60, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
"""Frames of a recording, and what comes with each of them."""

RESULT = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Predictions, states and commands."""

REPLAYED_RESULT = REPLAYED_SAMPLES
"""Everything that is made of a recording: who is found late, as a recorder may be, still gets all of it."""

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""State that a late subscriber must still hear."""
