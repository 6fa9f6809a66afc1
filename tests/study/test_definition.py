import pytest

from canforget.errors import SpecError
from canforget.fit_settings import TRAINING, Fit
from canforget.study.definition import Study, from_toml

GIVEN = {"datasets": "digits", "models": "tiny_cnn", "scenarios": "whole_class:classes=3", "unlearners": ["scrub"]}


def test_a_study_in_toml_and_in_python_are_the_same(tmp_path):
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


def test_every_mistake_is_told_at_once_with_its_place():
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
def test_seeds_are_a_count_or_different_numbers(seeds):
    with pytest.raises(SpecError, match="seeds"):
        Study.of(**GIVEN | {"seeds": seeds})


def test_an_axis_left_empty_is_refused():
    with pytest.raises(SpecError, match="unlearners: none given"):
        Study.of(**GIVEN | {"unlearners": []})


def test_a_name_given_twice_counts_once():
    assert len(Study.of(**GIVEN | {"unlearners": ["scrub", "scrub"]}).unlearners) == 1


def test_the_training_is_as_the_study_says():
    assert Study.of(**GIVEN).models[0].fit == TRAINING
    assert Study.of(**GIVEN | {"fit": {"epochs": 1}}).models[0].fit.epochs == 1
    assert isinstance(TRAINING, Fit)


@pytest.mark.parametrize(("text", "message"), [("a = ", "not valid TOML"), (None, "no such study file")])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, text, message):
    path = tmp_path / "x.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecError, match=message):
        from_toml(path)
