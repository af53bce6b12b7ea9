"""The ensemble of One Eye networks, and its calibration to one person by support vector regression.

After the release's "ensemble calibration network": RBF kernel, C = 20, gamma = 0.06, one regressor for each coordinate,
on the networks' penultimate activations side by side. Uncalibrated, the release averages two of its models and does
not say which; here all are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.multioutput import MultiOutputRegressor
from sklearn.svm import SVR

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import OneEyeError
from gaze_vlm_ros.gaze.eyes.one_eye.network import PENULTIMATE, OneEyeNetwork, activations, points_cm

C, GAMMA = 20.0, 0.06
LEAST_LOOKS = 5


class OneEyeEnsemble:
    """Networks by name that see the same eyes in pictures of the same size."""

    def __init__(self, networks: Mapping[str, OneEyeNetwork]) -> None:
        kinds = {(net.settings.eyes, net.settings.image_size) for net in networks.values()}
        if len(kinds) != 1:
            raise OneEyeError(f"the networks of an ensemble see the same number and size of pictures, got {kinds}")
        self.networks = dict(networks)
        self.eyes, self.image_size = kinds.pop()

    def activations(self, pictures: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Penultimate activations (N, 4 * networks) of pictures (N, eyes, S, S) uint8, landmarks (N, 4 * eyes).

        Raises OneEyeError where the arrays do not have these shapes, or a landmark is not finite.
        """
        side, count = self.image_size, len(pictures)
        if pictures.shape != (count, self.eyes, side, side) or pictures.dtype != np.uint8:
            raise OneEyeError(
                f"pictures must be (N, {self.eyes}, {side}, {side}) uint8, got {pictures.shape} {pictures.dtype}"
            )
        if landmarks.shape != (count, 4 * self.eyes) or not np.isfinite(landmarks).all():
            raise OneEyeError(f"landmarks must be finite and (N, {4 * self.eyes}), got {landmarks.shape}")
        found = [activations(network, pictures, landmarks) for network in self.networks.values()]
        return np.concatenate(found, axis=1)

    def uncalibrated_cm(self, features: np.ndarray) -> np.ndarray:
        """Mean (N, 2) [cm] of all networks' points for ``activations`` (N, 4 * networks)."""
        parts = np.split(features, len(self.networks), axis=1)
        assert all(part.shape[1] == PENULTIMATE for part in parts)
        return np.mean([points_cm(net, part) for net, part in zip(self.networks.values(), parts, strict=True)], axis=0)


class PersonalRegressor:
    """One person's way from activations to the screen; those of both eyes may be given side by side."""

    def __init__(self, features: np.ndarray, dots_cm: np.ndarray) -> None:
        """Fits to activations (N, D) of looks at dots (N, 2) [cm]; OneEyeError with fewer than five looks."""
        if len(features) < LEAST_LOOKS or len(features) != len(dots_cm):
            raise OneEyeError(
                f"a calibration needs at least {LEAST_LOOKS} looks, each with its dot; got {len(features)} looks and "
                f"{len(dots_cm)} dots"
            )
        self._regressor = MultiOutputRegressor(SVR(kernel="rbf", C=C, gamma=GAMMA)).fit(features, dots_cm)

    def points_cm(self, features: np.ndarray) -> np.ndarray:
        """Points (N, 2) [cm] for activations (N, D)."""
        return self._regressor.predict(features)
