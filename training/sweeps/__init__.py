"""How answers change when the gaze given at inference is disturbed: sweeps, their scores, a page and a picture."""
