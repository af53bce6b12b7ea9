"""One Eye checkpoints: a folder with a safetensors file per network and ``config.json``, which tells what they are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import OneEyeError
from gaze_vlm_ros.gaze.eyes.one_eye.ensemble import OneEyeEnsemble
from gaze_vlm_ros.gaze.eyes.one_eye.network import OneEyeNetwork, OneEyeSettings

CONFIG = "config.json"
SHIPPED = {1: Path(__file__).parent / "checkpoints" / "one", 2: Path(__file__).parent / "checkpoints" / "two"}
"""By the number of eyes."""
COMMAND = "python -m gaze_vlm_ros.training.eyes.one_eye --ship"


def load_ensemble(folder: Path | None = None, eyes: int = 1) -> OneEyeEnsemble:
    """The ensemble in ``folder``, or the shipped one for so many ``eyes``.

    Raises OneEyeError that names the file which is missing or damaged, and the command that makes it.
    """
    folder = SHIPPED[eyes] if folder is None else folder
    command = COMMAND if eyes == 1 else f"{COMMAND} --eyes {eyes}"
    if not (folder / CONFIG).exists():
        raise OneEyeError(f"there is no One Eye checkpoint in {folder}; `{command}` trains one")
    networks = {}
    try:
        for name, about in json.loads((folder / CONFIG).read_text())["networks"].items():
            data = (folder / f"{name}.safetensors").read_bytes()
            if hashlib.sha256(data).hexdigest() != about["sha256"]:
                raise OneEyeError(f"{folder / name}.safetensors is not the file that {CONFIG} tells of; `{command}`")
            networks[name] = OneEyeNetwork(OneEyeSettings(**about["settings"])).eval()
            networks[name].load_state_dict(load_safetensors(data))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise OneEyeError(f"the One Eye checkpoint {folder} cannot be read ({error}); `{command}` makes it") from None
    return OneEyeEnsemble(networks)


def save_ensemble(folder: Path, ensemble: OneEyeEnsemble, about: dict) -> None:
    """Writes ``folder``; ``about`` (plain values: command, seed, scores) is kept in its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = {}
    for name, network in ensemble.networks.items():
        data = save_safetensors({key: value.contiguous() for key, value in network.state_dict().items()})
        (folder / f"{name}.safetensors").write_bytes(data)
        listed[name] = {"settings": asdict(network.settings), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / CONFIG).write_text(json.dumps({**about, "networks": listed}, indent=1) + "\n")
