"""What the documents print runs: their Python blocks, one page after the other, and the words of their commands."""

import argparse
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from synthetic import write_squares
from tiny_wrap import tiny_base
from transformers import AutoModelForImageTextToText

from gaze_vlm_ros.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/world.md", "docs/data.md", "docs/architecture.md", "docs/eyes.md")
ELSEWHERE = "lerobot"
"""A library that has an environment of its own."""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with what the pages take for granted: a small data set, a pretrained model."""
    write_squares(tmp_path / "data" / "kitchen", list(range(6)))
    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", lambda *_, **__: tiny_base("smolvlm"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_the_python_blocks_of_a_page_run_one_after_the_other(page, place):
    names: dict = {"__name__": "page"}
    for number, block in enumerate(blocks(page), 1):
        program = compile(block, f"{page}, block {number}", "exec")
        if f"from {ELSEWHERE}" not in block or importlib.util.find_spec(ELSEWHERE):
            exec(program, names)
    if page == "docs/data.md":
        assert names["rgb"].shape == (224, 224, 3)
        assert sum(1 for _ in names["frames"]) == 16 * len({"0", "1", "2", "3", "4", "5"} - held_out(place))
    if page == "docs/architecture.md":
        assert any(parameter.grad is not None for parameter in names["wrapped"].parameters())


def held_out(place: Path) -> set[str]:
    """Seeds that are not in the training shards, as text."""
    from gaze_vlm_ros.training.shards.reader import read_shards  # noqa: PLC0415

    return {str(episode.seed) for split in ("validation", "test") for episode in _some(read_shards, place, split)}


def _some(read_shards, place, split):
    if list((place / "data" / "kitchen").glob(f"{split}-*.tar")):
        yield from read_shards(place / "data" / "kitchen", split)


def commands() -> list[tuple[str, str]]:
    """Each line of the pages that begins with our command, with its page; what it says in capitals is a stand-in."""
    found = []
    for page in PAGES:
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
            words = line.split("#")[0].strip()
            if words.startswith((".venv/bin/gaze-vlm-ros ", "gaze-vlm-ros ")):
                found.append((page, words.strip("`")))
    return found


@pytest.mark.parametrize(("page", "words"), commands())
def test_the_commands_of_a_page_have_the_options_that_it_gives_them(page, words):
    if "`" in words:
        pytest.skip("a sentence")
    _, name, *rest = shlex.split(words)
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(cli.available()[name][0]).add_arguments(parser)
    parser.parse_args(rest)
