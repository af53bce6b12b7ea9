"""Makes the training room's small data importable."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training"))
