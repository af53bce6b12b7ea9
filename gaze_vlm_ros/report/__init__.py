"""The HTML report of a run."""

from gaze_vlm_ros.report.build import build_report
from gaze_vlm_ros.report.collect import ReportError

__all__ = ["ReportError", "build_report"]
