"""``gaze-vlm-ros look SHARD``: an episode as a video and a sheet of pictures, with all that is known of it drawn in."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError

_RUNS_SAID = 8


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
    from gaze_vlm_ros.progress import Progress
    from gaze_vlm_ros.report.video import png
    from gaze_vlm_ros.training.shards.drawing import LEGEND, EpisodeView
    from gaze_vlm_ros.training.shards.files import write_atomically
    from gaze_vlm_ros.training.shards.video import encode_mp4

    if (args.source is None) == (args.seed is None):
        raise LookError("name either a shard (or a folder of shards) or --seed of an episode to simulate")
    if args.source is None and args.episode is not None:
        raise LookError("--episode chooses one of a shard; with --seed alone an episode is simulated: leave one out")
    if args.seed is not None and args.seed < 0:
        raise LookError(f"--seed must be 0 or more, got {args.seed}")
    if args.source is not None and not args.source.exists():
        raise LookError(f"{args.source} does not exist; name a shard, or simulate an episode with --seed")
    _make_writable(args.out)
    episode = _simulated(args) if args.source is None else _stored(args.source, args.episode)
    view = EpisodeView(episode)
    name = f"episode-{episode.seed:08d}"
    first = view.video_picture(0)
    with Progress() as progress:
        indices = progress.track(range(len(episode)), description="drawing")
        video = encode_mp4(map(view.video_picture, indices), first.shape[1::-1], episode.header.rate_hz)
    for path, data in ((args.out / f"{name}.mp4", video), (args.out / f"{name}.png", png(view.sheet()))):
        write_atomically(path, data)
        print(path)
    print("\n".join(LEGEND))
    return 0


def _make_writable(folder: Path) -> None:
    """Raises LookError before any work is done, where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = "it is a file" if folder.is_file() else error.strerror
        raise LookError(f"cannot write to {folder} ({why}); name another folder with --out") from None


def _stored(source: Path, seed: int | None):
    from gaze_vlm_ros.training.shards.index import index_of
    from gaze_vlm_ros.training.shards.reader import read_episode, shard_paths

    seeds = []
    for index in map(index_of, shard_paths(source)):
        for place in index.episodes:
            if seed in (None, place.seed):
                return read_episode(index, place)
            seeds.append(place.seed)
    raise LookError(f"{source} has no episode {seed}; it has {_listed(sorted(seeds))}")


def _listed(seeds: list[int]) -> str:
    """``"1, 3 to 5, 9"``; what lies in the middle is left out where there are many runs."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    said = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    if len(said) > _RUNS_SAID:
        said = [*said[: _RUNS_SAID - 1], "...", said[-1]]
    return ", ".join(said)


def _simulated(args: argparse.Namespace):
    from gaze_vlm_ros.progress import Progress
    from gaze_vlm_ros.training.record import record_episode
    from gaze_vlm_ros.training.shards.codec import MEMBERS, encode_frame
    from gaze_vlm_ros.training.shards.reader import StoredEpisode
    from gaze_vlm_ros.training.shards.schema import RecordOptions

    recording = record_episode(args.seed, RecordOptions(args.seconds, args.rate))
    members: dict[str, list[bytes]] = {member: [] for member in MEMBERS}
    with Progress() as progress:
        frames = progress.track(recording.frames, total=recording.header.frames, description="simulating")
        for number, frame in enumerate(frames):
            for member, data in encode_frame(recording.header, number, frame).items():
                members[member].append(data)
    return StoredEpisode(args.seed, members)
