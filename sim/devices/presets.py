"""Eye trackers by their figures. Each figure says where it comes from, or that it is assumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.types import CameraKind, CameraModel


class UnknownTracker(GazeVlmError):
    """No preset has that name."""


@dataclass(frozen=True)
class SceneOptics:
    """The scene camera of a device: its calibration, frame rate, and how far off the axis the lens sees anything."""

    camera: CameraModel
    rate_hz: float
    max_angle_deg: float = 89.0

    def sized(self, width: int, height: int) -> CameraModel:
        """The calibration of the picture scaled evenly until it covers ``width`` x ``height`` and cropped about its
        middle.
        """
        full = self.camera
        scale = max(width / full.width, height / full.height)
        matrix = full.matrix * scale
        # Pixel centres are integers, so a picture begins at -0.5: scale and crop what is measured from there.
        middle = (full.matrix[:2, 2] + 0.5 - np.array([full.width, full.height]) / 2) * scale
        matrix[:2, 2] = middle + np.array([width, height]) / 2 - 0.5
        matrix[2, 2] = 1.0
        return CameraModel(width, height, matrix, full.distortion, full.kind, full.frame_id)


@dataclass(frozen=True)
class TrackerPreset:
    """One kind of eye tracker.

    ``accuracy_deg`` is the mean angle between true and measured gaze once noise is averaged away; ``drift_share`` of
    its variance wanders with the time constant ``drift_time_s``, the rest stays with the person. Noise has the two
    usual measures of precision, both of the angle in the plane: ``precision_std_deg`` about the mean and
    ``precision_s2s_deg`` (RMS) from sample to sample. ``data_loss`` is the share of samples lost, in bursts of
    ``loss_duration_s`` on average. ``latency_s`` and ``latency_jitter_s`` are mean and standard deviation of the time
    from imaging the eyes to the sample's arrival.

    Every ``slippage_every_s`` on average the glasses move to another place, ``slippage_mm`` (1 sigma per axis) off the
    one they were fitted at; ``slippage_share`` of that is *not* compensated by the device. ``kappa_deg`` is the mean
    angle by which the reported axes of the eyes lie temporally off the lines of sight (0: lines of sight are reported).
    ``vergence_sigma_deg`` is the error of the angle between the eyes from which distance is measured, None where the
    device gives no distance.
    """

    name: str
    gaze_rate_hz: float
    accuracy_deg: float
    precision_std_deg: float
    precision_s2s_deg: float
    drift_share: float = 0.0
    drift_time_s: float = 120.0
    data_loss: float = 0.0
    loss_duration_s: float = 0.0
    latency_s: float = 0.0
    latency_jitter_s: float = 0.0
    slippage_mm: float = 0.0
    slippage_every_s: float = 60.0
    slippage_share: float = 0.0
    binocular: bool = False
    kappa_deg: float = 0.0
    reports_blinks: bool = False
    vergence_sigma_deg: float | None = None
    scene: SceneOptics | None = None

    def __post_init__(self) -> None:
        for name in ("gaze_rate_hz", "drift_time_s", "slippage_every_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{self.name}: {name} must be positive, got {getattr(self, name)}")
        for name in ("accuracy_deg", "loss_duration_s", "latency_s", "latency_jitter_s", "slippage_mm"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{self.name}: {name} must be >= 0, got {getattr(self, name)}")
        for name in ("drift_share", "data_loss", "slippage_share"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{self.name}: {name} must be in [0, 1), got {getattr(self, name)}")
        if not 0.0 <= self.precision_s2s_deg <= 2.0 * self.precision_std_deg:
            raise ValueError(f"{self.name}: precision_s2s_deg must be between 0 and twice precision_std_deg")
        if self.vergence_sigma_deg is not None and not self.binocular:
            raise ValueError(f"{self.name}: a distance from vergence needs both eyes (binocular)")

    @property
    def optics(self) -> SceneOptics:
        """Those of the scene camera. Raises UnknownTracker where the device has none."""
        if self.scene is None:
            with_camera = ", ".join(name for name, preset in PRESETS.items() if preset.scene)
            raise UnknownTracker(f"eye tracker {self.name!r} has no scene camera of its own; use one of: {with_camera}")
        return self.scene

    @property
    def distance_known(self) -> bool:
        return self.vergence_sigma_deg is not None

    @property
    def offset_sigma_deg(self) -> float:
        """1 sigma of yaw and of pitch: two equal normal errors make an angle of mean sigma * sqrt(pi / 2)."""
        return self.accuracy_deg / float(np.sqrt(np.pi / 2))

    @property
    def noise_sigma_deg(self) -> float:
        """1 sigma per axis; the plane's STD is that of two equal axes."""
        return self.precision_std_deg / float(np.sqrt(2.0))

    @property
    def noise_memory(self) -> float:
        """Correlation of one sample's noise with the next one's: RMS-S2S = STD * sqrt(2 (1 - memory))."""
        if self.precision_std_deg == 0.0:
            return 0.0
        return 1.0 - 0.5 * (self.precision_s2s_deg / self.precision_std_deg) ** 2


