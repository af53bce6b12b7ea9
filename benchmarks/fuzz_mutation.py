"""Damage: to bytes, to texts, and to the fields of ROS messages."""

from __future__ import annotations

import contextlib
import re
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

Random = np.random.Generator
Target = Callable[[], object]
_TOKENS = (
    b"\x00", b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"-1", b"0", b"1e400", b"nan", b"null", b"9" * 20,
    b"[" * 2000, b"{", b"}", b'"', b"'", b"&a [*a]", b"*a", b"!!python/object/apply:os.system ['true']", b"\n",
    b"\\u0000", b"../../etc/passwd", b"%s%n", b"\xef\xbb\xbf", b"true", b"",
)  # fmt: skip
_STRANGE_FLOATS = (float("nan"), float("inf"), float("-inf"), 1.7e308, -1.7e308, 5e-324, -0.0, 0.0, 1e9, -1e9, 1.0)
_STRANGE_FLOATS32 = (float("nan"), float("inf"), float("-inf"), 3.4e38, -3.4e38, 1e-45, -0.0, 0.0, 1e9, 1.0)
_BITS = re.compile(r"(u?)int(\d+)")
_ARRAY = re.compile(r"(?:sequence<)?([\w/]+?)(?:, (\d+))?(?:>|\[(\d+)\])")


def damaged(data: bytes, random: Random) -> bytes:
    """``data`` cut, flipped, overwritten, spliced, grown, or left as it is."""
    out = bytearray(data)
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        at = int(random.integers(len(out) + 1))
        kind = random.integers(8)
        if kind == 0:
            del out[at:]
        elif kind == 1 and out:
            out[min(at, len(out) - 1)] ^= 1 << int(random.integers(8))
        elif kind == 2:
            out[at : at + int(random.integers(1, 9))] = random.bytes(int(random.integers(1, 9)))
        elif kind == 3:
            token = _TOKENS[random.integers(len(_TOKENS))]
            out[at : at + len(token)] = token
        elif kind == 4:
            out[at:at] = _TOKENS[random.integers(len(_TOKENS))]
        elif kind == 5:
            start = int(random.integers(len(out) + 1))
            out[at:at] = out[start : start + int(random.integers(200))]
        elif kind == 6:
            del out[at : at + int(random.integers(1, 64))]
        elif random.random() < 0.05:
            out = bytearray(random.bytes(int(random.integers(2000))))
    return bytes(out)


def strange_text(random: Random) -> str:
    """A word that somebody careless or hostile might give as an argument."""
    words = (
        "", "1", "-1", "nan", "inf", "1e999", "true", "none", "jaco", "webcam:0", "webcam:x", "/nowhere", "~", "..",
        "$(true)", "`true`", "; true", "&& true", "| true", "a b", "'", '"', ":=", "a:=b", "\n", "\0", "\x1b[31m", "ü",
        "日本", "%s", "__node:=x", "--ros-args", "-p", "9" * 5000, "x" * 5000,
    )  # fmt: skip
    if random.random() < 0.7:
        return words[random.integers(len(words))]
    return "".join(random.choice(list(string.printable), int(random.integers(30))))


def disturb(message: Any, random: Random, share: float) -> None:
    """Makes some fields of a ROS message extreme, NaN, empty or huge, in place; never of another type."""
    for name, kind in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if hasattr(value, "get_fields_and_field_types"):
            disturb(value, random, share)
        elif random.random() < share:
            setattr(message, name, _strange(kind, value, random))
        elif isinstance(value, list) and value and hasattr(value[0], "get_fields_and_field_types"):
            for item in value:
                disturb(item, random, share)


def _strange(kind: str, value: Any, random: Random) -> Any:
    if array := _ARRAY.fullmatch(kind):
        length = int(array[3]) if array[3] else int(random.choice([0, 1, 2, 5, 7, 500]))
        if "/" in array[1]:
            return list(value[: random.integers(len(value) + 1)]) * int(random.choice([1, 1, 100]))
        items = [_strange(array[1], None, random) for _ in range(length)]
        return np.array(items, value.dtype) if isinstance(value, np.ndarray) else items
    if kind == "boolean":
        return bool(random.integers(2))
    if kind in ("float", "double"):
        strange = _STRANGE_FLOATS if kind == "double" else _STRANGE_FLOATS32
        return float(strange[random.integers(len(strange))])
    if kind in ("string", "wstring"):
        return strange_text(random).replace("\0", "") * int(random.choice([1, 1, 1, 20]))
    if kind in ("octet", "byte"):
        return bytes([random.integers(256)])
    unsigned, bits = _BITS.fullmatch(kind).groups()
    lowest, highest = (0, 2 ** int(bits) - 1) if unsigned else (-(2 ** (int(bits) - 1)), 2 ** (int(bits) - 1) - 1)
    return int((lowest, highest, 0, 1, highest // 2)[random.integers(5)])


def refusable(call: Target) -> None:
    """Goes on after a refusal, so that one input can try several parsers."""
    with contextlib.suppress(GazeVlmError):
        call()
