"""The header of a model file, ONNX metadata and records: whatever JSON says, it is read as described or refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canforget.deployment.model_header import ModelHeader, check_own_file, read_header
from canforget.deployment.onnx_checks import facts_of
from canforget.errors import ArtifactError
from canforget.report import record
from tests.narrowed import present

SOUND: dict[str, Any] = {
    "version": 1, "checksum": "0" * 64, "channels_last": False, "engine": None, "classes": ["a", "b"], "origin": {"dataset": "digits"}, "quantization": None,
    "architecture": {"name": "tiny_cnn", "num_classes": 2, "image_shape": [1, 8, 8], "mean": [0.5], "std": [0.5], "parameters": {}, "input_size": 0},
}  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=8
)
PLACES: list[tuple[str, ...]] = [
    *[(k,) for k in SOUND],
    *[("architecture", k) for k in SOUND["architecture"]],
    *[("origin", k) for k in ("dataset", "scenario", "split_seed")],
]


def one_line_or_read(read: Any, *arguments: Any) -> Any:
    """What is read, or nothing where it is refused in one line; anything else is a fault."""
    try:
        return read(*arguments)
    except ArtifactError as problem:
        said = str(problem)
    assert "\n" not in said and len(said) < 600
    return None


def with_value(place: Any, value: Any) -> Any:
    about = json.loads(json.dumps(SOUND))
    inner = about if len(place) == 1 else about[place[0]]
    inner[place[-1]] = value
    return about


def test_a_sound_header_is_read() -> None:
    """The fuzzing below must not pass because everything is refused."""
    assert present(read_header(json.dumps(SOUND), "m").architecture).num_classes == 2


@settings(max_examples=150)
@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_json_in_any_field_is_read_as_described_or_refused_in_a_line(place: Any, value: Any) -> None:
    """Sixty-four malformed files gave a traceback."""
    found = one_line_or_read(read_header, json.dumps(with_value(place, value)), "m.safetensors")
    assert found is None or isinstance(found, ModelHeader)


@settings(max_examples=80)
@given(line=JSON.map(json.dumps) | st.text(max_size=30))
def test_any_text_for_a_header_is_read_or_refused_in_a_line(line: Any) -> None:
    """No JSON, JSON that is no object, half of a line."""
    found = one_line_or_read(read_header, line, "m.safetensors")
    assert found is None or (isinstance(found, ModelHeader) and isinstance(json.loads(line), dict))


class Graph:
    """An ONNX graph as far as its metadata go."""

    def __init__(self, line: str) -> None:
        self.metadata_props = [type("Entry", (), {"key": "canforget", "value": line})]


@settings(max_examples=80)
@given(
    line=st.fixed_dictionaries({}, optional={"classes": JSON, "origin": JSON, "more": JSON}).map(json.dumps)
    | JSON.map(json.dumps)
    | st.text(max_size=30)
)
def test_any_metadata_of_an_onnx_file_are_read_or_refused_in_a_line(line: Any) -> None:
    """An origin that is no table ended in an AttributeError."""
    found = one_line_or_read(facts_of, Graph(line), "m.onnx")
    assert found is None or isinstance(json.loads(line), dict)


@settings(max_examples=80)
@given(content=JSON | st.fixed_dictionaries({"records": JSON}))
def test_any_json_for_records_is_read_or_refused_in_a_line(content: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`records: 3` was iterated."""
    path = tmp_path_factory.getbasetemp() / "records.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = one_line_or_read(record.load_records, path)
    assert found is None or all(isinstance(r, record.Record) for r in found)


@pytest.mark.parametrize("path", [json.__file__, pytest.__file__, "/usr/lib/python3.12/os.py"])
def test_code_of_the_python_installation_is_no_network(path: Any, tmp_path: Path) -> None:
    """A file of a stranger could name `os.py:system`, with the command among its hyperparameters."""
    with pytest.raises(ValueError, match="belongs to the Python installation"):
        check_own_file(type(tmp_path)(path))
    check_own_file(tmp_path / "my_net.py")