_NEON_SCENE = SceneOptics(
    # One unit's calibration, rounded: the Neon sample recording of pupil-labs/pl-neon-recording; it sees 103.6 x 77.1
    # degrees, as documented (1600x1200 at 30 Hz, 103 x 77 degrees: docs.pupil-labs.com, data streams).
    CameraModel(
        1600,
        1200,
        np.array([[888.4, 0.0, 805.1], [0.0, 888.4, 618.6], [0.0, 0.0, 1.0]]),
        np.array([-0.1302, 0.1085, 7.7e-5, -2.0e-4, 3.5e-5, 0.1697, 0.0522, 0.0249]),
    ),
    rate_hz=30.0,
)

_ARIA_SCENE = SceneOptics(
    # Four coefficients fitted to the Fisheye624 calibration of projectaria_tools' Gen 1 sample recording (RMS 1.1 px,
    # its tangential and thin-prism terms left out), turned upright; frames there come at 20 Hz.
    CameraModel(
        1408,
        1408,
        np.array([[607.0, 0.0, 704.0], [0.0, 607.0, 718.5], [0.0, 0.0, 1.0]]),
        np.array([0.2855, 0.0962, -0.309, 0.1066]),
        CameraKind.FISHEYE,
    ),
    rate_hz=20.0,
    max_angle_deg=56.7,  # the valid radius of that calibration, 707.5 px
)

PRESETS: dict[str, TrackerPreset] = {
    preset.name: preset
    for preset in (
        TrackerPreset(
            "ideal",
            gaze_rate_hz=200.0,
            accuracy_deg=0.0,
            precision_std_deg=0.0,
            precision_s2s_deg=0.0,
            binocular=True,
            reports_blinks=True,
            vergence_sigma_deg=0.0,
        ),
        TrackerPreset(
            "default",  # a good device without quirks; all figures assumed
            gaze_rate_hz=200.0,
            accuracy_deg=0.8 * float(np.sqrt(np.pi)) / 2,  # 0.8 degrees RMS
            precision_std_deg=0.25 * float(np.sqrt(2)),  # white noise of 0.25 degrees in yaw and in pitch
            precision_s2s_deg=0.5,
            data_loss=0.01,
        ),
        TrackerPreset(
            "neon",  # Pupil Labs Neon, live from the Companion device, without offset correction
            gaze_rate_hz=200.0,  # documented: up to 200 Hz, 120 Hz with older phones
            accuracy_deg=1.8,  # quoted from the vendor's white paper; not checked in its text
            # Lower quartile over the fixations of the sample recording, quadratic trend removed: the device's noise,
            # the eye's own motion nearly left out (medians 0.60 and 0.47).
            precision_std_deg=0.43,
            precision_s2s_deg=0.36,
            drift_share=0.2,  # assumed
            data_loss=0.005,  # assumed; the sample recording loses samples in blinks only
            loss_duration_s=0.05,  # assumed
            latency_s=0.06,  # assumed: network on the phone and Wi-Fi
            latency_jitter_s=0.02,  # assumed
            # Assumed, within the 0.26 to 4.05 mm of everyday tasks that summaries give for 'Slippage of head-worn
            # glasses during real-world behavior' (35 people; its text was not read).
            slippage_mm=1.0,
            slippage_every_s=60.0,  # assumed
            slippage_share=0.05,  # assumed; the vendor calls it robust against slippage
            binocular=True,
            kappa_deg=5.0,  # textbook: the optical axis lies about 5 degrees temporally (Atchison and Smith 2000)
            reports_blinks=True,  # documented
            scene=_NEON_SCENE,
        ),
        TrackerPreset(
            "aria",  # Project Aria Gen 1 with the gaze of its Machine Perception Services
            gaze_rate_hz=10.0,  # of the sample recording; Gen 1 profiles offer 10 to 30 Hz
            # The sample table's intervals, taken as 1 sigma to each side: medians 1.19 degrees in yaw, 2.13 in pitch.
            accuracy_deg=2.16,
            precision_std_deg=0.5,  # assumed
            precision_s2s_deg=0.5,  # assumed
            drift_share=0.2,  # assumed
            data_loss=0.01,  # assumed
            loss_duration_s=0.2,  # assumed
            latency_s=0.1,  # assumed for live streaming; the services themselves work after the recording
            latency_jitter_s=0.03,  # assumed
            slippage_mm=1.0,  # as Neon's: that study found smart glasses and eye trackers alike
            slippage_every_s=60.0,  # assumed
            slippage_share=0.1,  # assumed
            binocular=True,  # documented: yaw of either eye in later tables
            vergence_sigma_deg=0.6,  # assumed; tables with vergence give a depth
            scene=_ARIA_SCENE,
        ),
        TrackerPreset(
            "webcam",  # gaze from a face seen by a common webcam; nothing is worn, and there is no scene camera
            gaze_rate_hz=30.0,  # assumed: the frame rate of common webcams
            accuracy_deg=3.94,  # in the laboratory, Semmelmann and Weigelt 2018 (1.4 with a newer system, Kaduk 2023)
            precision_std_deg=1.1,  # Kaduk et al. 2023
            precision_s2s_deg=1.2,  # assumed
            drift_share=0.4,  # assumed: it drifts with posture
            data_loss=0.05,  # assumed
            loss_duration_s=0.3,  # assumed
            latency_s=0.1,  # assumed
            latency_jitter_s=0.03,  # assumed
        ),
    )
}


def tracker_preset(name: str) -> TrackerPreset:
    """The preset of that name; UnknownTracker lists those there are."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownTracker(f"there is no eye tracker '{name}'; choose one of {', '.join(PRESETS)}") from None
