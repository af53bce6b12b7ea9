"""Full texts of ROS 2 message definitions, from the ``.msg`` files of an installation or of a source tree."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from gaze_vlm_ros.recording.summary import RecordingError

_PRIMITIVES = frozenset(
    ["bool", "byte", "char", "float32", "float64", "string", "wstring"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*")
_SEPARATOR = "=" * 80


class MessageDefinitions:
    """Finds ``<package>/msg/<Name>.msg`` below the given folders; earlier folders win."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(Path(folder) for folder in folders)
        self._text = cache(self._read)

    @classmethod
    def installed(cls) -> MessageDefinitions:
        """Definitions of the sourced ROS 2 installation, of this Python environment and of this source tree."""
        prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
        source_tree = Path(__file__).resolve().parents[2]
        return cls([*(prefix / "share" for prefix in [*prefixes, Path(sys.prefix)]), source_tree])

    def full_text(self, ros_type: str) -> str:
        """Definition of ``package/msg/Name`` followed by those it needs, as MCAP's ``ros2msg`` encoding wants it.

        Raises :class:`RecordingError` where one of them is not installed.
        """
        parts = [self._text(ros_type)]
        seen = {ros_type}
        pending = self._needed_by(ros_type)
        while pending:
            needed = pending.pop(0)
            if needed in seen:
                continue
            seen.add(needed)
            package, _, name = needed.split("/")
            parts.append(f"{_SEPARATOR}\nMSG: {package}/{name}\n{self._text(needed)}")
            pending += self._needed_by(needed)
        return "".join(part.rstrip("\n") + "\n" for part in parts)

    def _needed_by(self, ros_type: str) -> list[str]:
        package = ros_type.split("/", maxsplit=1)[0]
        fields = (_FIELD.match(line.split("#")[0]) for line in self._text(ros_type).splitlines())
        names = [match[1] for match in fields if match and match[1] not in _PRIMITIVES]
        return [_complete(name, package) for name in names]

    def _read(self, ros_type: str) -> str:
        parts = ros_type.split("/")
        if len(parts) != 3 or parts[1] != "msg" or not all(re.fullmatch(r"[A-Za-z]\w*", part) for part in parts):
            raise RecordingError(f"{ros_type}: not a message type; write package/msg/Name")
        for folder in self._folders:
            file = folder / parts[0] / "msg" / f"{parts[2]}.msg"
            if file.is_file():
                return file.read_text(encoding="utf-8")
        places = ", ".join(str(folder) for folder in self._folders)
        raise RecordingError(
            f"{ros_type}: no definition below {places}; install the package {parts[0]} or source its workspace"
        )


def _complete(name: str, package: str) -> str:
    parts = name.split("/")
    return f"{parts[0]}/msg/{parts[-1]}" if len(parts) > 1 else f"{package}/msg/{name}"
