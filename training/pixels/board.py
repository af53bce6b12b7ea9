"""The rows of a run's curve for TensorBoard, where that is installed and wanted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError


class BoardError(GazeVlmError):
    """TensorBoard is not installed."""


def watcher(folder: Path, wanted: bool) -> Callable[[dict[str, float]], None]:
    """Takes rows of a curve: writes them as events into ``folder`` if ``wanted``, else nothing. Raises BoardError."""
    if not wanted:
        return lambda row: None
    try:
        writer = import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))
    except ImportError:
        raise BoardError(
            "TensorBoard is not installed: pip install tensorboard, or leave --tensorboard out for curve.csv alone"
        ) from None

    def watch(row: dict[str, float]) -> None:
        for name, value in row.items():
            if name != "step":
                writer.add_scalar(name, value, int(row["step"]))
        writer.flush()

    return watch
