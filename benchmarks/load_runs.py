"""The load run: a recording replayed at full rate through the live graph, with four more readers and a recorder."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks import load_judgement as judgement
from benchmarks.deployments import OwnNode, with_nodes
from benchmarks.fault_runs import FIRST_SEED, Unmeasured
from benchmarks.memory import largest_growth, resident_mib
from benchmarks.notes import read_notes
from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.cli.recorded_run import run_deployment
from gaze_vlm_ros.environment import require_messages
from gaze_vlm_ros.graph import Deployment, NodeSpec, build
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.recording.reader import iter_messages, summarize
from gaze_vlm_ros.types import NS_PER_S

LISTENERS = tuple(f"listener_{number}" for number in range(1, 5))
PLAYED, SETTLES_S = "gaze samples played", 3.0
"""What the source logs at its end, and how long the graph runs on, so that every node tells of itself once more."""
OVER_WITHIN_S = 60.0
"""Beyond the length of the recording."""
WARM_UP = 1 / 6
"""Share of the run in which memory and ages settle and are not looked at."""
Samples = dict[str, list[tuple[float, float]]]


def loaded(folder: Path, checkpoint: str = "") -> Deployment:
    """The graph ``sim`` with the recording ``folder``/replayed.mcap in the simulator's place, and the listeners.

    Nothing replayed has depth, so gaze meets the plane of the table. There is no arm: the governor stays disarmed.
    """
    arguments = {"record": str(folder / "run" / "run.mcap")} | ({"checkpoint": checkpoint} if checkpoint else {})
    deployment = build("sim", arguments)
    on_plane = [
        replace(node, given={**node.given, "surface": "plane"}) if node.name == "gaze_target" else node
        for node in deployment.nodes
    ]
    source = NodeSpec("source_node", "source", given={"location": str(folder / "replayed.mcap"), "recorded": True})
    listeners = [OwnNode("listener", name, given={"path": str(folder / name)}) for name in LISTENERS]
    return with_nodes(replace(deployment, nodes=tuple(on_plane)), *listeners, source, without=["simulator"])


def measure(
    seconds: int, seed: int, report: Callable[[float], None] = lambda share: None, checkpoint: str = "", clip_s: int = 0
) -> dict:
    """The key ``load``. Raises NodeDied, or Unmeasured where nothing came through."""
    require_messages()
    from benchmarks import load_replay

    with tempfile.TemporaryDirectory() as name:
        folder, samples = Path(name), defaultdict(list)
        log, began_s, played_s = folder / "log.txt", [], []
        clip_s = clip_s or load_replay.CLIP_S
        written = load_replay.write(folder / "replayed.mcap", seconds, FIRST_SEED + seed, clip_s)

        def watch(graph: ProcessGraph) -> bool:
            began_s.append(time.monotonic())
            for process, pid in graph.pids.items():
                with suppress(OSError):
                    samples[process].append((time.time(), resident_mib(pid)))
            report(min(1.0, (began_s[-1] - began_s[0]) / seconds))
            if PLAYED in log.read_text(encoding="utf-8"):
                played_s.append(began_s[-1])
            return bool(played_s) and began_s[-1] - played_s[0] > SETTLES_S

        quiet = Progress(console=Console(quiet=True))
        run_deployment(loaded(folder, checkpoint), log, quiet, seconds + OVER_WITHIN_S, watch)
        if not played_s:
            raise Unmeasured(f"{seconds} s were not replayed within {seconds + OVER_WITHIN_S:.0f} s")
        return {"load": {"seconds": seconds, "subscribers": len(LISTENERS)} | judge(folder, written, samples)}


def judge(folder: Path, written: judgement.Replayed, samples: Samples) -> dict:
    """What the run in ``folder`` shows of what was ``written`` to be played."""
    from benchmarks.listener import HEARD
    from gaze_vlm_ros.nodes import names
    from gaze_vlm_ros.nodes.vlm_node import VlmParameters

    published = {
        "source": (*written.messages, names.SCENE_IMAGE),
        "gaze": (names.GAZE_FILTERED,),
        "vlm": (names.EVENT, names.ACTIVITY, names.OBJECTS, names.ATTENTION),
        "gaze_target": (names.GAZE_TARGET,),
    }
    notes = {name: read_notes(folder / name, tuple(HEARD)) for name in LISTENERS}
    nodes, recorded = said(folder / "run" / "run.mcap", names.DIAGNOSTICS)
    if missing := sorted({*published, *LISTENERS} - set(nodes)):
        raise Unmeasured(f"nothing was heard of {', '.join(missing)}; the graph did not run to its end")
    sent = {
        topic: (node, judgement.told(nodes[node], f"{topic} messages"))
        for node, topics in published.items()
        for topic in topics
    }
    inside = {"frames": names.SCENE_IMAGE, "events": names.EVENT, "samples": names.GAZE_SAMPLE}
    uncounted = (
        judgement.in_the_source(written.messages | {names.SCENE_IMAGE: len(written.frame_stamps_ns)}, nodes["source"])
        | judgement.on_the_way(sent, nodes, notes)
        | judgement.in_the_recording(sent, {t: recorded[t] for t in sent if t in names.RECORDED}, nodes["recorder"])
        | judgement.in_the_nodes(
            written.frame_stamps_ns, VlmParameters().rate_hz, nodes["vlm"], nodes["gaze"],
            inside | {"filtered": names.GAZE_FILTERED},
        )
    )  # fmt: skip
    heard = list(notes.values())
    times_ns = [rows[:, 1] for rows in (one[names.SCENE_IMAGE] for one in heard) if len(rows)]
    if not times_ns:
        raise Unmeasured("no listener heard a frame")
    first_ns, last_ns = min(times[0] for times in times_ns), max(times[-1] for times in times_ns)
    since_ns = first_ns + math.ceil(WARM_UP * (last_ns - first_ns))
    warm = {
        process: [(t, mib) for t, mib in series if since_ns <= t * NS_PER_S <= last_ns]
        for process, series in samples.items()
    }
    return {
        "uncounted_drops": sum(uncounted.values()),
        "uncounted_in": uncounted,
        "counted": counted(nodes),
        "rates_hz": judgement.rates_hz(heard, tuple(HEARD)),
        **judgement.ages(heard, (names.EVENT, names.GAZE_TARGET), since_ns),
        **largest_growth(warm),
    }


def said(recording: Path, diagnostics: str) -> tuple[dict[str, dict[str, str]], Counter]:
    """By node, the figures of its last ``diagnostics`` in a recording; by topic, how many messages that one holds."""
    topics = summarize(recording).topics
    root = next((topic.removesuffix(diagnostics) for topic in topics if topic.endswith(f"/{diagnostics}")), "/")
    nodes = {}
    for recorded in iter_messages(recording, [root + diagnostics]):
        for status in recorded.message.status:
            nodes[status.name.rpartition("/")[2]] = {item.key: item.value for item in status.values}
    return nodes, Counter({topic.removeprefix(root): found.messages for topic, found in topics.items()})


def counted(nodes: dict[str, dict[str, str]]) -> dict[str, int]:
    """What all nodes together say was lost on the way to them, and what they dropped."""
    return {key: sum(judgement.told(values, key) for values in nodes.values()) for key in ("lost", "dropped")}
