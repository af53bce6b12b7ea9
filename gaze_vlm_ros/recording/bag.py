"""``metadata.yaml`` beside an MCAP file, so that ``ros2 bag play FOLDER`` accepts the folder."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from gaze_vlm_ros.recording.summary import RecordingError, RecordingSummary

METADATA_VERSION = 9
"""Of rosbag2 in ROS 2 Jazzy; later ones read it."""
METADATA_FILE = "metadata.yaml"


def write_metadata(summary: RecordingSummary, ros_distro: str = "jazzy") -> Path:
    """Write the folder's ``metadata.yaml`` for the one file of ``summary``; returns its path.

    ``ros_distro`` names the installation that recorded. Raises :class:`RecordingError` where it cannot be written.
    """
    path = summary.path.with_name(METADATA_FILE)
    text = yaml.safe_dump({"rosbag2_bagfile_information": _information(summary, ros_distro)}, sort_keys=False)
    fresh = path.with_suffix(".yaml.part")
    try:
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written ({error.strerror}); make room there") from error
    return path


def _information(summary: RecordingSummary, ros_distro: str) -> dict:
    span = {
        "starting_time": {"nanoseconds_since_epoch": summary.start_ns},
        "duration": {"nanoseconds": summary.end_ns - summary.start_ns},
        "message_count": summary.messages,
    }
    return {
        "version": METADATA_VERSION,
        "storage_identifier": "mcap",
        **span,
        "topics_with_message_count": [
            {
                "topic_metadata": {
                    "name": name,
                    "type": topic.ros_type,
                    "serialization_format": "cdr",
                    "offered_qos_profiles": [topic.qos.as_rosbag2()],
                    "type_description_hash": "",
                },
                "message_count": topic.messages,
            }
            for name, topic in summary.topics.items()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [summary.path.name],
        "files": [{"path": summary.path.name, **span}],
        "custom_data": None,
        "ros_distro": ros_distro,
    }


def recording_files(path: Path | str) -> list[Path]:
    """The MCAP files of a recording in order: the file itself, or those that a rosbag2 folder names.

    Raises :class:`RecordingError` where there is no such recording or it is kept in another format.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path}: no such file or folder; check the path")
    if path.is_file():
        return [path]
    metadata = path / METADATA_FILE
    if not metadata.is_file():
        files = sorted(path.glob("*.mcap"))
        if len(files) == 1:
            return files
        raise RecordingError(f"{path}: holds no {METADATA_FILE} and not one .mcap file; give the path of one")
    return _files_of(path, metadata)


def _files_of(folder: Path, metadata: Path) -> list[Path]:
    try:
        information = yaml.safe_load(metadata.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
        storage = information["storage_identifier"]
        files = [folder / Path(name).name for name in information["relative_file_paths"]]
        compressed = information.get("compression_mode", "").lower() not in ("", "none")
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RecordingError(f"{metadata}: is no rosbag2 metadata; run `ros2 bag reindex {folder}`") from error
    if storage != "mcap" or compressed:
        raise RecordingError(
            f"{folder}: is kept as {storage}{', compressed' if compressed else ''}; convert it with"
            f" `rosbags-convert --src {folder} --dst NEW_FOLDER --dst-storage mcap`"
        )
    missing = [file.name for file in files if not file.is_file()]
    if missing or not files:
        raise RecordingError(f"{folder}: lacks {', '.join(missing) or 'its .mcap file'}, which {metadata.name} names")
    return files
