"""StepLog: the steps of an episode while it is played."""

from __future__ import annotations

import numpy as np


class StepLog:
    """Rows of named numbers; ``arrays`` stacks them, the steps first."""

    def __init__(self) -> None:
        self._rows: list[dict[str, np.ndarray]] = []

    @property
    def steps(self) -> int:
        return len(self._rows)

    def add(self, **row) -> None:
        self._rows.append({name: np.array(value, np.float32) for name, value in row.items()})

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.stack([row[name] for row in self._rows]) for name in self._rows[0]}
