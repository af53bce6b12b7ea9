"""The report of one run, from its recording."""

from __future__ import annotations

import json
from pathlib import Path

from gaze_vlm_ros.recording.reader import summarize
from gaze_vlm_ros.report.collect import collect
from gaze_vlm_ros.report.notes import notes_of
from gaze_vlm_ros.report.page import render
from gaze_vlm_ros.report.summary import summarise
from gaze_vlm_ros.report.video import make_video, notes_on_video, png


def build_report(recording: Path, out_dir: Path, extra: dict | None = None) -> dict:
    """Write ``report.html``, ``report.json`` and, with video, ``preview.png`` into ``out_dir``; return the figures.

    ``extra`` may hold ``rollouts`` (figures of paired rollouts under the keys of ``report.json``), ``versions``,
    ``notes`` (sentences) and ``title``. Raises GazeVlmError where ``recording`` is unreadable or holds no topic of this
    package.
    """
    extra = extra or {}
    recording, out_dir = Path(recording), Path(out_dir)
    run, others = collect(recording)
    figures = summarise(run, extra)
    video = make_video(recording, run)
    problem = summarize(recording).problem
    figures["notes"] = [*extra.get("notes", []), *notes_of(run, figures, others, problem), *notes_on_video(run, video)]
    out_dir.mkdir(parents=True, exist_ok=True)
    if video and video.preview is not None:
        (out_dir / "preview.png").write_bytes(png(video.preview))
    page = render(run, figures, video, extra.get("title", f"Run {recording.stem}"))
    (out_dir / "report.html").write_text(page, encoding="utf-8")
    (out_dir / "report.json").write_text(json.dumps(figures, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return figures
