"""What is fuzzed: each target is made once in its process, then called with ever new damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fuzz_mutation import Random, Target, damaged, refusable, strange_text
from benchmarks.fuzz_recordings import DATA, bag_metadata, gaze_table, mcap, neon, pictures, vrs


@dataclass(frozen=True)
class Entry:
    """How a target is made in a folder of its own, what it may raise beside GazeVlmError, its share of the inputs."""

    make: Callable[[Path, Random], Target]
    allowed: tuple[type[Exception], ...] = ()
    weight: float = 1.0


def shard(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.training.shards import archive, codec
    from gaze_vlm_ros.training.shards.index import index_of
    from gaze_vlm_ros.training.shards.reader import read_shards

    members = {name: b"x" * 40 for name in codec.MEMBERS}
    members[codec.LABELS] = json.dumps({"episode": {}, "frame": 0}).encode()
    whole = b"".join(archive.pack(seed, frame, members) for seed in (1, 2) for frame in (0, 1)) + archive.END
    path, beside = folder / "train-000000.tar", folder / "train-000000.json"
    path.write_bytes(whole)
    index = json.dumps(index_of(path).as_dict()).encode()

    def once() -> None:
        path.write_bytes(damaged(whole, random) if random.random() < 0.7 else whole)
        beside.unlink(missing_ok=True)
        if random.random() < 0.5:
            beside.write_bytes(damaged(index, random))
        for episode in read_shards(folder):  # what its members hold is tried by `labels`
            len(episode)

    return once


def labels(folder: Path, random: Random) -> Target:
    from dataclasses import fields

    import cv2

    from gaze_vlm_ros.training.shards.codec import MEMBERS, decode_header, decode_labels, decode_picture
    from gaze_vlm_ros.training.shards.schema import EpisodeHeader, Labels

    document = {item.name: [0.0, 1.0] if item.type == "np.ndarray" else 1.0 for item in fields(Labels)}
    document |= {"episode": {item.name: [1.0] for item in fields(EpisodeHeader)}, "frame": 0}
    text = json.dumps(document).encode()
    pictures = [cv2.imencode(kind, np.zeros((8, 8, 3), np.uint8))[1].tobytes() for kind in (".jpg", ".png")]

    def once() -> None:
        data = damaged(text, random)
        for decode in (decode_header, decode_labels):
            refusable(lambda decode=decode: decode(data))
        decode_picture(str(random.choice(MEMBERS[:-1])), damaged(pictures[random.integers(2)], random))

    return once


def checkpoint(folder: Path, random: Random) -> Target:
    import torch

    from gaze_vlm_ros.vlm.checkpoint import CONFIG, TOKENIZER, WEIGHTS, load_checkpoint, save_checkpoint
    from gaze_vlm_ros.vlm.config import GazeVLMConfig
    from gaze_vlm_ros.vlm.domain import DOMAIN, Domain, load_domain
    from gaze_vlm_ros.vlm.model import GazeVLM
    from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

    tokenizer = SentenceTokenizer.of_words(["look", "at", "the", "mug"])
    config = GazeVLMConfig(
        vocabulary_size=len(tokenizer), hidden=16, vision_layers=1, vision_heads=2, vision_ff=16, text_layers=1,
        text_heads=2, text_ff=16, block_layers=1, block_heads=2, image_size=32,
    )  # fmt: skip
    save_checkpoint(folder, GazeVLM(config), tokenizer)
    Domain(torch.zeros(16), torch.eye(16), 1.0, "").save(folder)
    whole = {name: (folder / name).read_bytes() for name in (CONFIG, TOKENIZER, WEIGHTS, DOMAIN)}

    def once() -> None:
        broken = str(random.choice(list(whole)))
        (folder / broken).write_bytes(damaged(whole[broken], random))
        try:
            if broken in (CONFIG, DOMAIN):
                refusable(lambda: load_domain(folder, 16))
            load_checkpoint(folder)
        finally:
            (folder / broken).write_bytes(whole[broken])

    return once


def robot(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.robots.description import DATA_DIR, RobotDescription

    text, path = (DATA_DIR / "jaco" / "robot.yaml").read_bytes(), folder / "robot.yaml"

    def once() -> None:
        path.write_bytes(damaged(text, random))
        RobotDescription.load(path)

    return once


def launch_arguments(folder: Path, random: Random) -> Target:
    """Also: whatever an argument holds, it is one word of the command line of a node, and reaches no shell."""
    from gaze_vlm_ros.cli.processes import command
    from gaze_vlm_ros.cli.up import parse
    from gaze_vlm_ros.graph import DEPLOYMENTS, arguments_of, build

    names = [item.name for deployment in DEPLOYMENTS for item in arguments_of(deployment)]

    def once() -> None:
        words = [f"{random.choice(names)}:={strange_text(random)}" for _ in range(random.integers(5))]
        deployment = build(str(random.choice(list(DEPLOYMENTS))), parse(words))
        for spec in deployment.nodes:
            line = command(spec, deployment)
            assert line[1] == "-m" and all(type(word) is str and "\0" not in word for word in line)

    return once


def _node(name: str) -> Callable[[Path, Random], Target]:
    def make(folder: Path, random: Random) -> Target:
        from benchmarks.fuzz_nodes import callbacks_of

        return callbacks_of(name, random)

    return make


TARGETS: dict[str, Entry] = {
    "mcap": Entry(mcap, weight=0.4),
    "bag_metadata": Entry(bag_metadata),
    "shard": Entry(shard),
    "labels": Entry(labels, weight=3),
    "pictures": Entry(pictures, weight=4),
    "checkpoint": Entry(checkpoint, weight=0.3),
    "robot": Entry(robot, weight=0.3),
    "launch_arguments": Entry(launch_arguments),
    "governor_node": Entry(_node("governor"), (ValueError,), 5),
    "gaze_node": Entry(_node("gaze"), (ValueError,), 4),
    "gaze_target_node": Entry(_node("gaze_target"), (ValueError,), 3),
    "assist_policy_node": Entry(_node("assist_policy"), (ValueError,), 1),
}
if (DATA / "neon_recording").is_dir():
    TARGETS["neon"] = Entry(neon, weight=0.05)
if (DATA / "aria_everyday_activities").is_dir():
    TARGETS["vrs"] = Entry(vrs, weight=0.02)
    TARGETS["gaze_table"] = Entry(gaze_table, weight=0.5)
