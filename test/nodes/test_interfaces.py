"""docs/interfaces.md names everything that the graph says and hears, with its type."""

from pathlib import Path

import pytest

from gaze_vlm_ros.nodes import names

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "interfaces.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
WORDS = {
    word
    for name, value in vars(names).items()
    if name.isupper()
    for word in ([value] if isinstance(value, str) else [])
}


@pytest.mark.parametrize("name", sorted({*WORDS, *names.EYE_IMAGES.values()}))
def test_every_name_has_a_row(name):
    assert any(f"`{name}`" in row.split("|")[1] for row in ROWS)


@pytest.mark.parametrize(("topic", "kind"), sorted(names.RECORDED.items()))
def test_its_type_is_told_as_it_is_recorded(topic, kind):
    short = kind.rsplit("/", 1)[1]
    assert any(f"`{topic}`" in row.split("|")[1] and short in row.split("|")[2] for row in ROWS)
