from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.cli import options, output
from canforget.cli.app import repeated_flags
from canforget.errors import ArtifactError, SpecError


def test_seeds_are_a_count_or_a_list() -> None:
    assert options.seeds(["3"]) == 3
    assert options.seeds(["4", "5"]) == [4, 5]
    with pytest.raises(SpecError, match="write a count"):
        options.seeds(["three"])


def test_flags_replace_what_a_study_file_says(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('datasets = "digits"\nmodels = "tiny_cnn"\nscenarios = "whole_class:classes=1"\nunlearners = "scrub"\n')
    study = options.study_of(path, {"unlearners": ["salun", "finetune"], "seeds": ["2"], "models": None})
    assert [u.name for u in study.unlearners] == ["salun", "finetune"]
    assert study.seeds == (0, 1)
    assert study.name == "s"


def test_a_model_is_written_as_safetensors_only(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"written as \.safetensors"):
        options.Destination(Path("model.pth")).checked()
    folder = tmp_path / "x.safetensors"
    folder.mkdir()
    with pytest.raises(ArtifactError, match="is a folder"):
        options.Destination(folder).checked()


def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(SpecError, match="no device 'cdua'; did you mean 'cuda'"):
        options.device_of("cdua")
    assert options.device_of("cpu") == "cpu"


def test_facts_and_values_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    output.tell({"file": "x", "made_by": "int", "scenario": None}, json=False)
    assert capsys.readouterr().out == "file      x\nmade_by   int\n"
    text = output.value_table({"a": {"value": None, "not_run": "why"}, "long": {"value": 1.0, "interval": None, "n": None, "not_run": ""}})
    assert text == "a     not run: why\nlong  1.0000"


def test_numbers_that_are_not_are_named_with_their_flag() -> None:
    with pytest.raises(SpecError, match="--mean.*'a'"):
        options.numbers("a,b", "--mean")


@given(st.lists(st.text(max_size=5) | st.sampled_from(["3", "4", "\u00b2", "-1", "9" * 30]), min_size=1, max_size=3))
def test_seeds_are_numbers_or_refused_in_words(words: Any) -> None:
    try:
        found = options.seeds(words)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert found == int(words[0]) if len(words) == 1 else isinstance(found, list) and len(found) == len(words)


@given(
    st.lists(
        st.text(max_size=8) | st.tuples(st.sampled_from(["fit.epochs", "name", "a.b.c", "seeds", "."]), st.text(max_size=4)).map("=".join)
    )
)
def test_keys_and_values_are_read_or_refused_in_words(texts: Any) -> None:
    try:
        found = options.keys_of(texts)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert len(found) <= len(texts)


@given(st.text(max_size=12))
def test_numbers_are_read_or_refused_in_words(text: Any) -> None:
    try:
        found = options.numbers(text, "--mean")
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert all(abs(number) < float("inf") for number in found)


@given(
    st.lists(st.sampled_from(["run", "evaluate", "--models", "--seeds", "--json", "a", "b.toml", "-1", "--models=c", "--set=", "--", "-"]))
)
def test_words_are_spread_in_their_order_or_refused(given_words: Any) -> None:
    try:
        found = repeated_flags(given_words)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert "nothing follows it" in lines[0]
    else:
        plain = [w for w in given_words if not w.startswith("--models") and not w.startswith("--se")]
        assert [w for w in found if w in plain] == plain or "--models=c" in given_words
