"""Camera models, frames, registration of the wearer's camera, and ray and depth to 3-D points."""
