"""Names, columns and tables of LeRobot's data set format 3.0, as ``lerobot`` 0.4 to 0.6 read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa

from gaze_vlm_ros.training.shards.schema import EpisodeHeader, Labels
from gaze_vlm_ros.training.shards.video import CODEC, PIXEL_FORMAT

VERSION = "v3.0"
CHUNK = 1000
"""Files of one folder, and episodes of one table."""
SCENE, GAZE, STATE, ACTION = "observation.images.scene", "observation.gaze", "observation.state", "action"
INFO_PATH, STATS_PATH, TASKS_PATH = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
_PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
DATA_PATH = f"data/{_PLACE}.parquet"
VIDEO_PATH = f"videos/{SCENE}/{_PLACE}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
_COUNTERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64"}
_COUNTERS["task_index"] = "int64"
_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def place(pattern: str, number: int) -> str:
    """The path of the ``number``-th file of a kind."""
    return pattern.format(chunk_index=number // CHUNK, file_index=number % CHUNK)


def columns_of(labels: Sequence[Labels], header: EpisodeHeader) -> dict[str, np.ndarray]:
    """The table of one episode: state and action (N, J) [rad], gaze (N, 3), time [s] and number of each frame.

    Gaze is x, y [px] and 1, or where the tracker says nothing its last point (the middle before the first) and 0:
    what learns from such tables normalises them, and one NaN would spoil all.
    """
    gaze, point = [], (header.width / 2, header.height / 2)
    for item in labels:
        valid = bool(np.isfinite(item.gaze_px).all())
        point = tuple(item.gaze_px) if valid else point
        gaze.append((*point, float(valid)))
    number = np.arange(len(labels))
    return {
        STATE: np.array([item.joint_position_rad for item in labels], np.float32),
        ACTION: np.array([item.joint_command_rad for item in labels], np.float32),
        GAZE: np.array(gaze, np.float32),
        "timestamp": (number / header.rate_hz).astype(np.float32),
        "frame_index": number,
    }


def arrow(values: np.ndarray) -> pa.Array:
    """(N,) or (N, 1) as a column of numbers, (N, K) as one of lists of K: so LeRobot reads a feature of shape (1,)."""
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def indexed(table: pa.Table, episode: int, begin: int, said: list[str], tasks: list[str]) -> pa.Table:
    """``table`` with the columns that place it in the data set: its episode, frames from ``begin`` on, its tasks."""
    known = {task: number for number, task in enumerate(tasks)}
    extra = {
        "episode_index": np.full(table.num_rows, episode),
        "index": np.arange(begin, begin + table.num_rows),
        "task_index": np.array([known[task] for task in said]),
    }
    for name, values in extra.items():
        table = table.append_column(name, pa.array(values))
    return table.replace_schema_metadata(None)


def task_table(tasks: list[str]) -> pa.Table:
    """The tasks' numbers, with the sentence as pandas' index: so LeRobot finds one by the other."""
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": stored, "metadata": None}
        for name, kind, stored in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    notes = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())})
    return table.replace_schema_metadata({b"pandas": json.dumps(notes).encode()})


def episode_row(number: int, begin: int, length: int, tasks: list[str], rate_hz: float) -> dict:
    """What ``meta/episodes`` says of an episode."""
    return {
        "episode_index": number,
        "tasks": tasks,
        "length": length,
        "data/chunk_index": number // CHUNK // CHUNK,
        "data/file_index": number // CHUNK % CHUNK,
        "dataset_from_index": begin,
        "dataset_to_index": begin + length,
        f"videos/{SCENE}/chunk_index": number // CHUNK,
        f"videos/{SCENE}/file_index": number % CHUNK,
        f"videos/{SCENE}/from_timestamp": 0.0,
        f"videos/{SCENE}/to_timestamp": length / rate_hz,
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }


def statistics(values: np.ndarray) -> dict[str, list]:
    """LeRobot's statistics of (N,) or (N, K), each (K,)."""
    values = values.reshape(len(values), -1).astype(float)
    quantiles = np.quantile(values, list(_QUANTILES.values()), axis=0)
    return {
        "min": values.min(0).tolist(),
        "max": values.max(0).tolist(),
        "mean": values.mean(0).tolist(),
        "std": values.std(0).tolist(),
        "count": [len(values)],
        **{name: row.tolist() for name, row in zip(_QUANTILES, quantiles, strict=True)},
    }


