"""``gaze-vlm-ros look SHARD``: an episode as a video and a sheet of pictures, with all that is known of it drawn in."""

from __future__ import annotations

import argparse
from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError


class LookError(GazeVlmError):
    """There is nothing to look at."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="?", help="a shard, or a folder of shards")
    parser.add_argument("--episode", type=int, help="seed of the episode in it (default: the first one)")
    parser.add_argument("--seed", type=int, help="instead of a source: simulate the episode of this seed now")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a simulated episode")
    parser.add_argument("--rate", type=float, default=5.0, help="frames per second of a simulated episode")
    parser.add_argument("--out", type=Path, default=Path("out/look"), help="folder for video and sheet")


def run(args: argparse.Namespace) -> int:
    from rich.progress import track

    from gaze_vlm_ros.report.video import png
    from gaze_vlm_ros.training.shards.drawing import EpisodeView
    from gaze_vlm_ros.training.shards.files import write_atomically
    from gaze_vlm_ros.training.shards.video import encode_mp4

    if (args.source is None) == (args.seed is None):
        raise LookError("name either a shard (or a folder of shards) or --seed of an episode to simulate")
    if args.source is not None and not args.source.exists():
        raise LookError(f"{args.source} does not exist; name a shard, or simulate an episode with --seed")
    episode = _simulated(args) if args.source is None else _stored(args.source, args.episode)
    view = EpisodeView(episode)
    name = f"episode-{episode.seed:08d}"
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LookError(f"{args.out} cannot be made ({error.strerror}); name another folder with --out") from None
    first = view.video_picture(0)
    pictures = (view.video_picture(index) for index in track(range(len(episode)), "drawing"))
    video = encode_mp4(pictures, first.shape[1::-1], episode.header.rate_hz)
    for path, data in ((args.out / f"{name}.mp4", video), (args.out / f"{name}.png", png(view.sheet()))):
        write_atomically(path, data)
        print(path)
    return 0


def _stored(source: Path, seed: int | None):
    from gaze_vlm_ros.training.shards.index import index_of
    from gaze_vlm_ros.training.shards.reader import read_episode, shard_paths

    seeds = []
    for index in map(index_of, shard_paths(source)):
        for place in index.episodes:
            if seed in (None, place.seed):
                return read_episode(index, place)
            seeds.append(place.seed)
    raise LookError(f"{source} has no episode {seed}; it has {min(seeds)} to {max(seeds)}")


def _simulated(args: argparse.Namespace):
    from rich.progress import track

    from gaze_vlm_ros.training.record import record_episode
    from gaze_vlm_ros.training.shards.codec import MEMBERS, encode_frame
    from gaze_vlm_ros.training.shards.reader import StoredEpisode
    from gaze_vlm_ros.training.shards.schema import RecordOptions

    recording = record_episode(args.seed, RecordOptions(args.seconds, args.rate))
    members: dict[str, list[bytes]] = {member: [] for member in MEMBERS}
    for number, frame in enumerate(track(recording.frames, "simulating", total=recording.header.frames)):
        for member, data in encode_frame(recording.header, number, frame).items():
            members[member].append(data)
    return StoredEpisode(args.seed, members)
