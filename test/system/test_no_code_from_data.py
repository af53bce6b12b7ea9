"""Data is never executed: no pickle, no unsafe YAML, no shell between an argument and a node."""

import ast
import pickle
import sys
from pathlib import Path

import pytest
import yaml

from gaze_vlm_ros.cli.processes import ProcessGraph, command
from gaze_vlm_ros.cli.up import parse
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import Deployment, GraphError, NodeSpec, build
from gaze_vlm_ros.robots.description import DATA_DIR, RobotDescription
from gaze_vlm_ros.vlm.checkpoint import WEIGHTS, CheckpointError, default_checkpoint, load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    ("pickle", "load"), ("pickle", "loads"), ("torch", "load"), ("yaml", "load"), ("yaml", "unsafe_load"),
    ("yaml", "full_load"), ("os", "system"), ("os", "popen"), ("joblib", "load"), ("marshal", "loads"),
    ("subprocess", "getoutput"), ("shelve", "open"),
}  # fmt: skip
SHELL = "x; touch {file} #"


def sources():
    for room in ("gaze_vlm_ros", "sim", "policies", "training", "launch", "scripts"):
        for path in (ROOT / room).rglob("*.py"):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def offence(node: ast.AST) -> str:
    """What in a call could run code that came as data; "" for nothing."""
    if not isinstance(node, ast.Call):
        return ""
    name = node.func
    if isinstance(name, ast.Name) and name.id in ("eval", "exec", "compile"):
        return name.id
    if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name) and (name.value.id, name.attr) in FORBIDDEN:
        return f"{name.value.id}.{name.attr}"
    keywords = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
    return next((f"{key}=True" for key in ("shell", "allow_pickle", "trust_remote_code") if keywords.get(key)), "")


def test_nothing_in_the_sources_runs_data():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {what}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if (what := offence(node))
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "pickle.loads(x)",
        "torch.load(x)",
        "yaml.load(x)",
        "run(x, shell=True)",
        "np.load(x, allow_pickle=True)",
        "eval(x)",
    ],
)
def test_the_search_would_find_it(line):
    assert offence(ast.parse(line).body[0].value)


class Bomb:
    """Unpickling this touches a file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self):
        return Path.touch, (self._file,)


def test_weights_that_are_a_pickle_are_refused_and_not_run(tmp_path):
    for file in default_checkpoint().iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    file = tmp_path / "touched"
    (tmp_path / WEIGHTS).write_bytes(pickle.dumps(Bomb(file)))
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(tmp_path)
    assert not file.exists()
    pickle.loads((tmp_path / WEIGHTS).read_bytes())
    assert file.exists(), "the bomb is a real one"


def test_yaml_that_names_python_objects_is_refused_and_not_run(tmp_path):
    file, path = tmp_path / "touched", tmp_path / "robot.yaml"
    text = (DATA_DIR / "jaco" / "robot.yaml").read_text()
    bomb = f"title: !!python/object/apply:os.system ['touch {file}']"
    path.write_text("\n".join(bomb if line.startswith("title:") else line for line in text.splitlines()))
    with pytest.raises(GazeVlmError, match="python/object"):
        RobotDescription.load(path)
    assert not file.exists()
    yaml.unsafe_load(bomb)
    assert file.exists(), "the bomb is a real one"


class TestArguments:
    @pytest.mark.parametrize("name", ["record", "checkpoint", "robot"])
    def test_stay_one_word_of_a_command_line(self, name, tmp_path):
        file = tmp_path / "touched"
        for hostile in (SHELL.format(file=file), f"$(touch {file})", f"`touch {file}`", "a\tb".replace("\t", " ")):
            ending = ".mcap" if name == "record" else ""
            deployment = build("sim", parse([f"{name}:={hostile}{ending}"]))
            words = [word for spec in deployment.nodes for word in command(spec, deployment)]
            assert any(hostile in yaml.safe_load(word.partition(":=")[2] or "''") for word in words if ":=" in word)
        assert not file.exists()

    def test_reach_no_shell_when_the_process_starts(self, tmp_path):
        """A real process graph of one node, which prints the words that it got."""
        file, lines = tmp_path / "touched", []
        module = tmp_path / "gaze_vlm_ros_words.py"
        module.write_text("import sys\nprint(sys.argv)\n")
        spec = NodeSpec("x", "words", given={"path": SHELL.format(file=file)})
        deployment = Deployment("sim", "sim", True, (spec,))
        words = [sys.executable, str(module), *command(spec, deployment)[3:]]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gaze_vlm_ros.cli.processes.command", lambda *_: words)
            with ProcessGraph(deployment, 77, lines.append) as graph:
                for process in graph._processes:
                    process.popen.wait(60)
                    process.reader.join(10)
        assert any(f"touch {file}" in line for line in lines) and not file.exists()

    @pytest.mark.parametrize("text", ["a\nb", "a\0b", "\x1b[2J"])
    def test_control_characters_are_refused(self, text):
        with pytest.raises(GraphError, match="control characters"):
            build("sim", {"record": text})