def pixel_statistics(histogram: np.ndarray, frames: int) -> dict[str, list]:
    """The same of pictures, from how often each channel has each value (3, 256); values 0..1, each (3, 1, 1)."""
    value, share = np.arange(256) / 255, histogram / histogram.sum(1, keepdims=True)
    mean = share @ value
    found = {
        "min": value[(histogram > 0).argmax(1)],
        "max": value[255 - (histogram[:, ::-1] > 0).argmax(1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(share @ value**2 - mean**2, 0.0)),
        **{name: value[(share.cumsum(1) >= level - 1e-9).argmax(1)] for name, level in _QUANTILES.items()},
    }
    return {name: values.reshape(3, 1, 1).tolist() for name, values in found.items()} | {"count": [frames]}


class Totals:
    """Statistics over all episodes."""

    def __init__(self) -> None:
        self._columns: dict[str, list[np.ndarray]] = {}
        self._histogram = np.zeros((3, 256), np.int64)
        self._frames = 0

    def add(self, table: pa.Table, histogram: np.ndarray, frames: int) -> dict[str, dict]:
        """Counts an episode in; returns its own statistics."""
        columns = {name: np.array(table[name].to_pylist()) for name in table.column_names}
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)
        self._histogram += histogram
        self._frames += frames
        return {name: statistics(values) for name, values in columns.items()} | {
            SCENE: pixel_statistics(histogram, frames)
        }

    def statistics(self) -> dict[str, dict]:
        """Of all episodes."""
        found = {name: statistics(np.concatenate(values)) for name, values in self._columns.items()}
        return found | {SCENE: pixel_statistics(self._histogram, self._frames)}


def flat(found: dict[str, dict]) -> dict[str, list]:
    """``{"a": {"mean": x}}`` to ``{"stats/a/mean": x}``."""
    return {f"stats/{key}/{name}": value for key, values in found.items() for name, value in values.items()}


def info(header: dict, splits: list[str], tasks: int) -> dict:
    """``meta/info.json``; ``splits`` has an entry for each episode, equal ones beside each other."""
    ranges, begin = {}, 0
    for split, group in groupby(splits):
        end = begin + len(list(group))
        ranges[split] = f"{begin}:{end}"
        begin = end
    return {
        "codebase_version": VERSION,
        "robot_type": header["robot"],
        "total_episodes": len(splits),
        "total_frames": len(splits) * header["frames"],
        "total_tasks": tasks,
        "chunks_size": CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "fps": int(header["rate_hz"]),
        "splits": ranges,
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH.replace(SCENE, "{video_key}"),
        "features": _features(header),
    }


def _features(header: dict) -> dict[str, dict]:
    joints = [f"{name}.pos" for name in header["joint_names"]]
    scene = {
        "dtype": "video",
        "shape": [header["height"], header["width"], 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": header["height"],
            "video.width": header["width"],
            "video.codec": CODEC,
            "video.pix_fmt": PIXEL_FORMAT,
            "video.is_depth_map": False,
            "video.fps": int(header["rate_hz"]),
            "video.channels": 3,
            "has_audio": False,
        },
    }
    return {
        SCENE: scene,
        GAZE: {"dtype": "float32", "shape": [3], "names": ["x_px", "y_px", "valid"]},
        STATE: {"dtype": "float32", "shape": [len(joints)], "names": joints},
        ACTION: {"dtype": "float32", "shape": [len(joints)], "names": joints},
        **{name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _COUNTERS.items()},
    }


def as_json(document: dict) -> bytes:
    return (json.dumps(document, indent=4) + "\n").encode()
