"""A marker board as a file that prints true to scale: PNG that states its resolution, or PDF that states its size."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from gaze_vlm_ros.geometry.registration import MarkerBoard

MM_PER_INCH = 25.4
_POINTS_PER_INCH = 72.0
_CAPTION_MM = 10.0
_BAR_MM = 100.0


def caption(board: MarkerBoard) -> str:
    """The board in one line, with the names of the registration node's parameters."""
    return (
        f"columns {board.columns}, rows {board.rows}, marker_m {board.marker_m:g}, gap_m {board.gap_m:g}, "
        f"{board.dictionary}; the bar is {_BAR_MM:.0f} mm long"
    )


def printed(board: MarkerBoard, dpi: int) -> np.ndarray:
    """The board with its caption and a bar to check the scale by, (H, W) uint8 at ``dpi`` dots per inch."""
    per_mm = dpi / MM_PER_INCH
    picture = board.image(round(board.size_m[0] * 1e3 * per_mm))
    foot = np.full((round(_CAPTION_MM * per_mm), picture.shape[1]), 255, np.uint8)
    left, top = round(board.gap_m * 1e3 * per_mm), round(1.0 * per_mm)
    length = min(round(_BAR_MM * per_mm), foot.shape[1] - left)
    foot[top : top + max(1, round(0.6 * per_mm)), left : left + length] = 0
    words, font, size = caption(board), cv2.FONT_HERSHEY_SIMPLEX, 1.0
    room = foot.shape[1] - 2 * left
    size = min(room / cv2.getTextSize(words, font, 1.0, 1)[0][0], 3.0 * per_mm / 22.0)
    cv2.putText(foot, words, (left, round(7.0 * per_mm)), font, size, 0, max(1, round(1.2 * size)), cv2.LINE_AA)
    return np.vstack([picture, foot])


def as_png(picture: np.ndarray, dpi: int) -> bytes:
    """PNG of (H, W) uint8 whose pHYs chunk gives the resolution in dots per metre."""
    data = cv2.imencode(".png", picture)[1].tobytes()
    per_metre = round(dpi / MM_PER_INCH * 1e3)
    body = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end_of_header = 8 + 25  # signature, and the IHDR chunk, which comes first
    return data[:end_of_header] + chunk + data[end_of_header:]


def as_pdf(picture: np.ndarray, dpi: int) -> bytes:
    """PDF 1.4 of one page that is exactly as large as (H, W) uint8 at ``dpi``."""
    height, width = picture.shape
    across, up = (side / dpi * _POINTS_PER_INCH for side in (width, height))
    draw = f"{across:.4f} 0 0 {up:.4f} 0 0 cm /Board Do".encode()
    pixels = zlib.compress(picture.tobytes())
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {across:.4f} {up:.4f}] /Contents 4 0 R "
        "/Resources << /XObject << /Board 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(draw), draw),
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode /Length %d >>\nstream\n%b\nendstream" % (width, height, len(pixels), pixels),
    ]
    file, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    tail = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(file))
    return file + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + tail
