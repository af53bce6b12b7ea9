"""Builds the ROS 2 package: the Python rooms with their data, launch files, configuration and commands."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.develop import develop

NAME = "gaze_vlm_ros"
HERE = Path(__file__).parent

# Models, robots, report templates and parameters that stand beside the code that reads them.
DATA_SUFFIXES = (
    "css",
    "csv",
    "html",
    "js",
    "json",
    "md",
    "npz",
    "obj",
    "onnx",
    "png",
    "safetensors",
    "stl",
    "svg",
    "xml",
    "yaml",
)

# Each is an executable of `ros2 run gaze_vlm_ros` with the name of its module.
NODES = sorted(path.stem for path in (HERE / NAME / "nodes").glob("*_node.py"))


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Files below the folder, each for the same place below share/gaze_vlm_ros."""
    files = [path.relative_to(HERE) for path in sorted((HERE / folder).rglob("*")) if path.is_file()]
    kept = [path for path in files if "__pycache__" not in path.parts]
    return [(f"share/{NAME}/{path.parent}", [str(path)]) for path in kept]


class Develop(develop):
    """`colcon build --symlink-install`: executables start in the active environment, as setup.cfg says for the rest."""

    def write_script(self, script_name, contents, *arguments, **options):
        _, _, body = contents.partition("\n")
        super().write_script(script_name, f"#!/usr/bin/env python3\n{body}", *arguments, **options)


setup(
    name=NAME,
    version="0.1.0",
    description="Gaze-regularised vision-language models and assistive robot policies for ROS 2",
    license="Apache-2.0",
    maintainer="gaze_vlm_ros maintainers",
    maintainer_email="maintainers@example.com",
    python_requires=">=3.11",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: [f"**/*.{suffix}" for suffix in DATA_SUFFIXES]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *shared("launch"),
        *shared("config"),
    ],
    # colcon asks for this key; the pinned set that is tested together is in requirements.txt.
    install_requires=["setuptools"],
    extras_require={
        "aria": ["projectaria-tools>=2.3,<3"],
        "neon": ["pupil-labs-neon-recording>=2.1,<3", "pupil-labs-realtime-api>=1.5"],
        "tensorboard": ["tensorboard>=2.15"],
        "lerobot": ["lerobot>=0.4,<1"],
        "mcap": ["mcap>=1.2", "mcap-ros2-support>=0.5", "rosbags>=0.10"],
    },
    zip_safe=False,
    cmdclass={"develop": Develop},
    entry_points={
        "console_scripts": [
            "gaze-vlm-ros = gaze_vlm_ros.cli.main:main",
            *(f"{node} = {NAME}.nodes.{node}:main" for node in NODES),
        ]
    },
)
