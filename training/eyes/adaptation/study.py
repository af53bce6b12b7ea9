"""The whole comparison: domains, networks, and which part of the gap each step closes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gaze_vlm_ros.training.eyes.adaptation.domains import DomainSet, render_domain
from gaze_vlm_ros.training.eyes.adaptation.network import DisentanglingAutoEncoder
from gaze_vlm_ros.training.eyes.adaptation.train import AdaptationRun, adapt, error_deg, train_extended, train_labelled

SOURCE, ORACLE, EXTENDED, ADAPTED = "source", "oracle", "extended", "adapted"
_APART = 100_000
"""People of the target are numbered from here: nobody is in both domains."""


@dataclass(frozen=True)
class StudySize:
    """``people`` of the split "train" in each domain, ``test`` of the split "test", seen by the target's glasses."""

    people: int = 400
    held: int = 20
    test: int = 80


def study(
    out: Path, run: AdaptationRun, size: StudySize, workers: int
) -> tuple[dict[str, DisentanglingAutoEncoder], DomainSet]:
    """All four networks, and the target's looks of people whom none has seen. Resumes what ``out`` holds."""

    def domain(name: str, split: str, first: int, count: int) -> DomainSet:
        return render_domain(out / "looks", name, split, range(first, first + count), run.image_px, workers)

    plain, extended = (domain(name, "train", 0, size.people) for name in ("source", "extended"))
    target = domain("target", "train", _APART, size.people)
    held = domain("target", "validation", 0, size.held)
    networks = {
        SOURCE: train_labelled(out / SOURCE, run, plain, held),
        ORACLE: train_labelled(out / ORACLE, run, target, held),
        EXTENDED: train_extended(out / EXTENDED, run, plain, extended, held),
    }
    networks[ADAPTED] = adapt(out / ADAPTED, run, networks[EXTENDED], extended, target, held)
    return networks, domain("target", "test", 0, size.test)


def figures(networks: Mapping[str, DisentanglingAutoEncoder], test: DomainSet) -> dict[str, float]:
    """Errors [deg] on the target, and the shares of the gap between ``source`` and ``oracle`` that are closed."""
    errors = {name: error_deg(network, test) for name, network in networks.items()}
    gap = errors[SOURCE] - errors[ORACLE]
    closed = {name: (errors[SOURCE] - errors[name]) / gap for name in (EXTENDED, ADAPTED)}
    return {
        **{f"{name}_deg": error for name, error in errors.items()},
        "gap_closed_by_extension": closed[EXTENDED],
        "gap_closed": closed[ADAPTED],
        "gap_left_closed_by_adapting": (errors[EXTENDED] - errors[ADAPTED]) / (errors[EXTENDED] - errors[ORACLE]),
    }
