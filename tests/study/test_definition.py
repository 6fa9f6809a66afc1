from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import SpecError
from canforget.fit_settings import TRAINING, Fit
from canforget.hyperparameters import Word
from canforget.study.definition import Study, from_toml, parsed_toml

GIVEN = {"datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": ["scrub"]}


def test_a_study_in_toml_and_in_python_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'datasets = ["digits"]\nscenarios = ["whole_class:classes=3"]\nunlearners = ["scrub"]\nseeds = 2\n'
        '[[models]]\nname = "tiny_cnn"\nfit = {epochs = 2}\n[fit]\nlr = 0.5\n'
    )
    study = from_toml(path)
    assert study.name == "mine"
    assert study.models[0].fit.epochs == 2
    assert study.models[0].fit.lr == 0.5
    same = Study.of(name="mine", **GIVEN | {"models": {"name": "tiny_cnn", "fit": {"epochs": 2}}, "fit": {"lr": 0.5}, "seeds": [0, 1]})
    assert study == same


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    with pytest.raises(SpecError) as problem:
        Study.of(
            "x.toml", **GIVEN | {"models": ["tiny_cn"], "unlearners": ["scrub:alhpa=1", "salun:keep=x"], "sedes": 3, "val_fraction": 0.7}
        )
    lines = str(problem.value).split("\n")
    assert len(lines) == 5
    assert any("no key 'sedes'; did you mean 'seeds'" in line for line in lines)
    assert any("models[0]" in line and "tiny_cnn" in line for line in lines)
    assert any("unlearners[1]: salun.keep: 'x' is not" in line for line in lines)
    assert any("val_fraction: 0.7" in line for line in lines)


@pytest.mark.parametrize("seeds", [0, [], [1, 1], "three", True])
def test_seeds_are_a_count_or_different_numbers(seeds: Any) -> None:
    with pytest.raises(SpecError, match="seeds"):
        Study.of(**GIVEN | {"seeds": seeds})


def test_an_axis_left_empty_is_refused() -> None:
    with pytest.raises(SpecError, match="unlearners: none given"):
        Study.of(**GIVEN | {"unlearners": []})


def test_a_name_given_twice_counts_once() -> None:
    assert len(Study.of(**GIVEN | {"unlearners": ["scrub", "scrub"]}).unlearners) == 1


def test_the_training_is_as_the_study_says() -> None:
    assert Study.of(**GIVEN).models[0].fit == TRAINING
    assert Study.of(**GIVEN | {"fit": {"epochs": 1}}).models[0].fit.epochs == 1
    assert isinstance(TRAINING, Fit)


@pytest.mark.parametrize(("text", "message"), [("a = ", "not valid TOML"), (None, "no such study file")])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: Any, message: Any) -> None:
    path = tmp_path / "x.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecError, match=message):
        from_toml(path)


def test_the_retrained_and_other_models_of_two_studies_with_the_same_words_are_one() -> None:
    """Words from flags and values from TOML are the same study."""
    words = {"val_fraction": Word("0.2"), "calibration": Word("64"), "probes": Word("true"), "fit": {"epochs": Word("2")}}
    values = {"val_fraction": 0.2, "calibration": 64, "probes": True, "fit": {"epochs": 2}}
    assert Study.of(**GIVEN | words) == Study.of(**GIVEN | values)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        "\ufeff" + "".join(f"{k} = {v!r}\n" for k, v in GIVEN.items() if isinstance(v, str)) + 'unlearners = "scrub"\n', encoding="utf-8"
    )
    assert from_toml(path).name == "x"


KEYS = st.sampled_from([*Study.__dataclass_fields__, "fit", "where", "cls", "path", "x"])
VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.dates()
    | st.sampled_from(["scrub", "digits", "int", "npo:weight=2"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "fit", "epochs", "lr", "base", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_a_study_says_it_is_understood_or_every_mistake_is_a_line(changes: Any) -> None:
    """Tables, dates, huge numbers and keys that are names of arguments ended in tracebacks."""
    try:
        found = Study.of("s.toml", **GIVEN | changes)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert all(line.startswith("s.toml: ") for line in lines)
    else:
        assert found.seeds


@given(st.text(alphabet=st.sampled_from('abe=[]{}".,#\n -1e9_') | st.characters(), max_size=40))
def test_whatever_a_file_holds_it_is_toml_or_one_line_says_that_it_is_not(text: Any) -> None:
    try:
        found = parsed_toml(text, "s.toml")
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert isinstance(found, dict)
