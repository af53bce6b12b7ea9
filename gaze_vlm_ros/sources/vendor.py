"""Dealing with the packages of device makers: absent ones are named, noisy ones are heard in the log only."""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from gaze_vlm_ros.environment import extra_command
from gaze_vlm_ros.sources.base import SourceError

_log = logging.getLogger(__name__)
NO_ARIA_FROM = (3, 13)
"""The VRS reader has no build for this Python and newer ones."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def require(module: str, device: str, extra: str) -> ModuleType:
    """Import a vendor's module; :class:`SourceError` names the extra that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".", maxsplit=1)[0]
        raise SourceError(f"{device} needs the Python package {package} ({error}); {_remedy(extra)}") from error


def _remedy(extra: str) -> str:
    if extra == "aria" and sys.version_info >= NO_ARIA_FROM:
        return "it has no build for this Python; make the environment anew: `make distclean setup PYTHON=python3.12`"
    return f"run `{extra_command(extra)}`"


@contextmanager
def captured_output() -> Iterator[list[str]]:
    """Collect what native code writes to its standard streams while the block runs; it goes to the debug log instead.

    The list is filled when the block ends. The redirection is that of the process: keep the block short.
    """
    lines: list[str] = []
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile(mode="w+", errors="replace") as catcher:
        saved = {stream: os.dup(stream) for stream in (1, 2)}
        for stream in saved:
            os.dup2(catcher.fileno(), stream)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, original in saved.items():
                os.dup2(original, stream)
                os.close(original)
            catcher.seek(0)
            lines += [line for line in (_COLOUR.sub("", raw).strip() for raw in catcher) if line]
            for line in lines:
                _log.debug("%s", line)
