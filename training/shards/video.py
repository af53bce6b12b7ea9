"""Pictures to H.264, the same bytes for the same pictures."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np

CODEC = "h264"
PIXEL_FORMAT = "yuv420p"
_CRF = 20


def encode_mp4(pictures: Iterable[np.ndarray], size: tuple[int, int], rate_hz: float) -> bytes:
    """An mp4 file of ``pictures`` (H, W, 3) uint8 RGB; picture i is shown from i / rate_hz on.

    ``size`` is (W, H), both even. One in ``rate_hz`` pictures stands for itself, so that a reader soon finds any.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1000))
        stream.width, stream.height = size
        stream.pix_fmt = PIXEL_FORMAT
        stream.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": str(_CRF), "g": str(max(2, round(rate_hz))), "bf": "0"}
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
