import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import SpecError
from canforget.fit_settings import Fit
from canforget.spec import call_of, canonical, fit_of, key_of, parse


def test_a_line_and_a_table_mean_the_same():
    assert parse("unlearners", "scrub:alpha=0.5,fit.epochs=2") == parse("unlearners", {"name": "scrub", "alpha": 0.5, "fit": {"epochs": 2}})


def test_defaults_are_filled_in():
    assert parse("unlearners", "scrub")["gamma"] == 0.99


def test_a_stored_call_reads_back_as_itself():
    call = parse("unlearners", "salun:fit.lr=0.5")
    assert call_of(call.to_json()) == call


def test_lists_are_written_with_commas():
    assert parse("scenarios", "whole_class:classes=cat,dog")["classes"] == ("cat", "dog")


def test_the_label_says_what_differs_from_the_defaults_and_reads_back():
    call = parse("unlearners", "scrub:fit.epochs=2,alpha=0.5")
    assert call.label == "scrub:fit.epochs=2,alpha=0.5"
    assert parse("unlearners", call.label) == call


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("scrub:alhpa=1", "scrub has no hyperparameter 'alhpa'; did you mean 'alpha'"),
        ("scrub:alpha=high", "scrub.alpha: 'high' is not float"),
        ({"name": "scrub", "max_epochs": True}, "scrub.max_epochs: True is not int"),
        ({"name": "scrub", "max_epochs": 1.5}, "scrub.max_epochs: 1.5 is not int"),
        ({"name": "scrub", "alpha": float("nan")}, "scrub.alpha: nan is not float"),
        ("scrub:fit.epoch=3", "scrub.fit has no field 'epoch'; did you mean 'epochs'"),
        ("scrub:fit.schedule=cosin", "is not"),
        ("scrub:5", "write hyperparameters as name=value"),
        ({"alpha": 1}, "write a name, or a table with a name"),
    ],
)
def test_what_cannot_be_understood_is_one_line_that_says_why(given, message):
    """A lax parser takes true for 1 and keeps a default for a misspelt name."""
    with pytest.raises(SpecError) as problem:
        parse("unlearners", given, "study.toml: unlearners[0]")
    assert message in str(problem.value)
    assert str(problem.value).startswith("study.toml: unlearners[0]: ")
    assert "\n" not in str(problem.value)


def test_a_fit_is_changed_field_by_field():
    assert fit_of({"lr": 1}, Fit(epochs=3)) == Fit(epochs=3, lr=1.0)


def test_a_required_hyperparameter_is_asked_for():
    with pytest.raises(SpecError, match="'file' is required"):
        parse("scenarios", "ids")


def test_a_key_depends_on_the_type_written_as_little_as_on_the_order():
    one, two = parse("unlearners", "scrub:alpha=1"), parse("unlearners", "scrub:alpha=1.0")
    assert key_of("unlearn", call=one.to_json()) == key_of("unlearn", call=two.to_json())


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=5))
def test_canonical_json_does_not_depend_on_the_order_of_keys(content):
    assert canonical(content) == canonical(dict(reversed(content.items())))
