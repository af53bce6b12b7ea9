"""The governor's checks: numpy only, readable in ten minutes."""
