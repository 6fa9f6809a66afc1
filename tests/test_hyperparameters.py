from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import SpecError
from canforget.evaluation.evidence import PREDICTED
from canforget.evaluation.membership_scores import SIGNALS
from canforget.evaluation.memory_measures import MEASURES
from canforget.fit_settings import Fit
from canforget.hyperparameters import (
    Bits,
    BitsOrNone,
    ClassOrClasses,
    Counts,
    FreeText,
    Measure,
    Member,
    Signal,
    Signals,
    View,
    Width,
    Word,
    conforming,
    in_words,
    mark_of,
)
from canforget.registry import FAMILIES, find, names


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        (Bits, Word("4"), 4), (BitsOrNone, Word("0"), 0), (float, 1, 1.0), (float, Word("1e-3"), 1e-3), (bool, Word("False"), False),
        (Width | None, None, None), (Width | None, Word("7"), 7), (Counts, Word("5,20"), (5, 20)), (Counts, 5, (5,)), (Counts, [5], (5,)),
        (ClassOrClasses, Word("cat,3"), ("cat", 3)), (ClassOrClasses, "3", ("3",)), (str, Word("a,b.txt"), "a,b.txt"), (str, Word("2024"), "2024"),
        (tuple[Width, Width, Width], Word("1,2,3"), (1, 2, 3)), (Signals, Word("phi"), ("phi",)),
    ],
)  # fmt: skip
def test_values_are_read_as_their_hyperparameter_wants_them(kind: Any, given: Any, wanted: Any) -> None:
    """A file named 2024 is no number, and a list may be written with commas."""
    found = conforming(kind, given, "x")
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (Bits, 9, "x: 9 is not int in [2, 8]"),
        (Bits, Word("1"), "x: 1 is not int in [2, 8]"),
        (Bits, True, "x: True is not int in [2, 8]"),
        (Bits, "4", "x: '4' is not int in [2, 8]"),
        (Bits, Word("\u00b2"), "x: '\u00b2' is not int in [2, 8]"),
        (Annotated[float, Gt(0)], -1, "x: -1.0 is not float > 0"),
        (Annotated[float, Ge(0), Lt(1)], float("nan"), "x: nan is not float in [0, 1)"),
        (Annotated[float, Le(1)], 10**400, "is not float <= 1"),
        (Literal["phi", "loss"], "phii", "x: 'phii' is not phi | loss; did you mean 'phi'?"),
        (Signals, ["loss", "phii"], "x[1]: 'phii' is not phi | loss | entropy"),
        (Signals, [], "x: () is not one or several of: phi"),
        (Counts, {"a": 1}, "is not one or several of: int in [1, 1000000]"),
        (Width | None, 0, "x: 0 is not int in [1, 4096] | None"),
        (tuple[Width, Width, Width], (1, 2), "x: (1, 2) is not (int in [1, 4096], int in [1, 4096], int in [1, 4096])"),
        (str, "a\nb", "x: 'a\\\\nb' is not text"),
        (str, 3, "x: 3 is not text"),
        (Annotated[str, FreeText("a file")], Word(" "), "x: ' ' is not text: a file"),
    ],
)
def test_what_does_not_conform_is_one_line_with_what_would(kind: Any, given: Any, said: Any) -> None:
    with pytest.raises(SpecError) as problem:
        conforming(kind, given, "x")
    assert said.encode().decode("unicode_escape") in str(problem.value) or said in str(problem.value)
    assert "\n" not in str(problem.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text().map(Word) | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
KINDS = (Bits, BitsOrNone, Counts, ClassOrClasses, View, Signals, Width | None, bool, float, str, Annotated[str, FreeText("f")])


@given(st.sampled_from(KINDS), ANYTHING)
def test_whatever_is_given_conforms_or_is_refused_in_words(kind: Any, given: Any) -> None:
    """And what conforms conforms again, unchanged."""
    try:
        found = conforming(kind, given, "x")
    except SpecError as refused:
        found, lines = None, str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert conforming(kind, found, "x") == found


def parts(kind: Any) -> Any:
    """The types within a type that stand alone, each with its limits."""
    if get_origin(kind) is Annotated:
        inner, *marks = get_args(kind)
        return [(k, [*m, *marks]) for k, m in parts(inner)] if get_origin(inner) is not tuple else [*parts(inner), (tuple, marks)]
    if get_origin(kind) is Literal:
        return [(Literal, [])]
    args = [a for a in get_args(kind) if a is not Ellipsis]
    return [p for a in args for p in parts(a)] if args else [(kind, [])]


HYPERPARAMETERS = [(f, n, p) for f in FAMILIES for n in names(f) if "/" not in n for p in find(f, n).parameters]


@pytest.mark.parametrize(("family", "name", "parameter"), HYPERPARAMETERS, ids=lambda p: getattr(p, "name", p))
def test_every_number_has_a_range_and_every_text_is_one_of_a_list_or_says_what_it_is(family: Any, name: Any, parameter: Any) -> None:
    """Nine bits, a group of a million weights and a signal "phii" were planned without a word."""
    kind = parameter.type
    if kind is Fit or mark_of(kind, Member):
        return
    for alone, marks in parts(kind):
        if alone in (int, float):
            assert any(isinstance(m, Ge | Gt) for m in marks), "no lower end"
        if alone is str:
            assert any(isinstance(m, FreeText) for m in marks), "neither choices nor what it is"
        if alone is tuple:
            assert any(isinstance(m, MinLen) for m in marks), "may be empty"
        assert alone is not None, "no type"


@pytest.mark.parametrize(("family", "name", "parameter"), HYPERPARAMETERS, ids=lambda p: getattr(p, "name", p))
def test_every_default_is_in_its_range(family: Any, name: Any, parameter: Any) -> None:
    if parameter.default is not parameter.required and not mark_of(parameter.type, Member) and parameter.type is not Fit:
        assert conforming(parameter.type, parameter.default, name) == parameter.default
    assert in_words(parameter.type)


def test_the_choices_are_those_that_are_known() -> None:
    """A list written twice drifts apart."""
    assert set(get_args(Signal)) == {*SIGNALS, "label_blind"}
    assert set(get_args(Measure)) == {*MEASURES, "auc"}
    assert set(get_args(View)) == {*PREDICTED, "test_forget", "test_retain"}
