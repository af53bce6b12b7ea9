"""The gaze signal: clocks and pairing, filters, eye movements, heatmaps."""
