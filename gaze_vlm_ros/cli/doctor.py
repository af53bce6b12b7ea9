"""``gaze-vlm-ros doctor``: what is there, what is missing, and how to mend it."""

from __future__ import annotations

import argparse

from gaze_vlm_ros.cli.checks import CHECKS, Finding, Level

_SIGNS = {Level.GOOD: "ok     ", Level.OPTIONAL: "without", Level.BAD: "MISSING"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="leave out DDS and rendering, which take seconds")


def run(options: argparse.Namespace) -> int:
    """Prints one line for each finding; 1 where something that is needed is missing."""
    findings = []
    for check in CHECKS:
        if options.quick and check.slow:
            continue
        for finding in check.look():
            findings.append(finding)
            print(line_of(finding), flush=True)
    missing = [finding.what for finding in findings if finding.level is Level.BAD]
    print(f"\nStill needed: {', '.join(missing)}." if missing else "\nEverything needed is there.")
    return 1 if missing else 0


def line_of(finding: Finding) -> str:
    """A finding as people read it, with the remedy on a line of its own."""
    line = f"{_SIGNS[finding.level]} {finding.what}: {finding.state}"
    return line + (f"\n        -> {finding.remedy}" if finding.remedy else "")
