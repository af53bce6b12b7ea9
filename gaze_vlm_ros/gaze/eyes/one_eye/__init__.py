"""One Eye: gaze on a phone or tablet from one eye's picture, by tiny networks and a calibrated ensemble of them.

After "One Eye is All You Need" (arXiv 2211.11936) and its released code; what is known of it and where this differs is
told in :mod:`encoders` and :mod:`network`. Start at :func:`gaze_vlm_ros.gaze.eyes.one_eye.store.load_ensemble`.
"""
